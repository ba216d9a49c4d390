//! What an answer tells its caller of the call's limits.
//!
//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) tell all of them, the older
//! `X-RateLimit-*` the one rate that is nearest to its end.

use std::cmp::Ordering;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use tollgate_core::Now;
use tollgate_core::admission;
use tollgate_core::denial::Dialect;
use tollgate_core::limit::{Limit, Rule, Standing};

use super::call::Call;
use super::wire::text::push_decimal;

/// The fields as HTTP/1 writes them, made in one piece because every answer to a limited call has them.
#[derive(Debug)]
pub struct RateLimit(Vec<u8>);

/// One limit's standing, worked out.
#[derive(Debug, Clone, Copy)]
struct Left {
    limit: u64,
    remaining: u64,
    /// Seconds.
    reset: u64,
}

const NAMES: [&str; 5] =
    ["ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

impl RateLimit {
    /// Tells what the limits of a call have left; nothing where that is known of none. `refused` is the place of the
    /// limit that refused it.
    pub fn of(call: &Call, standing: impl Iterator<Item = Standing>, refused: Option<usize>) -> Option<Self> {
        let route = call.route.as_ref()?;
        let rules = admission::rules(route, call.credential.as_deref());
        let known: SmallVec<[(&Rule, Left); 4]> =
            rules.zip(standing).map(|(rule, standing)| (rule, Left::of(rule, standing))).collect();
        if known.is_empty() {
            return None;
        }
        let mut lines = Vec::with_capacity(256);
        for (place, (rule, _)) in known.iter().enumerate() {
            lines.extend_from_slice(if place == 0 { b"ratelimit-policy: " } else { b", " });
            lines.extend_from_slice(rule.policy().as_bytes());
        }
        for (place, (rule, left)) in known.iter().enumerate() {
            lines.extend_from_slice(if place == 0 { b"\r\nratelimit: " } else { b", " });
            push_left(&mut lines, rule, *left);
        }
        lines.extend_from_slice(b"\r\n");
        let is_rate = |(rule, _): &&(&Rule, Left)| matches!(rule.limit(), Limit::Rate(_));
        let refusing = refused.and_then(|place| known.get(place)).filter(is_rate);
        let least = || known.iter().filter(is_rate).min_by(|(_, one), (_, other)| one.share_against(*other));
        if let Some((_, nearest)) = refusing.or_else(least) {
            push_nearest(&mut lines, *nearest, route.errors, call.now);
        }
        Some(Self(lines))
    }

    /// Whether a field, by its lower-case name, is the gate's to say where a call has limits. What the model says under
    /// such a name ends here: two speakers would contradict each other.
    pub fn says(name: &str) -> bool {
        NAMES.contains(&name)
    }

    /// The lines, for HTTP/1.
    pub fn lines(&self) -> &[u8] {
        &self.0
    }

    /// Puts the fields on an answer, for HTTP/2.
    pub fn put_on(&self, headers: &mut HeaderMap) {
        for name in NAMES {
            headers.remove(name);
        }
        for line in self.0.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.insert(name, value);
            }
        }
    }
}

impl Left {
    fn of(rule: &Rule, standing: Standing) -> Self {
        let unit = rule.limit().unit();
        let (limit, remaining) = (unit.whole(standing.limit()), unit.whole(standing.remaining()));
        Self { limit, remaining, reset: standing.reset_seconds() }
    }

    /// Compares the shares that are left.
    fn share_against(self, other: Self) -> Ordering {
        let product = |one: u64, other: u64| u128::from(one) * u128::from(other);
        product(self.remaining, other.limit).cmp(&product(other.remaining, self.limit))
    }
}

/// `"NAME";r=REMAINING;t=SECONDS`; nobody knows when a call ends, so concurrency has no time.
fn push_left(lines: &mut Vec<u8>, rule: &Rule, left: Left) {
    lines.push(b'"');
    lines.extend_from_slice(rule.name().as_bytes());
    lines.extend_from_slice(b"\";r=");
    push_decimal(lines, left.remaining);
    match rule.limit() {
        Limit::Rate(_) | Limit::Quota(_) => {
            lines.extend_from_slice(b";t=");
            push_decimal(lines, left.reset);
        }
        Limit::Concurrent(_) => {}
    }
}

fn push_nearest(lines: &mut Vec<u8>, nearest: Left, dialect: Dialect, now: Now) {
    let reset = match dialect {
        // Clients of such services read a point in time.
        Dialect::Detail => now.wall.as_secs().saturating_add(nearest.reset),
        Dialect::Problem | Dialect::Apisix | Dialect::Openai | Dialect::Alpa => nearest.reset,
    };
    lines.extend_from_slice(b"x-ratelimit-limit: ");
    push_decimal(lines, nearest.limit);
    lines.extend_from_slice(b"\r\nx-ratelimit-remaining: ");
    push_decimal(lines, nearest.remaining);
    lines.extend_from_slice(b"\r\nx-ratelimit-reset: ");
    push_decimal(lines, reset);
    lines.extend_from_slice(b"\r\n");
}
