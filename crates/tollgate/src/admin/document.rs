//! The OpenAPI document, from the handlers themselves, and the page that shows it.

mod page;

use std::sync::Arc;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::rights::SCOPES;

const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");
/// Nothing but what this listener serves, and no inline script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the document.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(root))
        .routes(routes!(document))
        .routes(routes!(docs))
        .routes(routes!(script))
        .routes(routes!(style))
}

/// An error, as RFC 9457 has it.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only its schema is used")]
struct ProblemSchema {
    /// `urn:tollgate:error:CODE`.
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What happened and what to do, for people.
    detail: String,
    /// What happened, for programs.
    code: String,
    /// The id of the request, also in `X-Request-ID`.
    request_id: String,
    /// The member, parameter or header that is refused.
    field: Option<String>,
    /// The scope that the key lacks.
    required_scope: Option<String>,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tollgate admin API",
        description = "Accounts, consumers, keys, usage and audit of a gate, and the auth-service contract. Every POST \
            takes an `Idempotency-Key`: sent again with the same body it gets the same answer, less its secret and \
            with `replayed: true`. Lists are `{items, next}` and asked on with `?cursor=NEXT`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "keys", description = "API keys"),
        (name = "consumers", description = "Calling services and persons"),
        (name = "credentials", description = "Credentials of every kind"),
        (name = "accounts", description = "Who pays"),
        (name = "usage", description = "What was used"),
        (name = "auth service", description = "What other gateways ask and report"),
        (name = "audit", description = "Who changed what"),
        (name = "declared", description = "What the configuration file says"),
        (name = "probes", description = "For whoever watches the process"),
        (name = "document", description = "This document"),
    ),
    components(schemas(ProblemSchema)),
    modifiers(&Keys)
)]
struct Frame;

/// How calls are authenticated.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = |text: String| {
            let mut http = Http::new(HttpAuthScheme::Bearer);
            http.description = Some(text);
            SecurityScheme::Http(http)
        };
        let scopes = SCOPES.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(", ");
        let admin = format!("An API key with one of the scopes {scopes}; `…:write` includes `…:read`.");
        components.add_security_scheme("admin_key", scheme(admin));
        components.add_security_scheme("api_key", scheme("The key that is asked about.".to_owned()));
    }
}

/// The document without paths.
pub fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds to each operation the errors that every one has, so that no handler must repeat them.
pub fn finish(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            add_errors(operation);
        }
    }
    document
}

fn add_errors(operation: &mut Operation) {
    let keyed =
        operation.security.as_ref().is_some_and(|all| all.iter().any(|one| *one != Default::default()));
    let body = operation.request_body.is_some();
    let placed = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
    let mut errors = vec![("421", "This listener has another name")];
    if keyed {
        errors.extend([
            ("401", "No key, or one that is invalid or expired"),
            ("403", "The key lacks a scope, or would hand on more than it has"),
            ("404", "It is not there, or somebody else's"),
            ("429", "Too many wrong keys from this address"),
            ("503", "The store is away or locked; nothing was changed"),
            ("507", "The store is full; nothing was changed"),
        ]);
    }
    if body {
        errors.extend([
            ("400", "The body is no JSON"),
            ("409", "It is there already, or declared by the configuration file"),
            ("413", "The body is too long"),
            ("415", "The body is not declared as JSON"),
        ]);
    }
    if operation.operation_id.as_deref().is_some_and(|id| id == "remove" || id == "revoke") {
        errors.push(("409", "It is in use, or declared by the configuration file"));
    }
    if body || placed {
        errors.push(("422", "A member, parameter or header is refused; `field` names it"));
    }
    for (status, description) in errors {
        if operation.responses.responses.contains_key(status) {
            continue;
        }
        let schema = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
        let response =
            ResponseBuilder::new().description(description).content("application/problem+json", schema);
        operation.responses.responses.insert(status.to_owned(), response.build().into());
    }
}

/// To the documentation
#[utoipa::path(get, path = "/", tag = "document", responses((status = 307, description = "To `/docs`")), security(()))]
async fn root() -> Redirect {
    Redirect::temporary("/docs")
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)), security(()))]
async fn document() -> Json<Value> {
    Json(super::openapi())
}

/// This document for people
#[utoipa::path(get, path = "/docs", tag = "document",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")), security(()))]
async fn docs() -> Response {
    file("text/html; charset=utf-8", page::html(&super::openapi()))
}

/// The script of the page
#[utoipa::path(get, path = "/docs/page.js", tag = "document",
    responses((status = 200, description = "A script", body = String, content_type = "text/javascript")),
    security(()))]
async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

/// The style of the page
#[utoipa::path(get, path = "/docs/page.css", tag = "document",
    responses((status = 200, description = "A style sheet", body = String, content_type = "text/css")),
    security(()))]
async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

fn file(media_type: &'static str, text: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CONTENT_SECURITY_POLICY, POLICY)], text).into_response()
}
