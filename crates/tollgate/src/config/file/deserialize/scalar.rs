//! Scalars, typed by the place where they stand.

use super::{Fault, Node, Value};
use serde::de::Error;

impl Node {
    /// The scalar's text.
    pub(super) fn text(&self, wanted: &str) -> Result<&str, Fault> {
        match &self.value {
            Value::Scalar(text) => Ok(text),
            Value::Null | Value::List(_) | Value::Mapping(_) | Value::Pruned => {
                Err(Fault::unexpected(wanted, self))
            }
        }
    }

    /// A truth value; YAML 1.1 knew eleven spellings of each, YAML 1.2 and this file know one.
    pub(super) fn truth(&self) -> Result<bool, Fault> {
        match self.text("`true` or `false`")? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Fault::custom("expected `true` or `false`").within(self)),
        }
    }

    /// A whole number within the bounds of its type.
    pub(super) fn whole<T: TryFrom<i128>>(&self, min: i128, max: i128) -> Result<T, Fault> {
        let text = self.text("a whole number")?;
        let refuse = |message: String| Fault::custom(message).within(self);
        let number: i128 = text.parse().map_err(|_| {
            refuse(format!(
                "expected a whole number, found `{}`",
                text.escape_debug()
            ))
        })?;
        T::try_from(number).map_err(|_| refuse(format!("expected a whole number from {min} to {max}")))
    }
}

/// Methods that read whole numbers.
macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = self.whole(i128::from(<$type>::MIN), i128::from(<$type>::MAX))?;
            visitor.$visit(number).map_err(|fault: Fault| fault.within(self))
        }
    )*};
}

pub(super) use numbers;
