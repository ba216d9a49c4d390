//! The same rates on a shared Redis: a script, what it is told, and what its answer means.
//!
//! Redis counts in microseconds, so that its numbers stay whole; decisions are those of a [`Limiter`](super::Limiter)
//! whose clock has whole microseconds. Keys are the text of a [`Key`](super::Key).

use std::time::Duration;

use super::Rate;
use super::bucket::{Judgement, judge};
use super::rate::Pace;
use super::standing::{Ends, Left, Standing};

/// The script; its comment tells its keys, arguments and answer.
pub const SCRIPT: &str = include_str!("gcra.lua");

/// What a call takes of one rate.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    /// The rate.
    pub rate: &'a Rate,
    /// How many of its units.
    pub units: u64,
}

/// Until when a reservation reaches on the script's clock: whole microseconds and a fraction of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    micros: u64,
    fraction: u64,
}

impl Until {
    /// Of nothing: what is charged reaches back to no reservation.
    pub(super) const NEVER: Self = Self { micros: 0, fraction: 0 };
}

/// What the script said to a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Why not, where it was refused: the rate that ends last, by its index, and when.
    pub refused: Option<(usize, Ends)>,
    /// What each rate has left.
    pub standing: Vec<Standing>,
    /// What [`settle_arguments`] needs of each rate.
    pub until: Vec<Until>,
}

/// Why a rate or an answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The rate's window has a fraction of a microsecond.
    #[error("a shared rate has a window of whole microseconds")]
    TooFine,
    /// The answer is not the script's.
    #[error("the answer is not that of the rate script")]
    Answer,
}

/// Where arithmetic of the script ends. A call above it is above every burst.
const MOST_SPAN: u128 = 1 << 50;

/// `ARGV` of a reservation. `now` in microseconds replaces the server's clock.
///
/// # Errors
/// [`ScriptError::TooFine`].
pub fn reserve_arguments(shares: &[Share<'_>], now: Option<u64>) -> Result<Vec<String>, ScriptError> {
    let mut arguments = vec!["reserve".to_owned(), now.map_or_else(String::new, |now| now.to_string())];
    for share in shares {
        let pace = micro_pace(share.rate)?;
        arguments.push(pace.ticks_per_ns.to_string());
        push_span(&mut arguments, pace, pace.full());
        push_span(&mut arguments, pace, pace.of(share.units));
    }
    Ok(arguments)
}

/// `ARGV` of a settlement: each reserved share, what was really used of it, and until when it reached.
///
/// # Errors
/// [`ScriptError::TooFine`].
pub fn settle_arguments(
    shares: &[(Share<'_>, u64, Until)],
    now: Option<u64>,
) -> Result<Vec<String>, ScriptError> {
    let mut arguments = vec!["settle".to_owned(), now.map_or_else(String::new, |now| now.to_string())];
    for (share, actual, until) in shares {
        let pace = micro_pace(share.rate)?;
        arguments.push(pace.ticks_per_ns.to_string());
        push_span(&mut arguments, pace, pace.full());
        push_span(&mut arguments, pace, pace.of(share.units.saturating_sub(*actual)));
        arguments.extend([until.micros.to_string(), until.fraction.to_string()]);
        push_span(&mut arguments, pace, pace.of(actual.saturating_sub(share.units)));
    }
    Ok(arguments)
}

/// Reads the script's answer to a reservation of these shares.
///
/// # Errors
/// [`ScriptError::Answer`] where it has not the form of one, [`ScriptError::TooFine`].
pub fn read_answer(shares: &[Share<'_>], answer: &[i64]) -> Result<Answer, ScriptError> {
    let whole = |number: i64| u64::try_from(number).map_err(|_| ScriptError::Answer);
    let [admitted @ (0 | 1), now, spans @ ..] = answer else { return Err(ScriptError::Answer) };
    let (pairs, rest) = spans.as_chunks::<2>();
    if pairs.len() != shares.len() || !rest.is_empty() {
        return Err(ScriptError::Answer);
    }
    let mut read = Answer { refused: None, standing: Vec::new(), until: Vec::new() };
    for (index, (share, [micros, fraction])) in shares.iter().zip(pairs).enumerate() {
        let (micros, fraction) = (whole(*micros)?, whole(*fraction)?);
        let pace = share.rate.pace();
        let backlog = backlog_ticks(share.rate, micros, fraction)?;
        read.standing.push(Standing(Left::Rate { amount: share.rate.amount(), pace, backlog }));
        read.until.push(Until { micros: whole(*now)?.saturating_add(micros), fraction });
        let ends = match judge(pace, backlog, share.units) {
            _ if *admitted == 1 => continue,
            Judgement::Pass => continue,
            Judgement::Wait(ns) => Ends::After(Duration::from_nanos(ns)),
            Judgement::Never => Ends::Never,
        };
        if read.refused.is_none_or(|(_, latest)| latest < ends) {
            read.refused = Some((index, ends));
        }
    }
    // Who refuses has a reason.
    if *admitted == 0 && read.refused.is_none() { Err(ScriptError::Answer) } else { Ok(read) }
}

/// The rate's pace with ticks of a microsecond in place of those of a nanosecond.
fn micro_pace(rate: &Rate) -> Result<Pace, ScriptError> {
    let window = rate.window().as_nanos();
    match u64::try_from(window / 1000) {
        Ok(micros) if window.is_multiple_of(1000) => Ok(Pace::new(rate.amount(), micros, rate.burst())),
        _ => Err(ScriptError::TooFine),
    }
}

fn push_span(arguments: &mut Vec<String>, pace: Pace, ticks: u128) {
    let per_micro = u128::from(pace.ticks_per_ns);
    let (micros, fraction) = (ticks / per_micro, ticks % per_micro);
    arguments.extend([micros.min(MOST_SPAN).to_string(), fraction.to_string()]);
}

/// Microseconds and their fraction in ticks of the rate's own pace. The division leaves nothing: the script's fraction has
/// the denominator `amount / gcd(amount, window in µs)`, and that divides a thousand times the one of nanoseconds.
fn backlog_ticks(rate: &Rate, micros: u64, fraction: u64) -> Result<u128, ScriptError> {
    let per_micro = u128::from(micro_pace(rate)?.ticks_per_ns);
    let thousand = 1000 * u128::from(rate.pace().ticks_per_ns);
    Ok(u128::from(micros) * thousand + u128::from(fraction) * thousand / per_micro)
}
