use super::{Allowance, Budget, Period, Quota, Rate, Unit};

fn check(text: &str, expected: Result<Allowance, &str>) {
    let got = text.parse::<Rate>().map(|rate| rate.0);
    assert_eq!(got, expected.map_err(str::to_owned), "{text:?}");
}

fn per(count: u64, unit: Unit, period: Period) -> Result<Allowance, &'static str> {
    Ok(Allowance::Per(super::PerPeriod { count, unit, period }))
}

#[test]
fn rates() {
    check("100 requests/h", per(100, Unit::Requests, Period::Hour));
    check("1000/h", per(1000, Unit::Requests, Period::Hour));
    check("100000 tokens/min", per(100_000, Unit::Tokens, Period::Minute));
    check("50 requests/s", per(50, Unit::Requests, Period::Second));
    check("8 concurrent", Ok(Allowance::Concurrent(8)));
    let form = "write `100 requests/h`, `1000 tokens/min` or `8 concurrent`";
    check("many", Err(&format!("`many` is no limit\n{form}")));
    check("-1/s", Err(&format!("`-1/s` is no limit\n{form}")));
    check(
        "100 requests",
        Err(&format!("the limit `100 requests` has no period\n{form}")),
    );
    check(
        "0/s",
        Err("the limit `0/s` lets nothing pass\nuse `deny` to keep consumers out"),
    );
    check(
        "5/fortnight",
        Err("unknown period `fortnight`\nperiods are: s, min, h, day, month"),
    );
    check(
        "99999999999999999999/s",
        Err(&format!("`99999999999999999999/s` is no limit\n{form}")),
    );
    check("é/s", Err(&format!("`é/s` is no limit\n{form}")));
}

#[test]
fn quotas_and_budgets() {
    assert!("1000000 requests/month".parse::<Quota>().is_ok());
    assert!("5 requests/h".parse::<Quota>().is_err());
    assert!("8 concurrent".parse::<Quota>().is_err());
    let budget = "500.00 USD/month"
        .parse::<Budget>()
        .map(|budget| (budget.0.amount.digits, budget.0.amount.scale));
    assert_eq!(budget, Ok((500, 0)));
    for wrong in [
        "500 usd/month",
        "500 USD",
        "USD 500/month",
        "1e3 USD/month",
        "5 USD/h",
        "5  USD/month/x",
    ] {
        assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
    }
}
