//! Artifacts as callers see them.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::service::Dialect;
use crate::service::answer;
use crate::store::{Artifact, Kind};

/// What the files of models are called on the wire.
pub(crate) const MODEL_TYPE: &str = "application/vnd.tollgate.model";
/// What a table of predictions is called on the wire, as the newer dialect names it.
pub(crate) const TABLE_TYPE: &str = "application/vnd.chapkit.dataframe+json";
/// What a model in the form of ONNX is called on the wire.
pub(crate) const ONNX_TYPE: &str = "application/onnx";

/// An artifact as callers see it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<[&'static str; 0]>,
    data: Box<RawValue>,
    parent_id: Option<String>,
    level: i64,
}

impl Shown {
    /// With all that there is.
    pub(crate) fn new(artifact: Artifact, dialect: Dialect) -> Self {
        Self::of(artifact, dialect, true)
    }

    /// As it is listed: the newer dialect leaves out what may be large.
    pub(crate) fn listed(artifact: Artifact, dialect: Dialect) -> Self {
        Self::of(artifact, dialect, false)
    }

    fn of(artifact: Artifact, dialect: Dialect, whole: bool) -> Self {
        let data = match (dialect, artifact.kind) {
            (Dialect::Servicekit, Kind::Model | Kind::Prediction | Kind::Onnx) => {
                RawValue::from_string(newer(&artifact, whole).to_string())
            }
            _ => RawValue::from_string(artifact.data),
        };
        Self {
            id: artifact.id.to_string(),
            created_at: answer::plain_time(artifact.created_at),
            updated_at: answer::plain_time(artifact.updated_at),
            tags: dialect.is_new().then_some([]),
            data: data.unwrap_or_default(),
            parent_id: artifact.parent_id.map(|id| id.to_string()),
            level: artifact.level,
        }
    }
}

/// The data in the form of the newer dialect; it is stored in the older one's.
fn newer(artifact: &Artifact, whole: bool) -> Value {
    let mut data: Value = serde_json::from_str(&artifact.data).unwrap_or_default();
    let metadata = metadata(&data);
    let (kind, content, media_type) = match artifact.kind {
        Kind::Prediction => ("ml_prediction", data["predictions"].take(), TABLE_TYPE),
        Kind::Onnx => ("ml_training_workspace", data["model"].take(), ONNX_TYPE),
        Kind::Model | Kind::Plain => ("ml_training_workspace", data["model"].take(), MODEL_TYPE),
    };
    let size =
        artifact.content_bytes.unwrap_or_else(|| i64::try_from(artifact.data.len()).unwrap_or(i64::MAX));
    let mut shown = json!({ "type": kind, "metadata": metadata });
    if whole {
        shown["content"] = content;
    }
    shown["content_type"] = media_type.into();
    shown["content_size"] = size.into();
    shown
}

/// What is known of how an artifact came to be, as the newer dialect names it.
pub(crate) fn metadata(data: &Value) -> Value {
    json!({
        "status": "success",
        "config_id": data["config_id"],
        "started_at": data["started_at"],
        "completed_at": data["completed_at"],
        "duration_seconds": data["duration_seconds"],
        "exit_code": null,
        "stdout": null,
        "stderr": null,
    })
}
