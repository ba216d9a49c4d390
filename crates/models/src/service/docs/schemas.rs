//! JSON Schemas of what is sent and answered.

use serde_json::{Map, Value, json};

use crate::service::Dialect;
use crate::service::jobs::CANCELING;
use crate::store::Status;

const ULID: &str = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$";

/// Every schema, by name.
pub(super) fn all(dialect: Dialect) -> Value {
    let table = json!({
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": { "type": "array", "items": { "type": "string" }, "description": "The names of the columns" },
            "data": { "type": "array", "items": { "type": "array" }, "description": "Rows, a value for each column" },
        },
    });
    let mut all = Map::new();
    let mut add = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    add("DataFrame", table);
    add("ConfigIn", config_in());
    add("ConfigOut", config_out(dialect));
    add("ArtifactIn", artifact_in());
    add("ArtifactOut", artifact(dialect));
    add("JobRecord", job(dialect));
    let frame = json!({ "$ref": "#/components/schemas/DataFrame" });
    let model = if dialect.is_new() { "artifact_id" } else { "model_artifact_id" };
    add(
        "TrainRequest",
        object(&["config_id", "data"], &[("config_id", id()), ("data", frame.clone()), ("geo", geo())]),
    );
    let predict = [(model, id()), ("historic", frame.clone()), ("future", frame), ("geo", geo())];
    add("PredictRequest", object(&[model, "historic", "future"], &predict));
    let accepted = [("job_id", id()), ("artifact_id", id()), ("status", text()), ("message", text())];
    add("Accepted", object(&["job_id", "artifact_id", "message"], &accepted));
    add("Link", object(&["artifact_id"], &[("artifact_id", id())]));
    add(
        "Inputs",
        object(
            &["inputs"],
            &[("inputs", json!({ "type": "object" })), ("options", json!({ "type": "object" }))],
        ),
    );
    let tensor =
        [("name", text()), ("shape", list("integer")), ("datatype", text()), ("data", list("number"))];
    let tensors =
        json!({ "type": "array", "items": object(&["name", "shape", "datatype", "data"], &tensor) });
    add("Inference", object(&["inputs"], &[("id", text()), ("inputs", tensors)]));
    let forms = [
        ("dataframe_split", json!({ "type": "object" })),
        ("dataframe_records", list("object")),
        ("instances", list("array")),
        ("inputs", list("array")),
    ];
    add("Invocation", object(&[], &forms));
    add("Any", json!({ "type": "object" }));
    all.into()
}

/// `GET /api/v1/configs/$schema`.
pub(crate) fn config(dialect: Dialect) -> Value {
    match dialect {
        Dialect::Chapkit => {
            let mut schema = config_out(dialect);
            schema["title"] = "ConfigOut".into();
            schema["$defs"] = json!({ "Config": data() });
            schema["properties"]["data"] = json!({ "$ref": "#/$defs/Config" });
            schema
        }
        Dialect::Servicekit => data(),
    }
}

/// What the data of a configuration may say.
fn data() -> Value {
    let task = json!({ "type": "string", "enum": ["regression", "classification"] });
    let models = crate::learn::Algorithm::NAMES;
    let mut schema = object(
        &[],
        &[
            ("model", json!({ "type": "string", "enum": models, "default": "ols" })),
            ("target", json!({ "type": "string", "default": "disease_cases" })),
            ("features", list("string")),
            ("parameters", json!({ "type": "object" })),
            ("seed", json!({ "type": "integer", "default": 0 })),
            ("task", task),
        ],
    );
    schema["title"] = "Config".into();
    schema["additionalProperties"] = true.into();
    schema
}

fn config_in() -> Value {
    object(&["name", "data"], &[("id", id()), ("name", text()), ("data", data())])
}

fn config_out(dialect: Dialect) -> Value {
    let data = json!({ "type": "object" });
    entity(dialect, &[("name", text()), ("data", data)])
}

fn artifact_in() -> Value {
    object(&["data"], &[("data", json!({})), ("parent_id", nullable(id()))])
}

/// `GET /api/v1/artifacts/$schema`.
pub(crate) fn artifact(dialect: Dialect) -> Value {
    let level = json!({ "type": "integer" });
    let mut schema = entity(dialect, &[("data", json!({})), ("parent_id", nullable(id())), ("level", level)]);
    schema["title"] = "ArtifactOut".into();
    schema
}

/// `GET /api/v1/jobs/$schema`.
pub(crate) fn jobs(dialect: Dialect) -> Value {
    json!({ "$defs": { "JobRecord": job(dialect) }, "type": "array", "items": { "$ref": "#/$defs/JobRecord" } })
}

fn job(dialect: Dialect) -> Value {
    let mut statuses: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
    if dialect.is_new() {
        statuses.insert(4, CANCELING);
    }
    let mut schema = object(
        &["id", "status"],
        &[
            ("id", id()),
            ("status", json!({ "type": "string", "enum": statuses })),
            ("submitted_at", time()),
            ("started_at", nullable(time())),
            ("finished_at", nullable(time())),
            ("error", nullable(text())),
            ("error_traceback", nullable(text())),
            ("artifact_id", nullable(id())),
            ("result", nullable(text())),
            ("progress", json!({ "type": "number", "minimum": 0, "maximum": 1 })),
            ("created_at", time()),
            ("updated_at", time()),
        ],
    );
    schema["title"] = "JobRecord".into();
    schema
}

fn entity(dialect: Dialect, more: &[(&str, Value)]) -> Value {
    let mut members = vec![("id", id()), ("created_at", time()), ("updated_at", time())];
    if dialect.is_new() {
        members.push(("tags", list("string")));
    }
    members.extend(more.iter().cloned());
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    object(&required, &members)
}

fn object(required: &[&str], members: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn id() -> Value {
    json!({ "type": "string", "minLength": 26, "maxLength": 26, "pattern": ULID })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn list(of: &str) -> Value {
    json!({ "type": "array", "items": { "type": of } })
}

fn geo() -> Value {
    nullable(json!({ "type": "object", "description": "A GeoJSON FeatureCollection" }))
}

fn nullable(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}
