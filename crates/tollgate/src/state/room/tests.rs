use super::Room;

#[test]
fn what_is_held_is_bounded_and_comes_back() {
    let room = Room::new(10);
    let (mut a, mut b) = (room.enter(), room.enter());
    assert!(a.grow(6) && b.grow(4));
    assert!(!a.grow(1) && !b.grow(u64::MAX));
    drop(b);
    assert!(a.grow(4) && !a.grow(1));
    drop(a);
    assert!(room.enter().grow(10));
}
