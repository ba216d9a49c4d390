//! An alarm as the control plane shows it.

use serde::Serialize;
use tollgate_store::Alarm;
use utoipa::ToSchema;

/// Something that must not be and was seen.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmView {
    /// `changed`, `ahead`, `gap`, `lost`, `seal` or `damaged`.
    pub kind: &'static str,
    /// The same for people.
    pub message: String,
    /// Who numbered the events.
    pub stream: String,
    /// The first event's place in the stream.
    pub seq: u64,
    /// The last event's place.
    pub last: u64,
    /// The event's id, where it is about one event that is there.
    pub event: Option<String>,
    /// When it was seen first.
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<Alarm> for AlarmView {
    fn from(alarm: Alarm) -> Self {
        Self {
            kind: alarm.kind.as_str(),
            message: alarm.to_string(),
            stream: alarm.stream.to_string(),
            seq: alarm.seq,
            last: alarm.last,
            event: alarm.id.map(|id| id.to_string()),
            at: alarm.at.to_string(),
        }
    }
}
