//! The example of the walk-through, learnt: what a new service can show of itself.

use std::io;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use tower_service::Service as _;

use super::{Service, ml};

/// The name of the example's model in paths.
pub const EXAMPLE: &str = "disease-cases";

impl Service {
    /// Learns the example of the walk-through and names its model [`EXAMPLE`], by the same calls as a client.
    ///
    /// # Errors
    /// If a call is refused or the job fails; the text says which. A service with [keys](super::Keys) refuses.
    pub async fn learn_example(&self) -> io::Result<()> {
        let config = json!({ "name": EXAMPLE, "data": {} });
        let config = self.ask(Method::POST, "/api/v1/configs", &config).await?;
        let training = json!({ "config_id": config["id"], "data": ml::example() });
        let accepted = self.ask(Method::POST, "/api/v1/ml/$train", &training).await?;
        // It ends with the job.
        let job = format!("/api/v1/jobs/{}", accepted["job_id"].as_str().unwrap_or_default());
        self.ask(Method::GET, &format!("{job}/$stream"), &Value::Null).await?;
        let job = self.ask(Method::GET, &job, &Value::Null).await?;
        if job["status"] != "completed" {
            return Err(io::Error::other(format!("the example was not learnt: {}", job["error"])));
        }
        let model = json!({ "artifact_id": job["artifact_id"] });
        self.ask(Method::PUT, &format!("/api/v1/models/{EXAMPLE}"), &model).await.map(|_| ())
    }

    /// Calls the service without a socket; gives the body where it is JSON.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> io::Result<Value> {
        /// More than any of these answers has, in bytes.
        const ANSWER_MAX: usize = 1024 * 1024;
        let request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).map_err(io::Error::other)?;
        let Ok(answer) = self.router().call(request).await;
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), ANSWER_MAX).await.map_err(io::Error::other)?;
        if !status.is_success() {
            return Err(io::Error::other(format!("{path}: {status}: {}", String::from_utf8_lossy(&bytes))));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
