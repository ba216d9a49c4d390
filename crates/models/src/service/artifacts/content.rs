//! What artifacts hold beside their data: files of models, tables of predictions.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::shown::{self, MODEL_TYPE, ONNX_TYPE, TABLE_TYPE};
use crate::service::answer::{self, Answer};
use crate::service::app::App;
use crate::service::frames;
use crate::service::ids::Id;
use crate::service::problem::Problem;
use crate::store::Kind;

/// `GET /api/v1/artifacts/{id}/$metadata`: how it came to be, its digest, and what a model reads and gives.
pub(crate) async fn metadata(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let missing = || Problem::missing_detail(format!("Artifact with id {id} not found"));
    let artifact = app.store.artifact(id).await?.ok_or_else(missing)?;
    let data: Value = serde_json::from_str(&artifact.data).unwrap_or_default();
    let mut metadata = match artifact.kind {
        Kind::Plain => data.get("metadata").cloned().unwrap_or_else(|| json!({})),
        Kind::Model | Kind::Onnx | Kind::Prediction => shown::metadata(&data),
    };
    if let Value::Object(members) = &mut metadata {
        members.insert("sha256".to_owned(), hex::encode(&artifact.sha256).into());
        let bytes =
            artifact.content_bytes.unwrap_or_else(|| i64::try_from(artifact.data.len()).unwrap_or(i64::MAX));
        members.insert("content_size".to_owned(), bytes.into());
        for name in ["model", "inputs", "outputs", "name"] {
            if let Some(value) = data.get(name) {
                members.insert(name.to_owned(), value.clone());
            }
        }
    }
    Ok(answer::json(StatusCode::OK, &metadata))
}

/// `GET /api/v1/artifacts/{id}/$download`: the file of a model, the rows of predictions, else the data.
pub(crate) async fn download(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let missing = || Problem::missing_detail(format!("Artifact with id {id} not found"));
    let artifact = app.store.artifact(id).await?.ok_or_else(missing)?;
    let (media_type, ending, bytes) = match artifact.kind {
        Kind::Model => (MODEL_TYPE, "tgm", app.store.content(id).await?.unwrap_or_default()),
        Kind::Onnx => (ONNX_TYPE, "onnx", app.store.content(id).await?.unwrap_or_default()),
        Kind::Prediction => {
            (TABLE_TYPE, "json", app.apart(artifact.data.len(), || rows(&artifact.data)).await)
        }
        Kind::Plain => ("application/json", "json", artifact.data.into_bytes()),
    };
    let mut response = answer::typed(StatusCode::OK, media_type, bytes);
    let disposition = format!("attachment; filename=artifact_{id}.{ending}");
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn rows(data: &str) -> Vec<u8> {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let table = &data["predictions"];
    let list = |name: &str| table[name].as_array().cloned().unwrap_or_default();
    Value::Array(frames::records(&list("columns"), &list("data"))).to_string().into_bytes()
}

/// `POST /api/v1/artifacts/$upload`: keeps a model in the form of ONNX.
pub(crate) async fn upload(State(_app): State<Arc<App>>) -> Answer {
    Err(Problem::plain(StatusCode::NOT_IMPLEMENTED, "no form of model can be uploaded yet"))
}
