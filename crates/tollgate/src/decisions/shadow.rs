//! Who would break if refusals were in force.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;
use serde::Serialize;

use super::{Decision, timestamp};

/// How many rows are kept; what comes for others is only counted.
pub(super) const ROWS: usize = 4096;

/// Counts of what was let through.
#[derive(Debug, Default)]
pub(super) struct Shadow(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    rows: HashMap<Key, Counts>,
    others: u64,
}

/// Strangers have no name; they are told apart by network, so that one network does not fill the table.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    route: Option<Box<str>>,
    caller: Caller,
    denial: &'static str,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Caller {
    Consumer(Box<str>),
    Network(IpAddr),
}

#[derive(Debug)]
struct Counts {
    count: u64,
    first: Duration,
    last: Duration,
    decision: Box<str>,
}

/// Who would have been refused since the gate started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each route, caller and refusal, most frequent first.
    pub items: Vec<Row>,
    /// Refusals of further callers, for whom there is no row.
    pub others: u64,
}

/// One caller of one route, and why it would be refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The route.
    pub route: Option<Box<str>>,
    /// Who, where the caller is identified.
    pub consumer: Option<Box<str>>,
    /// From which network, where nobody is identified: a /24 of IPv4, a /64 of IPv6.
    pub network: Option<String>,
    /// The refusal's stable word.
    pub denial: &'static str,
    /// How often.
    pub count: u64,
    /// When the first one began.
    #[serde(serialize_with = "timestamp")]
    pub first: Duration,
    /// When the last one began.
    #[serde(serialize_with = "timestamp")]
    pub last: Duration,
    /// The id of the last one, to ask more about.
    pub decision: Box<str>,
}

impl Shadow {
    pub fn count(&self, decision: &Decision) {
        let caller = match &decision.consumer {
            Some(consumer) => Caller::Consumer(consumer.clone()),
            None => Caller::Network(network(decision.client)),
        };
        let key = Key { route: decision.route.clone(), caller, denial: decision.denial };
        let mut table = self.0.lock();
        let is_full = table.rows.len() >= ROWS;
        match table.rows.get_mut(&key) {
            Some(counts) => {
                counts.count += 1;
                counts.last = counts.last.max(decision.time);
                counts.decision.clone_from(&decision.id);
            }
            None if is_full => table.others += 1,
            None => {
                let (first, last) = (decision.time, decision.time);
                table.rows.insert(key, Counts { count: 1, first, last, decision: decision.id.clone() });
            }
        }
    }

    pub fn report(&self) -> Report {
        let table = self.0.lock();
        let mut items: Vec<Row> = table.rows.iter().map(|(key, counts)| row(key, counts)).collect();
        let others = table.others;
        drop(table);
        let name = |row: &Row| (row.route.clone(), row.consumer.clone(), row.network.clone(), row.denial);
        items.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| name(one).cmp(&name(other))));
        Report { items, others }
    }
}

fn row(key: &Key, counts: &Counts) -> Row {
    let (consumer, network) = match &key.caller {
        Caller::Consumer(name) => (Some(name.clone()), None),
        Caller::Network(network @ IpAddr::V4(_)) => (None, Some(format!("{network}/24"))),
        Caller::Network(network @ IpAddr::V6(_)) => (None, Some(format!("{network}/64"))),
    };
    Row {
        route: key.route.clone(),
        consumer,
        network,
        denial: key.denial,
        count: counts.count,
        first: counts.first,
        last: counts.last,
        decision: counts.decision.clone(),
    }
}

/// The address without what tells one host of a network from another.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}
