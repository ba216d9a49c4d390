use super::*;

fn decision(id: &str, second: u64, mode: Mode) -> Decision {
    Decision {
        id: id.into(),
        time: Duration::from_secs(second),
        outcome: if mode == Mode::Shadow { Outcome::Allowed } else { Outcome::Denied },
        mode,
        would: Outcome::Denied,
        denial: "scope_missing",
        status: 403,
        detail: "the credential lacks a scope".to_owned(),
        rule: Some("routes.r.scopes".to_owned()),
        counters: Vec::new(),
        retry_after: None,
        route: Some("r".into()),
        consumer: Some("ann".into()),
        credential: None,
        method: Some("GET".into()),
        path: Some("/x".into()),
        client: [192, 0, 2, 7].into(),
    }
}

#[test]
fn the_last_ten_thousand_are_kept() {
    let decisions = Decisions::default();
    for number in 0..10_050 {
        decisions.record(decision(&number.to_string(), number, Mode::Enforce));
    }
    for (id, kept) in [(0, false), (49, false), (50, true), (10_049, true), (10_050, false)] {
        assert_eq!(decisions.find(&id.to_string()).is_some(), kept, "{id}");
    }
    assert_eq!(decisions.report(), Report { items: Vec::new(), others: 0 });
}

#[test]
fn long_texts_are_cut() {
    let decisions = Decisions::default();
    let mut long = decision("a", 0, Mode::Enforce);
    long.path = Some("/ä".repeat(10_000).into());
    long.credential = Some("x".repeat(4096).into());
    decisions.record(long);
    let kept = decisions.find("a").unwrap();
    assert!(kept.path.unwrap().len() < 300 && kept.credential.unwrap().len() < 150);
}

#[test]
fn what_became_of_a_softened_call_comes_first() {
    let decisions = Decisions::default();
    decisions.record(decision("a", 0, Mode::Shadow));
    decisions.record(Decision { outcome: Outcome::UpstreamError, ..decision("a", 0, Mode::Enforce) });
    assert_eq!(decisions.find("a").unwrap().outcome, Outcome::UpstreamError);
}

#[test]
fn a_decision_is_told_as_documented() {
    let told = serde_json::to_value(decision("01J", 1_800_000_000, Mode::Shadow)).unwrap();
    for (member, expected) in [
        ("outcome", "allowed"),
        ("mode", "shadow"),
        ("would", "denied"),
        ("denial", "scope_missing"),
        ("rule", "routes.r.scopes"),
        ("time", "2027-01-15T08:00:00.000Z"),
        ("client", "192.0.2.7"),
    ] {
        assert_eq!(told[member], expected, "{member}");
    }
    assert!(told["counters"].is_array() && told["retry_after"].is_null());
}

#[test]
fn the_report_counts_by_route_caller_and_refusal() {
    let decisions = Decisions::default();
    for second in [3, 5, 9] {
        decisions.record(decision("b", second, Mode::Shadow));
    }
    decisions.record(decision("refused", 10, Mode::Enforce));
    for client in ["192.0.2.7", "192.0.2.200", "192.0.3.1", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.9"]
    {
        let stranger = Decision {
            consumer: None,
            denial: "credential_missing",
            client: client.parse().unwrap(),
            ..decision("s", 1, Mode::Shadow)
        };
        decisions.record(stranger);
    }
    let Report { items, others } = decisions.report();
    let told: Vec<_> = items
        .iter()
        .map(|row| {
            let caller = row.consumer.as_deref().or(row.network.as_deref()).unwrap();
            (caller, row.denial, row.count, row.first.as_secs(), row.last.as_secs())
        })
        .collect();
    let expected = [
        ("192.0.2.0/24", "credential_missing", 3, 1, 1),
        ("ann", "scope_missing", 3, 3, 9),
        ("2001:db8::/64", "credential_missing", 2, 1, 1),
        ("192.0.3.0/24", "credential_missing", 1, 1, 1),
    ];
    assert_eq!((told.as_slice(), others), (&expected[..], 0));
}

#[test]
fn the_report_is_bounded() {
    let decisions = Decisions::default();
    for number in 0..shadow::ROWS + 10 {
        let consumer = Some(number.to_string().into());
        decisions.record(Decision { consumer, ..decision("x", 0, Mode::Shadow) });
    }
    let Report { items, others } = decisions.report();
    assert_eq!((items.len(), others), (shadow::ROWS, 10));
}
