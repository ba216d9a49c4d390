//! Usage events: what is booked, asked for, kept and verified.

pub mod asking;
mod blocks;
mod booking;
pub mod chain;
mod crash;
mod keeping;
mod models;
mod unsealed;
mod waiting;
