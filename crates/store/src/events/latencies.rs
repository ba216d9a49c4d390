//! How often which time was taken: a histogram that can be added to another one.

use crate::error::{Error, Result};

/// Times in milliseconds, each rounded to its bucket.
///
/// There are sixteen buckets to each doubling, so that a time that is read is within 1/32, about 3.2 %, of the one that
/// was counted; below 32 ms it is exact. Buckets are the same everywhere: adding histograms loses nothing, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latencies {
    /// Bucket and how many times fell into it, in the order of the buckets.
    buckets: Vec<(u16, u64)>,
}

/// Of a doubling there are two to the power of this many buckets.
const BITS: u32 = 4;
const OF_ONE: u64 = 1 << BITS;

impl Latencies {
    /// Counts one time.
    pub(crate) fn add(&mut self, millis: u64) {
        self.add_many(bucket(millis), 1);
    }

    /// Counts everything that another one has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add_many(*bucket, *count);
        }
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The time that so many of a thousand did not exceed: 500 asks for the median. Absent where nothing was counted.
    pub fn quantile(&self, per_mille: u16) -> Option<u64> {
        let count = u128::from(self.count());
        let rank = (count * u128::from(per_mille.min(1000))).div_ceil(1000).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            seen += u128::from(*count);
            (seen >= rank).then(|| middle(*bucket))
        })
    }

    /// Its form in the tables: for each bucket how far it is from the one before, and its count; seven bits to a byte,
    /// the lowest first.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.buckets.len() * 2);
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            number(u64::from(bucket - before), &mut bytes);
            number(*count, &mut bytes);
            before = *bucket;
        }
        bytes
    }

    /// Reads what [`Latencies::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for anything else.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let mut buckets = Vec::new();
        let mut before: u64 = 0;
        while !bytes.is_empty() {
            let (step, rest) = read(bytes)?;
            let (count, rest) = read(rest)?;
            let bucket = before.saturating_add(step);
            let known = bucket <= u64::from(bucket_of_the_longest());
            if !known || count == 0 || (step == 0 && !buckets.is_empty()) {
                return Err(damaged());
            }
            buckets.push((u16::try_from(bucket).map_err(|_| damaged())?, count));
            (before, bytes) = (bucket, rest);
        }
        Ok(Self { buckets })
    }

    fn add_many(&mut self, bucket: u16, more: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(more),
            Err(at) => self.buckets.insert(at, (bucket, more)),
        }
    }
}

/// The bucket of a time: the place of its highest bit, and the four bits behind that.
fn bucket(millis: u64) -> u16 {
    if millis < 2 * OF_ONE {
        return millis as u16;
    }
    let shift = millis.ilog2() - BITS;
    // At most 59 × 16 + 31.
    (u64::from(shift) * OF_ONE + (millis >> shift)) as u16
}

fn bucket_of_the_longest() -> u16 {
    bucket(u64::MAX)
}

/// The time that stands for a bucket.
fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * OF_ONE {
        return bucket;
    }
    let shift = bucket / OF_ONE - 1;
    let low = (bucket % OF_ONE + OF_ONE) << shift;
    low + (1 << shift) / 2
}

fn number(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if at == 9 && bits > 1 {
            break;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[at + 1..]));
        }
    }
    Err(damaged())
}

fn damaged() -> Error {
    Error::Corrupt("a histogram of times is none".to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
