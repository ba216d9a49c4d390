//! A Redis that wants a password, and one behind TLS: the gate's link to it, and what `doctor` says of it.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tollgate::shared::{Settings, Unfit, probe};
use tollgate_core::credential::Digest;
use tollgate_secrets::Secret;

use crate::block_on;
use crate::fleet::Fleet;
use crate::server::Redis;

fn ask(url: &str, roots: Option<Vec<u8>>) -> Result<(), Unfit> {
    block_on(probe(&Settings { url: Secret::new(url), key: None, nodes: 1, roots }))
}

/// What `tollgate doctor` finds of the fleet's state: how it is, and in words.
fn doctor(shared: &str, url: &str, roots: Option<&[u8]>) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(roots) = roots {
        std::fs::write(folder.path().join("roots.pem"), roots).unwrap();
    }
    let file = folder.path().join("tollgate.yaml");
    let text = format!(
        "listen: 127.0.0.1:0\nshared: {shared}\nupstreams: {{ m: {{ targets: [\"http://127.0.0.1:9\"] }} }}\n\
         routes: {{ r: {{ match: {{ path: /r }}, upstream: m, accept: [public] }} }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let output =
        command.args(["doctor", "--json", "--config"]).arg(&file).env("REDIS_URL", url).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!out.contains("hunter2"), "{out}");
    let found: Value = serde_json::from_str(&out).map_err(|error| format!("{error}: {out}")).unwrap();
    let found = found["findings"].as_array().unwrap().iter().find(|found| found["what"] == "shared state");
    let text = |name: &str| found.unwrap()[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("detail") + " / " + &text("mend"))
}

/// The whole link: what one node puts there another one gets, and it hears of it.
fn works(redis: &Redis) {
    let fleet = Fleet::start(redis, 2);
    let [one, other] = [&fleet.nodes[0].shared, &fleet.nodes[1].shared];
    let mut news = other.news();
    news.mark_unchanged();
    fleet.runtime.block_on(async {
        let key = Digest::of(b"key");
        one.put(&key, b"ann", Duration::from_secs(60)).await;
        assert_eq!(other.get(&key).await.unwrap().0, b"ann");
        one.changed();
        tokio::time::timeout(Duration::from_secs(10), news.changed()).await.unwrap().unwrap();
    });
}

#[test]
fn a_password_opens_it_and_is_not_shown() {
    let redis = Redis::with_password("hunter2");
    works(&redis);
    let (good, bare) = (redis.url(), redis.url().replace(":hunter2@", ""));
    let wrong = redis.url().replace("hunter2", "hunter2x");
    assert_eq!(ask(&good, None), Ok(()));
    assert!(matches!(ask(&bare, None), Err(Unfit::Password(_))), "{:?}", ask(&bare, None));
    assert!(matches!(ask(&wrong, None), Err(Unfit::Password(_))), "{:?}", ask(&wrong, None));

    let (state, text) = doctor("{ env: REDIS_URL }", &good, None);
    assert_eq!((state.as_str(), text.starts_with("Redis answers at 127.0.0.1:")), ("ok", true), "{text}");
    for url in [&wrong, &bare] {
        let (state, text) = doctor("{ env: REDIS_URL }", url, None);
        assert_eq!(state, "failed");
        assert!(
            text.contains("does not let this user in") && text.contains("put user and password"),
            "{text}"
        );
    }
}

#[test]
fn tls_is_spoken_with_whom_the_roots_vouch_for() {
    let redis = Redis::with_tls();
    works(&redis);
    let roots = redis.roots();
    assert_eq!(ask(&redis.url(), roots.clone()), Ok(()));
    let stranger = Redis::with_tls().roots();
    for (url, roots) in [
        (redis.url(), None),
        (redis.url(), stranger),
        // By a name that the certificate does not have, and without TLS.
        (redis.url().replace("127.0.0.1", "localhost"), roots.clone()),
        (redis.url().replace("rediss", "redis"), None),
    ] {
        assert!(matches!(ask(&url, roots.clone()), Err(Unfit::Away(_))), "{:?}", ask(&url, roots));
    }

    let (state, text) = doctor("{ env: REDIS_URL, roots: roots.pem }", &redis.url(), roots.as_deref());
    assert_eq!(state, "ok", "{text}");
    let (state, text) = doctor("{ env: REDIS_URL }", &redis.url(), None);
    assert_eq!(state, "failed");
    assert!(text.contains("certificate") && text.contains("`roots`"), "{text}");
}

#[test]
fn what_is_no_primary_redis_does_not_fit() {
    let primary = Redis::start();
    assert_eq!(ask(&primary.url(), None), Ok(()));
    let replica = Redis::start();
    let port = primary.url().rsplit_once(':').unwrap().1.to_owned();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port).exec(&mut replica.connection()).unwrap();
    assert!(matches!(ask(&replica.url(), None), Err(Unfit::Unable(why)) if why.contains("replica")));
    primary.freeze();
    assert!(matches!(ask(&primary.url(), None), Err(Unfit::Away(_))));
    primary.thaw();
    assert!(matches!(ask("redis://127.0.0.1:1", None), Err(Unfit::Away(_))));
}
