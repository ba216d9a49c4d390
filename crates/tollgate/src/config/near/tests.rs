use super::nearest;

fn check(word: &str, expected: Option<&str>) {
    let known = [
        "upstream",
        "upstreams",
        "routes",
        "jwt",
        "hawk",
        "api_key",
        "public",
    ];
    assert_eq!(nearest(word, known), expected, "{word}");
}

#[test]
fn near_words_are_found_and_far_ones_are_not() {
    check("upstrem", Some("upstream"));
    check("upstreamz", Some("upstream"));
    check("Routes", Some("routes"));
    check("apikey", Some("api_key"));
    check("hakw", Some("hawk"));
    check("jwtt", Some("jwt"));
    check("backend", None);
    check("", None);
    check("x", None);
    check(&"x".repeat(10_000), None);
}
