//! The Tollgate program: command line, configuration, gateway.

pub mod cli;
