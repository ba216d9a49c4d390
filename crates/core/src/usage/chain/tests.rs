use super::*;

#[test]
fn a_seal_holds_for_its_point_and_key_alone() {
    let key = SealKey::new(&[7; 32]);
    let stream = StreamId { boot: ulid::Ulid(1), number: 2 };
    let seal = key.seal(stream, Head { seq: 9, hash: [3; 32] });
    assert!(key.verifies(&seal));
    assert!(!SealKey::new(&[8; 32]).verifies(&seal));
    let check = |changed: Seal| assert!(!key.verifies(&changed), "{changed:?}");
    check(Seal { stream: StreamId { number: 3, ..stream }, ..seal });
    check(Seal { head: Head { seq: 10, ..seal.head }, ..seal });
    check(Seal { head: Head { hash: [4; 32], ..seal.head }, ..seal });
    check(Seal { mac: [0; 32], ..seal });
}

#[test]
fn a_hash_depends_on_all_before_it() {
    let first = Head::default().after(b"a");
    assert_eq!(first.seq, 1);
    assert_ne!(first.after(b"b").hash, Head::default().after(b"b").hash);
    assert_ne!(first.after(b"b").hash, first.after(b"c").hash);
}
