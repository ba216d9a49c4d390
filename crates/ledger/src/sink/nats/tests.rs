use super::*;

#[test]
fn a_pattern_covers_subjects_by_whole_tokens() {
    for (pattern, subject, expected) in [
        ("tollgate.usage", "tollgate.usage", true),
        ("tollgate.*", "tollgate.usage", true),
        ("tollgate.>", "tollgate.usage.eu", true),
        (">", "tollgate", true),
        ("tollgate.>", "tollgate", false),
        ("tollgate", "tollgate.usage", false),
        ("tollgate.use", "tollgate.usage", false),
        ("*", "tollgate.usage", false),
    ] {
        assert_eq!(covers(pattern, subject), expected, "{pattern} {subject}");
    }
}
