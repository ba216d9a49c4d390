//! The document as a page: a list that needs no script and nothing from elsewhere.

use serde_json::{Map, Value};

use super::operations::OPERATIONS;
use crate::service::Dialect;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
     color:#1b1b1b;background:#fff}code{font:14px ui-monospace,monospace}details{border:1px solid #ccc;\
     border-radius:4px;margin:.4rem 0;padding:.3rem .7rem}summary{cursor:pointer}b{display:inline-block;width:4.5rem}\
     table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.2rem .5rem .2rem 0;\
     vertical-align:top}h2{margin-top:2rem}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}\
     details,td{border-color:#444}a{color:#8cb4ff}}";

/// `/docs`.
pub(super) fn html(document: &Value) -> String {
    let info = &document["info"];
    let title = text(&info["title"]);
    let mut body = format!("<h1>{title}</h1><p>{}</p>", text(&info["description"]));
    body.push_str("<p><a href=/openapi.json>openapi.json</a></p>");
    let mut tags: Vec<&str> = Vec::new();
    for operation in OPERATIONS {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    for tag in tags {
        body.push_str(&format!("<h2>{}</h2>", escaped(tag)));
        for operation in OPERATIONS.iter().filter(|operation| operation.tag == tag) {
            let described = &document["paths"][operation.path][operation.method];
            self::operation(&mut body, document, (operation.method, operation.path), described);
        }
    }
    whole(&title, &body)
}

/// `/`.
pub(super) fn landing(dialect: Dialect) -> String {
    let links = ["/docs", "/openapi.json", "/health", "/api/v1/info", "/v2"];
    let links: String =
        links.iter().map(|link| format!("<li><a href={link}><code>{link}</code></a>")).collect();
    let body = format!(
        "<h1>Model service</h1><p>Trains models on tables, keeps them, and predicts with them, in the dialect \
         <code>{}</code>.</p><ul>{links}</ul>",
        dialect.name()
    );
    whole("Model service", &body)
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content='width=device-width, initial-scale=1'><title>{title}</title>\
         <link rel=icon href='data:,'><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
}

fn operation(out: &mut String, document: &Value, (method, path): (&str, &str), described: &Value) {
    let summary = text(&described["summary"]);
    out.push_str(&format!(
        "<details><summary><b>{}</b> <code>{}</code> {summary}</summary><table>",
        method.to_uppercase(),
        escaped(path)
    ));
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let place = format!("{}, in the {}", text(&parameter["schema"]["type"]), text(&parameter["in"]));
        row(out, &text(&parameter["name"]), &place);
    }
    let body = &described["requestBody"]["content"]["application/json"]["schema"];
    for (name, member) in members(&resolved(document, body)["properties"]) {
        row(out, &escaped(name), &format!("{}, in the body", kind(member)));
    }
    for (status, response) in members(&described["responses"]) {
        let schema = &response["content"]["application/json"]["schema"];
        let given = members(&resolved(document, schema)["properties"]);
        let names: Vec<String> = given.map(|(name, _)| format!("<code>{}</code>", escaped(name))).collect();
        let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        row(out, &escaped(status), &format!("{}{names}", text(&response["description"])));
    }
    out.push_str("</table></details>");
}

fn row(out: &mut String, name: &str, what: &str) {
    out.push_str(&format!("<tr><td><code>{name}</code><td>{what}</tr>"));
}

fn kind(schema: &Value) -> String {
    let named = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let own = schema["type"].as_str().or_else(|| schema["anyOf"][0]["type"].as_str());
    escaped(named.or(own).unwrap_or("any JSON"))
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
