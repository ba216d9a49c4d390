//! Checks of bodies and queries, in the words that clients of the original know: every flaw with its kind and place.

use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::Dialect;
use super::ids;
use super::problem::{Flaw, Problem};

/// Values larger than this are not repeated to whoever sent them.
pub(crate) const ECHO_MAX: usize = 16 * 1024;

/// Collects what is wrong with one body or query.
pub(crate) struct Check {
    dialect: Dialect,
    /// Whether flaws repeat what came.
    echo: bool,
    flaws: Vec<Flaw>,
}

/// `columns` and `data` of a table, checked but not yet a table: how long rows are is the job's business.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) data: Vec<Vec<Value>>,
}

impl Check {
    /// Begins the check of what came in so many bytes.
    pub(crate) fn new(dialect: Dialect, bytes: usize) -> Self {
        Self { dialect, echo: bytes <= ECHO_MAX, flaws: Vec::new() }
    }

    /// Ends the check: what was found, where nothing was wrong.
    pub(crate) fn end<T>(self, found: Option<T>) -> Result<T, Problem> {
        match found {
            Some(found) if self.flaws.is_empty() => Ok(found),
            _ => Err(Problem::invalid(self.flaws)),
        }
    }

    pub(crate) fn flaw(&mut self, kind: &'static str, at: &[Value], message: &str, input: &Value) {
        self.flaw_with(kind, at, message, input, None);
    }

    pub(crate) fn flaw_with(
        &mut self,
        kind: &'static str,
        at: &[Value],
        message: &str,
        input: &Value,
        context: Option<Value>,
    ) {
        let input = if self.echo { input.clone() } else { Value::Null };
        // A large body of nothing but flaws would make a larger answer.
        if self.flaws.len() < 100 {
            self.flaws.push(Flaw { kind, at: at.to_vec(), message: message.to_owned(), input, context });
        }
    }

    /// An object.
    pub(crate) fn object<'a>(&mut self, at: &[Value], value: &'a Value) -> Option<&'a Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            let message = "Input should be a valid dictionary or object to extract fields from";
            self.flaw("model_attributes_type", at, message, value);
        }
        object
    }

    /// A member that must be there.
    pub(crate) fn member<'a>(
        &mut self,
        at: &[Value],
        object: &'a Map<String, Value>,
        name: &str,
    ) -> Option<&'a Value> {
        let member = object.get(name);
        if member.is_none() {
            self.missing(at, object, name);
        }
        member
    }

    /// Says that a member is not there.
    pub(crate) fn missing(&mut self, at: &[Value], object: &Map<String, Value>, name: &str) {
        let input = if self.echo { Value::Object(object.clone()) } else { Value::Null };
        self.flaw("missing", &below(at, name), "Field required", &input);
    }

    /// A text.
    pub(crate) fn text<'a>(&mut self, at: &[Value], value: &'a Value) -> Option<&'a str> {
        let text = value.as_str();
        match text {
            None => self.flaw("string_type", at, "Input should be a valid string", value),
            // No database of ours takes one for a character.
            Some(text) if text.contains('\0') => {
                self.flaw("string_type", at, "Input should be a valid string without NUL", value);
            }
            Some(_) => {}
        }
        text
    }

    /// An identifier.
    pub(crate) fn id(&mut self, at: &[Value], value: &Value) -> Option<Ulid> {
        let id = value.as_str().and_then(|text| ids::parse(text, self.dialect));
        if id.is_none() {
            self.flaw("ulid_format", at, "Unrecognized format", value);
        }
        id
    }

    /// A table.
    pub(crate) fn rows(&mut self, at: &[Value], value: Value) -> Option<Rows> {
        let Value::Object(mut object) = value else {
            self.object(at, &value);
            return None;
        };
        // Taken out, so that a large table is not copied; what is missing is told of with what came.
        for name in ["columns", "data"] {
            if !object.contains_key(name) {
                self.missing(at, &object, name);
            }
        }
        let columns = object.remove("columns").and_then(|value| self.columns(&below(at, "columns"), &value));
        let data = object.remove("data").and_then(|value| self.data(&below(at, "data"), value));
        Some(Rows { columns: columns?, data: data? })
    }

    fn columns(&mut self, at: &[Value], value: &Value) -> Option<Vec<String>> {
        let list = self.list(at, value)?;
        let names = list.iter().enumerate().map(|(place, name)| {
            let at = [at, &[place.into()]].concat();
            self.text(&at, name).map(str::to_owned)
        });
        // Every wrong one is told of, not the first alone.
        names.collect::<Vec<_>>().into_iter().collect()
    }

    fn data(&mut self, at: &[Value], value: Value) -> Option<Vec<Vec<Value>>> {
        let Value::Array(list) = value else {
            self.list(at, &value);
            return None;
        };
        let mut rows = Vec::with_capacity(list.len());
        let count = list.len();
        for (place, row) in list.into_iter().enumerate() {
            match row {
                Value::Array(row) => rows.push(row),
                other => {
                    let at = [at, &[place.into()]].concat();
                    self.list(&at, &other);
                }
            }
        }
        (rows.len() == count).then_some(rows)
    }

    fn list<'a>(&mut self, at: &[Value], value: &'a Value) -> Option<&'a Vec<Value>> {
        let list = value.as_array();
        if list.is_none() {
            self.flaw("list_type", at, "Input should be a valid list", value);
        }
        list
    }

    /// Places on the globe, where there are any: checked for their form alone.
    pub(crate) fn geo(&mut self, at: &[Value], value: Option<&Value>) {
        let Some(value) = value.filter(|value| !value.is_null()) else { return };
        let Some(object) = self.object(at, value) else { return };
        if let Some(kind) = self.member(at, object, "type")
            && kind != "FeatureCollection"
        {
            let context = Some(json!({ "expected": "'FeatureCollection'" }));
            let message = "Input should be 'FeatureCollection'";
            self.flaw_with("literal_error", &below(at, "type"), message, kind, context);
        }
        if let Some(features) = self.member(at, object, "features") {
            self.list(&below(at, "features"), features);
        }
    }
}

/// The place of a member.
pub(crate) fn below(at: &[Value], name: &str) -> Vec<Value> {
    [at, &[name.into()]].concat()
}

/// The place of the body itself.
pub(crate) fn body() -> Vec<Value> {
    vec!["body".into()]
}
