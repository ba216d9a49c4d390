use proptest::prelude::*;

use super::*;

fn of(times: &[u64]) -> Latencies {
    let mut latencies = Latencies::default();
    times.iter().for_each(|time| latencies.add(*time));
    latencies
}

#[test]
fn quantiles_are_times_that_were_counted() {
    let check = |times: &[u64], per_mille, expected| {
        assert_eq!(of(times).quantile(per_mille), expected, "{times:?} {per_mille}");
    };
    check(&[], 500, None);
    check(&[7], 0, Some(7));
    check(&[7], 1000, Some(7));
    check(&[1, 2, 3, 4], 500, Some(2));
    check(&[1, 2, 3, 4], 501, Some(3));
    check(&[1, 2, 3, 4], 990, Some(4));
    check(&[31, 32, 33], 1000, Some(33));
    // 1,000 lies in 992..1024.
    check(&[1000], 500, Some(1008));
}

#[test]
fn what_nobody_wrote_is_refused() {
    let check = |bytes: &[u8]| assert!(Latencies::decode(bytes).is_err(), "{bytes:?}");
    check(&[1]);
    check(&[1, 0]);
    check(&[0x80]);
    check(&[1, 1, 0, 1]);
    check(&[0xff, 0xff, 0xff, 1, 1]);
    check(&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]);
    assert_eq!(Latencies::decode(&[0, 1]).unwrap(), of(&[0]));
}

proptest! {
    #[test]
    fn a_time_is_within_its_error(millis in any::<u64>()) {
        let found = of(&[millis]).quantile(500).unwrap();
        prop_assert!(u128::from(found.abs_diff(millis)) * 32 <= u128::from(millis), "{millis} {found}");
    }

    #[test]
    fn adding_is_the_same_in_any_order(
        one in prop::collection::vec(0_u64..100_000, 0..50), two in prop::collection::vec(any::<u64>(), 0..50)
    ) {
        let (mut a, mut b) = (of(&one), of(&two));
        let all = of(&[one, two].concat());
        a.merge(&b);
        prop_assert_eq!(&a, &all);
        b.merge(&Latencies::default());
        prop_assert_eq!(Latencies::decode(&all.encode()).unwrap(), all);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Ok(read) = Latencies::decode(&bytes) {
            prop_assert!(read.quantile(990).is_none() == bytes.is_empty());
        }
    }
}
