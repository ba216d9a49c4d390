use super::*;

#[test]
fn damaged_keys_leave_room_for_others() {
    let loads = Loads::default();
    let lookup = |kind: &str, nth: usize| Lookup::Hawk(format!("{kind}{nth}").into());
    let mut open = Vec::new();
    for nth in 0..MOST_DAMAGED {
        let (first, answer) = loads.join(&lookup("damaged", nth), true).unwrap();
        assert!(first);
        open.push(answer);
    }
    let refused = loads.join(&lookup("damaged", MOST_DAMAGED), true).unwrap_err();
    assert_eq!(refused, Denial::Directory(DirectoryFailure::Busy));
    let (first, _) = loads.join(&lookup("damaged", 0), true).unwrap();
    assert!(!first, "the same question is asked already");
    loads.join(&lookup("well-formed", 0), false).unwrap();
    // An answer makes room again, and so does a question that is given up.
    loads.guard(&lookup("damaged", 0)).answer(Ok(Kept::Nothing));
    assert!(matches!(open[0].try_recv(), Ok(Ok(Kept::Nothing))));
    drop(loads.guard(&lookup("damaged", 1)));
    for nth in [0, 1] {
        assert!(loads.join(&lookup("new", nth), true).is_ok());
    }
    assert!(loads.join(&lookup("new", 2), true).is_err());
}
