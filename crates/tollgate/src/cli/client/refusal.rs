//! The gate's no, in words.

use std::fmt;

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::KEY;

/// An answer of the admin API that is a refusal (RFC 9457).
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    problem: Value,
    retry_after: Option<String>,
}

impl Refusal {
    /// Reads the answer; one that is no problem document is told by its status.
    pub fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let problem = serde_json::from_slice(body).ok().filter(Value::is_object);
        let title = status.canonical_reason().unwrap_or("refused");
        let problem = problem.unwrap_or_else(|| json!({ "title": title, "status": status.as_u16() }));
        let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        Self { status, problem, retry_after: retry_after.map(str::to_owned) }
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The document, for programs.
    pub fn problem(&self) -> &Value {
        &self.problem
    }

    fn member(&self, name: &str) -> Option<&str> {
        self.problem[name].as_str()
    }

    /// What to do about it, where that is not said by the detail.
    fn advice(&self) -> Option<String> {
        match self.status {
            StatusCode::UNAUTHORIZED => Some(format!(
                "the admin key of `{KEY}` is not accepted; `tollgate init` prints the first one"
            )),
            StatusCode::FORBIDDEN => {
                self.member("required_scope").map(|scope| format!("it needs the scope `{scope}`"))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                self.retry_after.as_ref().map(|seconds| format!("try again in {seconds} s"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.member("title").or(self.status.canonical_reason()).unwrap_or("refused");
        f.write_str(title)?;
        let detail = self.member("detail");
        if let Some(detail) = detail {
            write!(f, ": {detail}")?;
        }
        // A detail that names the field already says it better.
        if let Some(field) =
            self.member("field").filter(|field| !detail.is_some_and(|text| text.contains(field)))
        {
            write!(f, " (field `{field}`)")?;
        }
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}
