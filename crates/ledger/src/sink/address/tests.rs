use super::*;

/// Reads an address; answers how it is shown, or why it is none.
fn check(text: &str, expected: Result<&str, &str>) {
    let read = SinkAddress::parse(text).map(|address| address.to_string()).map_err(|error| error.to_string());
    match (read, expected) {
        (Ok(shown), Ok(expected)) => assert_eq!(shown, expected, "{text}"),
        (Err(why), Err(expected)) => assert!(why.contains(expected), "{text}: {why}"),
        (read, _) => unreachable!("{text}: {read:?}"),
    }
}

#[test]
fn an_address_is_read_and_shown_without_its_secrets() {
    check("store", Ok("store"));
    check("nats://a/USAGE", Ok("nats://a:4222/USAGE"));
    check("nats://a:1,b:2/USAGE?subject=x.y&replicas=3", Ok("nats://a:1,b:2/USAGE"));
    check("nats://token@a/USAGE", Ok("nats://…@a:4222/USAGE"));
    check("nats://me:p%40ss@[::1]:4/USAGE?tls=true", Ok("nats://…@[::1]:4/USAGE"));
    check("nats://[::1]/USAGE", Ok("nats://[::1]:4222/USAGE"));
    check("kafka://a,b:9/my.usage-1", Ok("kafka://a:9092,b:9/my.usage-1"));
    check("kafka://me:secret@a/t?sasl=scram-sha-512&tls=true", Ok("kafka://…@a:9092/t"));
    check("kinesis://usage?region=eu-central-1", Ok("kinesis://usage"));
    check("kinesis://ID:se%2Fcret@usage/?endpoint=http://127.0.0.1:1", Ok("kinesis://…@usage"));
}

#[test]
fn what_is_no_address_says_why() {
    for text in ["", "stores", "postgres://a/b", "NATS://a/b"] {
        check(text, Err("a sink is"));
    }
    for text in ["nats://a", "nats://a/", "nats://a/x.y", "kafka://a/x/y", "kinesis://", "kinesis://a b"] {
        check(text, Err("must name its"));
    }
    for text in ["nats", "nats:///USAGE", "nats://a:x/USAGE", "kafka://a,,b/t", "kafka://a b/t"] {
        check(text, Err("begins with"));
    }
    check("nats://a/S?sasl=plain", Err("has the options"));
    check("nats://a/S?subject=", Err("has no value"));
    check("nats://a/S?subject=x..y", Err("without wildcards"));
    check("nats://a/S?subject=x.>", Err("without wildcards"));
    check("nats://a/S?replicas=7", Err("from 1 to 5"));
    check("nats://a/S?retention=interest", Err("`limits` or"));
    check("kafka://a/t?sasl=plain", Err("needs `USER"));
    check("kafka://me:%zz@a/t", Err("broken `%`"));
}

#[test]
fn no_secret_is_shown() {
    let text = "nats://me:very-secret@a/USAGE";
    let shown =
        format!("{:?} {}", SinkAddress::parse(text), SinkAddress::parse("nats://very-secret@a/").is_err());
    assert!(!shown.contains("very-secret"), "{shown}");
    let Err(error) = SinkAddress::parse("kafka://me:very-secret@a/t/very") else { unreachable!() };
    assert!(!format!("{error} {error:?}").contains("secret"));
}
