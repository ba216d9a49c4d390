//! A foreign mapping, read member by member, so that none is overlooked.

use serde_json::Value;

use super::report::Report;

/// The members of a mapping that nobody has read yet. What is left at [`Members::finish`] is lost.
#[derive(Debug)]
pub struct Members<'a> {
    place: String,
    left: Vec<(&'a str, &'a Value)>,
}

impl<'a> Members<'a> {
    /// The members of the mapping at `place`; another type is lost.
    pub fn of(value: &'a Value, place: String, report: &mut Report) -> Option<Self> {
        let Value::Object(map) = value else {
            report.lose(&place, &format!("a mapping was expected, not {}", type_of(value)));
            return None;
        };
        // A member without a value is an absent one.
        let left =
            map.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (&**name, value)).collect();
        Some(Self { place, left })
    }

    /// Where the mapping stands.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Where a member of it stands.
    pub fn place_of(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// Whether a member is there and nobody has read it.
    pub fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(have, _)| *have == name)
    }

    /// A member of any type.
    pub fn take(&mut self, name: &str) -> Option<&'a Value> {
        let at = self.left.iter().position(|(have, _)| *have == name)?;
        Some(self.left.remove(at).1)
    }

    /// All members that are left, with their places.
    pub fn take_all(&mut self) -> Vec<(&'a str, &'a Value, String)> {
        let left = std::mem::take(&mut self.left);
        left.into_iter().map(|(name, value)| (name, value, self.place_of(name))).collect()
    }

    /// A member that must be there, read by one of the methods below.
    pub fn need<T>(
        &mut self,
        name: &str,
        read: fn(&mut Self, &str, &mut Report) -> Option<T>,
        report: &mut Report,
    ) -> Option<T> {
        if !self.has(name) {
            report.lose(&self.place_of(name), "it is missing");
            return None;
        }
        read(self, name, report)
    }

    /// A member that is text.
    pub fn text(&mut self, name: &str, report: &mut Report) -> Option<&'a str> {
        self.typed(name, "text", Value::as_str, report)
    }

    /// A member that is a whole number, not negative.
    pub fn number(&mut self, name: &str, report: &mut Report) -> Option<u64> {
        self.typed(name, "a whole number", Value::as_u64, report)
    }

    /// A member that is `true` or `false`.
    pub fn flag(&mut self, name: &str, report: &mut Report) -> Option<bool> {
        self.typed(name, "`true` or `false`", Value::as_bool, report)
    }

    /// A member that is text or a number and names something.
    pub fn id(&mut self, name: &str, report: &mut Report) -> Option<String> {
        self.typed(name, "text or a number", id_of, report)
    }

    /// A member that is a list, with the place of each item; empty where it is absent.
    pub fn list(&mut self, name: &str, report: &mut Report) -> Vec<(&'a Value, String)> {
        let items = self.typed(name, "a list", Value::as_array, report).map_or(&[][..], Vec::as_slice);
        items.iter().enumerate().map(|(at, item)| (item, format!("{}[{at}]", self.place_of(name)))).collect()
    }

    /// A member that is a list of texts.
    pub fn texts(&mut self, name: &str, report: &mut Report) -> Option<Vec<&'a str>> {
        let texts = |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect();
        self.typed(name, "a list of texts", texts, report)
    }

    /// A member that is a mapping.
    pub fn members(&mut self, name: &str, report: &mut Report) -> Option<Self> {
        let place = self.place_of(name);
        self.take(name).and_then(|value| Self::of(value, place, report))
    }

    /// Passes over members that change nothing about which request gets through and where it goes.
    pub fn skip(&mut self, names: &[&str]) {
        self.left.retain(|(name, _)| !names.contains(name));
    }

    /// Ends the reading: what nobody has read is lost.
    pub fn finish(self, report: &mut Report) {
        for (name, _) in &self.left {
            report.lose(&self.place_of(name), "this gate has no counterpart");
        }
    }

    fn typed<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        report: &mut Report,
    ) -> Option<T> {
        let value = self.take(name)?;
        let read = read(value);
        if read.is_none() {
            report.lose(&self.place_of(name), &format!("{expected} was expected, not {}", type_of(value)));
        }
        read
    }
}

/// Text or a whole number, as text.
pub fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number (in quotes it would be text)",
        Value::String(_) => "text",
        Value::Array(_) => "a list of this kind",
        Value::Object(_) => "a mapping",
    }
}
