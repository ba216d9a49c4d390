//! What the three consumers of every test present, and proofs of what the gate signs.
//!
//! `{key:service_a}` is an API key. `{jwt:service_a}` is a token that is valid for an hour; `exp=-1` and `nbf=5` are
//! seconds from now, `by=service_b` signs with another's key, `key=x` names another key, `none` leaves the signature
//! out. `{hawk:service_a}` is a whole `Hawk …` value for the request that it stands in; `ts=-61`, `nonce=x`, `bare`
//! (as mohawk signs a bare path), `nohash`, `by=service_b`, `wrong` (a MAC over something else), `unread` (nobody will
//! judge it, so the answer is not signed).

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tollgate_core::authn::{hawk, jwt};
use tollgate_store::{NewProof, Plaintext};

/// The consumers of every test; a configuration takes them with `{consumers}`.
const NAMES: [&str; 3] = ["service_a", "service_b", "service_c"];

/// What one consumer has.
struct Held {
    private_key: String,
    public_key: String,
    hawk_key: String,
    api_key: String,
}

/// A credential as a transcript asks for it.
#[derive(Debug)]
pub struct Presented<'t> {
    kind: &'t str,
    consumer: &'t str,
    options: Vec<(&'t str, &'t str)>,
}

/// The request that a signature covers.
#[derive(Debug)]
pub struct Signing<'r> {
    pub method: &'r str,
    pub target: &'r str,
    pub host: &'r str,
    pub content_type: &'r str,
    pub body: &'r [u8],
}

/// What is remembered of a signed request, to prove its answer.
#[derive(Debug, Clone)]
pub struct Signed {
    consumer: String,
    ts: String,
    nonce: String,
    method: String,
    target: String,
    host: String,
}

impl<'t> Presented<'t> {
    /// Reads `kind:consumer option name=value`; nothing where this is no credential.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        if !["key", "jwt", "hawk"].contains(&kind) {
            return None;
        }
        let mut words = rest.split(' ');
        let consumer = words.next()?;
        let options = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        Some(Self { kind, consumer, options })
    }

    fn option(&self, name: &str) -> Option<&'t str> {
        self.options.iter().find(|(have, _)| *have == name).map(|(_, value)| *value)
    }

    fn seconds(&self, name: &str, now: i64, default: i64) -> Result<i64> {
        let offset = self.option(name).map_or(Ok(default), str::parse)?;
        Ok(now + offset)
    }

    /// The text to send, the secrets in it that no upstream may see, and what proves the answer.
    pub fn make(
        &self,
        now: i64,
        serial: usize,
        signing: Option<&Signing<'_>>,
    ) -> Result<(String, Vec<String>, Option<Signed>)> {
        let signer = self.option("by").unwrap_or(self.consumer);
        Ok(match self.kind {
            "key" => {
                let key = held(self.consumer)?.api_key.clone();
                (key.clone(), vec![key], None)
            }
            "jwt" => {
                let token = self.token(signer, now)?;
                let secrets = token.rsplit('.').take(1).filter(|part| !part.is_empty());
                let mut secrets: Vec<String> = secrets.map(str::to_owned).collect();
                secrets.push(token.clone());
                (token, secrets, None)
            }
            _ => self.hawk(signer, now, serial, signing.context("there is no request to sign here")?)?,
        })
    }

    fn token(&self, signer: &str, now: i64) -> Result<String> {
        let named = format!("iss_{}", self.consumer);
        let mut claims = json!({
            "key": self.option("key").unwrap_or(&named),
            "sub": self.consumer,
            "exp": self.seconds("exp", now, 3600)?,
        });
        if self.option("nbf").is_some() {
            claims["nbf"] = self.seconds("nbf", now, 0)?.into();
        }
        if self.option("nokey").is_some()
            && let Some(claims) = claims.as_object_mut()
        {
            claims.remove("key");
        }
        if let Some(id) = self.option("jti") {
            claims["jti"] = id.into();
        }
        let token = jwt::sign(jwt::Algorithm::Rs256, held(signer)?.private_key.as_bytes(), &claims)?;
        Ok(match self.option("none") {
            Some(_) => {
                let payload = token.split('.').nth(1).unwrap_or_default();
                format!("eyJhbGciOiJub25lIn0.{payload}.")
            }
            None => token,
        })
    }

    fn hawk(
        &self,
        signer: &str,
        now: i64,
        serial: usize,
        signing: &Signing<'_>,
    ) -> Result<(String, Vec<String>, Option<Signed>)> {
        let id = format!("{}_id", self.consumer);
        let key = hawk::Key::new(&id, hawk::Algorithm::Sha256, held(signer)?.hawk_key.as_bytes())?;
        let ts = self.seconds("ts", now, 0)?;
        let nonce = self.option("nonce").map_or_else(|| format!("n{serial}"), str::to_owned);
        let (host, port) = signing.host.split_once(':').unwrap_or((signing.host, "80"));
        let bare = self.option("bare").is_some();
        let payload = (!signing.body.is_empty() && self.option("nohash").is_none())
            .then_some((signing.content_type, signing.body));
        let value = hawk::sign(&hawk::Request {
            key: &key,
            ts: u64::try_from(ts)?,
            nonce: &nonce,
            method: &signing.method.parse()?,
            resource: if self.option("wrong").is_some() { "/elsewhere" } else { signing.target },
            host: if bare { None } else { Some((host, port.parse()?)) },
            payload,
            ext: None,
            app: None,
            dlg: None,
        })?;
        let mac = attribute(&value, "mac").context("a signature without MAC")?.to_owned();
        let signed = Signed {
            consumer: signer.to_owned(),
            ts: ts.to_string(),
            nonce,
            method: signing.method.to_owned(),
            target: signing.target.to_owned(),
            host: if bare { "\nNone".to_owned() } else { format!("{host}\n{port}") },
        };
        let judged = self.option("unread").is_none();
        Ok((value, vec![mac], judged.then_some(signed)))
    }
}

/// What a store keeps of a consumer's proofs.
pub fn proofs(consumer: &str) -> Result<Vec<NewProof>> {
    let held = held(consumer)?;
    let (jwt, hawk) = (jwt::Algorithm::Rs256, hawk::Algorithm::Sha256);
    Ok(vec![
        NewProof::api_key(&held.api_key),
        NewProof::JwtPublic { key: format!("iss_{consumer}"), algorithm: jwt, pem: held.public_key.clone() },
        NewProof::Hawk {
            id: format!("{consumer}_id"),
            algorithm: hawk,
            secret: Plaintext::new(held.hawk_key.as_bytes()),
        },
    ])
}

/// Proves `Server-Authorization` with a normalised string of our own making.
pub fn prove_answer(signed: &Signed, value: &str, content_type: &str, body: &[u8]) -> Result<()> {
    let hash = attribute(value, "hash").unwrap_or_default();
    if !hash.is_empty() {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [b"hawk.1.payload\n", media_type.as_bytes(), b"\n", body, b"\n"] {
            context.update(part);
        }
        ensure!(STANDARD.encode(context.finish()) == hash, "the answer's payload hash is wrong");
    }
    let Signed { ts, nonce, method, target, host, .. } = signed;
    let text = format!("hawk.1.response\n{ts}\n{nonce}\n{method}\n{target}\n{host}\n{hash}\n\n");
    let mac = attribute(value, "mac").context("`Server-Authorization` has no MAC")?;
    ensure!(mac_of(&signed.consumer, &text)? == mac, "`Server-Authorization` has a wrong MAC");
    Ok(())
}

/// Proves the clock that the gate tells a caller whose own is wrong.
pub fn prove_clock(signed: &Signed, challenge: &str) -> Result<()> {
    let Some(ts) = attribute(challenge, "ts") else {
        return Ok(());
    };
    let tsm = attribute(challenge, "tsm").context("a `ts` without `tsm`")?;
    ensure!(mac_of(&signed.consumer, &format!("hawk.1.ts\n{ts}\n"))? == tsm, "`tsm` is wrong");
    Ok(())
}

/// The `consumers:` block of every test.
pub fn consumers() -> String {
    let mut block = "consumers:\n".to_owned();
    for name in NAMES {
        let upper = name.to_uppercase();
        block.push_str(&format!(
            "  {name}:\n    scopes: [model:{name}]\n    credentials:\n      \
             - jwt: {{ key: iss_{name}, algorithm: RS256, public_key: {{ env: {upper}_PUBLIC_KEY }} }}\n      \
             - hawk: {{ id: {name}_id, key: {{ env: {upper}_HAWK_KEY }} }}\n      \
             - api_key: {{ env: {upper}_API_KEY }}\n"
        ));
    }
    block
}

/// The environment of every test.
pub fn environment(variable: &str) -> Option<String> {
    if variable == "UPSTREAM_TOKEN" {
        return Some("token-of-the-gate-itself".to_owned());
    }
    let name = NAMES.into_iter().find(|name| variable.starts_with(&name.to_uppercase()))?;
    let held = held(name).ok()?;
    Some(match variable.strip_prefix(&name.to_uppercase())? {
        "_PUBLIC_KEY" => held.public_key.clone(),
        "_HAWK_KEY" => held.hawk_key.clone(),
        "_API_KEY" => held.api_key.clone(),
        _ => return None,
    })
}

fn mac_of(consumer: &str, text: &str) -> Result<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, held(consumer)?.hawk_key.as_bytes());
    Ok(STANDARD.encode(hmac::sign(&key, text.as_bytes())))
}

fn attribute<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let start = value.find(&format!(" {name}=\""))? + name.len() + 3;
    value[start..].split('"').next()
}

/// RSA keys take long to make, so that there is one set for all tests.
fn held(consumer: &str) -> Result<&'static Held> {
    static HELD: OnceLock<Result<Vec<Held>, String>> = OnceLock::new();
    let index = NAMES.iter().position(|name| *name == consumer).context("no such consumer")?;
    let all =
        HELD.get_or_init(|| NAMES.into_iter().map(make).collect::<Result<_>>().map_err(|e| e.to_string()));
    all.as_ref().map(|all| &all[index]).map_err(|error| anyhow::anyhow!("{error}"))
}

fn make(name: &str) -> Result<Held> {
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let private: Pkcs8V1Der<'_> = pair.as_der()?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    Ok(Held {
        private_key: pem("PRIVATE KEY", private.as_ref()),
        public_key: pem("PUBLIC KEY", public.as_ref()),
        hawk_key: format!("{name} has a Hawk key of its own"),
        api_key: format!("hk_test_{name}0123456789abcdefghijkl"),
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
