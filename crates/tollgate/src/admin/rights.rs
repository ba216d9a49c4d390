//! What an admin key may be allowed to do: one table.

/// One right of an admin key. Handlers name it in their signature, see [`May`](super::caller::May).
pub trait Right {
    /// The scope that grants it, as the document and refusals name it.
    const SCOPE: &'static str;
    /// Scopes that grant it too, beside [`ADMIN`].
    const ALSO: &'static [&'static str];
}

/// The scope that grants everything, over all accounts. Any other one reaches its key's own account alone.
pub const ADMIN: &str = "admin";

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident: $scope:literal $(or $also:literal)?;)*) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Right for $name {
            const SCOPE: &'static str = $scope;
            const ALSO: &'static [&'static str] = &[$($also)?];
        })*

        /// Every scope that makes a key an admin key.
        pub const SCOPES: &[&str] = &[$($scope),*];
    };
}

rights! {
    /// Everything, over all accounts; also what concerns no account or more than one.
    Admin: "admin";
    /// See the account.
    AccountsRead: "accounts:read" or "accounts:write";
    /// Rename the account.
    AccountsWrite: "accounts:write";
    /// See consumers.
    ConsumersRead: "consumers:read" or "consumers:write";
    /// Make, change and remove consumers.
    ConsumersWrite: "consumers:write";
    /// See keys and other credentials, never their secrets.
    KeysRead: "keys:read" or "keys:write";
    /// Make, change, rotate and revoke keys and other credentials.
    KeysWrite: "keys:write";
    /// See what was used.
    UsageRead: "usage:read" or "usage:write";
    /// Report what was used.
    UsageWrite: "usage:write";
    /// See who changed what.
    AuditRead: "audit:read";
    /// See tiers, routes and the matrix.
    ConfigRead: "config:read";
}
