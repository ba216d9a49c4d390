//! Where events go, as the configuration writes it: `store`, `nats://…`, `kafka://…`, `kinesis://…`.
//!
//! Reading an address connects to nothing. It may hold a password, which nothing that is shown has.

use std::collections::BTreeMap;
use std::fmt;

/// Where events go. Its text is the address without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAddress {
    /// The store of the process itself.
    Store,
    /// A stream of NATS JetStream: `nats://[USER[:PASSWORD]@]HOST[:PORT][,…]/STREAM?subject=…`. A user without a password
    /// is a token. Options: `subject` (`tollgate.usage` unless given), `replicas`, `max_bytes`, `retention` for a stream
    /// that is to be made, `tls=true`, `credentials=PATH`, and `consumer` for workers.
    Nats(Remote),
    /// A topic of Kafka: `kafka://[USER:PASSWORD@]HOST[:PORT][,…]/TOPIC`. Options: `tls=true`, and `sasl`, one of `plain`,
    /// `scram-sha-256` and `scram-sha-512`.
    Kafka(Remote),
    /// A stream of Kinesis: `kinesis://[KEY_ID:SECRET@]STREAM?region=…`. Without a key, credentials come from wherever
    /// AWS's own tools take them. Option: `endpoint`, in the place of `AWS_ENDPOINT_URL`.
    Kinesis(Remote),
}

/// The parts of an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    scheme: Scheme,
    pub(crate) login: Option<Login>,
    /// `HOST:PORT`, at least one; none for Kinesis.
    pub(crate) hosts: Vec<String>,
    /// The stream or the topic.
    pub(crate) name: String,
    options: BTreeMap<String, String>,
}

/// Who we are to the other side.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Option<String>,
}

/// A text that is no address of a sink; it shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Nats,
    Kafka,
    Kinesis,
}

impl SinkAddress {
    /// The word that it begins with.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Nats(_) => Scheme::Nats.as_str(),
            Self::Kafka(_) => Scheme::Kafka.as_str(),
            Self::Kinesis(_) => Scheme::Kinesis.as_str(),
        }
    }

    /// Reads an address.
    ///
    /// # Errors
    /// [`BadAddress`], which says what is wrong, also for a kind that this program is built without.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        if text == "store" {
            return Ok(Self::Store);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let scheme = Scheme::ALL.into_iter().find(|known| known.as_str() == scheme).ok_or_else(|| {
            bad("a sink is `store`, `nats://HOST/STREAM`, `kafka://HOST/TOPIC` or `kinesis://STREAM?region=…`")
        })?;
        if !scheme.is_built() {
            return Err(bad(format!("this program is built without the feature `{}`", scheme.as_str())));
        }
        let remote = Remote::parse(scheme, rest)?;
        Ok(match scheme {
            Scheme::Nats => Self::Nats(remote),
            Scheme::Kafka => Self::Kafka(remote),
            Scheme::Kinesis => Self::Kinesis(remote),
        })
    }
}

impl fmt::Display for SinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store => f.write_str("store"),
            Self::Nats(remote) | Self::Kafka(remote) | Self::Kinesis(remote) => remote.fmt(f),
        }
    }
}

impl Remote {
    fn parse(scheme: Scheme, rest: &str) -> Result<Self, BadAddress> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may hold an `@` where somebody forgot to escape it; a host holds none.
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(Login::parse(login)?), place),
            None => (None, place),
        };
        let (hosts, name) = match scheme {
            Scheme::Kinesis => (Vec::new(), place.trim_end_matches('/')),
            Scheme::Nats | Scheme::Kafka => {
                let (hosts, name) = place.split_once('/').unwrap_or((place, ""));
                (hosts.split(',').map(|host| with_port(host, scheme)).collect::<Result<_, _>>()?, name)
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(is_name) || (scheme == Scheme::Nats && name.contains('.')) {
            return Err(bad(format!("`{}://…` must name its {}", scheme.as_str(), scheme.what())));
        }
        let mut options = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !scheme.options().contains(&key) {
                let known = scheme.options().join("`, `");
                return Err(bad(format!("`{}://…` has the options `{known}`", scheme.as_str())));
            }
            let value = decoded(value).filter(|value| !value.is_empty() && !value.contains(char::is_control));
            let value = value.ok_or_else(|| bad(format!("the option `{key}` has no value")))?;
            options.insert(key.to_owned(), value);
        }
        let remote = Self { scheme, login, hosts, name: name.to_owned(), options };
        remote.check_options()?;
        Ok(remote)
    }

    /// What it is known by to those who read from it: without whom they read as.
    pub(crate) fn feed(&self) -> String {
        Self { login: None, ..self.clone() }.to_string()
    }

    /// An option's value.
    pub(crate) fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// An option's value, a number; where it is read, it was checked.
    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        self.option(key)?.parse().ok()
    }

    pub(crate) fn wants_tls(&self) -> bool {
        self.option("tls") == Some("true")
    }

    fn check_options(&self) -> Result<(), BadAddress> {
        for (key, value) in &self.options {
            let (right, what) = match key.as_str() {
                "replicas" => {
                    (value.parse().is_ok_and(|n: i64| (1..=5).contains(&n)), "a number from 1 to 5")
                }
                "max_bytes" => (value.parse().is_ok_and(|n: i64| n > 0), "a number of bytes"),
                "retention" => (matches!(value.as_str(), "limits" | "workqueue"), "`limits` or `workqueue`"),
                "tls" => (matches!(value.as_str(), "true" | "false"), "`true` or `false`"),
                "sasl" => (
                    matches!(value.as_str(), "plain" | "scram-sha-256" | "scram-sha-512"),
                    "`plain`, `scram-sha-256` or `scram-sha-512`",
                ),
                "subject" => (
                    !value.contains([' ', '*', '>']) && !value.split('.').any(str::is_empty),
                    "one subject, without wildcards",
                ),
                "consumer" => (!value.contains(['.', ' ', '*', '>', '/', '\\']), "a name of a consumer"),
                _ => (true, ""),
            };
            if !right {
                return Err(bad(format!("the option `{key}` is {what}")));
            }
        }
        if self.option("sasl").is_some() && self.login.is_none() {
            return Err(bad("the option `sasl` needs `USER:PASSWORD@` before the host"));
        }
        Ok(())
    }
}

impl Scheme {
    const ALL: [Self; 3] = [Self::Nats, Self::Kafka, Self::Kinesis];

    fn as_str(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Kafka => "kafka",
            Self::Kinesis => "kinesis",
        }
    }

    fn is_built(self) -> bool {
        match self {
            Self::Nats => cfg!(feature = "nats"),
            Self::Kafka => cfg!(feature = "kafka"),
            Self::Kinesis => cfg!(feature = "kinesis"),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Nats => "stream behind the host, in letters, digits, `-` and `_`",
            Self::Kafka => "topic behind the host, in letters, digits, `-`, `_` and `.`",
            Self::Kinesis => "stream, in letters, digits, `-`, `_` and `.`",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Nats => 4222,
            Self::Kafka => 9092,
            Self::Kinesis => 443,
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Nats => {
                &["subject", "replicas", "max_bytes", "retention", "tls", "credentials", "consumer"]
            }
            Self::Kafka => &["tls", "sasl"],
            Self::Kinesis => &["region", "endpoint"],
        }
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, BadAddress> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        let part = |text: &str| decoded(text).ok_or_else(|| bad("the user or the password has a broken `%`"));
        Ok(Self { user: part(user)?, password: password.map(part).transpose()? })
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_str())?;
        if self.login.is_some() {
            f.write_str("…@")?;
        }
        if !self.hosts.is_empty() {
            write!(f, "{}/", self.hosts.join(","))?;
        }
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

fn with_port(host: &str, scheme: Scheme) -> Result<String, BadAddress> {
    let wrong = || bad(format!("`{}://…` begins with `HOST:PORT`", scheme.as_str()));
    // The colons of an IPv6 address are within brackets.
    let (name, port) = match host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((name, port)) => (name, port.parse().map_err(|_| wrong())?),
        None => (host, scheme.port()),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '[' | ']');
    if name.is_empty() || !name.chars().all(is_host) {
        return Err(wrong());
    }
    Ok(format!("{name}:{port}"))
}

/// A text with its `%XX` resolved.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            bytes.extend(hex::decode(after.get(..2)?).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn bad(why: impl Into<String>) -> BadAddress {
    BadAddress(why.into())
}

#[cfg(test)]
mod tests;
