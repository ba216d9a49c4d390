//! The open inference protocol, version 2, over REST.
//!
//! Source: the Open Inference Protocol, `inference_rest`; member names and shapes are its own.

mod tensor;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::app::App;
use super::body::{self, Payload};
use super::problem::Problem;
use crate::learn::{Column, Frame, PREDICTION, Task};
use tensor::Tensor;

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
    let model = &loaded.model;
    let tensor = |name: &str, datatype: &str| json!({ "name": name, "datatype": datatype, "shape": [-1] });
    let inputs: Vec<Value> = model.features().iter().map(|name| tensor(name, "FP64")).collect();
    let description = model.description();
    let outputs = match model.task() {
        Task::Regression => vec![tensor(PREDICTION, "FP64")],
        Task::Classification => {
            let classes = description["classes"].as_array().cloned().unwrap_or_default();
            let datatype = match classes.first() {
                Some(Value::String(_)) => "BYTES",
                Some(Value::Bool(_)) => "BOOL",
                Some(Value::Number(number)) if number.is_i64() => "INT64",
                _ => "FP64",
            };
            vec![tensor(PREDICTION, datatype)]
        }
    };
    let shown = json!({
        "name": name,
        "versions": ["1"],
        "platform": "tollgate",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": { "description": description },
    });
    Ok(answer::json(StatusCode::OK, &shown))
}

/// `GET /v2/models/{name}/ready`: the model can predict.
pub(crate) async fn model_ready(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    app.model_named(&name).await.map_err(Problem::for_inference)?;
    Ok(answer::json(StatusCode::OK, &json!({ "name": name, "ready": true })))
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
    let Payload { value, bytes } = payload?;
    if !value.is_object() {
        return Err(body::not_an_object(Value::Null));
    }
    let (asked, frame) = app.apart(bytes.len(), || read(value, loaded.model.features())).await?;
    let rows = frame.rows();
    let predicted = app.ask(&loaded, frame).await?;
    let outputs = wanted(predicted.0, asked.outputs)?;
    let outputs: Vec<Value> = outputs.iter().map(|column| tensor::output(column, rows)).collect();
    let mut answer = Map::new();
    answer.insert("model_name".to_owned(), name.into());
    answer.insert("model_version".to_owned(), "1".into());
    if let Some(id) = asked.id {
        answer.insert("id".to_owned(), id.into());
    }
    answer.insert("outputs".to_owned(), outputs.into());
    Ok(answer::json(StatusCode::OK, &answer))
}

fn read(value: Value, features: &[String]) -> Result<(Asked, Frame), Problem> {
    let refused = |why: String| Problem::plain(StatusCode::BAD_REQUEST, why);
    let mut asked: Asked = serde_json::from_value(value).map_err(|error| refused(error.to_string()))?;
    let frame = tensor::frame(std::mem::take(&mut asked.inputs), features).map_err(refused)?;
    Ok((asked, frame))
}

/// The outputs that are asked for, in that order; all of them where none is.
fn wanted(columns: Vec<Column>, wanted: Option<Vec<Wanted>>) -> Result<Vec<Column>, Problem> {
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(columns) };
    let find = |wanted: Wanted| {
        let found = columns.iter().find(|column| column.name == wanted.name).cloned();
        let unknown = || format!("the model has no output `{}`", wanted.name);
        found.ok_or_else(|| Problem::plain(StatusCode::BAD_REQUEST, unknown()))
    };
    wanted.into_iter().map(find).collect()
}
