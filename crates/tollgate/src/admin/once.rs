//! Changes that happen once, however often they are asked for.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tollgate_store::{Answer, Change, IdempotencyKey};

use super::Control;
use super::body::Repeat;
use super::caller::Caller;
use super::problem::Result;

/// A change that was asked for.
pub enum Begun<'a> {
    /// For the first time.
    First(Box<Work<'a>>),
    /// Once more; this is what was answered then, less its secret.
    Again(Response),
}

/// A change and the answer that it is to get.
pub struct Work<'a> {
    /// The steps go here.
    pub change: Change<'a>,
    key: Option<IdempotencyKey>,
    control: &'a Control,
}

impl Control {
    /// Begins a change of the caller's.
    pub async fn change(&self, caller: &Caller) -> Result<Change<'_>> {
        Ok(self.store()?.change(&caller.actor, self.now()).await?)
    }

    /// Begins a change that the caller may ask for twice by `Idempotency-Key`. Of two at the same time one waits here
    /// and finds the answer of the other.
    pub async fn once(&self, caller: &Caller, repeat: &Repeat) -> Result<Begun<'_>> {
        let key = repeat.key.as_deref();
        let key = key.map(|key| IdempotencyKey::new(&caller.actor, key, repeat.fingerprint)).transpose()?;
        let mut change = self.change(caller).await?;
        if let Some(key) = &key
            && let Some(answer) = change.replayed(key).await?
        {
            return Ok(Begun::Again(again(answer)));
        }
        Ok(Begun::First(Box::new(Work { change, key, control: self })))
    }

    /// Makes a change last, and lets this node's directory look at it: whatever was revoked is refused from the next
    /// request on.
    pub async fn commit(&self, change: Change<'_>) -> Result<()> {
        change.commit().await?;
        self.gate.directory.look().await;
        Ok(())
    }
}

impl Work<'_> {
    /// Makes the change last together with its answer, and gives the answer. `secret` is shown in it and not kept.
    pub async fn answer(
        mut self,
        status: StatusCode,
        body: Value,
        secret: Option<(&'static str, &str)>,
    ) -> Result<Response> {
        let answer = Answer { status: status.as_u16(), body };
        if let Some(key) = &self.key {
            self.change.remember(key, &answer).await?;
        }
        self.control.commit(self.change).await?;
        let mut body = answer.body;
        if let (Some((member, secret)), Some(object)) = (secret, body.as_object_mut()) {
            object.insert(member.to_owned(), secret.into());
        }
        Ok((status, Json(body)).into_response())
    }
}

fn again(answer: Answer) -> Response {
    let mut body = answer.body;
    if let Some(object) = body.as_object_mut() {
        object.insert("replayed".to_owned(), true.into());
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    (status, Json(body)).into_response()
}
