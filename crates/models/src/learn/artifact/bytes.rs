//! Numbers as little-endian bytes, written without fail and read with care.

use super::BadModel;

const SHORT: BadModel = BadModel::Senseless("it ends too early");

/// Bytes being written.
#[derive(Debug, Default)]
pub(in crate::learn) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A count of something.
    pub fn count(&mut self, count: u32) {
        self.raw(&count.to_le_bytes());
    }

    /// A number, bit for bit.
    pub fn number(&mut self, number: f64) {
        self.raw(&number.to_le_bytes());
    }

    /// Numbers whose count the reader knows.
    pub fn numbers(&mut self, numbers: &[f64]) {
        numbers.iter().for_each(|number| self.number(*number));
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(in crate::learn) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// So many bytes as they are.
    ///
    /// # Errors
    /// [`BadModel`] where there are fewer; so for all others.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], BadModel> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A count of something.
    pub fn count(&mut self) -> Result<u32, BadModel> {
        let (count, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*count))
    }

    /// A number, bit for bit.
    pub fn number(&mut self) -> Result<f64, BadModel> {
        let (number, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*number))
    }

    /// So many numbers; memory is taken only after they turned out to be there.
    pub fn numbers(&mut self, count: usize) -> Result<Vec<f64>, BadModel> {
        let bytes = self.raw(count.checked_mul(size_of::<f64>()).ok_or(SHORT)?)?;
        Ok(bytes.as_chunks().0.iter().map(|number| f64::from_le_bytes(*number)).collect())
    }

    /// So many records of one size.
    pub fn records<const SIZE: usize>(&mut self, count: usize) -> Result<&'a [[u8; SIZE]], BadModel> {
        Ok(self.raw(count.checked_mul(SIZE).ok_or(SHORT)?)?.as_chunks().0)
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), BadModel> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BadModel::Senseless("something stands behind its end"))
        }
    }
}
