use super::Secret;

#[test]
fn debug_hides_the_bytes() {
    let secret = Secret::new("hunter2");
    assert_eq!(
        format!("{secret:?} {:?}", Some(&secret)),
        "Secret(…) Some(Secret(…))"
    );
    assert_eq!(secret.expose_text(), Some("hunter2"));
    assert_eq!(Secret::new([0xff]).expose_text(), None);
}
