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
        let folded;
        let name = match name.bytes().any(|b| matches!(b, b'_' | b'.')) {
            true => {
                folded = name.replace(['_', '.'], "-");
                folded.as_str()
            }
            false => name,
        };
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
