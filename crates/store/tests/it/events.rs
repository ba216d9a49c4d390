//! Usage events: what is booked, asked for, kept and verified.

mod booking;
pub mod chain;
mod speed;
