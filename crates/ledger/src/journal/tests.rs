mod faults;
mod harness;
mod keeping;
mod properties;
mod reading;
mod verifying;
mod writing;
