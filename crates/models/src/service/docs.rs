//! The pages for people, and the document that they are made of; everything comes from the program itself.

pub(crate) mod operations;
mod page;
pub(crate) mod schemas;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::app::App;
use operations::{OPERATIONS, Operation};

/// Nothing from elsewhere, and no script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// `GET /openapi.json`: OpenAPI 3.1.
pub(crate) async fn document(State(app): State<Arc<App>>) -> Answer {
    Ok(answer::json(StatusCode::OK, &openapi(&app)))
}

/// `GET /docs` and `GET /redoc`: the document as a page.
pub(crate) async fn page(State(app): State<Arc<App>>) -> Response {
    html(page::html(&openapi(&app)))
}

/// `GET /`: where to go from here.
pub(crate) async fn landing(State(app): State<Arc<App>>) -> Response {
    html(page::landing(app.settings.dialect))
}

fn html(text: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, text).into_response()
}

fn openapi(app: &App) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = described(operation);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Model service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Trains models on tables, keeps them, and predicts with them.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas::all(app.settings.dialect) },
    });
    if app.settings.keys.is_some() {
        let header = app.settings.header.as_str();
        let scheme = json!({ "type": "apiKey", "in": "header", "name": header });
        document["components"]["securitySchemes"] = json!({ "api_key": scheme });
    }
    document
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": { operation.status: { "description": operation.answer } },
    });
    let names =
        operation.path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    let mut parameters: Vec<Value> = names
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(operation.query.iter().map(
        |(name, kind)| json!({ "name": name, "in": "query", "required": false, "schema": { "type": kind } }),
    ));
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    if let Some(body) = operation.body {
        let content = json!({ "application/json": { "schema": schema(body) } });
        described["requestBody"] = json!({ "required": true, "content": content });
        described["responses"]["422"] = json!({ "description": "A member of the body is wrong" });
    }
    if let Some(given) = operation.gives {
        described["responses"][operation.status]["content"] =
            json!({ "application/json": { "schema": schema(given) } });
    }
    if !operation.public {
        described["security"] = json!([{ "api_key": [] }]);
        described["responses"]["401"] = json!({ "description": "The key is missing or unknown" });
    }
    described
}

#[cfg(test)]
mod tests;
