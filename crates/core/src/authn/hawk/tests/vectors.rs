//! Values published with mozilla/hawk and taskcluster/rust-hawk, and mohawk's bare path.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::Value;

use crate::authn::hawk::host::HostLines;
use crate::authn::hawk::mac::{Kind, Signed, payload_hash};
use crate::authn::hawk::{Algorithm, Judged, Key, Options, Request, bewit, sign};
use crate::credential::{Credentials, Proof};
use crate::fixtures::{at, consumer, credential, head, known};
use crate::head::{Head, Host};

const VECTORS: &str = include_str!("../../../../tests/vectors/hawk-reference.json");

struct Vector(Value);

impl Vector {
    fn text(&self, name: &str) -> Option<&str> {
        self.0[name].as_str().filter(|text| !text.is_empty())
    }

    fn key(&self) -> Key {
        let decoded = self.text("key_b64").map(|text| STANDARD.decode(text).unwrap());
        let secret = decoded.unwrap_or_else(|| self.text("key").unwrap().as_bytes().to_vec());
        let algorithm: Algorithm = self.text("algorithm").unwrap().parse().unwrap();
        Key::new(self.text("id").unwrap_or("id"), algorithm, &secret).unwrap()
    }

    fn host(&self) -> HostLines<'_> {
        let port = u16::try_from(self.0["port"].as_u64().unwrap()).unwrap();
        HostLines { host: self.text("host").unwrap(), port: Some(port) }
    }

    fn mac(&self, kind: Kind) -> String {
        let ts = self.0["ts"].to_string();
        self.key().mac(&Signed {
            kind,
            ts: &ts,
            nonce: self.text("nonce").unwrap(),
            method: self.text("method").unwrap(),
            resource: self.text("resource").unwrap(),
            host: self.host(),
            hash: self.text("hash"),
            ext: self.text("ext"),
            app: None,
            dlg: None,
        })
    }

    fn check_payload(&self) {
        let Some(payload) = self.0["payload"].as_str() else {
            return;
        };
        let algorithm = self.text("algorithm").unwrap().parse().unwrap();
        let content_type = self.text("content_type").unwrap_or_default();
        assert_eq!(
            self.text("hash").unwrap(),
            payload_hash(algorithm, content_type.as_bytes(), payload.as_bytes())
        );
    }

    fn check_bewit(&self) {
        let mut head = self.head_with_bewit();
        let mut credentials = Credentials::default();
        credentials.insert(credential(&consumer("c", &[]), Proof::Hawk(self.key()), None)).unwrap();
        let ends = self.0["exp"].as_u64().unwrap();
        let judge = |head: &Head| {
            let material = self.text("bewit").unwrap().as_bytes();
            bewit::judge(material, head, &Options::default(), &known(&credentials), at(ends - 1))
        };
        assert!(matches!(judge(&head), Ok(Judged::Identified(_))), "{}", self.0);
        head.method = Method::HEAD;
        assert!(judge(&head).is_ok(), "{}", self.0);
        head.host.port = Some(1);
        assert!(judge(&head).is_err(), "{}", self.0);
    }

    fn head_with_bewit(&self) -> Head {
        let resource = self.text("resource").unwrap();
        let sign = if resource.contains('?') { '&' } else { '?' };
        let HostLines { host, port } = self.host();
        let mut head = head(&format!("GET {resource}{sign}bewit={}", self.text("bewit").unwrap()), &[]);
        head.host = Host { name: host.into(), port };
        head
    }
}

#[test]
fn every_reference_value() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 27);
    for vector in vectors {
        let vector = Vector(vector.clone());
        match vector.text("type").unwrap() {
            "header" => assert_eq!(vector.text("mac").unwrap(), vector.mac(Kind::Header), "{}", vector.0),
            "response" => assert_eq!(vector.text("mac").unwrap(), vector.mac(Kind::Response), "{}", vector.0),
            "ts" => {
                let tsm = vector.key().mac_of_time(vector.0["ts"].as_i64().unwrap());
                assert_eq!(vector.text("tsm").unwrap(), tsm, "{}", vector.0);
            }
            "bewit" => vector.check_bewit(),
            kind => assert_eq!(kind, "payload-hash"),
        }
        vector.check_payload();
    }
}

#[test]
fn mohawk_on_a_bare_path() {
    let key = Key::new("service_a_id", Algorithm::Sha256, "0f".repeat(32).as_bytes()).unwrap();
    let header = sign(&Request {
        key: &key,
        ts: 1_700_000_000,
        nonce: "abc123",
        method: &Method::POST,
        resource: "/predict/sentiment",
        host: None,
        payload: Some(("application/json", br#"{"text":"test input"}"#)),
        ext: None,
        app: None,
        dlg: None,
    });
    assert_eq!(
        header.unwrap(),
        "Hawk mac=\"hJQbJobmG71DGwlus+WQc1pP7N4PT6/vkEbHCyACwHw=\", \
         hash=\"TVWR6IHw5XIxjfARpefqhZZ/soxlODBW+ZKWv4RDHtg=\", \
         id=\"service_a_id\", ts=\"1700000000\", nonce=\"abc123\""
    );
}

#[test]
fn mohawk_with_every_attribute() {
    let key = Key::new("dh", Algorithm::Sha256, crate::fixtures::SECRET).unwrap();
    let header = sign(&Request {
        key: &key,
        ts: 1_700_000_000,
        nonce: "n1",
        method: &Method::GET,
        resource: "/predict?b=1&a=2",
        host: Some(("example.com", 80)),
        payload: None,
        ext: Some("e"),
        app: Some("a"),
        dlg: Some("d"),
    });
    assert_eq!(
        header.unwrap(),
        "Hawk mac=\"GnE9fWPGWVrKh3wcZXTuZeoyASVnSCsIeQvRgXU3Hpk=\", \
         id=\"dh\", ts=\"1700000000\", nonce=\"n1\", ext=\"e\", app=\"a\", dlg=\"d\""
    );
}

#[test]
fn ext_is_escaped_and_app_is_signed() {
    let mut text = Vec::new();
    let signed = Signed {
        kind: Kind::Header,
        ts: "1",
        nonce: "n",
        method: "GET",
        resource: "/a?b",
        host: HostLines { host: "h", port: Some(80) },
        hash: None,
        ext: Some("a\\b\nc"),
        app: Some("app"),
        dlg: None,
    };
    signed.feed(|piece| text.extend_from_slice(piece));
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "hawk.1.header\n1\nn\nGET\n/a?b\nh\n80\n\na\\\\b\\nc\napp\n\n"
    );
}

#[test]
fn only_the_media_type_of_a_payload_counts() {
    let plain = payload_hash(Algorithm::Sha256, b"text/plain", b"x");
    for content_type in ["text/plain; charset=utf-8", " Text/PLAIN ;q=1", "text/plain;"] {
        assert_eq!(payload_hash(Algorithm::Sha256, content_type.as_bytes(), b"x"), plain, "{content_type}");
    }
    assert_ne!(payload_hash(Algorithm::Sha256, b"", b"x"), plain);
}
