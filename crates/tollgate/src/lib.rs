//! The program: gateway, configuration, command line.

pub mod config;
