use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    usage: Usage,
}

#[track_caller]
fn check(arguments: &[&str], items: Value, total: Value, expected: &str) {
    let cli = Cli::try_parse_from([&["usage"], arguments].concat()).unwrap();
    let items = items.as_array().unwrap().clone();
    assert_eq!(cli.usage.text(items, &total), expected.trim_start_matches('\n').trim_end());
}

fn sum(consumer: &str, requests: u64, tokens: u64, p50: u64) -> Value {
    let measures = json!({ "requests": requests, "tokens_in": tokens, "tokens_out": 7, "rows": 0 });
    json!({ "consumer": consumer, "day": "2026-11-22", "events": requests, "measures": measures,
            "duration_ms": { "sum": 9, "p50": p50, "p95": 1234 } })
}

#[test]
fn the_most_comes_first_and_the_total_last() {
    let items = json!([sum("a", 5, 10, 3), sum("bravo", 1_234_567, 20, 40)]);
    let total = sum("", 1_234_572, 30, 40);
    check(
        &["--by", "consumer"],
        items.clone(),
        total.clone(),
        "
consumer   requests  tokens in  tokens out  p50 ms  p95 ms
bravo     1,234,567         20           7      40   1,234
a                 5         10           7       3   1,234
total     1,234,572         30           7      40   1,234
",
    );
    check(
        &["--by", "day,consumer", "--limit", "1"],
        items,
        total,
        "
day         consumer   requests  tokens in  tokens out  p50 ms  p95 ms
2026-11-22  a                 5         10           7       3   1,234
… 1 more
total                 1,234,572         30           7      40   1,234
",
    );
}

#[test]
fn compute_units_have_a_column_where_there_are_some() {
    let total = json!({ "events": 2, "measures": { "requests": 2, "rows": 50, "compute_units": "1.5" }, "duration_ms": {} });
    check(&[], json!([]), total, "requests  rows  units\n       2    50    1.5");
}

#[test]
fn digits_stand_in_groups() {
    for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")]
    {
        assert_eq!(grouped(number), text);
    }
}
