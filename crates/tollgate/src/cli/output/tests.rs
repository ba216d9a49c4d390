use super::*;

struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn one_text_ends_in_one_line_end() {
    for text in ["a", "a\n", "a\n\n"] {
        let mut written = Vec::new();
        write(&mut written, text).unwrap();
        assert_eq!(written, b"a\n");
    }
}

#[test]
fn a_reader_who_left_is_no_failure_and_a_full_disk_is_one() {
    assert!(write(Failing(io::ErrorKind::BrokenPipe), "a").is_ok());
    assert!(write(Failing(io::ErrorKind::StorageFull), "a").is_err());
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    assert_eq!(printable("a\x1b[2Jb\r\nc\u{9b}é"), "a\\u{1b}[2Jb\\r\nc\\u{9b}é");
}
