//! What a stream's segments say when they are read from the first to the last.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use tollgate_core::usage::{Closing, Intent, StreamId, UsageEvent};

use crate::chain::{Head, SealKey};
use crate::journal::finding::{Damage, Finding};
use crate::journal::record::{self, Kind, Record};
use crate::journal::segment::{self, HEAD};

/// A stream as far as it has been read. A record that was written twice, in a segment and in the one that replaced it,
/// counts once.
#[derive(Debug)]
pub(super) struct Replay {
    stream: StreamId,
    /// Older segments are gone, so that calls and events need not begin at 1.
    pruned: bool,
    open: BTreeMap<u64, Open>,
    ended: Ended,
    newest_call: u64,
    head: Head,
    sealed: u64,
    pub(super) findings: Vec<Finding>,
}

/// A call without an end.
#[derive(Debug)]
struct Open {
    intent: Box<[u8]>,
    progress: Option<Closing>,
}

/// Calls that have ended.
#[derive(Debug, Default)]
struct Ended {
    /// All up to here,
    all_to: u64,
    /// and these.
    and: HashSet<u64>,
}

impl Replay {
    pub(super) fn new(stream: StreamId, pruned: bool) -> Self {
        Self {
            stream,
            pruned,
            open: BTreeMap::new(),
            ended: Ended::default(),
            newest_call: 0,
            head: Head::default(),
            sealed: 0,
            findings: Vec::new(),
        }
    }

    /// Reads the next segment; answers where its last whole record ends.
    pub(super) fn segment(&mut self, path: &Path, number: u32, bytes: &[u8]) -> usize {
        let finding =
            |offset: usize, damage| Finding { file: path.to_owned(), offset: offset as u64, damage };
        let mut at = HEAD.min(bytes.len());
        if !segment::is_head(bytes, self.stream, number) {
            self.findings.push(finding(0, Damage::Head));
        }
        loop {
            while let Some((record, length)) = record::first(&bytes[at..]) {
                if let Some(damage) = self.record(record) {
                    self.findings.push(finding(at, damage));
                }
                at += length;
            }
            // A record that was torn when the process ended is the last one.
            let Some(next) = record::find(&bytes[at..]) else { return at };
            self.findings.push(finding(at, Damage::Corrupt));
            at += next;
        }
    }

    /// Notes that there were events up to here, whatever is left of them.
    pub(super) fn go_on_from(&mut self, head: Head) {
        if head.seq > self.head.seq {
            self.head = head;
        }
    }

    /// The newest event's place; 0 where there is none.
    pub(super) fn newest_event(&self) -> u64 {
        self.head.seq
    }

    /// Calls without an end.
    pub(super) fn open_calls(&self) -> u64 {
        self.open.len() as u64
    }

    /// The records that finish the stream.
    pub(super) fn finish(&mut self, key: &SealKey) -> Vec<u8> {
        self.missing_calls();
        let mut records = Vec::new();
        for (call, open) in std::mem::take(&mut self.open) {
            let closing = Closing::interrupted(open.progress.as_ref());
            let mut event = Vec::new();
            UsageEvent::encode_head(self.stream, self.head.seq + 1, &mut event);
            event.extend_from_slice(&open.intent);
            closing.encode(&mut event);
            self.head = self.head.after(&event);
            record::append(&mut records, Kind::Event, |out| {
                out.extend_from_slice(&call.to_be_bytes());
                out.extend_from_slice(&self.head.hash);
                out.extend_from_slice(&event);
            });
        }
        if self.head.seq > self.sealed {
            let seal = key.seal(self.stream, self.head);
            record::append(&mut records, Kind::Seal, |out| record::put_seal(&seal, out));
        }
        record::append(&mut records, Kind::End, |_| {});
        records
    }

    fn record(&mut self, record: Record<'_>) -> Option<Damage> {
        match record {
            Record::Intent { call, intent } => {
                self.newest_call = self.newest_call.max(call);
                if self.ended.has(call) {
                    return None;
                }
                if let Err(error) = Intent::decode(intent) {
                    return Some(Damage::Unreadable(error));
                }
                self.open.entry(call).or_insert_with(|| Open { intent: intent.into(), progress: None });
                None
            }
            Record::Progress { call, closing } => {
                let open = self.open.get_mut(&call)?;
                match Closing::decode(closing) {
                    Ok(closing) => open.progress = Some(closing),
                    Err(error) => return Some(Damage::Unreadable(error)),
                }
                None
            }
            Record::Event { call, hash, event } => {
                self.end(call);
                self.event(hash, event)
            }
            Record::Withdrawn { call } => {
                self.end(call);
                None
            }
            Record::Seal { head, .. } => {
                self.sealed = self.sealed.max(head.seq);
                None
            }
            Record::End => None,
        }
    }

    fn event(&mut self, hash: [u8; 32], event: &[u8]) -> Option<Damage> {
        let seq = match UsageEvent::decode_head(event) {
            Ok((_, seq)) => seq,
            Err(error) => return Some(Damage::Unreadable(error)),
        };
        let before = std::mem::replace(&mut self.head, Head { seq, hash });
        if seq <= before.seq {
            // It was written twice; or it was missing in a segment that was given up, and is in the one that replaces it.
            self.head = before;
            self.fill_gap(seq);
            return (seq == before.seq && hash != before.hash).then_some(Damage::Chain { seq });
        }
        if seq == before.seq + 1 {
            return (before.after(event).hash != hash).then_some(Damage::Chain { seq });
        }
        let begins = self.pruned && before.seq == 0;
        (!begins).then_some(Damage::EventsMissing { after: before.seq, next: seq })
    }

    /// Takes back that an event is missing; they are found in their order.
    fn fill_gap(&mut self, seq: u64) {
        self.findings.retain_mut(|finding| match &mut finding.damage {
            Damage::EventsMissing { after, next } if *after + 1 == seq => {
                *after = seq;
                seq + 1 < *next
            }
            _ => true,
        });
    }

    fn end(&mut self, call: u64) {
        self.newest_call = self.newest_call.max(call);
        self.open.remove(&call);
        self.ended.insert(call);
    }

    /// Where older segments are gone, what is missing cannot be told from what was deleted.
    fn missing_calls(&mut self) {
        if self.pruned {
            return;
        }
        let mut after = self.ended.all_to;
        for call in self.ended.all_to + 1..=self.newest_call {
            if self.ended.has(call) || self.open.contains_key(&call) {
                if call > after + 1 {
                    let damage = Damage::CallsMissing { after, next: call };
                    self.findings.push(Finding { file: self.stream.to_string().into(), offset: 0, damage });
                }
                after = call;
            }
        }
    }
}

impl Ended {
    fn insert(&mut self, call: u64) {
        if call > self.all_to {
            self.and.insert(call);
            while self.and.remove(&(self.all_to + 1)) {
                self.all_to += 1;
            }
        }
    }

    fn has(&self, call: u64) -> bool {
        call <= self.all_to || self.and.contains(&call)
    }
}
