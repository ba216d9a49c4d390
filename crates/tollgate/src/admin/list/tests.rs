use super::PageOf;

/// Names of the file's part of a page, whether the store is asked, and what `next` would be.
fn check(cursor: Option<&str>, limit: u16, expected: (&[&str], bool, Option<&str>)) {
    let page = PageOf { cursor: cursor.map(str::to_owned), limit: Some(limit) };
    let file = ["a", "b", "c"].into_iter().map(|name| (name.to_owned(), name.to_owned()));
    let started = page.start(file).unwrap();
    let asks = started.rest.is_some();
    let items = started.full();
    assert_eq!(
        (items.items, asks, items.next.as_deref()),
        (expected.0.iter().map(|one| (*one).to_owned()).collect(), expected.1, expected.2)
    );
}

#[test]
fn pages_begin_in_the_file() {
    check(None, 2, (&["a", "b"], false, Some("file:b")));
    check(Some("file:b"), 2, (&["c"], true, None));
    check(Some("file:a"), 2, (&["b", "c"], false, Some("file:c")));
    check(Some("file:c"), 2, (&[], true, None));
    check(Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 2, (&[], true, None));
    // A name that was removed meanwhile still tells where to go on.
    check(Some("file:aa"), 5, (&["b", "c"], true, None));
}
