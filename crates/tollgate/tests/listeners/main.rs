//! The listeners of the control plane, over sockets: what answers where and to whom, and what outlives a restart or a stop.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking; what it starts ends with its runtime"
)]

mod booked;
mod gate;
mod remembered;

use reqwest::{Certificate, Client, Method};

use self::gate::{ADMIN_KEY, Gate, client};

const ALL: &str = "admin: { listen: 127.0.0.1:0, hosts: [gate.test] }\n\
                   probes: { listen: 127.0.0.1:0 }\n\
                   auth_api: { listen: 127.0.0.1:0 }\n";

#[tokio::test]
async fn each_path_answers_on_its_listeners_alone() {
    let gate = Gate::start(ALL).await;
    let at = gate.addresses();
    let listeners = [gate.data(), at.admin.unwrap(), at.probes.unwrap(), at.auth_api.unwrap()];
    // On the gate's own, the admin listener, `probes` and `auth_api`.
    for (method, path, expected) in [
        (Method::GET, "/health", [404, 200, 200, 404]),
        (Method::GET, "/ready", [404, 200, 200, 404]),
        (Method::GET, "/metrics", [404, 200, 200, 404]),
        (Method::GET, "/docs", [404, 200, 404, 404]),
        (Method::GET, "/openapi.json", [404, 200, 404, 404]),
        (Method::GET, "/api/v1/keys", [404, 401, 404, 404]),
        (Method::POST, "/api/v1/keys", [404, 401, 404, 404]),
        (Method::GET, "/api/v1/consumers", [404, 401, 404, 404]),
        (Method::GET, "/api/v1/audit", [404, 401, 404, 404]),
        (Method::GET, "/api/v1/matrix", [404, 401, 404, 404]),
        (Method::POST, "/api/v1/explain", [404, 401, 404, 404]),
        (Method::POST, "/api/v1/keys/validate", [404, 401, 404, 401]),
        // Callers from here may report; it is the credential that does not exist.
        (Method::POST, "/api/v1/usage/01JD0000000000000000000000", [404, 404, 404, 404]),
        (Method::GET, "/api/v1/usage/01JD0000000000000000000000", [404, 401, 404, 401]),
        (Method::GET, "/", [404, 200, 404, 404]),
        (Method::POST, "/health", [404, 405, 405, 404]),
    ] {
        for (address, expected) in listeners.iter().zip(expected) {
            let url = format!("http://{address}{path}");
            let answer = client().request(method.clone(), url).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), expected, "{method} {path} on {address} of {listeners:?}");
        }
    }
    // No admin key is taken where there is nothing to administer.
    let url = format!("http://{}/api/v1/keys", at.auth_api.unwrap());
    assert_eq!(client().get(url).bearer_auth(ADMIN_KEY).send().await.unwrap().status(), 404);
    gate.stop().await;
}

#[tokio::test]
async fn only_the_admin_listener_asks_what_it_is_called() {
    let gate = Gate::start(ALL).await;
    let at = gate.addresses();
    let (admin, probes, auth_api) = (at.admin.unwrap(), at.probes.unwrap(), at.auth_api.unwrap());
    let own = admin.to_string();
    for (host, on_admin) in [
        ("gate.test", 200),
        ("gate.test:8081", 200),
        ("localhost", 200),
        (own.as_str(), 200),
        ("rebound.example", 421),
        ("gate.test.example", 421),
        ("192.0.2.1", 421),
    ] {
        let ask = async |address, method, path| {
            let url = format!("http://{address}{path}");
            let request = client().request(method, url).header("host", host);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(ask(admin, Method::GET, "/health").await, on_admin, "{host}");
        assert_eq!(ask(probes, Method::GET, "/health").await, 200, "{host}");
        assert_eq!(ask(auth_api, Method::POST, "/api/v1/keys/validate").await, 401, "{host}");
    }
    gate.stop().await;
}

#[tokio::test]
async fn reports_without_a_key_come_from_stated_networks() {
    for (callers, here, there) in [
        ("", 404, 404),
        (", callers: [127.0.0.2/32]", 401, 404),
        (", callers: [127.0.0.0/31]", 404, 401),
        (", callers: [\"::1/128\"]", 401, 401),
        (", callers: []", 401, 401),
    ] {
        let gate = Gate::start(&format!("auth_api: {{ listen: 127.0.0.1:0{callers} }}\n")).await;
        let base =
            format!("http://{}/api/v1/usage/01JD0000000000000000000000", gate.addresses().auth_api.unwrap());
        for (from, expected) in [([127, 0, 0, 1], here), ([127, 0, 0, 2], there)] {
            let client = Client::builder().local_address(std::net::IpAddr::from(from)).build().unwrap();
            for path in ["", "/debit"] {
                let request = client.post(format!("{base}{path}")).json(&serde_json::json!({}));
                let answer = request.try_clone().unwrap().send().await.unwrap();
                assert_eq!(answer.status().as_u16(), expected, "{callers} from {from:?}");
                // A page in a browser on a caller's machine is no caller.
                let answer = request.header("origin", "http://localhost").send().await.unwrap();
                assert_eq!(answer.status(), 403, "{callers} from {from:?}");
            }
        }
        gate.stop().await;
    }
}

#[tokio::test]
async fn the_admin_listener_speaks_tls() {
    let tls = "admin: { listen: 127.0.0.1:0, hosts: [gate.test], tls: { cert: admin.crt, key: admin.key } }\n\
               probes: { listen: 127.0.0.1:0 }\n";
    let gate = Gate::start(tls).await;
    let (admin, probes) = (gate.addresses().admin.unwrap(), gate.addresses().probes.unwrap());
    let trusting = |pem: &str| {
        let root = Certificate::from_pem(pem.as_bytes()).unwrap();
        Client::builder().tls_certs_only([root]).resolve("gate.test", admin).build().unwrap()
    };
    let url = format!("https://gate.test:{}/api/v1/keys", admin.port());

    let answer = trusting(&gate.certificate).get(&url).bearer_auth(ADMIN_KEY).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11));
    let answer = trusting(&gate.certificate).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    // Somebody else's certificate is not believed, and without TLS nothing is said.
    assert!(trusting(&gate::certificate().0).get(&url).send().await.unwrap_err().is_connect());
    let plain = client().get(format!("http://{admin}/health")).bearer_auth(ADMIN_KEY).send().await;
    assert!(plain.is_err(), "{plain:?}");
    // The others have no certificate of their own.
    assert_eq!(client().get(format!("http://{probes}/health")).send().await.unwrap().status(), 200);
    gate.stop().await;
}
