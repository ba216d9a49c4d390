//! Random bytes of the operating system.

use crate::error::{Error, Result};

/// Fills the bytes from the provider's generator, which the operating system seeds.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Sealing("there are no random bytes to be had".to_owned()))
}
