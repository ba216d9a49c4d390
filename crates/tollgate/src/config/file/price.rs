//! Prices.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::{Decimal, text_type};
use super::spanned::Spanned;

/// What one meter costs, or a flat amount.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Price {
    /// What is counted: `requests`, `tokens`, …
    #[serde(default)]
    pub meter: Option<String>,
    /// ISO 4217, such as `USD`.
    pub currency: Currency,
    /// Price of `per` units.
    #[serde(default)]
    pub price: Option<Decimal>,
    /// How many units the price is for, default 1; `day` or `month` for a flat amount.
    #[serde(default)]
    pub per: Option<Per>,
    /// Each step's units have that step's price.
    #[serde(default)]
    pub graduated: Option<Vec<Step>>,
    /// All units have the price of the step that their number reaches.
    #[serde(default)]
    pub volume: Option<Vec<Step>>,
    /// Units are sold in packages; a begun one is paid in full.
    #[serde(default)]
    pub package: Option<Package>,
    /// A fixed amount per period.
    #[serde(default)]
    pub flat: Option<Decimal>,
    /// Units per period that cost nothing.
    #[serde(default)]
    pub included: Option<u64>,
    /// First day.
    #[serde(default)]
    pub from: Option<Day>,
    /// The day after the last.
    #[serde(default)]
    pub to: Option<Day>,
    /// Only for these accounts.
    #[serde(default)]
    pub accounts: Option<Vec<String>>,
    /// Only for these models.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// Only for these routes.
    #[serde(default)]
    pub routes: Option<Vec<Spanned<String>>>,
    /// Only for these tiers.
    #[serde(default)]
    pub tiers: Option<Vec<Spanned<String>>>,
}

/// One step of a graduated or volume price.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Step {
    /// The step's last unit; absent on the last step.
    #[serde(default)]
    pub up_to: Option<u64>,
    /// Price per unit.
    pub price: Decimal,
}

/// A package of units.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Package {
    /// Units in a package.
    pub size: u64,
    /// Price of a package.
    pub price: Decimal,
}

text_type! {
    /// A currency of ISO 4217, such as `USD`.
    Currency(String), json = "string", pattern = "^[A-Z]{3}$", |text| {
        let three_letters = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        three_letters.then(|| text.to_owned()).ok_or_else(|| {
            format!("`{}` is no currency\nwrite three capital letters, such as `USD`", text.escape_debug())
        })
    }
}

text_type! {
    /// A day, `2026-12-01`.
    Day(Date), json = "string", pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", |text| {
        text.parse().map_err(|_| format!("`{}` is no day\nwrite it as `2026-12-01`", text.escape_debug()))
    }
}

text_type! {
    /// A number of units, or `day` or `month`.
    Per(PriceUnit), json = ["string", "number"], pattern = "^([1-9][0-9]*|day|month)$", |text| match text {
        "day" => Ok(PriceUnit::Day),
        "month" => Ok(PriceUnit::Month),
        _ => match text.parse() {
            Ok(units) if units > 0 => Ok(PriceUnit::Units(units)),
            _ => Err("expected a number of units, `day` or `month`".to_owned()),
        },
    }
}

/// What a price is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum PriceUnit {
    Units(u64),
    Day,
    Month,
}
