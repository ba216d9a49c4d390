//! As much of JSON Schema as the generated schema uses. Patterns are left to the reader.

use serde_json::{Map, Value as Json};

use crate::config::file::node::{Entry, Node, Value};

/// Whether the tree is what `schema` describes; `root` holds the definitions.
pub(super) fn validate(root: &Json, schema: &Json, node: &Node) -> Result<(), String> {
    let schema = match schema {
        Json::Bool(true) => return Ok(()),
        Json::Object(schema) => schema,
        other => return Err(format!("{other} allows nothing")),
    };
    if let Some(Json::String(reference)) = schema.get("$ref") {
        let definition = root
            .pointer(reference.trim_start_matches('#'))
            .ok_or(reference.clone())?;
        validate(root, definition, node)?;
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Json::Array(choices)) = schema.get(keyword) else {
            continue;
        };
        let verdicts: Vec<_> = choices
            .iter()
            .map(|choice| validate(root, choice, node))
            .collect();
        if verdicts.iter().all(Result::is_err) {
            return Err(format!("{verdicts:?}"));
        }
    }
    if let Some(types) = schema.get("type") {
        let list = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
        if !list
            .iter()
            .any(|name| has_type(node, name.as_str().unwrap_or_default()))
        {
            return Err(format!("{node:?} is none of {types}"));
        }
    }
    let text = |value: &Json| matches!((&node.value, value), (Value::Scalar(text), Json::String(word)) if **text == **word);
    if schema.get("const").is_some_and(|word| !text(word)) {
        return Err(format!("{node:?} is not {:?}", schema["const"]));
    }
    if let Some(Json::Array(words)) = schema.get("enum")
        && !words.iter().any(text)
    {
        return Err(format!("{node:?} is none of {words:?}"));
    }
    match &node.value {
        Value::List(items) => match schema.get("items") {
            Some(of) => items.iter().try_for_each(|item| validate(root, of, item)),
            None => Ok(()),
        },
        Value::Mapping(entries) => members(root, schema, entries),
        Value::Null | Value::Scalar(_) | Value::Pruned => Ok(()),
    }
}

fn members(root: &Json, schema: &Map<String, Json>, entries: &[Entry]) -> Result<(), String> {
    for required in schema
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        if !entries.iter().any(|entry| required == entry.name()) {
            return Err(format!("{required} is missing"));
        }
    }
    for entry in entries {
        let named = schema
            .get("properties")
            .and_then(|properties| properties.get(entry.name()));
        let other = schema.get("additionalProperties");
        if let Some(of) = named.or(other) {
            validate(root, of, &entry.value).map_err(|error| format!("{}: {error}", entry.name()))?;
        }
    }
    Ok(())
}

/// YAML decides the type of a scalar by its text, and JSON Schema judges that type.
fn has_type(node: &Node, name: &str) -> bool {
    match &node.value {
        Value::Null => name == "null",
        Value::List(_) => name == "array",
        Value::Mapping(_) => name == "object",
        Value::Scalar(text) => match name {
            "string" => true,
            "boolean" => matches!(&**text, "true" | "false"),
            "integer" => text.parse::<i128>().is_ok(),
            "number" => text.parse::<f64>().is_ok(),
            _ => false,
        },
        Value::Pruned => false,
    }
}
