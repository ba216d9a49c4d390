//! The open inference protocol, version 2, over REST.
//!
//! Source: the Open Inference Protocol, `inference_rest`; member names and shapes are its own.

#[cfg(feature = "onnx")]
mod onnx;
mod tensor;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::app::App;
use super::body::{self, Payload};
use super::loaded::{Held, Loaded};
use super::problem::Problem;
use tensor::Tensor;

/// The version that every model has.
const VERSION: &str = "1";

/// A request to infer.
#[derive(Deserialize)]
struct Asked {
    id: Option<String>,
    inputs: Vec<Tensor>,
    outputs: Option<Vec<Wanted>>,
}

/// An output that is asked for.
#[derive(Deserialize)]
struct Wanted {
    name: String,
}

/// `GET /v2`: what the server is.
pub(crate) async fn server() -> Answer {
    let server = json!({ "name": "tollgate-models", "version": env!("CARGO_PKG_VERSION"), "extensions": [] });
    Ok(answer::json(StatusCode::OK, &server))
}

/// `GET /v2/health/live`: the process answers.
pub(crate) async fn live() -> Answer {
    Ok(answer::json(StatusCode::OK, &json!({ "live": true })))
}

/// `GET /v2/health/ready`: the store answers too.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Answer {
    match app.store.check().await {
        Ok(()) => Ok(answer::json(StatusCode::OK, &json!({ "ready": true }))),
        Err(error) => Err(Problem::from(error).for_inference()),
    }
}

/// `GET /v2/models/{name}`: the tensors that a model reads and gives.
pub(crate) async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    let (_, loaded) = app.model_named(&name).await.map_err(Problem::for_inference)?;
    let (inputs, outputs) = loaded.tensors();
    let shown = json!({
        "name": name,
        "versions": [VERSION],
        "platform": "tollgate",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": { "description": loaded.description() },
    });
    Ok(answer::json(StatusCode::OK, &shown))
}

/// `GET /v2/models/{name}/ready`: the model can predict.
pub(crate) async fn model_ready(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    app.model_named(&name).await.map_err(Problem::for_inference)?;
    Ok(answer::json(StatusCode::OK, &json!({ "name": name, "ready": true })))
}

/// `GET /v2/models/{name}/versions/{version}`: each model has one version.
pub(crate) async fn version(state: State<Arc<App>>, Path((name, version)): Path<(String, String)>) -> Answer {
    only(&name, &version)?;
    model(state, Path(name)).await
}

/// `GET /v2/models/{name}/versions/{version}/ready`.
pub(crate) async fn version_ready(
    state: State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    only(&name, &version)?;
    model_ready(state, Path(name)).await
}

/// `POST /v2/models/{name}/versions/{version}/infer`.
pub(crate) async fn version_infer(
    state: State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
    payload: Result<Payload, Problem>,
) -> Answer {
    only(&name, &version)?;
    infer(state, Path(name), payload).await
}

fn only(name: &str, version: &str) -> Result<(), Problem> {
    if version == VERSION {
        return Ok(());
    }
    let why = format!("Model {name} has no version {version}; its only one is {VERSION}");
    Err(Problem::plain(StatusCode::NOT_FOUND, why).for_inference())
}

/// `POST /v2/models/{name}/infer`: a tensor for each column, or one of shape `[rows, features]`.
pub(crate) async fn infer(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    payload: Result<Payload, Problem>,
) -> Answer {
    infer_by(&app, &name, payload).await.map_err(Problem::for_inference)
}

async fn infer_by(app: &App, name: &str, payload: Result<Payload, Problem>) -> Answer {
    let (_, loaded) = app.model_named(name).await?;
    let Payload { value, bytes, room: _room } = payload?;
    if !value.is_object() {
        return Err(body::not_an_object(Value::Null));
    }
    let asked: Asked = serde_json::from_value(value)
        .map_err(|error| Problem::plain(StatusCode::BAD_REQUEST, error.to_string()))?;
    let outputs = outputs(app, &loaded, asked.inputs, bytes.len()).await?;
    let outputs = wanted(outputs, asked.outputs)?;
    let mut answer = Map::new();
    answer.insert("model_name".to_owned(), name.into());
    answer.insert("model_version".to_owned(), VERSION.into());
    if let Some(id) = asked.id {
        answer.insert("id".to_owned(), id.into());
    }
    answer.insert("outputs".to_owned(), outputs.into());
    Ok(answer::json(StatusCode::OK, &answer))
}

/// What the model says of the inputs, as tensors.
async fn outputs(
    app: &App,
    loaded: &Loaded,
    inputs: Vec<Tensor>,
    bytes: usize,
) -> Result<Vec<Value>, Problem> {
    let refused = |why: String| Problem::plain(StatusCode::BAD_REQUEST, why);
    match &loaded.held {
        Held::Own(model) => {
            let frame =
                app.apart(bytes, || tensor::frame(inputs, model.features())).await.map_err(refused)?;
            let rows = frame.rows();
            let predicted = app.ask(loaded, frame).await?;
            Ok(predicted.0.iter().map(|column| tensor::output(column, rows)).collect())
        }
        #[cfg(feature = "onnx")]
        Held::Onnx(model) => {
            super::counters::Counters::add(&app.counters.inferences);
            // How long it takes is the model's business, and not to be told from the size of the body.
            let run = || onnx::run(model, inputs);
            app.apart(usize::MAX, run).await.map_err(refused)
        }
    }
}

/// The outputs that are asked for, in that order; all of them where none is.
fn wanted(outputs: Vec<Value>, wanted: Option<Vec<Wanted>>) -> Result<Vec<Value>, Problem> {
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(outputs) };
    let find = |wanted: Wanted| {
        let found = outputs.iter().find(|output| output["name"] == wanted.name).cloned();
        let unknown = || format!("the model has no output `{}`", wanted.name);
        found.ok_or_else(|| Problem::plain(StatusCode::BAD_REQUEST, unknown()))
    };
    wanted.into_iter().map(find).collect()
}
