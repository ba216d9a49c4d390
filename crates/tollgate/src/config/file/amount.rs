//! Amounts that are written as words: durations, sizes, exact decimals, and other texts with a rule of their own.

use std::time::Duration;

use ipnet::IpNet;

/// Makes a type that is read from text by a function whose error may hold a hint after a line break, with a schema of a
/// text pattern.
macro_rules! text_type {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty), json = $json:tt, pattern = $pattern:literal, $parse:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(in crate::config) struct $name(pub $inner);

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let parse: fn(&str) -> Result<$inner, String> = $parse;
                parse(text).map(Self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(<D::Error as serde::de::Error>::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let description = concat!($($doc),+).trim();
                schemars::json_schema!({ "type": $json, "pattern": $pattern, "description": description })
            }
        }
    };
}

pub(super) use text_type;

text_type! {
    /// A time span: a whole number and `ms`, `s`, `m`, `h` or `d`.
    TimeSpan(Duration), json = "string", pattern = "^[0-9]+(ms|s|m|h|d)$", duration
}

text_type! {
    /// A size in bytes: a whole number, alone or with `KiB`, `MiB`, `GiB`, `TiB` (of 1024) or `KB`, `MB`, `GB`, `TB` (of 1000).
    ByteSize(u64), json = ["string", "number"], pattern = "^[0-9]+(B|[KMGT]i?B)?$", size
}

text_type! {
    /// A size in bytes, or `unlimited`.
    SizeLimit(Option<u64>), json = ["string", "number"], pattern = "^([0-9]+(B|[KMGT]i?B)?|unlimited)$", |text| match text {
        "unlimited" => Ok(None),
        _ => size(text).map(Some),
    }
}

text_type! {
    /// A network, `10.0.0.0/8`, or one address.
    Network(IpNet), json = "string", pattern = "^[0-9A-Fa-f:.]+(/[0-9]+)?$", |text| {
        let one = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address)).ok();
        text.parse().ok().or_else(one).ok_or_else(|| {
            format!("`{}` is no network\nwrite `10.0.0.0/8`, `fd00::/8` or one address", text.escape_debug())
        })
    }
}

text_type! {
    /// An exact decimal number.
    Decimal(Exact), json = ["string", "number"], pattern = "^[0-9]+([.][0-9]+)?$", exact
}

/// An exact decimal: `digits / 10^scale`. Money is never a floating-point number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Exact {
    /// All digits as one whole number.
    pub digits: u64,
    /// How many of them stand behind the point.
    pub scale: u8,
}

/// `30s`; hints say what is missing.
fn duration(text: &str) -> Result<Duration, String> {
    let shown = text.escape_debug();
    let Some((count, unit)) = count_and_unit(text) else {
        return Err(format!(
            "`{shown}` is no time span\nwrite a whole number and a unit, such as `250ms`, `30s` or `10m`"
        ));
    };
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => {
            return Err(format!(
                "the time span `{shown}` has no unit\nwrite `{count}s` for seconds"
            ));
        }
        _ => {
            return Err(format!(
                "`{shown}` is no time span\nunits are `ms`, `s`, `m`, `h` and `d`"
            ));
        }
    };
    // A hundred years; clocks cannot add much more.
    let span = count
        .checked_mul(millis)
        .filter(|millis| *millis <= 36_500 * 86_400_000);
    span.map(Duration::from_millis)
        .ok_or_else(|| format!("the time span `{shown}` is longer than a hundred years"))
}

/// `10MiB`.
fn size(text: &str) -> Result<u64, String> {
    let shown = text.escape_debug();
    let units = "units are `KiB`, `MiB`, `GiB`, `TiB` (of 1024) and `KB`, `MB`, `GB`, `TB` (of 1000)";
    let Some((count, unit)) = count_and_unit(text) else {
        return Err(format!(
            "`{shown}` is no size\nwrite a whole number of bytes, or one with a unit such as `10MiB`"
        ));
    };
    let (base, power) = match unit {
        "" | "B" => (1, 0),
        "KiB" => (1024_u64, 1),
        "MiB" => (1024, 2),
        "GiB" => (1024, 3),
        "TiB" => (1024, 4),
        "KB" => (1000, 1),
        "MB" => (1000, 2),
        "GB" => (1000, 3),
        "TB" => (1000, 4),
        _ => return Err(format!("`{shown}` is no size\n{units}")),
    };
    count
        .checked_mul(base.pow(power))
        .ok_or_else(|| format!("the size `{shown}` is too large"))
}

fn count_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count = text[..digits].parse().ok()?;
    Some((count, &text[digits..]))
}

fn exact(text: &str) -> Result<Exact, String> {
    let shown = text.escape_debug();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(format!(
            "`{shown}` is no decimal number\nwrite it as `0.01`, without sign, exponent or separators"
        ));
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= 12);
    let digits = format!("{whole}{fraction}").parse().ok();
    match (digits, scale) {
        (Some(digits), Some(scale)) => Ok(Exact { digits, scale }),
        _ => Err(format!(
            "`{shown}` has too many digits\nat most 12 behind the point and 19 in all"
        )),
    }
}

#[cfg(test)]
mod tests;
