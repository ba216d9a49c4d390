//! Every operation in a line; a test sees to it that each is served, and that nothing else is.

/// One operation of the service.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// The schema of the body, where there is one.
    pub(crate) body: Option<&'static str>,
    pub(crate) status: &'static str,
    pub(crate) answer: &'static str,
    /// The schema of the answer, where it has one.
    pub(crate) gives: Option<&'static str>,
    pub(crate) public: bool,
}

const PAGES: &[(&str, &str)] = &[("page", "integer"), ("size", "integer")];
const JOBS: &[(&str, &str)] = &[("status_filter", "string"), ("page", "integer"), ("size", "integer")];
const POLL: &[(&str, &str)] = &[("poll_interval", "number")];
const MODEL: &[(&str, &str)] = &[("model", "string")];
const NAME: &[(&str, &str)] = &[("name", "string")];

const fn get(tag: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        method: "get",
        path,
        tag,
        summary,
        query: &[],
        body: None,
        status: "200",
        answer: "The answer",
        gives: None,
        public: false,
    }
}

const fn post(tag: &'static str, path: &'static str, body: &'static str, summary: &'static str) -> Operation {
    Operation { method: "post", body: Some(body), ..get(tag, path, summary) }
}

const fn put(tag: &'static str, path: &'static str, body: &'static str, summary: &'static str) -> Operation {
    Operation { method: "put", ..post(tag, path, body, summary) }
}

const fn delete(tag: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation { method: "delete", status: "204", answer: "It is gone", ..get(tag, path, summary) }
}

impl Operation {
    const fn gives(self, schema: &'static str) -> Self {
        Self { gives: Some(schema), ..self }
    }

    const fn with(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    const fn says(self, status: &'static str, answer: &'static str) -> Self {
        Self { status, answer, ..self }
    }

    const fn public(self) -> Self {
        Self { public: true, ..self }
    }
}

/// All operations, by what they are about.
pub(crate) const OPERATIONS: &[Operation] = &[
    get("service", "/", "The landing page").public(),
    get("service", "/docs", "This document for people").public(),
    get("service", "/redoc", "This document for people").public(),
    get("service", "/openapi.json", "This document").public(),
    get("service", "/health", "Whether the service is well").public(),
    get("service", "/health/$stream", "The same, as events").with(POLL),
    get("service", "/metrics", "Counters for Prometheus"),
    get("service", "/api/v1/info", "What the service is"),
    get("service", "/api/v1/system", "What the service runs on"),
    get("service", "/api/v1/system/apps", "Applications: none"),
    get("service", "/api/v1/system/apps/$schema", "The schema of applications"),
    get("configs", "/api/v1/configs", "Configurations, all or a page of them").with(PAGES),
    post("configs", "/api/v1/configs", "ConfigIn", "Make a configuration")
        .says("201", "Made")
        .gives("ConfigOut"),
    get("configs", "/api/v1/configs/$schema", "The schema of configurations"),
    get("configs", "/api/v1/configs/$stats", "How many configurations there are"),
    get("configs", "/api/v1/configs/{id}", "A configuration").gives("ConfigOut"),
    put("configs", "/api/v1/configs/{id}", "ConfigIn", "Replace a configuration").gives("ConfigOut"),
    delete("configs", "/api/v1/configs/{id}", "Remove a configuration"),
    get("configs", "/api/v1/configs/{id}/$artifacts", "The models that were made of it"),
    post("configs", "/api/v1/configs/{id}/$link-artifact", "Link", "Say that an artifact was made of it")
        .says("204", "Linked"),
    post("configs", "/api/v1/configs/{id}/$unlink-artifact", "Link", "Say that it was not")
        .says("204", "Not linked"),
    post("ml", "/api/v1/ml/$train", "TrainRequest", "Train a model").says("202", "A job").gives("Accepted"),
    post("ml", "/api/v1/ml/$predict", "PredictRequest", "Predict with a model")
        .says("202", "A job")
        .gives("Accepted"),
    post("ml", "/api/v1/ml/$validate", "Any", "Whether a request would be taken"),
    get("ml", "/api/v1/ml/$generate-sample-data", "A table to try"),
    get("jobs", "/api/v1/jobs", "Jobs, newest first").with(JOBS),
    get("jobs", "/api/v1/jobs/$schema", "The schema of jobs"),
    get("jobs", "/api/v1/jobs/{id}", "A job").gives("JobRecord"),
    delete("jobs", "/api/v1/jobs/{id}", "Call a job off and forget it"),
    Operation {
        body: None,
        ..post("jobs", "/api/v1/jobs/{id}/$cancel", "Any", "Call a job off").gives("JobRecord")
    },
    get("jobs", "/api/v1/jobs/{id}/$stream", "A job as events until it has ended").with(POLL),
    get("artifacts", "/api/v1/artifacts", "Artifacts, all or a page of them").with(PAGES),
    post("artifacts", "/api/v1/artifacts", "ArtifactIn", "Keep something")
        .says("201", "Made")
        .gives("ArtifactOut"),
    get("artifacts", "/api/v1/artifacts/$schema", "The schema of artifacts"),
    get("artifacts", "/api/v1/artifacts/$stats", "How many artifacts there are"),
    Operation {
        body: None,
        ..post("artifacts", "/api/v1/artifacts/$upload", "Any", "Keep an ONNX model: the body is the file")
            .with(NAME)
            .says("201", "Made")
            .gives("ArtifactOut")
    },
    get("artifacts", "/api/v1/artifacts/{id}", "An artifact").gives("ArtifactOut"),
    put("artifacts", "/api/v1/artifacts/{id}", "ArtifactIn", "Replace its data").gives("ArtifactOut"),
    delete("artifacts", "/api/v1/artifacts/{id}", "Remove an artifact; its children stay"),
    get("artifacts", "/api/v1/artifacts/{id}/$tree", "An artifact and all below it"),
    get("artifacts", "/api/v1/artifacts/{id}/$expand", "An artifact and its place"),
    get("artifacts", "/api/v1/artifacts/{id}/$config", "What it was made of").gives("ConfigOut"),
    get(
        "artifacts",
        "/api/v1/artifacts/{id}/$metadata",
        "How it came to be, its digest, its inputs and outputs",
    ),
    get("artifacts", "/api/v1/artifacts/{id}/$download", "Its file or rows"),
    get("models", "/api/v1/models", "Names of models"),
    get("models", "/api/v1/models/{name}", "What a model is"),
    put("models", "/api/v1/models/{name}", "Link", "Give a model a name"),
    delete("models", "/api/v1/models/{name}", "Take a name away"),
    post("models", "/api/v1/models/{name}/predict", "Inputs", "Predict at once"),
    get("models", "/api/v1/models/{name}/info", "What a model is"),
    get("models", "/api/v1/models/{name}/health", "Whether a model can predict"),
    get("open inference protocol", "/v2", "What the server is"),
    get("open inference protocol", "/v2/health/live", "The process answers"),
    get("open inference protocol", "/v2/health/ready", "The store answers too"),
    get("open inference protocol", "/v2/models/{name}", "The tensors of a model"),
    get("open inference protocol", "/v2/models/{name}/ready", "The model can predict"),
    post("open inference protocol", "/v2/models/{name}/infer", "Inference", "Predict at once"),
    get(
        "open inference protocol",
        "/v2/models/{name}/versions/{version}",
        "The tensors of a model; the version is 1",
    ),
    get("open inference protocol", "/v2/models/{name}/versions/{version}/ready", "The model can predict"),
    post(
        "open inference protocol",
        "/v2/models/{name}/versions/{version}/infer",
        "Inference",
        "Predict at once",
    ),
    post("MLflow", "/invocations", "Invocation", "Predict at once").with(MODEL),
    get("MLflow", "/ping", "The service can answer"),
    get("MLflow", "/version", "The version of the program"),
];
