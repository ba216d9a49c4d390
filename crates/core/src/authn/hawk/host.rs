//! Which host and port a caller signed.

use super::Key;
use super::mac::{Signed, equal};
use crate::head::Head;

/// Which host and port the caller signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum SignedHost {
    /// Those of the `Host` header; without a port 80, or 443 over TLS.
    #[default]
    Header,
    /// Always these.
    Fixed {
        /// Host in lower case.
        host: Box<str>,
        /// Port.
        port: u16,
    },
    /// An empty host and the port `None`, as mohawk signs a bare path.
    BarePath,
}

/// The host and port lines of a normalised string.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostLines<'a> {
    pub(super) host: &'a str,
    /// Absent for a bare path, which mohawk writes as the text `None`.
    pub(super) port: Option<u16>,
}

impl HostLines<'_> {
    /// Those of a bare path.
    pub(super) const BARE: Self = Self { host: "", port: None };
}

impl SignedHost {
    /// Tries the MAC with every host line that the caller may have signed; gives the one that fits.
    pub(super) fn verify<'a, 's>(
        &'a self,
        key: &Key,
        mac: &str,
        head: &'a Head,
        signed: impl Fn(HostLines<'a>) -> Signed<'s>,
    ) -> Option<HostLines<'a>> {
        let mut lines = self.lines(head).into_iter().flatten();
        lines.find(|host| equal(&key.mac(&signed(*host)), mac))
    }

    /// For an IPv6 literal there are two, as implementations disagree on its brackets.
    fn lines<'a>(&'a self, head: &'a Head) -> [Option<HostLines<'a>>; 2] {
        let (host, port) = match self {
            Self::BarePath => return [Some(HostLines::BARE), None],
            Self::Fixed { host, port } => (&**host, *port),
            Self::Header => (&*head.host.name, head.host.port_or_default(head.secure)),
        };
        let line = |host| HostLines { host, port: Some(port) };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        [Some(line(host)), bare.map(line)]
    }
}
