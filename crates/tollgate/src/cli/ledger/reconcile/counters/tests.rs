use super::*;

const LLAMA: &str = "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 35
llamacpp:prompt_seconds_total 0.1
llamacpp:tokens_predicted_total 1.2e+01
";
const VLLM: &str = "vllm:prompt_tokens_total{engine=\"0\",model_name=\"small\"} 100.0
vllm:prompt_tokens_total{engine=\"1\",model_name=\"small\"} 11.0 1700000000000
vllm:prompt_tokens_total{engine=\"0\",model_name=\"large\"} 7.0
vllm:generation_tokens_total{engine=\"0\",model_name=\"small\"} 40.0
vllm:generation_tokens_total{engine=\"0\",model_name=\"large\"} 5.0
";

#[track_caller]
fn check(page: &str, model: &str, expected: Option<(u64, u64, bool)>) {
    let found = read(page, model).map(|counts| (counts.tokens_in, counts.tokens_out, counts.without_cached));
    assert_eq!(found, expected);
}

#[test]
fn pages_of_both_servers_are_read() {
    check(LLAMA, "whatever", Some((35, 12, true)));
    check(VLLM, "small", Some((111, 40, false)));
    check(VLLM, "large", Some((7, 5, false)));
    check(VLLM, "none", None);
    check("", "small", None);
    check("vllm:prompt_tokens_total NaN\nvllm:generation_tokens_total -1\n", "small", None);
}

#[test]
fn a_counter_that_falls_began_anew() {
    let counts = |tokens_in, tokens_out| Counts { tokens_in, tokens_out, without_cached: false };
    assert_eq!(counts(12, 5).since(&counts(10, 5)), (counts(2, 0), false));
    assert_eq!(counts(3, 1).since(&counts(10, 5)), (counts(3, 1), true));
}
