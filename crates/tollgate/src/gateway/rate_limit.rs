//! What an answer tells its caller of the call's limits.
//!
//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) tell all of them, the older
//! `X-RateLimit-*` the one rate that is nearest to its end.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tollgate_core::Now;
use tollgate_core::admission;
use tollgate_core::denial::Dialect;
use tollgate_core::limit::{Limit, Rule, Standing};

use super::call::Call;
use super::wire::text::push_decimal;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");
/// Limit, remaining, reset.
const NEAREST: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// The fields, ready to be put on an answer.
#[derive(Debug)]
pub struct RateLimit {
    policy: HeaderValue,
    left: HeaderValue,
    nearest: Option<[HeaderValue; 3]>,
}

impl RateLimit {
    /// Tells what the limits of a call have left; nothing where it has none. `refused` is the place of the limit that
    /// refused it.
    pub fn of(
        call: &Call,
        standing: impl Iterator<Item = Standing>,
        refused: Option<usize>,
    ) -> Option<Box<Self>> {
        let route = call.route.as_ref()?;
        let rules = admission::rules(route, call.credential.as_deref());
        let (mut policy, mut left) = (Vec::new(), Vec::new());
        let mut nearest: Option<(bool, Standing)> = None;
        for (index, (rule, standing)) in rules.zip(standing).enumerate() {
            if index > 0 {
                policy.extend_from_slice(b", ");
                left.extend_from_slice(b", ");
            }
            policy.extend_from_slice(rule.policy().as_bytes());
            push_left(&mut left, rule, &standing);
            let refuses = refused == Some(index);
            let is_nearest = |(decided, have): (bool, Standing)| !decided && is_nearer(&standing, &have);
            if matches!(rule.limit(), Limit::Rate(_)) && (refuses || nearest.is_none_or(is_nearest)) {
                nearest = Some((refuses, standing));
            }
        }
        if left.is_empty() {
            return None;
        }
        Some(Box::new(Self {
            policy: HeaderValue::from_maybe_shared(bytes::Bytes::from(policy)).ok()?,
            left: HeaderValue::from_maybe_shared(bytes::Bytes::from(left)).ok()?,
            nearest: nearest.map(|(_, nearest)| fields(&nearest, route.errors, call.now)),
        }))
    }

    /// Puts the fields on an answer, in place of the model's own of these names: two speakers would contradict each
    /// other.
    pub fn put_on(self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy);
        headers.insert(LEFT, self.left);
        match self.nearest {
            Some(values) => {
                for (name, value) in NEAREST.into_iter().zip(values) {
                    headers.insert(name, value);
                }
            }
            None => {
                for name in NEAREST {
                    headers.remove(name);
                }
            }
        }
    }
}

/// `"NAME";r=REMAINING;t=SECONDS`; concurrency has no time.
fn push_left(out: &mut Vec<u8>, rule: &Rule, standing: &Standing) {
    out.push(b'"');
    out.extend_from_slice(rule.name().as_bytes());
    out.extend_from_slice(b"\";r=");
    push_decimal(out, standing.remaining());
    match rule.limit() {
        Limit::Rate(_) | Limit::Quota(_) => {
            out.extend_from_slice(b";t=");
            push_decimal(out, standing.reset_seconds());
        }
        Limit::Concurrent(_) => {}
    }
}

/// Whether a smaller share of it is left.
fn is_nearer(one: &Standing, other: &Standing) -> bool {
    let share = |this: &Standing, that: &Standing| u128::from(this.remaining()) * u128::from(that.limit());
    share(one, other) < share(other, one)
}

fn fields(nearest: &Standing, dialect: Dialect, now: Now) -> [HeaderValue; 3] {
    let seconds = nearest.reset_seconds();
    let reset = match dialect {
        // Those clients read a point in time.
        Dialect::Detail => now.wall.as_secs().saturating_add(seconds),
        Dialect::Problem | Dialect::Apisix | Dialect::Openai | Dialect::Alpa => seconds,
    };
    [nearest.limit(), nearest.remaining(), reset].map(HeaderValue::from)
}
