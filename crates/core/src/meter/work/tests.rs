use super::*;
use crate::limit::Unit;
use crate::meter::{ComputeUnits, Estimate, Factor, Pointer};
use crate::usage::MICROS_PER_COMPUTE_UNIT;

fn meters(on_hangup: OnHangup) -> Meters {
    Meters {
        tokens_in: true,
        tokens_out: true,
        bytes_in: true,
        bytes_out: true,
        rows: vec![Pointer::parse("/rows").unwrap()],
        compute_units: Some(ComputeUnits {
            per_second: Factor::new(1, 0).unwrap(),
            ..ComputeUnits::default()
        }),
        on_hangup,
        ..Meters::default()
    }
    .ready()
}

const REQUEST: RequestReading = RequestReading {
    model: None,
    rows: Some(3),
    rows_doubted: false,
    tokens_in: 10,
    tokens_out_max: Some(50),
    streamed: false,
    usage_asked: false,
    ask: None,
};

const ANSWER: Reading = Reading {
    tokens_in: Some(12),
    tokens_out: Some(7),
    tokens_cached: Some(4),
    tokens_reasoning: None,
    quality: Quality::Counted,
    quality_in: Quality::Estimated,
    doubt: None,
    began: true,
};

/// A whole answer after two seconds.
fn served() -> Work<'static> {
    Work {
        ending: Ending::Whole { success: true },
        upstream: Some(Duration::from_secs(2)),
        model: None,
        request: Some(&REQUEST),
        answer: Some(ANSWER),
        request_bytes: 40,
        response_bytes: 100,
    }
}

/// What is booked, in the order of [`Measure::ALL`] with compute units in whole ones, then the quality.
#[track_caller]
fn check(meters: &Meters, work: &Work<'_>, expected: &str) {
    let Booked { measures, quality } = meters.book(work);
    let one = |(measure, value)| match measure {
        Measure::ComputeUnits => format!("{}={}", measure.as_str(), value / MICROS_PER_COMPUTE_UNIT),
        _ => format!("{}={value}", measure.as_str()),
    };
    let told = measures.iter().map(one).collect::<Vec<_>>().join(" ");
    assert_eq!(format!("{told} {}", quality.as_str()), expected, "{work:?}");
}

#[test]
fn each_meter_books_its_own() {
    let all = meters(OnHangup::Delivered);
    let whole = "requests=1 compute_units=2 rows=3 tokens_in=12 tokens_out=7 tokens_cached=4 \
                 request_bytes=40 response_bytes=100 counted";
    check(&all, &served(), whole);
    check(&Meters::default(), &served(), "requests=1 reported");
    let prompt = Meters { tokens_in: true, ..Meters::default() };
    check(&prompt, &served(), "requests=1 tokens_in=12 tokens_cached=4 estimated");
    let answer = Meters { tokens_out: true, ..Meters::default() };
    check(&answer, &served(), "requests=1 tokens_out=7 counted");
}

#[test]
fn what_the_model_never_saw_costs_no_work() {
    let never = Work { upstream: None, answer: None, ending: Ending::Broken, response_bytes: 0, ..served() };
    check(&meters(OnHangup::Generated), &never, "requests=1 request_bytes=40 response_bytes=0 reported");
}

#[test]
fn a_failure_costs_its_time() {
    let failed = Reading { began: true, ..Reading::default() };
    let work = Work { ending: Ending::Whole { success: false }, answer: Some(failed), ..served() };
    let booked = "requests=1 compute_units=2 rows=0 request_bytes=40 response_bytes=100 reported";
    check(&meters(OnHangup::Delivered), &work, booked);
}

/// Neither rows nor bytes of a payload that was refused cost anything, whether the caller waited for that or not.
#[test]
fn a_payload_that_was_refused_costs_nothing() {
    let units = ComputeUnits {
        per_second: Factor::new(1, 0).unwrap(),
        per_row: Factor::new(1000, 0).unwrap(),
        per_mebibyte: Factor::new(1_000_000, 0).unwrap(),
        ..ComputeUnits::default()
    };
    let failed = Reading { began: true, ..Reading::default() };
    for ending in [Ending::Whole { success: false }, Ending::Left { failed: true }] {
        let on_hangup = OnHangup::Generated;
        let meters = Meters { compute_units: Some(units.clone()), on_hangup, ..meters(on_hangup) };
        let work = Work { ending, answer: Some(failed), ..served() };
        let booked = "requests=1 compute_units=2 rows=0 request_bytes=40 response_bytes=100 reported";
        check(&meters, &work, booked);
    }
}

#[test]
fn who_leaves_pays_as_the_route_says() {
    let left = Work { ending: Ending::Left { failed: false }, ..served() };
    let early = Work { answer: None, response_bytes: 0, ..left };
    let whole = "requests=1 compute_units=2 rows=3 tokens_in=12 tokens_out=7 tokens_cached=4 \
                 request_bytes=40 response_bytes=100 counted";
    let nothing = |bytes| {
        format!(
            "requests=1 compute_units=0 rows=0 tokens_in=0 tokens_out=0 request_bytes=40 \
             response_bytes={bytes} reported"
        )
    };
    check(&meters(OnHangup::Delivered), &left, whole);
    check(&meters(OnHangup::Generated), &left, whole);
    check(&meters(OnHangup::None), &left, &nothing(100));
    check(&meters(OnHangup::Delivered), &early, &nothing(0));
    check(&meters(OnHangup::None), &early, &nothing(0));
    let prompt = "requests=1 compute_units=2 rows=3 tokens_in=10 tokens_out=0 request_bytes=40 \
                  response_bytes=0 estimated";
    check(&meters(OnHangup::Generated), &early, prompt);
}

#[test]
fn a_model_that_breaks_off_has_sold_what_passed() {
    let broken = Work { ending: Ending::Broken, ..served() };
    let whole = "requests=1 compute_units=2 rows=3 tokens_in=12 tokens_out=7 tokens_cached=4 \
                 request_bytes=40 response_bytes=100 counted";
    check(&meters(OnHangup::None), &broken, whole);
    let silent = Work { answer: None, response_bytes: 0, ..broken };
    let nothing = "requests=1 compute_units=0 rows=0 tokens_in=0 tokens_out=0 request_bytes=40 \
                   response_bytes=0 reported";
    check(&meters(OnHangup::Generated), &silent, nothing);
}

#[test]
fn rows_that_nobody_tells_are_estimated() {
    let silent = RequestReading { rows: None, ..REQUEST };
    let estimate = Estimate { rows: Some(5), ..Estimate::default() };
    let rows = Meters { rows: vec![Pointer::parse("/rows").unwrap()], ..Meters::default() };
    let work = Work { request: Some(&silent), ..served() };
    check(&rows, &work, "requests=1 rows=1 estimated");
    let odd = RequestReading { rows_doubted: true, ..REQUEST };
    check(&rows, &Work { request: Some(&odd), ..served() }, "requests=1 rows=3 estimated");
    assert!(rows.misses_rows(&odd) && !rows.misses_rows(&REQUEST));
    let none = RequestReading::default();
    check(&rows, &Work { request: Some(&none), ..served() }, "requests=1 reported");
    let reserved = |meters: &Meters, request| meters.estimate(Some(request), None, None).of(Unit::Rows);
    assert_eq!((reserved(&rows, &silent), reserved(&rows, &none), reserved(&rows, &REQUEST)), (1, 0, 3));
    let guessed = Meters { estimate, ..rows };
    assert_eq!((reserved(&guessed, &silent), reserved(&guessed, &REQUEST)), (5, 3));
    check(&guessed, &work, "requests=1 rows=5 estimated");
}

/// What is reserved, and what is settled of the same call.
#[test]
fn limits_count_what_the_route_counts() {
    let of = |cost: &Cost| {
        [
            Unit::Requests,
            Unit::TokensIn,
            Unit::TokensOut,
            Unit::Tokens,
            Unit::Rows,
            Unit::Bytes,
            Unit::ComputeUnits,
        ]
        .map(|unit| cost.of(unit))
    };
    let all = meters(OnHangup::Delivered);
    assert_eq!(of(&all.estimate(Some(&REQUEST), Some(40), None)), [1, 10, 50, 60, 3, 40, 1]);
    assert_eq!(of(&all.book(&served()).cost(140)), [1, 12, 7, 19, 3, 140, 2_000_000]);
    let plain = Meters { estimate: Estimate { bytes: Some(9), ..Estimate::default() }, ..Meters::default() };
    assert_eq!(of(&plain.estimate(Some(&REQUEST), None, None)), [1, 0, 0, 0, 0, 9, 0]);
    assert_eq!(of(&plain.estimate(None, Some(4), None)), [1, 0, 0, 0, 0, 4, 0]);
    assert_eq!(of(&plain.book(&served()).cost(140)), [1, 0, 0, 0, 0, 140, 0]);
}

/// Compute units are reserved by the payload or as the route says, and never none.
#[test]
fn compute_units_are_reserved_by_what_is_known() {
    let factor = |whole| Factor::new(whole, 0).unwrap();
    let (per_row, per_mebibyte) = (factor(2), factor(4));
    let models = [("big".into(), factor(10))].into();
    let units = ComputeUnits { per_second: factor(1), per_row, per_mebibyte, models };
    let of = |meters: &Meters, request, bytes, model| {
        meters.estimate(request, bytes, model).of(Unit::ComputeUnits)
    };
    let weighed = Meters {
        rows: vec![Pointer::parse("/rows").unwrap()],
        compute_units: Some(units),
        ..Meters::default()
    };
    assert_eq!(of(&weighed, Some(&REQUEST), Some(1 << 19), None), 8_000_000);
    assert_eq!(of(&weighed, Some(&REQUEST), Some(1 << 19), Some("big")), 80_000_000);
    assert_eq!(of(&weighed, None, None, None), 1);
    let estimate = Estimate { compute_units: Some(500_000), ..Estimate::default() };
    assert_eq!(of(&Meters { estimate, ..weighed }, Some(&REQUEST), Some(1 << 19), Some("big")), 500_000);
    assert_eq!(of(&Meters { estimate, ..Meters::default() }, None, None, None), 0);
}
