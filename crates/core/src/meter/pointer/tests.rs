use super::{Pointer, PointerError};

fn check(text: &str, expected: Result<&[&str], PointerError>) {
    let got = Pointer::parse(text);
    let parts = got.as_ref().map(|pointer| pointer.parts().collect::<Vec<_>>()).map_err(|error| *error);
    assert_eq!(parts, expected.map(<[&str]>::to_vec), "{text:?}");
    if let Ok(pointer) = got {
        assert_eq!(pointer.to_string(), text);
    }
}

#[test]
fn pointers() {
    check("/model", Ok(&["model"]));
    check("/inputs/0/shape", Ok(&["inputs", "0", "shape"]));
    check("/", Ok(&[""]));
    check("/a~1b/c~0d/~01", Ok(&["a/b", "c~d", "~1"]));
    check("", Err(PointerError::Slash));
    check("model", Err(PointerError::Slash));
    check("/a~", Err(PointerError::Tilde));
    check("/a~2", Err(PointerError::Tilde));
    check("/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", Err(PointerError::Deep));
}
