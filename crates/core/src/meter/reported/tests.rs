use super::{Member, Reported};
use crate::meter::Doubt;

fn reported(numbers: &[(Member, u64)]) -> Reported {
    let mut reported = Reported::default();
    numbers.iter().for_each(|(member, number)| reported.put(*member, *number));
    reported
}

/// Prompt and answer that these numbers mean.
#[track_caller]
fn check(numbers: &[(Member, u64)], expected: Result<(Option<u64>, Option<u64>), Doubt>) {
    let got = reported(numbers).judge().map(|tokens| (tokens.prompt, tokens.answer));
    assert_eq!(got, expected, "{numbers:?}");
}

#[test]
fn a_prompt_is_whole() {
    use Member::{CacheCreation, CacheRead, Input, Output, Prompt, Total};
    check(&[(Input, 7), (CacheRead, 24), (Output, 3)], Ok((Some(31), Some(3))));
    check(&[(Input, 7), (CacheRead, 20), (CacheCreation, 4), (Output, 3)], Ok((Some(31), Some(3))));
    // A total says whether the cached part is in `input_tokens` already.
    check(&[(Input, 31), (CacheRead, 24), (Output, 3), (Total, 34)], Ok((Some(31), Some(3))));
    check(&[(Input, 7), (CacheRead, 24), (Output, 3), (Total, 34)], Ok((Some(31), Some(3))));
    check(&[(Input, 7), (CacheRead, 24), (Output, 3), (Total, 33)], Err(Doubt::Contradicting));
    // A proxy that speaks both.
    check(&[(Prompt, 31), (Input, 7), (CacheRead, 24), (Output, 3)], Ok((Some(31), Some(3))));
    check(&[(Prompt, 31), (Input, 7), (CacheRead, 24), (Output, 3), (Total, 34)], Ok((Some(31), Some(3))));
    check(&[(Prompt, 30), (Input, 7), (CacheRead, 24), (Output, 3)], Err(Doubt::Contradicting));
}

#[test]
fn what_servers_tell_besides() {
    use Member::{EvaluatedIn, EvaluatedOut, Prompt, TimedCached, TimedOut, TimedPrompt};
    check(&[(TimedPrompt, 1), (TimedCached, 31), (TimedOut, 6)], Ok((Some(32), Some(6))));
    check(&[(TimedPrompt, 1), (TimedOut, 6)], Ok((None, Some(6))));
    check(&[(EvaluatedIn, 26), (EvaluatedOut, 4)], Ok((Some(26), Some(4))));
    check(&[(Prompt, 5), (TimedPrompt, 1), (TimedCached, 31), (TimedOut, 6)], Ok((Some(5), None)));
}

#[test]
fn sums_do_not_overflow() {
    use Member::{CacheRead, Input, Output, Total};
    check(&[(Input, u64::MAX), (CacheRead, u64::MAX), (Output, 1)], Err(Doubt::TooLarge));
    let half = crate::meter::TOKENS_MAX;
    check(&[(Input, half), (CacheRead, half), (Output, 1)], Err(Doubt::TooLarge));
    check(&[(Input, half), (Output, half), (Total, half)], Err(Doubt::Contradicting));
}

#[test]
fn later_reports_replace_earlier_ones() {
    let merged = |first: &[_], second: &[_]| {
        let mut first = reported(first);
        first.merge(&reported(second));
        first.judge().map(|tokens| (tokens.prompt, tokens.answer))
    };
    use Member::{Cached, Completion, Prompt};
    assert_eq!(merged(&[(Prompt, 5), (Completion, 1)], &[(Completion, 9)]), Ok((Some(5), Some(9))));
    assert_eq!(merged(&[(Prompt, 5)], &[(Prompt, 4)]), Err(Doubt::WentDown));
    // A total belongs to the numbers beside it.
    let first = [(Prompt, 5), (Completion, 1), (Member::Total, 6)];
    assert_eq!(merged(&first, &[(Completion, 9)]), Ok((Some(5), Some(9))));
    assert_eq!(merged(&first, &[(Completion, 9), (Member::Total, 13)]), Err(Doubt::Contradicting));
    // What was cached of the prompt may be told later, and less.
    assert_eq!(merged(&[(Prompt, 5), (Cached, 3)], &[(Cached, 1)]), Ok((Some(5), None)));
}
