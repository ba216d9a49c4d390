//! Which header fields of a caller go on.

/// What happens to a header field of a caller, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Goes on.
    Keep,
    /// Ends here: hop-by-hop, or ours to say.
    Drop,
    /// Frames the message; `Connection` may not name it.
    Framing,
}

impl Fate {
    /// Judges a lower-case name. `_` and `.` count as `-`: servers that map them would take an alias for the real name.
    pub fn of(name: &str) -> Self {
        if !name.bytes().any(|b| matches!(b, b'_' | b'.')) {
            return Self::of_plain(name);
        }
        match Self::of_plain(&name.replace(['_', '.'], "-")) {
            // An alias frames nothing here, and must frame nothing behind us.
            Self::Framing => Self::Drop,
            fate => fate,
        }
    }

    fn of_plain(name: &str) -> Self {
        match name {
            "host" | "content-length" | "transfer-encoding" => Self::Framing,
            "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "upgrade"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "forwarded"
            | "x-real-ip"
            | "x-request-id"
            | "x-credential-identifier"
            | "client-cert"
            | "client-cert-chain"
            | "x-mlfsa-retried"
            | "expect"
            | "http2-settings" => Self::Drop,
            _ if ["x-consumer-", "x-tollgate-", "x-forwarded-", "cf-access-"]
                .iter()
                .any(|p| name.starts_with(p)) =>
            {
                Self::Drop
            }
            _ => Self::Keep,
        }
    }
}
