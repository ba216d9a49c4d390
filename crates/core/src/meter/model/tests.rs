use super::{ModelPlace, NAME_MAX};

fn check(segment: usize, path: &str, expected: Option<&str>) {
    assert_eq!(ModelPlace::PathSegment(segment).before_the_body(path), expected, "{segment} of {path}");
}

#[test]
fn segments_are_counted_from_one() {
    check(1, "/v2/models/iris/infer", Some("v2"));
    check(3, "/v2/models/iris/infer", Some("iris"));
    check(5, "/v2/models/iris/infer", None);
    check(1, "/", None);
    check(2, "/v2/", None);
    check(1, &format!("/{}", "m".repeat(NAME_MAX)), Some(&"m".repeat(NAME_MAX)));
    check(1, &format!("/{}", "m".repeat(NAME_MAX + 1)), None);
}

#[test]
fn a_given_name_is_the_name() {
    assert_eq!(ModelPlace::Named("m".into()).before_the_body("/x"), Some("m"));
    assert_eq!(ModelPlace::named("m"), Some(ModelPlace::Named("m".into())));
    assert_eq!(ModelPlace::named(""), None);
    assert_eq!(ModelPlace::named("a\nb"), None);
}
