//! Limits as words: `100 requests/h`, `8 concurrent`, `500.00 USD/month`.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_core::limit::Unit;

use super::amount::{Decimal, Exact, text_type};
use super::spanned::Spanned;

/// A rate or a cap of concurrent requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Limit")]
pub(in crate::config) enum Limit {
    #[serde(rename = "text")]
    Plain(Rate),
    #[serde(rename = "mapping")]
    Detailed(DetailedLimit),
}

/// A limit with details.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DetailedLimit {
    /// The rate or cap itself.
    pub limit: Rate,
    /// How much may come at once. Default: as much as the rate's number.
    #[serde(default)]
    pub burst: Option<Spanned<u64>>,
    /// Whose requests are counted together. Default `consumer`; callers without a credential always count by address.
    #[serde(default)]
    pub per: Option<Per>,
}

/// Whose requests are counted together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Per {
    /// Those of one consumer.
    Consumer,
    /// Those of one credential.
    Credential,
    /// Those from one address (IPv6: from one network of 64 bits), whoever calls.
    Address,
}

text_type! {
    /// `COUNT UNIT/PERIOD`, such as `100 requests/h` or `5000000 bytes/min`, with one of the periods `s`, `min`, `h` and `day`; or `COUNT concurrent`, so many calls at once.
    Rate(Allowance), json = "string", pattern = "^[0-9]+( ?concurrent|( [a-z_]+)?/[a-z]+)$", rate
}

text_type! {
    /// `COUNT UNIT/PERIOD`, counted per calendar day or month, such as `1000000 requests/month`.
    Quota(PerPeriod), json = "string", pattern = "^[0-9]+( [a-z_]+)?/(day|month)$", quota
}

text_type! {
    /// `AMOUNT CURRENCY/PERIOD`, such as `500.00 USD/month`.
    Budget(Money), json = "string", pattern = "^[0-9]+([.][0-9]+)? [A-Z]{3}/(day|month)$", budget
}

/// What a rate allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Allowance {
    /// So many per period.
    Per(PerPeriod),
    /// So many at once.
    Concurrent(u64),
}

/// So many units per period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct PerPeriod {
    pub count: u64,
    pub unit: Unit,
    pub period: Period,
}

/// So much money per period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Money {
    pub amount: Exact,
    /// ISO 4217.
    pub currency: String,
    pub period: Period,
}

/// How long is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Period {
    Second,
    Minute,
    Hour,
    Day,
    Month,
}

fn rate(text: &str) -> Result<Allowance, String> {
    allowance(text, "limit", "write `100 requests/h`, `1000 tokens/min` or `8 concurrent`")
}

fn quota(text: &str) -> Result<PerPeriod, String> {
    let known = "a quota is counted per `day` or `month`";
    let read = allowance(text, "quota", "write `1000000 tokens/month` or `500 requests/day`");
    match read.map_err(|why| why.replace(PERIODS, known))? {
        Allowance::Per(quota) if matches!(quota.period, Period::Day | Period::Month) => Ok(quota),
        _ => Err(format!("`{}` is no quota\n{known}", text.escape_debug())),
    }
}

/// Reads what is called so and has this form.
fn allowance(text: &str, what: &str, form: &str) -> Result<Allowance, String> {
    let shown = text.escape_debug();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, rest) = text.split_at(digits);
    let Ok(count) = count.parse::<u64>() else {
        return Err(format!("`{shown}` is no {what}\n{form}"));
    };
    if rest.starts_with('.') {
        return Err(format!("the {what} `{shown}` is no whole number\n{form}"));
    }
    if count == 0 {
        return Err(format!("the {what} `{shown}` lets nothing pass\nuse `deny` to keep consumers out"));
    }
    if rest.trim() == "concurrent" {
        return Ok(Allowance::Concurrent(count));
    }
    let Some((unit, period)) = rest.split_once('/') else {
        return Err(format!("the {what} `{shown}` has no period\n{form}"));
    };
    let unit = match unit.trim() {
        "" | "requests" | "request" => Unit::Requests,
        "tokens" => Unit::Tokens,
        "tokens_in" => Unit::TokensIn,
        "tokens_out" => Unit::TokensOut,
        "bytes" => Unit::Bytes,
        "rows" => Unit::Rows,
        "compute_units" => Unit::ComputeUnits,
        other => {
            let known = "requests, tokens, tokens_in, tokens_out, bytes, rows, compute_units";
            let unit = other.escape_debug();
            return Err(format!("unknown unit `{unit}` in the {what}\nunits are: {known}"));
        }
    };
    Ok(Allowance::Per(PerPeriod { count, unit, period: period_of(period)? }))
}

fn period_of(text: &str) -> Result<Period, String> {
    match text.trim() {
        "s" | "sec" | "second" => Ok(Period::Second),
        "min" | "minute" => Ok(Period::Minute),
        "h" | "hour" => Ok(Period::Hour),
        "d" | "day" => Ok(Period::Day),
        "month" => Ok(Period::Month),
        other => Err(format!("unknown period `{}`\n{PERIODS}", other.escape_debug())),
    }
}

/// What a rate may be counted by.
const PERIODS: &str = "periods are: s, min, h, day, month";

fn budget(text: &str) -> Result<Money, String> {
    let refuse = || format!("`{}` is no budget\nwrite `500.00 USD/month`", text.escape_debug());
    let (amount, rest) = text.split_once(' ').ok_or_else(refuse)?;
    let (currency, period) = rest.split_once('/').ok_or_else(refuse)?;
    let currency = currency.trim();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(refuse());
    }
    let Decimal(amount) = amount.parse()?;
    match period_of(period)? {
        period @ (Period::Day | Period::Month) => Ok(Money { amount, currency: currency.to_owned(), period }),
        Period::Second | Period::Minute | Period::Hour => {
            Err(format!("`{}` is no budget\na budget is counted per `day` or `month`", text.escape_debug()))
        }
    }
}

#[cfg(test)]
mod tests;
