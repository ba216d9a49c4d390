//! x
pub mod process;
