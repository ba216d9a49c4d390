//! Calls that were made, judged anew by two configurations.
//!
//! The lines of an access log tell who called what and when. Rates and bytes are counted in the log's own time; calls that
//! were open at once are not, as a log tells them one after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};
use tollgate_core::authn::Identity;
use tollgate_core::credential::Credential;
use tollgate_core::denial::{Denial, Unauthenticated};
use tollgate_core::limit::{Cost, Limiter, Unit};
use tollgate_core::route::{HostPattern, Route};
use tollgate_core::snapshot::Snapshot;
use tollgate_core::{Now, access, admission, matrix};

use super::{Change, Verdict, rows};
use crate::cli::output::{Output, table};
use crate::explain::Request;
use crate::explain::request::Values;

/// Rates that are partly used at once; a log that has more of them shares the rest.
const LIMITED: usize = 100_000;

/// What a line tells of a call. What else it says does not matter here.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(deserialize_with = "moment")]
    time: Duration,
    request_id: Option<String>,
    client: Option<IpAddr>,
    method: Option<String>,
    path: Option<String>,
    route: Option<String>,
    consumer: Option<String>,
    credential: Option<String>,
    denial: Option<String>,
    would: Option<String>,
    #[serde(default)]
    request_bytes: u64,
    #[serde(default)]
    response_bytes: u64,
}

/// One configuration and what its limits have counted.
struct Side<'s> {
    snapshot: &'s Snapshot,
    limiter: Arc<Limiter>,
}

/// What was read.
#[derive(Debug, Default)]
struct Tally {
    compared: u64,
    /// No JSON object with a time.
    unreadable: u64,
    /// Refused before a path was known.
    headless: u64,
    /// Calls of consumers whom neither configuration declares.
    elsewhere: u64,
    /// How often, and the id of the first.
    changes: BTreeMap<Change, (u64, Option<String>)>,
}

/// Compares every call of a log; whether some outcome differs.
pub(super) fn replay(
    before: &Snapshot,
    after: &Snapshot,
    log: &Path,
    output: &Output,
) -> anyhow::Result<bool> {
    let shown = log.display();
    let reader: Box<dyn BufRead> = match log == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => {
            Box::new(BufReader::new(File::open(log).with_context(|| format!("`{shown}` cannot be read"))?))
        }
    };
    let sides = [before, after].map(|snapshot| Side { snapshot, limiter: Arc::new(Limiter::new(LIMITED)) });
    let (mut tally, mut latest) = (Tally::default(), Duration::ZERO);
    for line in reader.split(b'\n') {
        let line = line.with_context(|| format!("`{shown}` cannot be read"))?;
        if !line.trim_ascii().is_empty() {
            tally.line(&line, &sides, &mut latest);
        }
    }
    ensure!(
        tally.compared + tally.headless + tally.elsewhere > 0 || tally.unreadable == 0,
        "`{shown}` has no line of an access log"
    );
    output.result(&tally.value(), &tally.text())?;
    Ok(!tally.changes.is_empty())
}

impl Tally {
    fn line(&mut self, line: &[u8], sides: &[Side<'_>; 2], latest: &mut Duration) {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            self.unreadable += 1;
            return;
        };
        let Some(path) = &line.path else {
            self.headless += 1;
            return;
        };
        let declared =
            |name: &String| sides.iter().any(|side| side.snapshot.consumers.contains_key(name.as_str()));
        if !line.consumer.as_ref().is_none_or(declared) {
            self.elsewhere += 1;
            return;
        }
        // Lines stand in the order in which calls ended, and limits know only time that goes on.
        *latest = line.time.max(*latest);
        let now = Now { wall: line.time, monotonic: *latest };
        let [(route, before), (new_route, after)] =
            [&sides[0], &sides[1]].map(|side| side.verdict(&line, path, now));
        self.compared += 1;
        if before != after {
            let route = match (route, new_route) {
                (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
                (Some(route), _) | (None, Some(route)) => route,
                (None, None) => path.clone(),
            };
            let change = Change { consumer: line.consumer, route, before, after };
            let (count, _) = self.changes.entry(change).or_insert((0, line.request_id));
            *count += 1;
        }
    }

    fn value(&self) -> Value {
        let changes = self.changes.iter().map(|(change, (count, first))| {
            let mut value = change.value();
            value["count"] = json!(count);
            value["first"] = json!(first);
            value
        });
        json!({
            "compared": self.compared,
            "changes": changes.collect::<Vec<_>>(),
            "unreadable": self.unreadable,
            "without_path": self.headless,
            "undeclared_consumer": self.elsewhere,
        })
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        if !self.changes.is_empty() {
            let changes: Vec<Change> = self.changes.keys().cloned().collect();
            let mut rows = rows(&changes);
            let more = self
                .changes
                .values()
                .map(|(count, first)| [count.to_string(), first.clone().unwrap_or_else(|| "-".to_owned())]);
            let first = [["calls", "first id"].map(str::to_owned)];
            for (row, cells) in rows.iter_mut().zip(first.into_iter().chain(more)) {
                row.extend(cells);
            }
            lines.push(table(&rows));
        }
        let differing: u64 = self.changes.values().map(|(count, _)| count).sum();
        lines.push(format!("{differing} of {} calls have another outcome", self.compared));
        for (count, what) in [
            (self.unreadable, "lines are no access log"),
            (self.headless, "calls were refused before a path was known"),
            (self.elsewhere, "calls are of consumers whom neither file declares"),
        ] {
            if count > 0 {
                lines.push(format!("{count} {what}"));
            }
        }
        lines.join("\n")
    }
}

impl Side<'_> {
    /// The route's name, if one takes the call, and what it meets.
    fn verdict(&self, line: &Line, path: &str, now: Now) -> (Option<String>, Verdict) {
        let asked = Request {
            method: line.method.clone(),
            path: path.to_owned(),
            headers: self.host(line).map(|host| ("host".to_owned(), Values::One(host))).into_iter().collect(),
            ..Request::default()
        };
        let Ok(Ok(head)) = asked.head() else { return (None, Verdict::Unknown("no such path")) };
        let route = match self.snapshot.routes.find(&head) {
            Ok(route) => route,
            Err(denial) => return (None, says(&denial)),
        };
        (Some(route.name.to_string()), self.judge(route, line, now))
    }

    /// Logs do not tell hosts: one that the call's route serves.
    fn host(&self, line: &Line) -> Option<String> {
        let name = line.route.as_deref()?;
        let route = self.snapshot.routes.iter().find(|route| route.name.as_str() == name)?;
        route.matching.hosts.first().map(|host| match host {
            HostPattern::Exact(name) => name.to_string(),
            HostPattern::Below(suffix) => format!("any{suffix}"),
        })
    }

    fn judge(&self, route: &Arc<Route>, line: &Line, now: Now) -> Verdict {
        let permit = match self.caller(route, line) {
            Ok(identity) => access::decide(route, identity),
            Err(denial) => access::refuse(route, None, denial),
        };
        let client = line.client.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let admitted = permit.and_then(|permit| {
            let cost = Cost::request().with(Unit::Bytes, line.request_bytes);
            admission::reserve(&self.limiter, permit, client, &cost, now).map_err(|refused| refused.denial)
        });
        match admitted {
            Err(denial) => says(&denial),
            Ok(admission) => {
                let verdict = match admission.softened() {
                    Some(softened) => Verdict::LetsThrough(softened.denial.code().to_owned()),
                    None => Verdict::Says("allowed".to_owned()),
                };
                if let (_, Some(mut reservation)) = admission.into_parts() {
                    let bytes = line.request_bytes.saturating_add(line.response_bytes);
                    reservation.commit();
                    reservation.settle(&Cost::request().with(Unit::Bytes, bytes), now);
                }
                verdict
            }
        }
    }

    /// Who called, with a credential of the same id, if the configuration has it.
    fn caller(&self, route: &Route, line: &Line) -> Result<Option<Identity>, Denial> {
        let invalid = || route.accept.refuse(Unauthenticated::ApiKey);
        let Some(consumer) = &line.consumer else {
            let words = [&line.denial, &line.would];
            let was_wrong = words.into_iter().flatten().any(|code| code == "credential_invalid");
            return if was_wrong && !route.accept.schemes.is_empty() { Err(invalid()) } else { Ok(None) };
        };
        let is_own = |credential: &&Arc<Credential>| {
            credential.consumer.name.as_str() == consumer
                && line.credential.as_deref().is_none_or(|id| *credential.id == *id)
        };
        let own: Vec<&Arc<Credential>> = self.snapshot.credentials.iter().filter(is_own).collect();
        let accepted = own.iter().find(|credential| matrix::is_accepted(route, credential));
        match accepted {
            Some(credential) => Ok(Some(Identity { credential: (*credential).clone(), hawk: None })),
            // What the route does not read is not there for it.
            None if !own.is_empty() || route.accept.schemes.is_empty() => Ok(None),
            None => Err(invalid()),
        }
    }
}

/// A time of RFC 3339, since the Unix epoch.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
    Ok(Duration::from_millis(u64::try_from(time.as_millisecond()).unwrap_or_default()))
}

fn says(denial: &Denial) -> Verdict {
    Verdict::Says(format!("denied ({} {})", denial.status().as_u16(), denial.code()))
}
