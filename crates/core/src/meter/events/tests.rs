use super::Events;
use crate::meter::json::Scanner;

/// Where blank lines end in a stream that comes in parts of this many bytes, and how many pieces of text the events before
/// them had.
fn ends(stream: &str, part: usize) -> Vec<(usize, u64)> {
    let (mut events, mut scanner, mut at, mut ends) = (Events::default(), Scanner::default(), 0, Vec::new());
    for part in stream.as_bytes().chunks(part) {
        let mut rest = part;
        while !rest.is_empty() {
            let step = events.step(rest, &mut scanner);
            rest = &rest[step.used..];
            at += step.used;
            if step.ended {
                ends.push((at, scanner.take().texts));
            }
        }
    }
    ends
}

#[track_caller]
fn check(stream: &str, expected: &[(usize, u64)]) {
    assert_eq!(ends(stream, stream.len()), expected, "{stream:?}");
}

#[test]
fn events_end_at_blank_lines() {
    let data = r#"data: {"delta":"a"}"#;
    check(&format!("{data}\n\n{data}\n\n"), &[(21, 1), (42, 1)]);
    check(&format!("{data}\r\n\r\n{data}\r\r"), &[(23, 1), (44, 1)]);
    check(&format!("event: x\n{data}\nid: 7\n\n"), &[(36, 1)]);
    check(&format!(": comment\n\n{data}\n\n"), &[(11, 0), (32, 1)]);
    check(&format!("{data}\n"), &[]);
    check("\n\n", &[(1, 0), (2, 0)]);
}

#[test]
fn only_data_is_data() {
    check("data:{\"delta\":\"a\"}\n\n", &[(20, 1)]);
    check("data: {\"delta\":\ndata: \"a\"}\n\n", &[(28, 1)]);
    for other in ["dat: ", "datax: ", "Data: ", " data: ", "datadata: ", "data", ""] {
        let stream = format!("{other}{{\"delta\":\"a\"}}\n\n");
        check(&stream, &[(stream.len(), 0)]);
    }
}

#[test]
fn byte_by_byte() {
    let stream = "data: {\"delta\":\r\ndata: \"a\"}\r\n\r\n: c\r\n\r\ndata: {\"delta\":\"\"}\n\n";
    let texts = |part| ends(stream, part).into_iter().map(|(_, texts)| texts).collect::<Vec<_>>();
    assert_eq!(texts(1), [1, 0, 0]);
    assert_eq!(texts(7), [1, 0, 0]);
    assert_eq!(texts(stream.len()), [1, 0, 0]);
}
