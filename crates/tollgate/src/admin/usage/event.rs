//! A usage event as the control plane shows it.

use std::borrow::Cow;

use serde::Serialize;
use tollgate_core::usage::UsageEvent;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// One event, in its own JSON: what leaves the process as `data` of a CloudEvent.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct EventView(pub UsageEvent);

/// A member: its name, its type, whether every event has it, and what it is.
type Member = (&'static str, Type, bool, &'static str);

const MEMBERS: [Member; 24] = [
    ("id", Type::String, true, "A ULID that the gate made."),
    ("time", Type::String, true, "When the call began."),
    ("node", Type::String, true, "Who served it; `@reports` for what services told."),
    ("account", Type::String, false, "The name of the account that pays."),
    ("account_id", Type::String, false, "Its id in the store."),
    ("consumer", Type::String, false, "The name of the consumer that called."),
    ("credential", Type::String, false, "The credential's id."),
    ("route", Type::String, true, "The route's name; `@reported` and `@debited` for what services told."),
    ("model", Type::String, false, "The model."),
    ("method", Type::String, true, "The method; empty where it is not known."),
    ("path", Type::String, true, "The path."),
    ("status", Type::Integer, false, "The status that the caller was sent."),
    ("outcome", Type::String, true, "`served`, `cancelled`, `upstream_error` or `interrupted`."),
    ("client_request_id", Type::String, false, "The caller's own id of the call."),
    ("duration_ms", Type::Integer, true, "What the call took."),
    ("upstream_ms", Type::Integer, true, "Of that, what was spent with the model."),
    ("queue_ms", Type::Integer, true, "Of that, what was spent in the queue."),
    ("request_bytes", Type::Integer, true, "Bytes of the request's body."),
    ("response_bytes", Type::Integer, true, "Bytes of the answer's body."),
    ("measures", Type::Object, true, "What was counted; `compute_units` is a decimal in a text."),
    ("quality", Type::String, true, "The worst of `reported`, `counted` and `estimated`."),
    ("tier", Type::String, false, "The tier whose prices hold."),
    ("stream", Type::String, true, "Who numbered the event."),
    ("seq", Type::Integer, true, "Its place in the stream."),
];

impl PartialSchema for EventView {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new().description(Some("What is known of one call once it is over."));
        for (name, kind, always, what) in MEMBERS {
            let mut member = ObjectBuilder::new().schema_type(kind).description(Some(what));
            if name == "time" {
                member = member.format(Some(SchemaFormat::Custom("date-time".to_owned())));
            }
            object = object.property(name, member);
            if always {
                object = object.required(name);
            }
        }
        object.into()
    }
}

impl ToSchema for EventView {
    fn name() -> Cow<'static, str> {
        "UsageEvent".into()
    }
}
