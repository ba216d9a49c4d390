use std::path::Path;

use bytes::Bytes;
use http::{Method, StatusCode};

use super::*;
use crate::config::{self, source::Source};
use crate::probe::{self, Listening, Question, trust};

fn compiled(folder: &Path) -> Compiled {
    let text = "listen: 127.0.0.1:0\nworkers: 1\n\
         admin: { listen: 127.0.0.1:0, tls: { cert: cert.pem, key: key.pem } }\n\
         upstreams: { m: { targets: [\"http://127.0.0.1:9\"] } }\n\
         routes: { r: { match: { path: /r }, upstream: m, accept: [public] } }\n";
    config::compile(&Source::new("tollgate.yaml", text.to_owned(), folder), &|_| None).unwrap()
}

/// Writes a new certificate and its key.
fn renew(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

/// Whether the admin listener answers who believes the certificate in this folder alone.
fn shows(server: &Server, folder: &Path) -> bool {
    let own = tls::certificates(&folder.join("cert.pem")).unwrap();
    let authority: http::uri::Authority =
        server.control_addresses().admin.unwrap().to_string().parse().unwrap();
    let url = format!("https://{authority}/health").parse().unwrap();
    let at = Listening::tls(authority, trust::own_or_system(own).unwrap());
    let question = Question { at, url, method: Method::GET, headers: Vec::new(), body: Bytes::new() };
    server.control().block_on(probe::ask(question)).is_ok_and(|status| status == StatusCode::OK)
}

#[test]
fn a_reload_renews_the_certificate_of_the_admin_listener() {
    let (folder, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    renew(folder);
    let server = Server::start(compiled(folder), Clock::system(), Telemetry::default()).unwrap();
    assert!(shows(&server, folder));
    std::fs::copy(folder.join("cert.pem"), before.path().join("cert.pem")).unwrap();

    renew(folder);
    assert!(!shows(&server, folder), "a file alone changes nothing");
    let Compiled { process, snapshot, .. } = compiled(folder);
    server.reload(&process, snapshot).unwrap();
    assert!(shows(&server, folder));
    assert!(!shows(&server, before.path()));

    let Compiled { process, snapshot, .. } = compiled(folder);
    std::fs::copy(folder.join("cert.pem"), before.path().join("cert.pem")).unwrap();
    std::fs::write(folder.join("key.pem"), "no key").unwrap();
    assert!(server.reload(&process, snapshot).is_err());
    assert!(shows(&server, before.path()), "what cannot be used changes nothing");
    server.stop();
}
