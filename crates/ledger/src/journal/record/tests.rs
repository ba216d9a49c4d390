use proptest::prelude::*;

use super::*;

fn withdrawn(call: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, Kind::Withdrawn, |out| out.extend_from_slice(&call.to_be_bytes()));
    bytes
}

#[test]
fn a_record_is_whole_or_none() {
    let bytes = withdrawn(7);
    assert_eq!(first(&bytes), Some((Record::Withdrawn { call: 7 }, bytes.len())));
    for end in 0..bytes.len() {
        assert_eq!(first(&bytes[..end]), None, "{end} bytes");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(first(&damaged), None, "byte {at}");
    }
    assert_eq!(first(&[0; 64]), None);
}

#[test]
fn what_follows_damage_is_found() {
    let check = |before: &[u8], expected: Option<usize>| {
        let bytes = [before, &withdrawn(1), &withdrawn(2)].concat();
        assert_eq!(find(&bytes), expected, "{before:?}");
    };
    check(&[], Some(0));
    check(&[0; 5], Some(5));
    check(&[MARK; 40], Some(40));
    assert_eq!(find(&[0; 100]), None);
    assert_eq!(find(&[MARK; 100]), None);
    assert_eq!(find(&[]), None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = first(&bytes);
        let _ = find(&bytes);
        for kind in 0..8 {
            let _ = parse(kind, &bytes);
        }
    }
}
