//! Checks of bodies and queries, in the words that clients of the original know: every flaw with its kind and place.

use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::Dialect;
use super::ids;
use super::problem::{Flaw, Problem};

/// Values larger than this are not repeated to whoever sent them.
const ECHO_MAX: usize = 16 * 1024;

/// The kind of a flaw whose place has nothing.
const MISSING: &str = "missing";

/// Collects what is wrong with one body or query.
pub(crate) struct Check<'a> {
    dialect: Dialect,
    echo: Echo<'a>,
    flaws: Vec<Flaw>,
}

/// What flaws repeat of what came.
enum Echo<'a> {
    /// Nothing: it is too much.
    Nothing,
    /// The value that is wrong.
    Value,
    /// What stands at the flaw's place in this text; what is wrong is an outline alone.
    Text(&'a str),
}

impl Check<'static> {
    /// Begins the check of what came in so many bytes.
    pub(crate) fn new(dialect: Dialect, bytes: usize) -> Self {
        let echo = if bytes <= ECHO_MAX { Echo::Value } else { Echo::Nothing };
        Self { dialect, echo, flaws: Vec::new() }
    }

    /// Begins a check that repeats nothing.
    pub(crate) fn silent() -> Self {
        Self { dialect: Dialect::Chapkit, echo: Echo::Nothing, flaws: Vec::new() }
    }
}

impl<'a> Check<'a> {
    /// Begins the check of a body of which outlines are looked at.
    pub(crate) fn of_text(dialect: Dialect, text: &'a str) -> Self {
        let echo = if text.len() <= ECHO_MAX { Echo::Text(text) } else { Echo::Nothing };
        Self { dialect, echo, flaws: Vec::new() }
    }

    /// Ends the check: what was found, where nothing was wrong.
    pub(crate) fn end<T>(self, found: Option<T>) -> Result<T, Problem> {
        match found {
            Some(found) if self.flaws.is_empty() => Ok(found),
            _ => Err(Problem::invalid(self.flaws)),
        }
    }

    /// Ends a check that found something.
    pub(crate) fn refusal(self) -> Problem {
        Problem::invalid(self.flaws)
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
        // A large body of nothing but flaws would make a larger answer.
        if self.flaws.len() < 100 {
            let at_fault = if kind == MISSING { at.get(..at.len() - 1).unwrap_or_default() } else { at };
            let input = self.input(at_fault, input);
            self.flaws.push(Flaw { kind, at: at.to_vec(), message: message.to_owned(), input, context });
        }
    }

    /// What a flaw at that place repeats.
    fn input(&self, at: &[Value], input: &Value) -> Value {
        match self.echo {
            Echo::Nothing => Value::Null,
            Echo::Value => input.clone(),
            Echo::Text(text) => {
                let whole: Value = serde_json::from_str(text).unwrap_or_default();
                let step = |value: &'_ Value, step: &Value| match step {
                    Value::String(name) => value.get(name).cloned(),
                    place => value.get(usize::try_from(place.as_u64()?).ok()?).cloned(),
                };
                // The first step is the body.
                let found = at.iter().skip(1).try_fold(whole, |value, next| step(&value, next));
                found.unwrap_or_else(|| input.clone())
            }
        }
    }

    /// An object.
    pub(crate) fn object<'v>(&mut self, at: &[Value], value: &'v Value) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            let message = "Input should be a valid dictionary or object to extract fields from";
            self.flaw("model_attributes_type", at, message, value);
        }
        object
    }

    /// A member that must be there.
    pub(crate) fn member<'v>(
        &mut self,
        at: &[Value],
        object: &'v Map<String, Value>,
        name: &str,
    ) -> Option<&'v Value> {
        let member = object.get(name);
        if member.is_none() {
            self.missing(at, object, name);
        }
        member
    }

    /// Says that a member is not there.
    pub(crate) fn missing(&mut self, at: &[Value], object: &Map<String, Value>, name: &str) {
        let input = match self.echo {
            Echo::Value => Value::Object(object.clone()),
            Echo::Nothing | Echo::Text(_) => Value::Null,
        };
        self.flaw(MISSING, &below(at, name), "Field required", &input);
    }

    /// A text.
    pub(crate) fn text<'v>(&mut self, at: &[Value], value: &'v Value) -> Option<&'v str> {
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

    /// A list of names.
    pub(crate) fn columns(&mut self, at: &[Value], value: &Value) -> Option<Vec<String>> {
        let list = self.list(at, value)?;
        let names = list.iter().enumerate().map(|(place, name)| {
            let at = [at, &[place.into()]].concat();
            self.text(&at, name).map(str::to_owned)
        });
        // Every wrong one is told of, not the first alone.
        names.collect::<Vec<_>>().into_iter().collect()
    }

    /// A list.
    pub(crate) fn list<'v>(&mut self, at: &[Value], value: &'v Value) -> Option<&'v Vec<Value>> {
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
