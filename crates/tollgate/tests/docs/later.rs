//! Settings of the grammar that this version does not honour, each with the proof.

use std::path::Path;

use crate::ground::Ground;

/// One setting.
pub struct Setting {
    /// Where it stands, as the reference names it; for one way to write a text, the kind of text and that way.
    pub path: &'static str,
    /// What happens to a file that has it.
    pub fate: Fate,
    slot: Slot,
    sample: &'static str,
}

/// What happens to a file with the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is served with a warning.
    Warned,
    /// It is refused, as ignoring the setting would be unsafe.
    Refused,
}

/// Where a sample goes in the file that proves its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Top,
    Upstream,
    Tier,
    Route,
    Accept,
    Credential,
}

const fn warned(path: &'static str, slot: Slot, sample: &'static str) -> Setting {
    Setting { path, fate: Fate::Warned, slot, sample }
}

const fn refused(path: &'static str, slot: Slot, sample: &'static str) -> Setting {
    Setting { path, fate: Fate::Refused, slot, sample }
}

/// All of them. A setting that has come into force fails the test until it is taken out here.
pub const SETTINGS: &[Setting] = &[
    refused("htpasswd", Slot::Top, "htpasswd: [{ file: users.htpasswd }]"),
    refused("SECRET.vault", Slot::Credential, "{ jwt: { key: a, secret: { vault: 'a#b' } } }"),
    refused("SECRET.aws", Slot::Credential, "{ jwt: { key: a, secret: { aws: 'a#b' } } }"),
    refused("SECRET.azure", Slot::Credential, "{ jwt: { key: a, secret: { azure: a } } }"),
    refused("consumers.NAME.credentials.api_key.vault", Slot::Credential, "{ api_key: { vault: 'a#b' } }"),
    refused("consumers.NAME.credentials.api_key.aws", Slot::Credential, "{ api_key: { aws: 'a#b' } }"),
    refused("consumers.NAME.credentials.api_key.azure", Slot::Credential, "{ api_key: { azure: a } }"),
    warned("prices", Slot::Top, "prices: [{ meter: requests, price: 1, currency: USD }]"),
    warned("upstreams.NAME.capacity", Slot::Upstream, "capacity: 1"),
    warned("upstreams.NAME.queue", Slot::Upstream, "queue: { max: 1 }"),
    warned("tiers.NAME.weight", Slot::Tier, "weight: 2"),
    warned("tiers.NAME.budget", Slot::Tier, "budget: 1.00 USD/month"),
    warned("routes.NAME.queue", Slot::Route, "queue: { class: x }"),
    refused("routes.NAME.accept.jwt.issuers", Slot::Accept, "{ jwt: { issuers: [{ issuer: x }] } }"),
    refused("KeyPlace.body:/POINTER", Slot::Accept, "{ api_key: { from: ['body:/auth/key'] } }"),
    refused("routes.NAME.accept.basic", Slot::Accept, "basic"),
    refused("routes.NAME.accept.service_token", Slot::Accept, "service_token"),
    refused("routes.NAME.accept.hmac", Slot::Accept, "hmac"),
    refused("routes.NAME.accept.mtls", Slot::Accept, "mtls"),
    refused("routes.NAME.accept.remote", Slot::Accept, "{ remote: { url: x } }"),
    refused("consumers.NAME.credentials.jwt.issuer", Slot::Credential, "{ jwt: { issuer: x, subject: y } }"),
    refused("consumers.NAME.credentials.jwt.subject", Slot::Credential, "{ jwt: { issuer: x, subject: y } }"),
    refused(
        "consumers.NAME.credentials.service_token",
        Slot::Credential,
        "{ service_token: { id: x, secret: { env: S } } }",
    ),
    refused(
        "consumers.NAME.credentials.basic",
        Slot::Credential,
        "{ basic: { username: x, password_hash: { env: S } } }",
    ),
    refused("consumers.NAME.credentials.hmac", Slot::Credential, "{ hmac: { id: x, secret: { env: S } } }"),
    refused("consumers.NAME.credentials.mtls", Slot::Credential, "{ mtls: { subject: x } }"),
];

impl Setting {
    /// Proves the fate with a file that has nothing else to say.
    #[track_caller]
    pub fn check(&self) {
        let text = self.file();
        let ground = Ground::of(Path::new(""), &text);
        let (fate, told) = match ground.compile(self.path, &text) {
            Ok(compiled) => {
                (Fate::Warned, compiled.warnings.iter().map(|w| w.render(false)).collect::<String>())
            }
            Err(problems) => (Fate::Refused, problems.render(false)),
        };
        let words = match self.fate {
            Fate::Warned => "not in force in this version",
            Fate::Refused => "not supported by this version",
        };
        assert!(fate == self.fate && told.contains(words), "`{}` is {fate:?}: {told}", self.path);
    }

    fn file(&self) -> String {
        let at = |slot| if self.slot == slot { self.sample } else { "" };
        let accept = if self.slot == Slot::Accept { self.sample } else { "api_key" };
        let credential = if self.slot == Slot::Credential { self.sample } else { "{ api_key: { env: K } }" };
        format!(
            "{}\nupstreams: {{ m: {{ targets: [http://127.0.0.1:9001], {} }} }}\ntiers: {{ t: {{ {} }} }}\n\
             routes: {{ r: {{ match: {{ path: /x }}, upstream: m, accept: [{accept}], {} }} }}\n\
             consumers: {{ c: {{ credentials: [{credential}] }} }}\n",
            at(Slot::Top),
            at(Slot::Upstream),
            at(Slot::Tier),
            at(Slot::Route),
        )
    }
}
