use serde_json::{Map, Value, json};

use super::super::prediction::Label;
use super::Sentiment;
use super::tokens::{Token, tokens};

/// Sentences of everyday life, written for this test and never trained on.
const HELD_OUT: &str = include_str!("../../../weights/sentiment_held_out.tsv");

#[track_caller]
fn check(text: &str, expected: Label) {
    let tone = Sentiment::load().unwrap().judge(text);
    assert_eq!(tone.label, expected, "{text}: {tone:?}");
}

#[track_caller]
fn stronger(model: &Sentiment, louder: &str, softer: &str) {
    let [louder_strength, softer_strength] =
        [louder, softer].map(|text| model.rules.strength(&model.terms, text));
    assert!(
        louder_strength > softer_strength,
        "{louder} {louder_strength}, {softer} {softer_strength}"
    );
}

#[test]
fn plain_sentences() {
    check("I love this phone", Label::Positive);
    check("This is the worst service ever.", Label::Negative);
    check("The meeting is in room four.", Label::Neutral);
    check("test input", Label::Neutral);
    check("", Label::Neutral);
    check("\u{1f62d}\u{1f62d}\u{1f62d} \u{0} \u{fffd}", Label::Negative);
}

#[test]
fn what_stands_before_a_word_counts() {
    let model = Sentiment::load().unwrap();
    stronger(&model, "the food was good", "the food was not good");
    stronger(&model, "the food wasn't bad", "the food was bad");
    stronger(&model, "the food wasn\u{2019}t bad", "the food was bad");
    stronger(&model, "the food was very good", "the food was quite good");
    stronger(&model, "the food was good", "the food was slightly good");
    stronger(
        &model,
        "a bad start but a great end",
        "a great start but a bad end",
    );
    stronger(&model, "good!!!", "good");
    stronger(&model, "GOOD", "bad");
    stronger(&model, "no, it was good", "it was no good");
    stronger(&model, "see you :)", "see you :(");
    assert_eq!(
        model.rules.strength(&model.terms, "good!!!"),
        model.rules.strength(&model.terms, "good!!!!!!!!"),
        "shouting has an upper bound"
    );
}

#[test]
fn texts_are_cut_into_words_emoticons_and_breaks() {
    let known = |chunk: &str| chunk == ":)";
    for (text, expected) in [
        ("", vec![]),
        (
            "a fine day",
            vec![Token::Term("a"), Token::Term("fine"), Token::Term("day")],
        ),
        (
            "it's 'ok'.",
            vec![Token::Term("it's"), Token::Term("ok"), Token::SentenceEnd],
        ),
        (
            "hi :) - :(",
            vec![Token::Term("hi"), Token::Term(":)"), Token::ClauseEnd],
        ),
        ("so-so, né😀", {
            let words = [
                Token::Term("so"),
                Token::Term("so"),
                Token::ClauseEnd,
                Token::Term("né"),
                Token::Term("😀"),
            ];
            words.to_vec()
        }),
    ] {
        assert_eq!(tokens(text, known).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn scores_are_the_probability_of_the_label() {
    let model = Sentiment::load().unwrap();
    for text in [
        "",
        "good",
        "bad",
        &"excellent ".repeat(10_000),
        &"horrible! ".repeat(10_000),
    ] {
        let tone = model.judge(text);
        let all = [
            tone.probabilities.negative,
            tone.probabilities.neutral,
            tone.probabilities.positive,
        ];
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{tone:?}");
        assert!(
            all.iter()
                .all(|&probability| (0.0..=tone.score).contains(&probability)),
            "{tone:?}"
        );
    }
}

#[test]
fn text_must_be_a_string() {
    let model = Sentiment::load().unwrap();
    for (text, found) in [
        (json!(5), "a number"),
        (json!(null), "null"),
        (json!(["good"]), "a list"),
    ] {
        let input: Map<String, Value> = [("text".to_owned(), text)].into_iter().collect();
        let message = model.predict(&input).unwrap_err().to_string();
        assert_eq!(message, format!("`text` must be a string, not {found}"));
    }
}

#[test]
fn held_out_sentences_are_judged_as_well_as_stated() {
    let model = Sentiment::load().unwrap();
    let (mut rows, mut right, mut polar, mut polar_right) = (0.0, 0.0, 0.0, 0.0);
    for line in HELD_OUT.lines() {
        let (label, text) = line.split_once('\t').unwrap();
        let tone = model.judge(text);
        rows += 1.0;
        right += f64::from(serde_json::to_value(tone.label).unwrap() == label);
        let expected = match label {
            "positive" => true,
            "negative" => false,
            "neutral" => continue,
            other => panic!("no such label: {other}"),
        };
        polar += 1.0;
        polar_right += f64::from((tone.probabilities.positive > tone.probabilities.negative) == expected);
    }
    let weights: Value = serde_json::from_str(include_str!("../../../weights/sentiment.json")).unwrap();
    let stated = |figure: &str| weights["metrics"]["own_sentences"][figure].as_f64().unwrap();
    assert_eq!(rows, stated("rows"));
    assert!(
        (right / rows - stated("accuracy")).abs() < 0.0005,
        "{right} of {rows}"
    );
    assert!(
        (polar_right / polar - stated("polarity")).abs() < 0.0005,
        "{polar_right} of {polar}"
    );
}
