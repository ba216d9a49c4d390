//! What it costs to look on while bytes pass: `cargo bench -p tollgate-core --bench meter`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench takes the time, and tells its figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tollgate_core::meter::{AnswerMeter, Kind, RequestMeter, UsageChunkFilter};

const EVENTS: usize = 1000;
const EVENT: &str = "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\" there\"}}],\
    \"created\":1795345910,\"id\":\"chatcmpl-7TH8EFm8iirsul99iXX4RQxhKIupGnK4\",\"model\":\"smollm2\",\
    \"system_fingerprint\":\"b1-7e4c0a9\",\"object\":\"chat.completion.chunk\"}\n\n";

fn main() {
    // `cargo test --all-targets` starts benches too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let stream = EVENT.repeat(EVENTS);
    println!("an event has {} bytes", EVENT.len());
    report("meter, an event at a time", EVENTS, || {
        let mut meter = AnswerMeter::new(Kind::Events, 0);
        (0..EVENTS).for_each(|_| meter.feed(EVENT.as_bytes()));
        black_box(meter.read());
    });
    report("filter, an event at a time", EVENTS, || {
        let mut filter = UsageChunkFilter::default();
        (0..EVENTS).for_each(|_| filter.feed(EVENT.as_bytes(), |piece| _ = black_box(piece)));
    });
    report("meter, parts of 1400 bytes, per event", EVENTS, || {
        let mut meter = AnswerMeter::new(Kind::Events, 0);
        stream.as_bytes().chunks(1400).for_each(|part| meter.feed(part));
        black_box(meter.read());
    });
    let text = format!("{{\"choices\":[{{\"message\":{{\"content\":\"{}\"}}}}]}}", "word ".repeat(200_000));
    let vector = format!("{{\"data\":[{{\"embedding\":[{}0]}}]}}", "-0.0093273,".repeat(100_000));
    let rows = format!("{{\"inputs\":[{}[1]]}}", "[5.1,3.5,1.4,0.2],".repeat(50_000));
    for (what, body) in [("text", text.as_str()), ("vector", &vector), ("rows", &rows)] {
        report(&format!("JSON answer, {what}, per KiB"), body.len() / 1024, || {
            let mut meter = AnswerMeter::new(Kind::Json, 0);
            body.as_bytes().chunks(16 * 1024).for_each(|part| meter.feed(part));
            black_box(meter.read());
        });
    }
    let requests = RequestMeter::new(None, &[], true);
    for (what, body) in [("text", text.as_str()), ("rows", &rows)] {
        report(&format!("JSON request, {what}, per KiB"), body.len() / 1024, || {
            drop(black_box(requests.read(body.as_bytes())));
        });
    }
    let small =
        r#"{"model":"m","stream":true,"max_tokens":6,"messages":[{"role":"user","content":"Say hi"}]}"#;
    report("JSON request, small, each", 1, || drop(black_box(requests.read(small.as_bytes()))));
}

/// One unit's share of the best of many runs.
fn report(what: &str, units: usize, mut run: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
    }
    println!("{what}: {} ns", best.as_nanos() / units.max(1) as u128);
}
