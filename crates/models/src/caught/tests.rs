use super::caught;

#[test]
fn a_panic_is_one_line() {
    let check = |work: fn(), why: &str| {
        let broke = caught(work).unwrap_err();
        assert_eq!(broke.why, why);
        assert!(broke.place.contains("caught/tests.rs:"), "{broke}");
        assert!(!broke.place.starts_with('/'), "{broke}");
    };
    check(|| panic!("one\nand another"), "one");
    check(|| panic!("a {}", "b"), "a b");
    check(|| std::panic::panic_any(3), "no reason was given");
    check(|| panic!("{}", "x".repeat(1000)), &"x".repeat(200));
    assert_eq!(caught(|| 1), Ok(1));
}
