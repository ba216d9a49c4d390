//! What goes wrong on the control plane, as callers are told (RFC 9457).

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tollgate_store::{Conflict, Error};

/// Why a call of the control plane was not answered as asked. Nothing of it was done then.
///
/// As a response it is an empty one that carries itself; [`around`](super::around) writes the body, because that knows
/// the id of the request.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    bare: bool,
}

/// What handlers answer.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// A problem of this status; `code` is for programs and never changes, `detail` is for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), members: Vec::new(), headers: Vec::new(), bare: false }
    }

    /// 404, the same for what is not there and for what is somebody else's.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 422 for one member of a body, one parameter or one header.
    pub fn invalid(field: &str, why: impl AsRef<str>) -> Self {
        let detail = format!("`{field}` {}", why.as_ref());
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail).with("field", field)
    }

    /// 409 for what the configuration file declares.
    pub fn declared(what: &str, name: &str) -> Self {
        let detail = format!("the {what} `{name}` is declared by the configuration file; change it there");
        Self::new(StatusCode::CONFLICT, "declared_by_file", detail)
    }

    /// 429, to be tried again after so many seconds.
    pub fn slow_down(code: &'static str, detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).retry_after(seconds)
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((member, value.into()));
        self
    }

    /// The same with one more header field; a value that cannot be one is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with("retry_after", seconds).header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// The same with a body of nothing but `detail`, as callers of the auth-service contract know it.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// What metrics and logs call it.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The body.
    pub fn body(&self, request_id: &str) -> Value {
        if self.bare {
            return json!({ "detail": self.detail });
        }
        let mut body = json!({
            "type": format!("urn:tollgate:error:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        });
        if let Some(object) = body.as_object_mut() {
            object.extend(self.members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        body
    }

    /// The media type of the body.
    pub fn media_type(&self) -> &'static str {
        if self.bare { "application/json" } else { "application/problem+json" }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    /// What the database says in its own words goes to the log alone.
    fn from(error: Error) -> Self {
        let away = |code, detail| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(1);
        match &error {
            Error::NotFound(what) => Self::not_found(what),
            Error::Conflict(conflict) => of_conflict(conflict),
            Error::Reserved(_) => Self::new(StatusCode::CONFLICT, "declared_by_file", error.to_string()),
            Error::Invalid { field, why } => Self::invalid(field, why),
            Error::Locked(_) => {
                tracing::warn!(%error, "the store is busy");
                away("store_locked", "others write to the store for too long; nothing was changed")
            }
            Error::Unavailable(_) => {
                tracing::error!(%error, "the store is away");
                away("store_unavailable", "the store is away; repeat with the same `Idempotency-Key`")
            }
            Error::Full(_) => {
                tracing::error!(%error, "the store is full");
                let detail = "the store has no space left; nothing was changed";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "store_full", detail)
            }
            Error::Newer { .. } => {
                tracing::error!(%error, "the store is newer than this program");
                away("store_newer", "the store was migrated by a newer program than this one")
            }
            Error::Sealing(_) => {
                tracing::error!(%error, "no secret can be sealed");
                away("sealing_unavailable", "this secret can be neither sealed nor opened here")
            }
            Error::NotOurs(_) | Error::Corrupt(_) => {
                tracing::error!(%error, "the store is damaged");
                let detail = "the store is damaged; its operator has to look at it";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_damaged", detail)
            }
        }
    }
}

fn of_conflict(conflict: &Conflict) -> Problem {
    let (status, code) = match conflict {
        Conflict::Name(_) => (StatusCode::CONFLICT, "name_taken"),
        Conflict::Lookup(_) => (StatusCode::CONFLICT, "credential_taken"),
        // As draft-ietf-httpapi-idempotency-key-header §2.7 has it.
        Conflict::Idempotency => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        Conflict::Credential(_) => (StatusCode::CONFLICT, "credential_over"),
        Conflict::HasConsumers => (StatusCode::CONFLICT, "account_in_use"),
        Conflict::NotEmpty(_) => (StatusCode::CONFLICT, "not_empty"),
        Conflict::Part(_) => (StatusCode::CONFLICT, "part_taken"),
    };
    Problem::new(status, code, conflict.to_string())
}

#[cfg(test)]
mod tests;
