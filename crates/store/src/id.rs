//! Identifiers: ULIDs, one type for each thing, so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use ulid::Ulid;

use crate::error::{Error, Result};
use crate::random;
use crate::row::{Columns, Read};
use crate::statement::Value;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $what:literal;)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// A new one, at this time and random within its millisecond.
            pub(crate) fn new(now: Timestamp) -> Result<Self> {
                ulid(now).map(Self)
            }
        }

        impl $name {
            /// Stands for what no store has made: what a configuration file declares.
            pub const OF_THE_FILE: Self = Self(Ulid::nil());
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// A text that is no identifier names nothing, so this fails with [`Error::NotFound`].
            fn from_str(text: &str) -> Result<Self> {
                // As it is stored: 26 characters, upper case; other spellings would not be found.
                let ulid = Ulid::from_string(text).ok().filter(|ulid| ulid.to_string() == text);
                ulid.map(Self).ok_or(Error::NotFound($what))
            }
        }

        impl Read for $name {
            fn read(columns: &mut Columns<'_>) -> Result<Self> {
                columns.parse()
            }
        }

        impl Read for Option<$name> {
            fn read(columns: &mut Columns<'_>) -> Result<Self> {
                columns.parse_optional()
            }
        }

        impl From<$name> for Value {
            fn from(id: $name) -> Self {
                Self::Text(Some(id.to_string()))
            }
        }

        impl From<Option<$name>> for Value {
            fn from(id: Option<$name>) -> Self {
                Self::Text(id.map(|id| id.to_string()))
            }
        })*
    };
}

ids! {
    /// Names an account.
    AccountId: "account";
    /// Names a consumer.
    ConsumerId: "consumer";
    /// Names a credential; `key_id` in the bodies of the control plane.
    CredentialId: "credential";
}

/// A ULID of this time with 80 random bits.
pub(crate) fn ulid(now: Timestamp) -> Result<Ulid> {
    let mut bytes = [0; 16];
    random::fill(&mut bytes)?;
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Ok(Ulid::from_parts(millis, u128::from_be_bytes(bytes)))
}
