"""API keys in every place, and what the models answer."""

from __future__ import annotations

import unittest
from typing import Any

import requests
from harness import PAIRS, demo, expected


def predict(model: str, body: dict[str, Any], consumer: str = "service_a") -> dict[str, Any]:
    headers = {"X-API-Key": demo().keys[consumer].api_key}
    answer = requests.post(demo().url(model), headers=headers, json=body, timeout=5)
    answer.raise_for_status()
    value: dict[str, Any] = answer.json()
    return value


class ApiKeys(unittest.TestCase):
    def test_the_matrix(self) -> None:
        for consumer, model in PAIRS:
            with self.subTest(consumer=consumer, model=model):
                headers = {"X-API-Key": demo().keys[consumer].api_key}
                answer = requests.post(demo().url(model), headers=headers, json={"text": "hello"}, timeout=5)
                self.assertEqual(answer.status_code, expected(consumer, model))

    def test_every_place(self) -> None:
        key = demo().keys["service_a"].api_key
        headers = [("Authorization", "Bearer "), ("Authorization", "ApiKey "), ("X-API-Key", ""), ("apikey", "")]
        for name, scheme in headers:
            for value, status in [(key, 200), (key[:-1] + "!", 401)]:
                with self.subTest(name=name, scheme=scheme, status=status):
                    answer = self.ask(headers={name: scheme + value})
                    self.assertEqual(answer.status_code, status)
        for name in ["api_key", "apikey"]:
            for value, status in [(key, 200), (key[:-1] + "!", 401)]:
                with self.subTest(query=name, status=status):
                    self.assertEqual(self.ask(params={name: value}).status_code, status)

    def test_no_key_and_two_keys(self) -> None:
        self.assertEqual(self.ask().status_code, 401)
        key = demo().keys["service_a"].api_key
        both = self.ask(headers={"X-API-Key": key}, params={"jwt": "a.b.c"})
        self.assertEqual(both.status_code, 400)

    def ask(self, **options: Any) -> requests.Response:
        return requests.post(demo().url("sentiment"), json={"text": "hello"}, timeout=5, **options)


class Models(unittest.TestCase):
    def test_sentiment_labels_clear_texts(self) -> None:
        for text, label in {
            "What a wonderful day, I love it": "positive",
            "This is terrible and I hate it": "negative",
            "The table has four legs": "neutral",
        }.items():
            with self.subTest(text):
                answer = predict("sentiment", {"text": text})
                self.assertEqual(answer["label"], label)
                self.assertTrue(0 <= answer["score"] <= 1)

    def test_regression_gives_a_number_that_moves(self) -> None:
        low, high = (predict("regression", {"features": {"bmi": bmi}})["prediction"] for bmi in (20, 35))
        self.assertGreater(high, low)

    def test_classification_names_the_species(self) -> None:
        for row, species in [([5.1, 3.5, 1.4, 0.2], "setosa"), ([6.7, 3.0, 5.6, 2.4], "virginica")]:
            answer = predict("classification", {"inputs": [row]}, "service_b")
            self.assertIn(species, answer["class"])
            self.assertGreater(answer["confidence"], 0.5)
