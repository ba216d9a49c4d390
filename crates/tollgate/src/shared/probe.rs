//! Whether a Redis fits, without joining its fleet: asked in the way in which a gate asks.

use redis::{RedisError, RedisResult, Script};
use tokio::sync::watch;

use super::link::{ANSWER, CONNECT, Link, describe};
use super::{Settings, SettingsError};

/// Why a gate could not use a Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody answers, or not in time.
    #[error("it does not answer: {0}")]
    Away(String),
    /// It wants another password, or one at all.
    #[error("it does not let this user in: {0}")]
    Password(String),
    /// It answers and does not do what a gate needs.
    #[error("{0}")]
    Unable(String),
}

/// Connects as a gate does (address, TLS, user, protocol, announcements), and asks for a script, as rates do. It writes
/// nothing.
///
/// # Errors
/// [`Unfit`].
pub async fn probe(settings: &Settings) -> Result<(), Unfit> {
    settings.check()?;
    let link = Link::new(settings.open()?, watch::Sender::new(0)).map_err(|error| unfit(&error))?;
    let late = |_| Unfit::Away(format!("no answer within {CONNECT:?}"));
    let connected = tokio::time::timeout(CONNECT, link.connect()).await.map_err(late)?;
    let mut connection = connected.map_err(|error| unfit(&error))?;
    let script = Script::new("return redis.call('TIME')[1]");
    let asked = async {
        let _: String = script.invoke_async(&mut connection).await?;
        let role: RedisResult<Vec<redis::Value>> = redis::cmd("ROLE").query_async(&mut connection).await;
        RedisResult::Ok(role)
    };
    let asked = tokio::time::timeout(ANSWER, asked).await;
    let asked = asked.map_err(|_| Unfit::Away(format!("no answer within {ANSWER:?}")))?;
    // Who may not ask for the role is not told that it is wrong.
    let role = asked.map_err(|error| unfit(&error))?.unwrap_or_default();
    match role.first().map(redis::from_redis_value_ref::<String>) {
        Some(Ok(role)) if role != "master" => {
            Err(Unfit::Unable("it is a replica, and takes nothing that a gate tells".to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

fn unfit(error: &RedisError) -> Unfit {
    let why = describe(error);
    match error.code() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Unfit::Password(why),
        Some(_) => Unfit::Unable(why),
        None if error.is_io_error() => Unfit::Away(why),
        None => match error.kind() {
            redis::ErrorKind::AuthenticationFailed => Unfit::Password(why),
            _ => Unfit::Unable(why),
        },
    }
}
