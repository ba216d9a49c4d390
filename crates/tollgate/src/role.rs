//! What a process is there for: all of it, or one part of what grows past one machine.

pub mod worker;

use clap::ValueEnum;
use tollgate_ledger::sink::SinkAddress;

use crate::config::process::{Process, StorePlace};

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Role {
    /// The data plane and the control plane
    #[default]
    All,
    /// The data plane, without the admin listener
    Gateway,
    /// The control plane, without the listeners of the data plane
    Admin,
    /// Neither: it books what gates deliver to NATS, Kafka or Kinesis in PostgreSQL
    Worker,
}

impl Role {
    /// Why a file does not fit the role; nothing where it does.
    pub fn misfits(self, process: &Process) -> Vec<&'static str> {
        let mut misfits = Vec::new();
        match self {
            Self::All | Self::Gateway => {}
            Self::Admin => {
                if process.admin.is_none() {
                    misfits.push("the role `admin` has nothing to serve: the file has no `admin`");
                }
            }
            Self::Worker => {
                if process.ledger.sink == SinkAddress::Store {
                    misfits.push(
                        "the role `worker` has nothing to read: `ledger.sink` names no NATS, Kafka or Kinesis, and \
                         gates write to the store by themselves",
                    );
                }
                if matches!(process.store, StorePlace::Sqlite(_)) {
                    misfits.push("the role `worker` needs a `store` that several can share: `postgres://…`");
                }
            }
        }
        misfits
    }

    /// The settings less what the role does not do.
    #[must_use]
    pub fn of(self, mut process: Process) -> Process {
        process.role = self;
        match self {
            Self::All | Self::Worker => {}
            Self::Gateway => process.admin = None,
            Self::Admin => process.listen.clear(),
        }
        process
    }
}

#[cfg(test)]
mod tests;
