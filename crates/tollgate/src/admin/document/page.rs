//! The document as a page: a list that needs no script, with the names of everything that is sent and answered.

use serde_json::{Map, Value};

const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// The whole page.
pub fn html(document: &Value) -> String {
    let info = &document["info"];
    let mut out = String::from("<!doctype html>\n<html lang=en><head><meta charset=utf-8>");
    out.push_str("<meta name=viewport content='width=device-width, initial-scale=1'>");
    out.push_str("<title>Tollgate admin API</title><link rel=stylesheet href=/docs/page.css>");
    out.push_str("<link rel=icon href='data:,'></head><body><header>");
    out.push_str(&format!("<h1>{}</h1><p>{}</p>", text(&info["title"]), prose(&info["description"])));
    out.push_str(
        "<p><a href=/openapi.json>openapi.json</a> <input id=filter type=search placeholder=Filter ",
    );
    out.push_str("aria-label='Filter operations' hidden></p></header><main>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        section(&mut out, document, tag);
    }
    out.push_str("</main><script src=/docs/page.js></script></body></html>\n");
    out
}

fn section(out: &mut String, document: &Value, tag: &Value) {
    out.push_str(&format!("<section><h2>{}</h2><p>{}</p>", text(&tag["name"]), prose(&tag["description"])));
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            let operation = &item[method];
            if operation["tags"][0] == tag["name"] {
                self::operation(out, document, method, path, operation);
            }
        }
    }
    out.push_str("</section>");
}

fn operation(out: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    out.push_str(&format!(
        "<details><summary><b class={method}>{}</b> <code>{}</code> <span>{}</span></summary>",
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"])
    ));
    out.push_str(&format!("<p>{}</p>", prose(&operation["description"])));
    let needed: Vec<String> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|one| members(one).flat_map(|(_, scopes)| scopes.as_array().into_iter().flatten()))
        .map(|scope| format!("<code>{}</code>", text(scope)))
        .collect();
    if !needed.is_empty() {
        out.push_str(&format!("<p>Scope: {}</p>", needed.join(", ")));
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    rows(
        out,
        "Parameters",
        parameters.map(|one| (text(&one["name"]), kind(&one["schema"]), prose(&one["description"]))),
    );
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        out.push_str("<h3>Body</h3>");
        schema(out, document, body);
    }
    for (status, response) in members(&operation["responses"]) {
        out.push_str(&format!(
            "<h3><code>{}</code> {}</h3>",
            escaped(status),
            prose(&response["description"])
        ));
        let answer = &response["content"]["application/json"]["schema"];
        if !answer.is_null() {
            schema(out, document, answer);
        }
    }
    out.push_str("</details>");
}

/// The members of an object, those of its parts included.
fn schema(out: &mut String, document: &Value, schema: &Value) {
    let mut all = Vec::new();
    collect(document, schema, &mut all, 0);
    rows(out, "", all.into_iter());
}

type Row = (String, String, String);

fn collect(document: &Value, schema: &Value, into: &mut Vec<Row>, depth: u8) {
    // Schemas of the control plane are shallow; the bound is against one that names itself.
    if depth > 4 {
        return;
    }
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(document, part, into, depth + 1);
    }
    let required = schema["required"].as_array();
    for (name, member) in members(&schema["properties"]) {
        let needed = required.is_some_and(|list| list.iter().any(|one| one == name));
        let mark = if needed { "" } else { "?" };
        let of_list = resolved(document, &member["items"]);
        into.push((format!("{}{mark}", escaped(name)), kind(member), prose(&member["description"])));
        if depth < 2 && !of_list["properties"].is_null() {
            let from = into.len();
            collect(document, &member["items"], into, depth + 2);
            into[from..].iter_mut().for_each(|row| row.0 = format!("{}[].{}", escaped(name), row.0));
        }
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|text| text.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

fn kind(schema: &Value) -> String {
    let word = |value: &Value| match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        value => value.as_str().unwrap_or_default().to_owned(),
    };
    let name = schema["$ref"].as_str().and_then(|text| text.rsplit('/').next());
    let bounds = [("minimum", "≥ "), ("maximum", "≤ "), ("maxLength", "at most "), ("maxItems", "at most ")];
    let bounds = bounds.iter().filter_map(|(key, sign)| {
        let bound = &schema[key];
        (!bound.is_null()).then(|| format!("{sign}{bound}"))
    });
    let kind = name.map_or_else(|| word(&schema["type"]), str::to_owned);
    escaped(&std::iter::once(kind).chain(bounds).collect::<Vec<_>>().join(", "))
}

fn rows(out: &mut String, title: &str, rows: impl Iterator<Item = Row>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    if !title.is_empty() {
        out.push_str(&format!("<h3>{title}</h3>"));
    }
    out.push_str("<table>");
    for (name, kind, description) in rows {
        out.push_str(&format!("<tr><td><code>{name}</code><td><i>{kind}</i><td>{description}</tr>"));
    }
    out.push_str("</table>");
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// Text with its backticks as code.
fn prose(value: &Value) -> String {
    let mut parts = value.as_str().unwrap_or_default().split('`');
    let mut out = escaped(parts.next().unwrap_or_default());
    for (part, odd) in parts.zip([true, false].into_iter().cycle()) {
        match odd {
            true => out.push_str(&format!("<code>{}</code>", escaped(part))),
            false => out.push_str(&escaped(part)),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
