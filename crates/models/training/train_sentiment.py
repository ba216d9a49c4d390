"""Trains the demo's sentiment model and writes ../weights/sentiment.json.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    tar xzf vaderSentiment-3.3.2.tar.gz
    tar xzf vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz
    venv/bin/python train_sentiment.py hutto_ICWSM_2014

The model is a cumulative logit over three ordered classes. A text's strength is the sum of the weights of its words and
pairs of words, each multiplied by what stands before it (a negation, an intensifier). A weight is the word's valence in
the VADER lexicon, scaled, plus a correction learned from rated sentences; ridge regression keeps the correction small
where evidence is thin. The rules below are those of `src/demo/sentiment/`; the file written carries their constants.
"""

import collections
import json
import pathlib
import re
import sys

import numpy as np
from scipy import optimize, sparse
from vaderSentiment import vaderSentiment as vader

HERE = pathlib.Path(__file__).parent
CORPORA = ["amazonReviewSnippets", "movieReviewSnippets", "nytEditorialSnippets", "tweets"]
LABELS = ["negative", "neutral", "positive"]
# A mean rating (scale -4..4) closer to zero than this counts as neutral.
NEUTRAL_BELOW = 0.5
# Ten people rated each lexicon word; where they disagree more than this, the word is left out.
LEXICON_DEVIATION = 1.5
# A word or a pair of words that the lexicon does not know gets a weight if at least so many texts have it.
MIN_TEXTS, MIN_TEXTS_PAIR = 6, 10
RIDGE = 3.0
# Words that the lexicon does not know are held closer to zero: most of them only name what a text is about.
RIDGE_UNRATED = 5.0
BREAKS, SENTENCE_ENDS = set(".,;:!?"), set(".!?")
# Terms that move the strength by less than this are not worth their bytes.
MIN_WEIGHT = 0.25

ROLES = {
    "negator": "aint cannot cant couldnt didnt doesnt dont hadnt hardly hasnt havent isnt neither never no nobody none "
    "nor not nothing nowhere rarely seldom shouldnt wasnt werent without wont wouldnt",
    "intensifier": "absolutely amazingly completely deeply especially exceptionally extremely greatly highly incredibly "
    "really remarkably so such super thoroughly too totally truly utterly very",
    "dampener": "almost barely fairly kinda little mildly partly scarcely slightly somewhat sorta",
    "contrast": "but however",
}
RULES = {
    "roles": {word: role for role, words in ROLES.items() for word in words.split()},
    "negation": -0.6,
    "negation_reach": 3,
    "intensifier": 1.4,
    "dampener": 0.6,
    "before_contrast": 0.5,
    "exclamation": 0.15,
    "exclamations_max": 3,
    # A long text has more terms by chance: its strength is scaled as if it had the typical number of words.
    "typical_words": 15,
    "words_offset": 8,
}


def main(corpus):
    lexicon = {**read_lexicon(), **read_emoji()}
    train, held_out = read_corpus(pathlib.Path(corpus))
    heavy = {term for term, w in fit(train, lexicon)["terms"].items() if abs(w) >= MIN_WEIGHT}
    # Fitted again, so that the terms that stay make up for those that go.
    fitted = fit(train, {term: valence for term, valence in lexicon.items() if term in heavy}, heavy)
    weights = {term: round(w, 2) for term, w in sorted(fitted["terms"].items())}
    model = {"rules": RULES, "thresholds": [round(t, 3) for t in fitted["thresholds"]], "terms": weights}
    own = [line.split("\t") for line in (HERE / "../weights/sentiment_held_out.tsv").read_text().splitlines()]
    model["metrics"] = {
        "own_sentences": report("own sentences", model, [(text, LABELS.index(label)) for label, text in own]),
        "public_snippets": report("public snippets", model, held_out),
    }
    baseline(held_out, "VADER's own rules, public snippets")
    baseline([(text, LABELS.index(label)) for label, text in own], "VADER's own rules, own sentences")
    write(model)


def read_lexicon():
    """Words and emoticons with their mean rating; entries of several words are left out."""
    lexicon = {}
    for line in (pathlib.Path(vader.__file__).parent / "vader_lexicon.txt").read_text("utf-8").splitlines():
        term, mean, deviation, _ = line.split("\t")
        if not term.isdigit() and " " not in term and float(deviation) <= LEXICON_DEVIATION:
            lexicon[term.lower()] = float(mean)
    return lexicon


def read_emoji():
    """Emoji of one code point, rated by the lexicon words of their description."""
    analyzer = vader.SentimentIntensityAnalyzer()
    emoji = {}
    for symbol, description in analyzer.emojis.items():
        rating = sum(analyzer.lexicon.get(word, 0.0) for word in description.split())
        if len(symbol) == 1 and rating != 0:
            emoji[symbol] = max(-3.0, min(3.0, rating))
    return emoji


def read_corpus(folder):
    """Rated snippets as (text, class); every fifth of each corpus is held out."""
    train, held_out = [], []
    for name in CORPORA:
        lines = (folder / f"{name}_GroundTruth.txt").read_text("cp1252", errors="replace").splitlines()
        for number, line in enumerate(line for line in lines if line.count("\t") == 2):
            _, rating, text = line.split("\t")
            label = 1 + (float(rating) >= NEUTRAL_BELOW) - (float(rating) <= -NEUTRAL_BELOW)
            (held_out if number % 5 == 0 else train).append((text, label))
    return train, held_out


def terms_of(text, known):
    """How strongly each word and each pair of words counts in a text. `known` tells which chunks between
    spaces, as `:-)`, are one term."""
    text = text.replace("\u2019", "'").lower()
    total, sentence = collections.Counter(), collections.Counter()
    negated, strength, words, before = 0, 1.0, 0, None
    for token in tokens(text, known):
        if token in BREAKS:
            negated, strength, before = 0, 1.0, None
            if token in SENTENCE_ENDS:
                total.update(sentence)
                sentence.clear()
            continue
        words += 1
        factor = strength * (RULES["negation"] if negated else 1.0)
        sentence[token] += factor
        if before:
            sentence[before[0] + " " + token] += before[1]
        before = (token, factor)
        negated = max(0, negated - 1)
        strength = 1.0
        role = "negator" if token.endswith("n't") else RULES["roles"].get(token)
        if role == "contrast":
            for term in sentence:
                sentence[term] *= RULES["before_contrast"]
            negated = 0
        elif role == "negator":
            negated = RULES["negation_reach"]
        elif role in ("intensifier", "dampener"):
            strength = RULES[role]
    total.update(sentence)
    loud = 1.0 + RULES["exclamation"] * min(text.count("!"), RULES["exclamations_max"])
    offset = RULES["words_offset"]
    length = ((RULES["typical_words"] + offset) / (words + offset)) ** 0.5
    return {term: value * loud * length for term, value in total.items()}


def tokens(text, known):
    """Words, emoticons, emoji and breaks of a lower-case text."""
    for chunk in text.split():
        if known(chunk):
            yield chunk
        else:
            yield from re.findall(r"[^\W_](?:[^\W_]|')*(?<!')|[.,;:!?]|[^\x00-\x7f]", chunk)


def fit(train, lexicon, only=None):
    """Weights and thresholds of the greatest penalised likelihood; of the learned terms those in `only`, if given."""
    texts = [terms_of(text, lexicon.__contains__) for text, _ in train]
    seen = collections.Counter(term for counts in texts for term in counts)
    enough = lambda term: seen[term] >= (MIN_TEXTS_PAIR if " " in term else MIN_TEXTS) and not term.isdigit()
    learned = [term for term in seen if (term in lexicon or enough(term)) and (only is None or term in only)]
    vocabulary = {term: index for index, term in enumerate(sorted(learned))}
    rows, columns, values, prior = [], [], [], np.zeros(len(texts))
    for row, counts in enumerate(texts):
        for term, value in counts.items():
            prior[row] += value * lexicon.get(term, 0.0)
            if term in vocabulary:
                rows.append(row), columns.append(vocabulary[term]), values.append(value)
    counts = sparse.csr_matrix((values, (rows, columns)), (len(texts), len(vocabulary)))
    labels = np.array([label for _, label in train])
    # Every class weighs the same, so a score does not inherit the corpus's lack of neutral sentences.
    importance = (len(labels) / 3 / np.bincount(labels))[labels]
    ridge = np.array([RIDGE if term in lexicon else RIDGE_UNRATED for term in vocabulary])

    def loss(x):
        scale, low, gap, delta = x[0], x[1], np.exp(x[2]), x[3:]
        strength = scale * prior + counts @ delta
        upper = np.where(labels == 2, np.inf, np.where(labels == 1, low + gap, low))
        lower = np.where(labels == 0, -np.inf, np.where(labels == 1, low, low + gap))
        above, below = sigmoid(upper - strength), sigmoid(lower - strength)
        likelihood = np.maximum(above - below, 1e-12)
        d_above = importance * above * (1 - above) / likelihood
        d_below = importance * below * (1 - below) / likelihood
        d_strength = d_above - d_below
        d_low = -(d_above[labels < 2].sum() - d_below[labels > 0].sum())
        d_high = -(d_above[labels == 1].sum() - d_below[labels == 2].sum())
        gradient = np.concatenate([[d_strength @ prior, d_low, d_high * gap], counts.T @ d_strength + ridge * delta])
        return -(importance * np.log(likelihood)).sum() + (ridge * delta) @ delta / 2, gradient

    start = np.concatenate([[0.5, -0.5, 0.0], np.zeros(len(vocabulary))])
    x = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    terms = {term: x[0] * valence for term, valence in lexicon.items()}
    for term, index in vocabulary.items():
        terms[term] = terms.get(term, 0.0) + x[3 + index]
    return {"terms": terms, "thresholds": [x[1], x[1] + np.exp(x[2])]}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-np.clip(x, -60, 60)))


def probabilities(model, text):
    terms = model["terms"]
    strength = sum(terms.get(term, 0.0) * value for term, value in terms_of(text, terms.__contains__).items())
    low, high = (sigmoid(threshold - strength) for threshold in model["thresholds"])
    return [low, high - low, 1 - high]


def report(title, model, rows):
    """Prints and returns how often the label is right, how often positive and negative are told apart where a text is
    one of them, and how far the score is from the frequency with which the label is right."""
    guesses = [probabilities(model, text) for text, _ in rows]
    right = np.array([int(np.argmax(p)) == label for p, (_, label) in zip(guesses, rows)])
    score = np.array([max(p) for p in guesses])
    recall = [np.mean([r for r, (_, label) in zip(right, rows) if label == c]) for c in range(3)]
    polar = np.mean([(p[2] > p[0]) == (label == 2) for p, (_, label) in zip(guesses, rows) if label != 1])
    labels = np.array([label for _, label in rows])
    # With equal weight per class, as in training.
    importance = (len(rows) / 3 / np.bincount(labels))[labels]
    bins = np.minimum((score * 10).astype(int), 9)
    error = sum(abs((importance * (right - score))[bins == b].sum()) for b in range(10)) / len(rows)
    print(f"{title}: {len(rows)} rows, accuracy {right.mean():.3f}, recall {np.round(recall, 3)}, "
          f"polarity {polar:.3f}, calibration error {error:.3f}")
    figures = {"accuracy": right.mean(), "polarity": polar, "calibration_error": error}
    return {"rows": len(rows), **{name: round(float(figure), 3) for name, figure in figures.items()}}


def baseline(rows, title):
    analyzer = vader.SentimentIntensityAnalyzer()
    compound = np.array([analyzer.polarity_scores(text)["compound"] for text, _ in rows])
    guess = 1 + (compound >= 0.05).astype(int) - (compound <= -0.05)
    labels = np.array([label for _, label in rows])
    print(f"{title}: accuracy {np.mean(guess == labels):.3f}, "
          f"polarity {np.mean((compound > 0)[labels != 1] == (labels == 2)[labels != 1]):.3f}")


def write(model):
    """One term a line, so that a retraining shows as a readable difference."""
    head = {key: model[key] for key in ["metrics", "rules", "thresholds"]}
    lines = ",\n".join(f"{json.dumps(t, ensure_ascii=False)}:{w}" for t, w in model["terms"].items())
    text = json.dumps(head)[:-1] + ', "terms": {\n' + lines + "\n}}\n"
    (HERE / "../weights/sentiment.json").write_text(text, "utf-8")
    print(f"{len(model['terms'])} terms, {len(text.encode()) // 1024} KiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
