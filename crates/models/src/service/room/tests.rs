use serde_json::Value;

use super::{Room, Taken, of_csv, of_json};

#[test]
fn json_weighs_what_its_value_takes() {
    let value = size_of::<Value>();
    let check =
        |text: &str, expected: usize| assert_eq!(of_json(text.as_bytes()) - text.len(), expected, "{text}");
    check("1", 0);
    check("[]", 0);
    check("[ ]", 0);
    check("[1]", 4 * value);
    check("[1,2,3,4,5]", 8 * value);
    check("[[],[]]", 4 * value);
    check("[[1],[2]]", 12 * value);
    check(r#""a,[b\"],""#, 32);
    check(r#"{"a":1}"#, 32 + 4 * (value + 64));
    // What is no JSON is weighed as far as it goes.
    check("[1,", 4 * value);
    check("]]", 0);
    check(r#""\"#, 32);
    check(&"[".repeat(1_000_000), 127 * 4 * value);
    assert_eq!(of_csv(b"a,b\n1,2\n"), 8 + 5 * 48);
}

#[test]
fn room_is_given_back_and_never_given_twice() {
    let (mib, room) = (1024 * 1024, Room::new(4 * 1024 * 1024));
    let status =
        |bytes: usize, taken: &mut Taken| room.take(taken, bytes).map_err(|problem| problem.status.as_u16());
    let (mut one, mut other) = (Taken::default(), Taken::default());
    assert_eq!(status(2 * mib + 1, &mut one), Err(413));
    assert_eq!(status(2 * mib, &mut one), Ok(()));
    assert_eq!(status(mib, &mut one), Ok(()));
    assert_eq!(status(2 * mib, &mut other), Err(503));
    drop(one);
    assert_eq!(status(2 * mib, &mut other), Ok(()));
}
