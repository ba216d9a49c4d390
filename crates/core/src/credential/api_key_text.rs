//! The text of an API key: made, and recognised again without a look-up.
//!
//! `hk_live_` + 34 random + 6 check characters, all of `[0-9A-Za-z]`. The check is the CRC-32 of everything before it,
//! prefix included, so that a scanner or a front end tells a mistyped or shortened key from an unknown one without
//! asking anybody. It is no secret and proves nothing.
//!
//! The data plane does not refuse by it: keys that were brought along from a system with the same prefixes have no check
//! characters, and are as good as ours. A damaged key is looked up as any other, but only so many of them at once.

use std::fmt;

/// Which deployment a key is meant for; stands in the key's prefix, so that a reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// `hk_live_`: production.
    Live,
    /// `hk_test_`: tests.
    Test,
    /// `hk_dev_`: a developer's own machine.
    Dev,
}

/// What a text is, seen as an API key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// Without one of our prefixes: another system's key, or no key.
    Foreign,
    /// Begins as ours and was not made here: mistyped, cut off, made up, or brought along from another system.
    Damaged,
    /// Well-formed; whether it exists is another question.
    Ours(Environment),
}

/// Random characters after the prefix: 202 bits, above the 112 that SP 800-63B-4 asks of look-up secrets.
const SECRET: usize = 34;
/// Check characters at the end; 62⁶ exceeds 2³², so each CRC-32 has its own text.
const CHECK: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Environment {
    const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Dev];

    /// What every key of the environment begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Live => "hk_live_",
            Self::Test => "hk_test_",
            Self::Dev => "hk_dev_",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Dev => "dev",
        })
    }
}

/// Writes a new key from 256 random bits, which must come from the operating system's source and be used once.
///
/// The bits are read as one number and written in base 62; cutting it to 34 digits leaves a bias below 2⁻⁵³.
pub fn make(environment: Environment, random: [u8; 32]) -> String {
    let mut limbs = [0_u32; 8];
    for (limb, bytes) in limbs.iter_mut().zip(random.chunks_exact(4)) {
        *limb = bytes.iter().fold(0, |high, byte| high << 8 | u32::from(*byte));
    }
    let mut key = String::from(environment.prefix());
    for _ in 0..SECRET {
        key.push(digit(divide(&mut limbs)));
    }
    let check = check_of(&key);
    key + &check
}

/// Tells our keys from foreign and from damaged ones; constant memory, no look-up.
pub fn recognise(text: &str) -> Recognised {
    let Some((environment, rest)) =
        Environment::ALL.into_iter().find_map(|e| text.strip_prefix(e.prefix()).map(|rest| (e, rest)))
    else {
        return Recognised::Foreign;
    };
    let whole = rest.len() == SECRET + CHECK && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !whole {
        return Recognised::Damaged;
    }
    let (body, check) = text.split_at(text.len() - CHECK);
    if check_of(body) == check { Recognised::Ours(environment) } else { Recognised::Damaged }
}

/// Divides a 256-bit number in place by 62 and returns the remainder; school division, highest limb first.
fn divide(limbs: &mut [u32; 8]) -> u64 {
    let mut remainder = 0;
    for limb in limbs {
        let value = remainder << 32 | u64::from(*limb);
        // A quotient fits a limb, because the remainder before it was below the divisor.
        *limb = u32::try_from(value / 62).unwrap_or(u32::MAX);
        remainder = value % 62;
    }
    remainder
}

fn digit(value: u64) -> char {
    usize::try_from(value).ok().and_then(|at| DIGITS.get(at)).map_or('0', |byte| char::from(*byte))
}

/// The check characters of a key's beginning, highest digit first, so that keys keep one length.
fn check_of(body: &str) -> String {
    let crc = u64::from(crc32(body.as_bytes()));
    (0..CHECK as u32).rev().map(|place| digit(crc / 62_u64.pow(place) % 62)).collect()
}

/// CRC-32 as in IEEE 802.3 and gzip (RFC 1952, section 8), bit by bit: 42 bytes do not earn a table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
            },
        )
    })
}

#[cfg(test)]
mod tests;
