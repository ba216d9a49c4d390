//! What artifacts hold beside their data: files of models, tables of predictions.

use std::sync::Arc;

#[cfg(feature = "onnx")]
use axum::body::Body;
use axum::extract::State;
#[cfg(feature = "onnx")]
use axum::http::{HeaderMap, Uri};
use axum::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

#[cfg(feature = "onnx")]
use super::Shown;
use super::shown::{self, MODEL_TYPE, ONNX_TYPE, TABLE_TYPE};
#[cfg(feature = "onnx")]
use crate::learn::onnx::OnnxModel;
use crate::service::answer::{self, Answer};
use crate::service::app::App;
use crate::service::frames;
use crate::service::ids::Id;
use crate::service::problem::Problem;
#[cfg(feature = "onnx")]
use crate::service::{body, listing, models};
use crate::store::Kind;
#[cfg(feature = "onnx")]
use crate::store::{self, NewArtifact};

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

/// `POST /api/v1/artifacts/$upload`: keeps a model in the form of ONNX, under a name where `?name=` gives one.
#[cfg(feature = "onnx")]
pub(crate) async fn upload(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri, body: Body) -> Answer {
    let name = listing::parameter(&uri, "name");
    if let Some(name) = &name {
        models::check_name(name)?;
    }
    let started = store::now();
    let body::Read { bytes, room: _room } = body::read(&app, body).await?;
    let described =
        app.apart(usize::MAX, || OnnxModel::from_bytes(&bytes).map(|model| model.description())).await;
    let mut described =
        described.map_err(|error| Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let data = json!({
        "ml_type": "onnx_model",
        "name": name,
        "config_id": null,
        "started_at": answer::data_time(started),
        "completed_at": answer::data_time(store::now()),
        "model": { "model": "onnx" },
        "model_type": "onnx",
        "model_size_bytes": bytes.len(),
        "inputs": described["inputs"].take(),
        "outputs": described["outputs"].take(),
    });
    let new = NewArtifact {
        id: app.ids.next(),
        parent_id: None,
        kind: Kind::Onnx,
        data: data.to_string(),
        content: Some(bytes),
    };
    let made = app.store.add_artifact(new, store::now()).await?.ok_or_else(Problem::no_parent)?;
    if let Some(name) = name {
        app.store.name_model(&name, made.id).await?;
        app.names.write().remove(&name);
    }
    let path = format!("/api/v1/artifacts/{}", made.id);
    Ok(answer::created(&answer::base(&app, &headers, &uri), &path, &Shown::new(made, app.settings.dialect)))
}

/// `POST /api/v1/artifacts/$upload`, in a program without ONNX.
#[cfg(not(feature = "onnx"))]
pub(crate) async fn upload() -> Answer {
    Err(Problem::plain(StatusCode::NOT_IMPLEMENTED, "this program was built without ONNX"))
}
