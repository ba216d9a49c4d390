//! What tiers and routes limit.

use std::time::Duration;

use jiff::tz::TimeZone;
use tollgate_core::limit::{Concurrent, Every, Limit, Per, Quota, Rate, RateError, Unit};

use super::context::Context;
use crate::config::file::limit::{self as file, Allowance, PerPeriod, Period};
use crate::config::file::spanned::Spanned;
use crate::config::file::tier::Tier;
use crate::config::problem::Finding;
use crate::config::source::Span;

/// The limits of a list that are in force, each with whose calls it counts together.
pub(super) fn limits(
    cx: &mut Context<'_>,
    list: Option<&Spanned<Vec<Spanned<file::Limit>>>>,
) -> Vec<(Limit, Per)> {
    list.into_iter().flat_map(|list| &list.value).filter_map(|item| limit(cx, item)).collect()
}

fn limit(cx: &mut Context<'_>, item: &Spanned<file::Limit>) -> Option<(Limit, Per)> {
    let (allowance, burst, per) = match &item.value {
        file::Limit::Plain(rate) => (&rate.0, None, None),
        file::Limit::Detailed(given) => (&given.limit.0, given.burst.as_ref(), given.per.as_ref()),
    };
    let per = match per {
        None | Some(file::Per::Consumer) => Per::Consumer,
        Some(file::Per::Credential) => Per::Credential,
        Some(file::Per::Address) => Per::Address,
    };
    let limit = match allowance {
        Allowance::Concurrent(most) => concurrent(cx, *most, burst, item.span)?,
        Allowance::Per(rate) => self::rate(cx, rate, burst, item.span)?,
    };
    Some((limit, per))
}

fn concurrent(cx: &mut Context<'_>, most: u64, burst: Option<&Spanned<u64>>, place: Span) -> Option<Limit> {
    if let Some(burst) = burst {
        let finding = Finding::at(burst.span, "`burst` has no meaning beside `concurrent`");
        cx.error(finding.hint("leave it out: the number itself says how many calls may be under way"));
    }
    let Ok(most) = u32::try_from(most) else {
        cx.error(Finding::at(place, format!("at most {} calls can be counted", u32::MAX)));
        return None;
    };
    Some(Limit::Concurrent(Concurrent(most)))
}

fn rate(cx: &mut Context<'_>, given: &PerPeriod, burst: Option<&Spanned<u64>>, place: Span) -> Option<Limit> {
    let window = match given.period {
        Period::Second => 1,
        Period::Minute => 60,
        Period::Hour => 3600,
        Period::Day => 86_400,
        Period::Month => {
            let finding = Finding::at(place, "months differ in length, so none is the window of a rate");
            cx.error(finding.hint("write `quota` with the tier, which is counted per calendar month"));
            return None;
        }
    };
    match Rate::new(given.unit, given.count, Duration::from_secs(window), burst.map(|burst| burst.value)) {
        Err(error) => {
            let place = match error {
                RateError::Amount | RateError::Window => place,
                RateError::Burst | RateError::TooSlow => burst.map_or(place, |burst| burst.span),
            };
            cx.error(Finding::at(place, error.to_string()));
            None
        }
        Ok(rate) => match not_in_force(given.unit) {
            None => Some(Limit::Rate(rate)),
            Some(what) => {
                cx.later(what, place);
                None
            }
        },
    }
}

/// A tier's quota, counted for each consumer in the tier's time zone.
pub(super) fn quota(cx: &mut Context<'_>, tier: &Tier) -> Option<(Limit, Per)> {
    let zone = match &tier.zone {
        None => TimeZone::UTC,
        Some(zone) => match TimeZone::get(zone) {
            Ok(known) => known,
            Err(_) => {
                let finding = Finding::at(zone.span, format!("`{}` is no time zone", zone.escape_debug()));
                cx.error(finding.hint("write a name such as `Europe/Berlin`"));
                return None;
            }
        },
    };
    let quota = tier.quota.as_ref()?;
    let (given, span) = (&quota.value, quota.span);
    let every = match given.0.period {
        Period::Month => Every::Month,
        Period::Day | Period::Second | Period::Minute | Period::Hour => Every::Day,
    };
    let unit = given.0.unit;
    if let Some(what) = not_in_force(unit) {
        cx.later(what, span);
        return None;
    }
    if given.0.count == 0 {
        cx.error(Finding::at(span, "a quota of nothing lets nobody pass"));
        return None;
    }
    Some((Limit::Quota(Quota { unit, amount: given.0.count, every, zone }), Per::Consumer))
}

/// What this version cannot measure: such limits are read and checked, and limit nothing.
fn not_in_force(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Requests | Unit::Bytes => None,
        Unit::Tokens => Some("a limit of `tokens`"),
        Unit::TokensIn => Some("a limit of `tokens_in`"),
        Unit::TokensOut => Some("a limit of `tokens_out`"),
        Unit::Rows => Some("a limit of `rows`"),
        Unit::ComputeUnits => Some("a limit of `compute_units`"),
        Unit::Money(_) => Some("a limit of money"),
    }
}
