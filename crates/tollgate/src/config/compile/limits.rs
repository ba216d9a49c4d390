//! What tiers and routes limit.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tollgate_core::limit::{Concurrent, Every, Limit, Per, Quota, Rate, RateError, Unit};
use tollgate_core::meter::Meters;
use tollgate_core::route::{Route, Routes};

use super::context::Context;
use crate::config::file::File;
use crate::config::file::limit::{self as file, Allowance, PerPeriod, Period};
use crate::config::file::spanned::Spanned;
use crate::config::file::tier::Tier;
use crate::config::problem::Finding;
use crate::config::source::Span;

/// Most parts of units with fractions that a rate counts, as in [`Rate`].
const RATE_MOST: u64 = 1 << 48;
/// The same of a quota, as the store counts.
const QUOTA_MOST: u64 = i64::MAX as u64;

/// The limits of a list that are in force, each with whose calls it counts together.
pub(super) fn limits(
    cx: &mut Context<'_>,
    list: Option<&Spanned<Vec<Spanned<file::Limit>>>>,
) -> Vec<(Limit, Per)> {
    list.into_iter().flat_map(|list| &list.value).filter_map(|item| limit(cx, item)).collect()
}

/// The same of a route with these meters: what it limits it must count, and what it reserves must fit.
pub(super) fn of_route(
    cx: &mut Context<'_>,
    list: Option<&Spanned<Vec<Spanned<file::Limit>>>>,
    meters: &Meters,
) -> Vec<(Limit, Per)> {
    let items = list.into_iter().flat_map(|list| &list.value);
    let made = items.filter_map(|item| {
        let made = limit(cx, item)?;
        if let Limit::Rate(rate) = &made.0 {
            fits(cx, rate, meters, item.span);
        }
        Some(made)
    });
    made.collect()
}

fn fits(cx: &mut Context<'_>, rate: &Rate, meters: &Meters, place: Span) {
    let unit = rate.unit();
    if !counts(meters, unit) {
        let finding =
            Finding::at(place, format!("the route limits `{}` and does not count them", unit.name()));
        cx.error(finding.hint(format!("add {} to its `meters`", meter_of(unit))));
    }
    if let Some(estimate) = estimate_of(meters, unit).filter(|estimate| *estimate > rate.burst()) {
        let (estimate, unit) = (estimate.div_ceil(unit.parts()), unit.name());
        let message = format!("`estimate` reserves {estimate} {unit}, more than may come at once");
        cx.error(Finding::at(place, message).hint("lower the estimate, or give the limit a `burst`"));
    }
}

/// What a route reserves of a unit where a request does not tell.
fn estimate_of(meters: &Meters, unit: Unit) -> Option<u64> {
    match unit {
        Unit::Tokens => meters.estimate.tokens,
        Unit::TokensIn => meters.estimate.tokens_in,
        Unit::TokensOut => meters.estimate.tokens_out,
        Unit::Bytes => meters.estimate.bytes,
        Unit::Rows => meters.estimate.rows,
        Unit::ComputeUnits => meters.estimate.compute_units,
        Unit::Requests | Unit::Money(_) => None,
    }
}

/// Warns of what tiers limit and no route counts, and of what routes reserve and no call of a tier can have.
pub(super) fn uncounted(cx: &mut Context<'_>, file: &File, routes: &Routes) {
    for tier in file.tiers.items.iter().map(|item| &item.value) {
        let limits = tier.limits.iter().flat_map(|limits| &limits.value).filter_map(|item| {
            let (allowance, burst) = match &item.value {
                file::Limit::Plain(rate) => (&rate.0, None),
                file::Limit::Detailed(given) => (&given.limit.0, given.burst.as_ref()),
            };
            match allowance {
                Allowance::Per(rate) => {
                    Some((rate.unit, item.span, burst.map_or(rate.count, |burst| burst.value)))
                }
                Allowance::Concurrent(_) => None,
            }
        });
        let quota = tier.quota.iter().map(|quota| (quota.value.0.unit, quota.span, quota.value.0.count));
        for (unit, place, most) in limits.chain(quota) {
            let most = most.saturating_mul(unit.parts());
            let large =
                |route: &&Arc<Route>| estimate_of(&route.meters, unit).is_some_and(|some| some > most);
            if let Some(route) = routes.iter().find(large) {
                let message = format!(
                    "the `estimate` of the route `{}` reserves more {} than this lets pass at once",
                    route.name,
                    unit.name()
                );
                let hint =
                    "its calls are refused where they do not tell how much they use: lower the estimate";
                cx.warn(Finding::at(place, message).hint(hint));
            }
            let counted = routes.iter().any(|route| match unit {
                Unit::Tokens => route.meters.tokens(),
                unit => counts(&route.meters, unit),
            });
            if !counted {
                let message = format!("no route counts `{}`, so that nothing is limited", unit.name());
                let hint = format!("add {} to the `meters` of the routes that it is for", meter_of(unit));
                cx.warn(Finding::at(place, message).hint(hint));
            }
        }
    }
}

/// Whether a route counts all of a unit.
fn counts(meters: &Meters, unit: Unit) -> bool {
    match unit {
        Unit::Tokens => meters.tokens_in && meters.tokens_out,
        Unit::TokensIn => meters.tokens_in,
        Unit::TokensOut => meters.tokens_out,
        Unit::Rows => !meters.rows.is_empty(),
        Unit::ComputeUnits => meters.compute_units.is_some(),
        // Counted in any case, or in no limit that can be written.
        Unit::Requests | Unit::Bytes | Unit::Money(_) => true,
    }
}

fn meter_of(unit: Unit) -> &'static str {
    match unit {
        Unit::TokensIn => "`tokens_in`",
        Unit::TokensOut => "`tokens_out`",
        Unit::Rows => "`{ rows: { body: /inputs } }`",
        Unit::ComputeUnits => "`{ compute_units: { per_second: 1.0 } }`",
        Unit::Tokens | Unit::Requests | Unit::Bytes | Unit::Money(_) => "`tokens`",
    }
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
    let amount = counted(cx, given.unit, given.count, RATE_MOST, place)?;
    let burst_place = burst.map_or(place, |burst| burst.span);
    let burst = match burst {
        Some(burst) => Some(counted(cx, given.unit, burst.value, RATE_MOST, burst_place)?),
        None => None,
    };
    match Rate::new(given.unit, amount, Duration::from_secs(window), burst) {
        Err(error) => {
            let place = match error {
                RateError::Amount | RateError::Window => place,
                RateError::Burst | RateError::TooSlow => burst_place,
            };
            cx.error(Finding::at(place, error.to_string()));
            None
        }
        Ok(rate) => Some(Limit::Rate(rate)),
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
    if given.0.count == 0 {
        cx.error(Finding::at(span, "a quota of nothing lets nobody pass"));
        return None;
    }
    let amount = counted(cx, unit, given.0.count, QUOTA_MOST, span)?;
    Some((Limit::Quota(Quota { unit, amount, every, zone }), Per::Consumer))
}

/// So many units as they are counted, of which at most `most` can be. Whole ones are judged by whoever takes them.
fn counted(cx: &mut Context<'_>, unit: Unit, count: u64, most: u64, place: Span) -> Option<u64> {
    let parts = unit.parts();
    if parts > 1 && count > most / parts {
        cx.error(Finding::at(place, format!("at most {} {} can be counted", most / parts, unit.name())));
        return None;
    }
    Some(count * parts)
}
