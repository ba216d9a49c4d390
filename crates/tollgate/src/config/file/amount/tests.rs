use super::{ByteSize, Decimal, Network, SizeLimit, TimeSpan};

/// Milliseconds of a time span, or the first line of its error.
fn check(text: &str, expected: Result<u128, &str>) {
    let got = text.parse::<TimeSpan>().map(|span| span.0.as_millis());
    let got = got.map_err(|error| error.lines().next().unwrap_or_default().to_owned());
    assert_eq!(got, expected.map_err(str::to_owned), "{text:?}");
}

#[test]
fn time_spans() {
    check("250ms", Ok(250));
    check("30s", Ok(30_000));
    check("10m", Ok(600_000));
    check("2h", Ok(7_200_000));
    check("90d", Ok(7_776_000_000));
    check("0s", Ok(0));
    check("30", Err("the time span `30` has no unit"));
    check("", Err("`` is no time span"));
    check("s", Err("`s` is no time span"));
    check("-1s", Err("`-1s` is no time span"));
    check("1.5s", Err("`1.5s` is no time span"));
    check("10 s", Err("`10 s` is no time span"));
    check("3w", Err("`3w` is no time span"));
    check(
        "99999999999d",
        Err("the time span `99999999999d` is longer than a hundred years"),
    );
}

#[test]
fn sizes() {
    let check = |text: &str, expected: Option<u64>| {
        assert_eq!(
            text.parse::<ByteSize>().ok().map(|size| size.0),
            expected,
            "{text}"
        );
    };
    check("512", Some(512));
    check("64KiB", Some(65_536));
    check("10MiB", Some(10_485_760));
    check("1GiB", Some(1 << 30));
    check("10MB", Some(10_000_000));
    check("10mb", None);
    check("unlimited", None);
    check("999999999TiB", None);
    assert_eq!("unlimited".parse::<SizeLimit>(), Ok(SizeLimit(None)));
}

#[test]
fn decimals() {
    let check = |text: &str, expected: Option<(u64, u8)>| {
        assert_eq!(
            text.parse::<Decimal>()
                .ok()
                .map(|number| (number.0.digits, number.0.scale)),
            expected,
            "{text}"
        );
    };
    check("0.01", Some((1, 2)));
    check("500.00", Some((500, 0)));
    check("1", Some((1, 0)));
    check("1e3", None);
    check(".5", None);
    check("5.", None);
    check("-1", None);
    check("0.1234567890123", None);
}

#[test]
fn networks() {
    let shown = |text: &str| text.parse::<Network>().ok().map(|network| network.0.to_string());
    assert_eq!(shown("10.0.0.0/8").as_deref(), Some("10.0.0.0/8"));
    assert_eq!(shown("127.0.0.1").as_deref(), Some("127.0.0.1/32"));
    assert_eq!(shown("localhost"), None);
}
