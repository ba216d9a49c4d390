//! Where closed events go: the store of the process, NATS JetStream, Kafka or Kinesis.
//!
//! A batch may be delivered any number of times; the ids and places of its events make it count once. It is delivered
//! when the other side has said that it keeps it, and until then nobody forgets it.
//!
//! Futures are boxed, so that the code of the brokers' clients is made here and not where somebody waits for it.

mod address;
mod error;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
#[cfg(feature = "kinesis")]
pub(crate) mod kinesis;
mod message;
#[cfg(feature = "nats")]
pub(crate) mod nats;
mod store;
#[cfg(any(feature = "nats", feature = "kafka"))]
mod tls;

use futures_util::future::BoxFuture;
use tollgate_core::usage::StreamId;
use tollgate_store::Store;

pub(crate) use address::Remote;
pub use address::{BadAddress, SinkAddress};
pub use error::{Fault, SinkError};
pub(crate) use message::Packed;
pub use message::{CONTENT_TYPE, Message};

use crate::chain::{Linked, Seal};

/// Where closed events go.
#[derive(Debug)]
pub struct Sink {
    address: SinkAddress,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Store(store::StoreSink),
    #[cfg(feature = "nats")]
    Nats(Box<nats::NatsSink>),
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::KafkaSink>),
    #[cfg(feature = "kinesis")]
    Kinesis(Box<kinesis::KinesisSink>),
}

/// Events of one stream in its order, and the seals among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose events.
    pub stream: StreamId,
    /// The events.
    pub events: Vec<Linked>,
    /// The seals.
    pub seals: Vec<Seal>,
}

impl Sink {
    /// The sink of this address; `store` is where events go where the address says `store`. It connects to nothing yet.
    pub fn new(address: SinkAddress, store: &Store) -> Self {
        let kind = match &address {
            #[cfg(feature = "nats")]
            SinkAddress::Nats(remote) => Kind::Nats(Box::new(nats::NatsSink::new(remote.clone()))),
            #[cfg(feature = "kafka")]
            SinkAddress::Kafka(remote) => Kind::Kafka(Box::new(kafka::KafkaSink::new(remote.clone()))),
            #[cfg(feature = "kinesis")]
            SinkAddress::Kinesis(remote) => {
                Kind::Kinesis(Box::new(kinesis::KinesisSink::new(remote.clone())))
            }
            // `store`, and what this program is built without: no address says that.
            _ => Kind::Store(store::StoreSink::new(store.clone())),
        };
        Self { address, kind }
    }

    /// Where it is, without secrets.
    pub fn address(&self) -> &SinkAddress {
        &self.address
    }

    /// How many events of a batch it takes well. A transaction of the store costs the same with many; of messages, more at
    /// once would only be more to send again after a failure.
    pub fn most(&self) -> usize {
        match self.kind {
            Kind::Store(_) => 4000,
            #[cfg(any(feature = "nats", feature = "kafka", feature = "kinesis"))]
            _ => 1000,
        }
    }

    /// Connects, makes what is missing and may be made, and looks whether what is there drops what nobody has read. Gives
    /// what an operator should know. [`Sink::deliver`] does the same where it was not done.
    ///
    /// # Errors
    /// [`SinkError`]: one that is not transient is a reason not to start; an absent sink is none.
    pub fn prepare(&self) -> BoxFuture<'_, Result<Vec<String>, SinkError>> {
        Box::pin(async move {
            match &self.kind {
                Kind::Store(_) => Ok(Vec::new()),
                #[cfg(feature = "nats")]
                Kind::Nats(sink) => sink.prepare().await,
                #[cfg(feature = "kafka")]
                Kind::Kafka(sink) => sink.prepare().await,
                #[cfg(feature = "kinesis")]
                Kind::Kinesis(sink) => sink.prepare().await,
            }
        })
    }

    /// Delivers a batch. When this returns, the other side keeps it. Answers how many alarms that raised, where they are
    /// raised here: what goes through a broker is looked at by workers.
    ///
    /// # Errors
    /// [`SinkError`]: some of it may have arrived, and it may come again.
    pub fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(async move {
            match &self.kind {
                Kind::Store(sink) => sink.deliver(batch).await,
                #[cfg(feature = "nats")]
                Kind::Nats(sink) => sink.deliver(batch).await.map(|()| 0),
                #[cfg(feature = "kafka")]
                Kind::Kafka(sink) => sink.deliver(batch).await.map(|()| 0),
                #[cfg(feature = "kinesis")]
                Kind::Kinesis(sink) => sink.deliver(batch).await.map(|()| 0),
            }
        })
    }
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.seals.is_empty()
    }

    /// Its messages, the events before the seals.
    pub(crate) fn messages(&self) -> Result<Vec<Packed>, SinkError> {
        let events = self.events.iter().map(Packed::event);
        let all: serde_json::Result<_> = events.chain(self.seals.iter().map(Packed::seal)).collect();
        all.map_err(SinkError::batch)
    }
}
