//! The canonical form of an event in bytes.
//!
//! One event has one form: version, stream, seq, intent, closing, one after the other. Numbers are big-endian. A text is
//! its length in two bytes and then its UTF-8; `0xFFFF` for a length says that there is none. Measures are a set of bits
//! and then the value of each that is set. A reader refuses whatever a writer would not have written, so that two
//! different texts of bytes are never the same event.

use ulid::Ulid;

use super::{Closing, Intent, Measure, Measures, Outcome, Quality, StreamId, UsageEvent};

/// The most bytes that an encoded intent takes.
pub const MAX_INTENT: usize =
    16 + 8 + TEXTS * 2 + NODE + ROUTE + METHOD + PATH + REQUEST_ID + TIER + 4 * NAME + ACCOUNT_ID;
/// The most bytes that an encoded closing takes.
pub const MAX_CLOSING: usize = 1 + 2 + 5 * 8 + 1 + 2 + Measure::ALL.len() * 8;
/// The most bytes that an encoded event takes.
pub const MAX_EVENT: usize = HEAD + MAX_INTENT + MAX_CLOSING;

/// Bytes that are no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEncoding {
    /// They end too early.
    #[error("the bytes of an event end too early")]
    Short,
    /// They go on after the event.
    #[error("bytes follow the event")]
    Long,
    /// They are of a version that is not known here.
    #[error("version {0} of events is not known here")]
    Version(u8),
    /// This part says what no event says.
    #[error("the event's {0} is not one")]
    Value(&'static str),
}

const VERSION: u8 = 1;
/// Version, boot, stream, seq.
const HEAD: usize = 1 + 16 + 2 + 8;
const TEXTS: usize = 11;
const NODE: usize = 64;
const NAME: usize = 255;
const ACCOUNT_ID: usize = 64;
const ROUTE: usize = 64;
const METHOD: usize = 32;
const PATH: usize = 1024;
const REQUEST_ID: usize = 128;
const TIER: usize = 64;
const ABSENT: u16 = u16::MAX;
/// 9999-12-30T22:00:00Z, the last second that RFC 3339 and every time zone can write.
const LAST_MICRO: u64 = 253_402_207_200_000_000;

/// What a signed 64-bit column holds of a number.
pub(super) fn bounded(value: u64) -> u64 {
    value.min(i64::MAX.unsigned_abs())
}

impl<T: AsRef<str>> UsageEvent<T> {
    /// Appends the canonical form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        UsageEvent::encode_head(self.stream, self.seq, out);
        self.intent.encode(out);
        self.closing.encode(out);
    }
}

impl<'a> UsageEvent<&'a str> {
    /// Looks at one event, which must take all of the bytes, where it is.
    ///
    /// # Errors
    /// [`BadEncoding`] for bytes that [`UsageEvent::encode`] does not write.
    pub fn view(bytes: &'a [u8]) -> Result<Self, BadEncoding> {
        let mut rest = Rest(bytes);
        let (stream, seq) = rest.head()?;
        let intent = rest.intent()?;
        let closing = rest.closing()?;
        rest.end()?;
        Ok(Self { stream, seq, intent, closing })
    }
}

impl UsageEvent {
    /// Appends what stands before the intent, for a writer that has the intent encoded already.
    pub fn encode_head(stream: StreamId, seq: u64, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&stream.boot.to_bytes());
        out.extend_from_slice(&stream.number.to_be_bytes());
        out.extend_from_slice(&bounded(seq).to_be_bytes());
    }

    /// Reads one event, which must take all of the bytes.
    ///
    /// # Errors
    /// [`BadEncoding`] for bytes that [`UsageEvent::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadEncoding> {
        UsageEvent::view(bytes).map(Self::from)
    }

    /// Reads who numbered an event and its number, without the rest of it.
    ///
    /// # Errors
    /// [`BadEncoding`] for bytes that do not begin as [`UsageEvent::encode`] does.
    pub fn decode_head(bytes: &[u8]) -> Result<(StreamId, u64), BadEncoding> {
        Rest(bytes).head()
    }
}

impl<T: AsRef<str>> Intent<T> {
    /// Appends the canonical form of this half.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_bytes());
        out.extend_from_slice(&self.time_micros.min(LAST_MICRO).to_be_bytes());
        for (value, bound) in self.texts() {
            text(value, bound, out);
        }
    }

    /// The same intent as it is once encoded.
    pub(super) fn bounded(&self) -> Intent<Box<str>> {
        let mut bytes = Vec::with_capacity(MAX_INTENT);
        self.encode(&mut bytes);
        match Rest(&bytes).intent() {
            Ok(intent) => intent.map(Box::from),
            // What is encoded can be read; without a panic to say so, the unbounded one is what is left.
            Err(_) => self.as_ref().map(Box::from),
        }
    }

    /// The same intent with its texts where they are.
    pub(super) fn as_ref(&self) -> Intent<&str> {
        Intent {
            id: self.id,
            time_micros: self.time_micros,
            node: self.node.as_ref(),
            account: self.account.as_ref().map(T::as_ref),
            account_id: self.account_id.as_ref().map(T::as_ref),
            consumer: self.consumer.as_ref().map(T::as_ref),
            credential: self.credential.as_ref().map(T::as_ref),
            route: self.route.as_ref(),
            model: self.model.as_ref().map(T::as_ref),
            method: self.method.as_ref(),
            path: self.path.as_ref(),
            client_request_id: self.client_request_id.as_ref().map(T::as_ref),
            tier: self.tier.as_ref().map(T::as_ref),
        }
    }

    /// The texts in the order of the canonical form, each with its bound.
    fn texts(&self) -> [(Option<&str>, usize); TEXTS] {
        let this = self.as_ref();
        [
            (Some(this.node), NODE),
            (this.account, NAME),
            (this.account_id, ACCOUNT_ID),
            (this.consumer, NAME),
            (this.credential, NAME),
            (Some(this.route), ROUTE),
            (this.model, NAME),
            (Some(this.method), METHOD),
            (Some(this.path), PATH),
            (this.client_request_id, REQUEST_ID),
            (this.tier, TIER),
        ]
    }
}

impl<'a> Intent<&'a str> {
    /// Reads one intent, which must take all of the bytes.
    ///
    /// # Errors
    /// [`BadEncoding`] for bytes that [`Intent::encode`] does not write.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BadEncoding> {
        let mut rest = Rest(bytes);
        let intent = rest.intent()?;
        rest.end()?;
        Ok(intent)
    }
}

impl Closing {
    /// Appends the canonical form of this half.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.outcome as u8);
        out.extend_from_slice(&self.status.unwrap_or(0).to_be_bytes());
        for value in
            [self.duration_ms, self.upstream_ms, self.queue_ms, self.request_bytes, self.response_bytes]
        {
            out.extend_from_slice(&bounded(value).to_be_bytes());
        }
        out.push(self.quality as u8);
        out.extend_from_slice(&self.measures.taken().to_be_bytes());
        for (_, value) in self.measures.iter() {
            out.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// Reads one closing, which must take all of the bytes.
    ///
    /// # Errors
    /// [`BadEncoding`] for bytes that [`Closing::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadEncoding> {
        let mut rest = Rest(bytes);
        let closing = rest.closing()?;
        rest.end()?;
        Ok(closing)
    }

    /// The same closing as it is once encoded.
    pub(super) fn bounded(&self) -> Self {
        Self {
            // Zero stands for no status.
            status: self.status.filter(|status| *status != 0),
            duration_ms: bounded(self.duration_ms),
            upstream_ms: bounded(self.upstream_ms),
            queue_ms: bounded(self.queue_ms),
            request_bytes: bounded(self.request_bytes),
            response_bytes: bounded(self.response_bytes),
            ..*self
        }
    }
}

fn text(value: Option<&str>, bound: usize, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.extend_from_slice(&ABSENT.to_be_bytes()) };
    let value = &value.as_bytes()[..value.floor_char_boundary(bound)];
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
    let start = out.len();
    out.extend_from_slice(value);
    if value.contains(&0) {
        out[start..].iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'?');
    }
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadEncoding> {
        let (taken, left) = self.0.split_first_chunk().ok_or(BadEncoding::Short)?;
        self.0 = left;
        Ok(*taken)
    }

    fn number(&mut self, what: &'static str) -> Result<u64, BadEncoding> {
        let value = u64::from_be_bytes(self.take()?);
        if value == bounded(value) { Ok(value) } else { Err(BadEncoding::Value(what)) }
    }

    fn optional(&mut self, bound: usize, what: &'static str) -> Result<Option<&'a str>, BadEncoding> {
        let length = u16::from_be_bytes(self.take()?);
        if length == ABSENT {
            return Ok(None);
        }
        let length = usize::from(length);
        if length > bound {
            return Err(BadEncoding::Value(what));
        }
        let (taken, left) = self.0.split_at_checked(length).ok_or(BadEncoding::Short)?;
        self.0 = left;
        match str::from_utf8(taken) {
            Ok(text) if !text.contains('\0') => Ok(Some(text)),
            _ => Err(BadEncoding::Value(what)),
        }
    }

    fn required(&mut self, bound: usize, what: &'static str) -> Result<&'a str, BadEncoding> {
        self.optional(bound, what)?.ok_or(BadEncoding::Value(what))
    }

    fn head(&mut self) -> Result<(StreamId, u64), BadEncoding> {
        match self.take()? {
            [VERSION] => {}
            [version] => return Err(BadEncoding::Version(version)),
        }
        let boot = Ulid::from_bytes(self.take()?);
        let number = u16::from_be_bytes(self.take()?);
        Ok((StreamId { boot, number }, self.number("seq")?))
    }

    fn intent(&mut self) -> Result<Intent<&'a str>, BadEncoding> {
        Ok(Intent {
            id: Ulid::from_bytes(self.take()?),
            time_micros: match u64::from_be_bytes(self.take()?) {
                time if time <= LAST_MICRO => time,
                _ => return Err(BadEncoding::Value("time")),
            },
            node: self.required(NODE, "node")?,
            account: self.optional(NAME, "account")?,
            account_id: self.optional(ACCOUNT_ID, "account_id")?,
            consumer: self.optional(NAME, "consumer")?,
            credential: self.optional(NAME, "credential")?,
            route: self.required(ROUTE, "route")?,
            model: self.optional(NAME, "model")?,
            method: self.required(METHOD, "method")?,
            path: self.required(PATH, "path")?,
            client_request_id: self.optional(REQUEST_ID, "client_request_id")?,
            tier: self.optional(TIER, "tier")?,
        })
    }

    fn closing(&mut self) -> Result<Closing, BadEncoding> {
        let outcome = self.one_of(&Outcome::ALL, "outcome")?;
        let status = u16::from_be_bytes(self.take()?);
        Ok(Closing {
            outcome,
            status: (status != 0).then_some(status),
            duration_ms: self.number("duration_ms")?,
            upstream_ms: self.number("upstream_ms")?,
            queue_ms: self.number("queue_ms")?,
            request_bytes: self.number("request_bytes")?,
            response_bytes: self.number("response_bytes")?,
            quality: self.one_of(&Quality::ALL, "quality")?,
            measures: self.measures()?,
        })
    }

    fn measures(&mut self) -> Result<Measures, BadEncoding> {
        let taken = u16::from_be_bytes(self.take()?);
        if taken >> Measure::ALL.len() != 0 {
            return Err(BadEncoding::Value("set of measures"));
        }
        let mut measures = Measures::default();
        for (index, measure) in Measure::ALL.into_iter().enumerate() {
            if taken & (1 << index) != 0 {
                measures = measures.with(measure, self.number(measure.as_str())?);
            }
        }
        Ok(measures)
    }

    /// The value whose place in its list the next byte says; the lists are in the order of their enums.
    fn one_of<V: Copy>(&mut self, all: &[V], what: &'static str) -> Result<V, BadEncoding> {
        let [index] = self.take()?;
        all.get(usize::from(index)).copied().ok_or(BadEncoding::Value(what))
    }

    fn end(&self) -> Result<(), BadEncoding> {
        if self.0.is_empty() { Ok(()) } else { Err(BadEncoding::Long) }
    }
}
