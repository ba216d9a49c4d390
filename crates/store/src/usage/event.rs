//! What services report, as usage events.
//!
//! They are made here, in the transaction that stores the report, with ids of our own: the caller's key is kept beside and
//! never is one. Their streams are the store's, apart from those of gates, and gates that use the store seal them from
//! time to time. A credential always has the same of several streams, which many may write to at once.

use std::collections::{BTreeMap, HashMap};

use tollgate_core::credential::Digest;
use tollgate_core::usage::chain::{Head, SealKey};
use tollgate_core::usage::{Closing, Intent, Measure, Measures, Outcome, StreamId, UsageEvent};
use ulid::Ulid;

use super::{Posting, PostingKind, Used};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::events::{self, Alarm, AlarmKind, Pace, int};
use crate::id::{AccountId, CredentialId};
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE_SEALS;

/// The node that these events name. No machine is called so.
const NODE: &str = "@reports";
/// Streams over which credentials are spread.
const STREAMS: u8 = 16;

/// Who a posting's credential belongs to.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) account: AccountId,
    account_name: Option<String>,
    consumer_name: Option<String>,
}

/// A posting that went in, and whose it is.
pub(super) struct Accepted<'a> {
    pub(super) id: String,
    pub(super) posting: &'a Posting,
    pub(super) owner: Owner,
}

impl PostingKind {
    /// The route that its events name. No route of a gate is called so.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Usage => "@reported",
            Self::Debit => "@debited",
        }
    }
}

impl Accepted<'_> {
    fn stream(&self) -> StreamId {
        stream_of(&self.posting.credential)
    }

    fn event(&self, seq: u64) -> Result<UsageEvent> {
        let Posting { credential, kind, endpoint, model, status_code, response_us, compute_us, .. } =
            self.posting;
        let owner = &self.owner;
        let id = Ulid::from_string(&self.id).map_err(|error| Error::Corrupt(error.to_string()))?;
        let account = Some(owner.account).filter(|account| *account != AccountId::OF_THE_FILE);
        let intent = Intent {
            id,
            time_micros: u64::try_from(self.posting.received_at.as_microsecond()).unwrap_or_default(),
            node: NODE.to_owned(),
            account: owner.account_name.clone(),
            account_id: account.map(|account| account.to_string()),
            consumer: owner.consumer_name.clone(),
            credential: Some(credential.text()),
            route: kind.route().to_owned(),
            model: model.clone(),
            method: String::new(),
            path: endpoint.clone().unwrap_or_default(),
            client_request_id: self.posting.idempotency_key.clone(),
            tier: None,
        };
        let millis =
            |micros: &Option<i64>| micros.map_or(0, |micros| u64::try_from(micros / 1000).unwrap_or(0));
        let closing = Closing {
            status: status_code.and_then(|status| u16::try_from(status).ok()).filter(|status| *status > 0),
            duration_ms: millis(response_us),
            upstream_ms: millis(compute_us),
            measures: measures(self.posting),
            ..Closing::unknown(Outcome::Served)
        };
        Ok(UsageEvent::of(self.stream(), seq, &intent, &closing))
    }
}

/// What a posting counts. A debit announces a call that usage then reports, so it counts no request, and of the rest what
/// it tells: services of this contract tell rows and compute units there alone.
fn measures(posting: &Posting) -> Measures {
    let unsigned = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
    let mut measures = match posting.kind {
        PostingKind::Debit => Measures::default(),
        PostingKind::Usage => Measures::request(),
    };
    if let Some(rows) = unsigned(posting.predictions) {
        measures = measures.with(Measure::Rows, rows);
    }
    // A compute unit is a second, and counted in millionths.
    if let Some(units) = unsigned(posting.compute_us) {
        measures = measures.with(Measure::ComputeUnits, units);
    }
    measures
}

fn stream_of(credential: &Used) -> StreamId {
    let Digest(digest) = Digest::of(credential.text().as_bytes());
    stream(digest[0] % STREAMS)
}

fn stream(number: u8) -> StreamId {
    StreamId { boot: Ulid::nil(), number: u16::from(number) }
}

impl Store {
    /// Seals the streams of reports as far as they go, and says how many seals that took. Nobody else does: no gate made
    /// their events, and a chain without a seal can be made anew by whoever writes to the database.
    ///
    /// # Errors
    /// What the database says; nothing is sealed then.
    pub async fn seal_reports(&self, key: &SealKey) -> Result<u64> {
        let streams = (0..STREAMS).map(|number| stream(number).to_string().into());
        let open = Statement::new("SELECT stream, floor, floor_hash FROM usage_streams WHERE stream IN ");
        let open = open.list(streams).push(
            " AND floor > coalesce((SELECT max(seq) FROM usage_seals \
             WHERE usage_seals.stream = usage_streams.stream), 0)",
        );
        let open: Vec<Open> = self.database.all(open).await?;
        if open.is_empty() {
            return Ok(0);
        }
        let seals = open.into_iter().map(|Open(stream, head)| {
            let seal = key.seal(stream, head);
            vec![stream.to_string().into(), int(head.seq).into(), head.hash.into(), seal.mac.into()]
        });
        let mut transaction = self.database.write().await?;
        // Another gate may seal the same point, under another key: either seal will do.
        let sealed: Vec<Sealed> = transaction.insert_new(&USAGE_SEALS, seals.collect()).await?;
        transaction.commit().await?;
        Ok(sealed.len() as u64)
    }
}

/// A stream and how far it goes.
struct Open(StreamId, Head);

impl Read for Open {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self(columns.parse()?, columns.next()?))
    }
}

/// The key of a seal.
struct Sealed;

impl Read for Sealed {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        columns.next::<(String, i64)>().map(|_| Self)
    }
}

/// Books the events of postings that went in.
pub(super) async fn book(
    transaction: &mut Transaction,
    accepted: &[Accepted<'_>],
    pace: &Pace,
) -> Result<()> {
    let Some(now) = accepted.iter().map(|one| one.posting.received_at).max() else { return Ok(()) };
    let mut streams: BTreeMap<StreamId, Vec<&Accepted<'_>>> = BTreeMap::new();
    for one in accepted {
        streams.entry(one.stream()).or_default().push(one);
    }
    let mut chained = Vec::with_capacity(accepted.len());
    for (stream, accepted) in streams {
        let mut head: Head = events::own_stream(transaction, stream, NODE, now).await?;
        for one in accepted {
            let linked = head.followed_by(&one.event(head.seq + 1)?);
            head = linked.head();
            chained.push(linked);
        }
    }
    events::book(transaction, &chained, &[], now, pace).await.map(|_| ())
}

/// Raises the alarm that a posting came again under its key and says something else.
pub(super) async fn differs(transaction: &mut Transaction, posting: &Posting, first: &str) -> Result<()> {
    let (stream, id) = (stream_of(&posting.credential), Ulid::from_string(first).ok());
    // The event of an old one is deleted.
    let seq = match id {
        Some(id) => events::place_of(transaction, stream, id).await?.unwrap_or(0),
        None => 0,
    };
    let alarm = Alarm {
        kind: AlarmKind::Changed,
        stream,
        seq,
        last: seq,
        id,
        hash: Some(posting.fingerprint().0),
        at: posting.received_at,
    };
    events::raise(transaction, vec![alarm]).await.map(|_| ())
}

struct Names(CredentialId, Owner);

impl Read for Names {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let (id, account) = columns.next()?;
        let (account_name, consumer_name) = (Some(columns.next()?), Some(columns.next()?));
        Ok(Self(id, Owner { account, account_name, consumer_name }))
    }
}

/// Whose the credentials of these postings are, as far as the scope goes.
pub(super) async fn owners_of(
    transaction: &mut Transaction,
    scope: Scope,
    postings: &[Posting],
) -> Result<HashMap<Used, Owner>> {
    let mut owners = HashMap::new();
    let mut ids = Vec::new();
    for posting in postings {
        match &posting.credential {
            Used::Stored(id) => ids.push(*id),
            Used::Declared { account, .. } => {
                let account = account.unwrap_or(AccountId::OF_THE_FILE);
                if scope.covers(account) {
                    let (account_name, consumer_name) = posting.names.clone().unzip();
                    let owner = Owner { account, account_name, consumer_name };
                    owners.insert(posting.credential.clone(), owner);
                }
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    if !ids.is_empty() {
        let rows = Statement::new(
            "SELECT credentials.id, credentials.account, accounts.name, consumers.name FROM credentials \
             JOIN accounts ON accounts.id = credentials.account \
             JOIN consumers ON consumers.id = credentials.consumer WHERE credentials.id IN ",
        );
        let rows = scope.narrow(rows.list(ids.into_iter().map(Value::from)), "credentials.account");
        let found: Vec<Names> = transaction.all(rows).await?;
        owners.extend(found.into_iter().map(|Names(id, owner)| (Used::Stored(id), owner)));
    }
    Ok(owners)
}
