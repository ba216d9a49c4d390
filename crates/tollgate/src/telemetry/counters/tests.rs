use super::{Counters, Ended};

#[test]
fn endings_are_summed_over_threads() {
    let counters = Counters::default();
    let served = Ended { route: Some("a"), outcome: "served", status: Some(204), denial: None };
    let denied = Ended { route: None, outcome: "denied", status: Some(404), denial: Some("route_not_found") };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                counters.add(served);
                counters.add(served);
                counters.add(denied);
                counters.doubt("a", "went_down");
            });
        }
    });
    let counts = counters.sum();
    assert_eq!(counts.requests[&("a".to_owned(), "served", Some(2))], 8);
    assert_eq!(counts.requests[&(String::new(), "denied", Some(4))], 4);
    assert_eq!(counts.doubts[&("a".to_owned(), "went_down")], 4);
    assert_eq!(counts.refusals.into_iter().collect::<Vec<_>>(), [("route_not_found", 4)]);
}
