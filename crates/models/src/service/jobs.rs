//! Jobs: what was asked for, how far it is, and how it ended.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, Sse};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Value, json};
use ulid::Ulid;

use super::answer::{self, Answer};
use super::app::App;
use super::ids;
use super::listing::{self, Page};
use super::problem::{Flaw, Problem};
use crate::store::{Job, JobKind, Outcome, Status};

/// A status that the newer dialect knows, between `running` and `canceled`.
pub(crate) const CANCELING: &str = "canceling";

/// A job as callers see it: as the original's code has it, and as its guide does.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: String,
    status: &'static str,
    submitted_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    error: Option<String>,
    /// Always null: what went wrong in which line is nothing for callers.
    error_traceback: Option<String>,
    artifact_id: Option<String>,
    result: Option<&'static str>,
    progress: f64,
    created_at: String,
    updated_at: String,
}

impl Shown {
    fn new(app: &App, job: Job) -> Self {
        let changed = job.finished_at.or(job.started_at).unwrap_or(job.submitted_at);
        let completed = job.status == Status::Completed;
        let result = match job.kind {
            JobKind::Train => "Training completed successfully",
            JobKind::Predict => "Prediction completed successfully",
        };
        let progress = match job.status {
            Status::Completed => 1.0,
            _ => app.queue.active(job.id).map_or(0.0, |active| active.progress()),
        };
        Self {
            id: job.id.to_string(),
            status: job.status.name(),
            submitted_at: answer::job_time(job.submitted_at),
            started_at: job.started_at.map(answer::job_time),
            finished_at: job.finished_at.map(answer::job_time),
            error: job.error,
            error_traceback: None,
            artifact_id: completed.then(|| job.artifact_id.to_string()),
            result: completed.then_some(result),
            progress,
            created_at: answer::job_time(job.submitted_at),
            updated_at: answer::job_time(changed),
        }
    }
}

/// `GET /api/v1/jobs`: newest first, all or of one status.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let status = match listing::parameter(&uri, "status_filter") {
        None => None,
        // No job is long in between: one that is called off is `canceled` at once.
        Some(word) if word == CANCELING && app.settings.dialect.is_new() => {
            Page::of(&app, &uri)?;
            return Ok(answer::json(StatusCode::OK, &json!([])));
        }
        Some(word) => Some(status(&app, &word)?),
    };
    if let Some(page) = Page::of(&app, &uri)? {
        let jobs = app.store.jobs(status, page.slice()).await?;
        let shown: Vec<_> = jobs.into_iter().map(|job| Shown::new(&app, job)).collect();
        return Ok(answer::json(StatusCode::OK, &shown));
    }
    listing::whole(app, 500, move |app: Arc<App>, slice| async move {
        let jobs = app.store.jobs(status, slice).await?;
        Ok(jobs.into_iter().map(|job| Shown::new(&app, job)).collect())
    })
    .await
}

fn status(app: &App, word: &str) -> Result<Status, Problem> {
    let mut words: Vec<String> = Status::ALL.iter().map(|status| format!("'{}'", status.name())).collect();
    if app.settings.dialect.is_new() {
        words.insert(4, format!("'{CANCELING}'"));
    }
    let last = words.pop().unwrap_or_default();
    let expected = format!("{} or {last}", words.join(", "));
    Status::ALL.into_iter().find(|status| status.name() == word).ok_or_else(|| {
        Problem::invalid(vec![Flaw {
            kind: "enum",
            at: vec!["query".into(), "status_filter".into()],
            message: format!("Input should be {expected}"),
            input: word.into(),
            context: Some(json!({ "expected": expected })),
        }])
    })
}

/// The identifier of a job in a path. The older dialect does not tell a bad one from an unknown one.
fn id(app: &App, text: &str) -> Result<Ulid, Problem> {
    let new = app.settings.dialect.is_new();
    ids::parse(text, app.settings.dialect).ok_or_else(|| match new {
        true => Problem::bad_job_id(format!("Invalid job ID format: {text}")),
        false => Problem::missing_detail("Job not found".to_owned()),
    })
}

fn missing(app: &App, id: Ulid) -> Problem {
    let new = app.settings.dialect.is_new();
    Problem::missing_detail(if new {
        format!("Job with id {id} not found")
    } else {
        "Job not found".to_owned()
    })
}

/// `GET /api/v1/jobs/{id}`.
pub(crate) async fn show(State(app): State<Arc<App>>, Path(text): Path<String>) -> Answer {
    let id = id(&app, &text)?;
    let job = app.store.job(id).await?.ok_or_else(|| missing(&app, id))?;
    Ok(answer::json(StatusCode::OK, &Shown::new(&app, job)))
}

/// `DELETE /api/v1/jobs/{id}`: calls it off where it has not ended, and forgets it.
pub(crate) async fn remove(State(app): State<Arc<App>>, Path(text): Path<String>) -> Answer {
    let id = id(&app, &text)?;
    if !app.store.remove_job(id).await? {
        return Err(missing(&app, id));
    }
    app.queue.cancel(id);
    Ok(answer::empty())
}

/// `POST /api/v1/jobs/{id}/$cancel`: calls it off; it stays in the list as `canceled`.
pub(crate) async fn cancel(State(app): State<Arc<App>>, Path(text): Path<String>) -> Answer {
    let id = id(&app, &text)?;
    let job = app.store.job(id).await?.ok_or_else(|| missing(&app, id))?;
    if !job.status.is_final() {
        app.finish_job(id, Outcome::Canceled).await?;
        app.queue.cancel(id);
    }
    let job = app.store.job(id).await?.ok_or_else(|| missing(&app, id))?;
    Ok(answer::json(StatusCode::OK, &Shown::new(&app, job)))
}

/// `GET /api/v1/jobs/$schema`.
pub(crate) async fn schema(State(app): State<Arc<App>>) -> Answer {
    Ok(answer::json(StatusCode::OK, &super::docs::schemas::jobs(app.settings.dialect)))
}

/// `GET /api/v1/jobs/{id}/$stream`: the job as an event, now, each `poll_interval` seconds and when it has changed,
/// until it has ended.
pub(crate) async fn stream(State(app): State<Arc<App>>, Path(text): Path<String>, uri: Uri) -> Answer {
    let every = interval(&app, &uri, 0.5)?;
    let bad = || {
        Problem::bad_job_id(match app.settings.dialect.is_new() {
            true => format!("Invalid job ID format: {text}"),
            false => "Invalid job ID format".to_owned(),
        })
    };
    let id = ids::parse(&text, app.settings.dialect).ok_or_else(bad)?;
    if app.store.job(id).await?.is_none() {
        return Err(missing(&app, id));
    }
    let events = stream::unfold(Some((app, Duration::ZERO)), move |state| async move {
        let (app, wait) = state?;
        if !changed(&app, id, wait).await {
            return None;
        }
        let (event, ended) = match app.store.job(id).await {
            Ok(Some(job)) => {
                let ended = job.status.is_final();
                (serde_json::to_string(&Shown::new(&app, job)).unwrap_or_default(), ended)
            }
            Ok(None) => (json!({ "status": "deleted" }).to_string(), true),
            Err(_) => return None,
        };
        Some((Ok::<_, Infallible>(Event::default().data(event)), (!ended).then_some((app, every))))
    });
    let mut response = Sse::new(events).into_response();
    // Whatever stands between must neither keep events nor hold them back.
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    Ok(response)
}

/// Waits for a change of the job, not longer than that; says whether anybody shall be told of it.
async fn changed(app: &App, id: Ulid, most: Duration) -> bool {
    let mut stopping = app.stopping.subscribe();
    let change = async {
        match app.queue.active(id) {
            Some(active) => {
                // Nobody tells after the end; that comes as a change too.
                let _ = active.follow().changed().await;
            }
            None => tokio::time::sleep(most.min(Duration::from_millis(50))).await,
        }
    };
    tokio::select! {
        () = change, if !most.is_zero() => true,
        () = tokio::time::sleep(most) => true,
        _ = stopping.wait_for(|stopping| *stopping) => false,
    }
}

/// `poll_interval` of a query: seconds, more than 0 and at most 60.
pub(crate) fn interval(_app: &App, uri: &Uri, otherwise: f64) -> Result<Duration, Problem> {
    let Some(text) = listing::parameter(uri, "poll_interval") else {
        return Ok(Duration::from_secs_f64(otherwise));
    };
    let flaw = |kind, message: &str, context: Option<Value>| {
        let at = vec!["query".into(), "poll_interval".into()];
        Problem::invalid(vec![Flaw {
            kind,
            at,
            message: message.to_owned(),
            input: text.as_str().into(),
            context,
        }])
    };
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    match number {
        None => Err(flaw(
            "float_parsing",
            "Input should be a valid number, unable to parse string as a number",
            None,
        )),
        Some(number) if number <= 0.0 => {
            Err(flaw("greater_than", "Input should be greater than 0", Some(json!({ "gt": 0 }))))
        }
        Some(number) if number > 60.0 => Err(flaw(
            "less_than_equal",
            "Input should be less than or equal to 60",
            Some(json!({ "le": 60 })),
        )),
        Some(number) => Ok(Duration::from_secs_f64(number.max(0.01))),
    }
}
