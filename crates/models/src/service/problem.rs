//! Refusals: what is said, with which status, in the words of the dialect.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::Dialect;
use super::table::COLUMNS_MAX;
use crate::store::StoreError;

/// Why a call is refused. Its body is made by [`Problem::render`], where the dialect and the path are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// In a box, because most calls are not refused.
    form: Box<Form>,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// RFC 9457, in both dialects.
    Problem { kind: &'static str, title: &'static str, detail: String, more: Option<(&'static str, Value)> },
    /// `{"detail": …}` in the older dialect, RFC 9457 in the newer one.
    Detail { kind: &'static str, title: &'static str, detail: String },
    /// What is wrong with which part of the body or query.
    Invalid(Vec<Flaw>),
    /// `{"detail": "Validation error", "errors": …}`, as the older dialect says it of pages.
    Page(String),
    /// `{"detail": …}` in both.
    Plain(String),
    /// `{"error": …}`, as the open inference protocol has it.
    Inference(String),
    /// `{"error_code": …, "message": …}`, as MLflow has it.
    Mlflow(String),
}

/// The kind of a flaw of what is no JSON.
pub(crate) const JSON_INVALID: &str = "json_invalid";

/// One thing that is wrong with a body or query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) kind: &'static str,
    /// Where it is, from the outside in: names, and places in lists.
    pub(crate) at: Vec<Value>,
    pub(crate) message: String,
    pub(crate) input: Value,
    pub(crate) context: Option<Value>,
}

/// Where a refused call went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    /// The absolute URL with its query.
    pub(crate) url: &'a str,
    pub(crate) request_id: &'a str,
}

impl Problem {
    fn standard(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Self {
        Self { status, form: Box::new(Form::Problem { kind, title, detail, more: None }) }
    }

    fn detail(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Self {
        Self { status, form: Box::new(Form::Detail { kind, title, detail }) }
    }

    pub(crate) fn unauthorized(detail: String) -> Self {
        Self::standard(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", detail)
    }

    pub(crate) fn bad_id(text: &str) -> Self {
        let detail = format!("Invalid ULID format: {text}");
        Self::standard(StatusCode::BAD_REQUEST, "invalid-ulid", "Invalid ULID Format", detail)
    }

    pub(crate) fn no_entity(id: Ulid) -> Self {
        Self::missing(format!("Entity with id {id} not found"))
    }

    pub(crate) fn missing(detail: String) -> Self {
        Self::standard(StatusCode::NOT_FOUND, "not-found", "Resource Not Found", detail)
    }

    /// What is missing below an artifact or among jobs.
    pub(crate) fn missing_detail(detail: String) -> Self {
        Self::detail(StatusCode::NOT_FOUND, "not-found", "Resource Not Found", detail)
    }

    pub(crate) fn bad_request(detail: String) -> Self {
        Self::detail(StatusCode::BAD_REQUEST, "bad-request", "Bad Request", detail)
    }

    pub(crate) fn bad_job_id(detail: String) -> Self {
        Self::detail(StatusCode::BAD_REQUEST, "invalid-ulid", "Invalid ULID Format", detail)
    }

    pub(crate) fn conflict(detail: String) -> Self {
        Self::standard(StatusCode::CONFLICT, "conflict", "Resource Conflict", detail)
    }

    /// A parent that is not there.
    pub(crate) fn no_parent() -> Self {
        let detail = "Entity violates a database constraint".to_owned();
        let mut problem = Self::conflict(detail);
        if let Form::Problem { more, .. } = &mut *problem.form {
            *more = Some(("constraint", "foreign_key".into()));
        }
        problem
    }

    pub(crate) fn invalid(flaws: Vec<Flaw>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, form: Box::new(Form::Invalid(flaws)) }
    }

    /// A page that there cannot be, in the older dialect.
    pub(crate) fn bad_page(errors: String) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, form: Box::new(Form::Page(errors)) }
    }

    pub(crate) fn too_large(most: usize) -> Self {
        let detail = format!("the body is larger than {most} bytes");
        Self::standard(StatusCode::PAYLOAD_TOO_LARGE, "bad-request", "Payload Too Large", detail)
    }

    /// The body may be no longer than allowed, and would still take more memory than one may.
    pub(crate) fn too_heavy(bytes: usize, most: usize) -> Self {
        let detail = format!(
            "the body would take {bytes} bytes of memory, and one may take {most}; send less at once"
        );
        Self::standard(StatusCode::PAYLOAD_TOO_LARGE, "bad-request", "Payload Too Large", detail)
    }

    /// A table has more columns than any may have.
    pub(crate) fn too_wide() -> Self {
        let detail = format!("a table may have {COLUMNS_MAX} columns");
        Self::standard(StatusCode::PAYLOAD_TOO_LARGE, "bad-request", "Payload Too Large", detail)
    }

    pub(crate) fn timeout() -> Self {
        let detail = "the body did not come in time".to_owned();
        Self::standard(StatusCode::REQUEST_TIMEOUT, "bad-request", "Request Timeout", detail)
    }

    /// There is no room for the call now; asking again later may do.
    pub(crate) fn busy(why: &str) -> Self {
        let detail = format!("{why}; try again later");
        Self::standard(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Service Unavailable", detail)
    }

    /// The call broke; the log says how.
    pub(crate) fn broken() -> Self {
        let detail = "the service failed; this is a fault of it and not of the call".to_owned();
        Self::standard(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal Server Error", detail)
    }

    pub(crate) fn plain(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, form: Box::new(Form::Plain(detail.into())) }
    }

    /// The same refusal as the open inference protocol says it.
    pub(crate) fn for_inference(self) -> Self {
        Self { status: self.asked_wrongly(), form: Box::new(Form::Inference(self.text())) }
    }

    /// The same refusal as MLflow says it.
    pub(crate) fn for_mlflow(self) -> Self {
        Self { status: self.asked_wrongly(), form: Box::new(Form::Mlflow(self.text())) }
    }

    /// Both protocols have 400 for whatever is wrong with a body.
    fn asked_wrongly(&self) -> StatusCode {
        match self.status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        }
    }

    /// What is said, in one line.
    pub(crate) fn text(&self) -> String {
        match &*self.form {
            Form::Problem { detail, .. } | Form::Detail { detail, .. } => detail.clone(),
            Form::Page(text) | Form::Plain(text) | Form::Inference(text) | Form::Mlflow(text) => text.clone(),
            Form::Invalid(flaws) => {
                let one = |flaw: &Flaw| {
                    if let (JSON_INVALID, Some(offset)) = (flaw.kind, flaw.at.last()) {
                        let why = flaw.context.as_ref().and_then(|context| context["error"].as_str());
                        return format!("{} at byte {offset}: {}", flaw.message, why.unwrap_or_default());
                    }
                    let at = flaw
                        .at
                        .iter()
                        .skip(1)
                        .map(|step| step.as_str().map_or(step.to_string(), str::to_owned));
                    let at = at.collect::<Vec<_>>().join(".");
                    if at.is_empty() { flaw.message.clone() } else { format!("`{at}`: {}", flaw.message) }
                };
                flaws.iter().map(one).collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// What kind of refusal it is, for the log.
    pub(crate) fn kind(&self) -> &'static str {
        match &*self.form {
            Form::Problem { kind, .. } | Form::Detail { kind, .. } => kind,
            Form::Invalid(_) | Form::Page(_) => "validation-failed",
            Form::Plain(_) | Form::Inference(_) | Form::Mlflow(_) => "bad-request",
        }
    }

    /// Whether it says which parts of a body or query are wrong.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(*self.form, Form::Invalid(_) | Form::Page(_))
    }

    /// The answer.
    pub(crate) fn render(&self, dialect: Dialect, place: Place<'_>) -> Response {
        let (problem, body) = match &*self.form {
            Form::Detail { detail, .. } if !dialect.is_new() => (false, json!({ "detail": detail })),
            Form::Problem { kind, title, detail, more } => {
                (true, self.members(dialect, place, (kind, title, detail), more.as_ref()))
            }
            Form::Detail { kind, title, detail } => {
                (true, self.members(dialect, place, (kind, title, detail), None))
            }
            Form::Invalid(flaws) if dialect.is_new() => (true, invalid(flaws, place)),
            Form::Invalid(flaws) => (false, json!({ "detail": Flaw::list(flaws) })),
            Form::Page(errors) => (false, json!({ "detail": "Validation error", "errors": errors })),
            Form::Plain(detail) => (false, json!({ "detail": detail })),
            Form::Inference(error) => (false, json!({ "error": error })),
            Form::Mlflow(message) => (false, json!({ "error_code": self.error_code(), "message": message })),
        };
        let media_type = if problem { "application/problem+json" } else { "application/json" };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn members(
        &self,
        dialect: Dialect,
        place: Place<'_>,
        (kind, title, detail): (&str, &str, &str),
        more: Option<&(&'static str, Value)>,
    ) -> Value {
        let instance = match self.status {
            StatusCode::CONFLICT => place.url,
            StatusCode::UNAUTHORIZED => place.path,
            // An operation on something is told of as the thing.
            _ => place.path.rsplit_once("/$").map_or(place.path, |(thing, _)| thing),
        };
        let mut members = Map::new();
        members.insert("type".to_owned(), format!("urn:{}:error:{kind}", dialect.name()).into());
        members.insert("title".to_owned(), title.into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        members.insert("detail".to_owned(), detail.into());
        members.insert("instance".to_owned(), instance.into());
        if let Some((name, value)) = more {
            members.insert((*name).to_owned(), value.clone());
        }
        members.into()
    }

    fn error_code(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "RESOURCE_DOES_NOT_EXIST",
            StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
            status if status.is_server_error() => "INTERNAL_ERROR",
            _ => "BAD_REQUEST",
        }
    }
}

impl Flaw {
    fn list(flaws: &[Self]) -> Vec<Value> {
        flaws.iter().map(Self::json).collect()
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "type": self.kind, "loc": self.at, "msg": self.message, "input": self.input,
        });
        if let Some(context) = &self.context {
            json["ctx"] = context.clone();
        }
        json
    }
}

fn invalid(flaws: &[Flaw], place: Place<'_>) -> Value {
    json!({
        "type": "urn:servicekit:error:validation-failed",
        "title": "Validation Error",
        "status": 422,
        "detail": "Request validation failed",
        "instance": place.url,
        "trace_id": place.request_id,
        "errors": Flaw::list(flaws),
    })
}

impl From<StoreError> for Problem {
    /// The caller is told that it is not theirs to mend, and nothing of the database.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rule(_) => Self::no_parent(),
            StoreError::Away(_) | StoreError::Full(_) => {
                tracing::error!(event = "database.error", %error, "the store refuses");
                Self::busy("the database is not available")
            }
            StoreError::NoRoom { .. } => {
                let (status, title) = (StatusCode::INSUFFICIENT_STORAGE, "Insufficient Storage");
                Self::standard(status, "unavailable", title, error.to_string())
            }
            StoreError::Damaged(_) | StoreError::NotOurs(_) => {
                tracing::error!(event = "database.error", %error, "the store is damaged");
                let detail = "what is stored cannot be read".to_owned();
                Self::standard(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal Server Error", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    /// Carries the problem out of the router; `around` renders it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
