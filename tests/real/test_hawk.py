"""Requests signed by mohawk, and answers that it verifies."""

from __future__ import annotations

import unittest

import mohawk
import requests
from harness import PAIRS, Keys, demo, expected

CONTENT = '{"text": "test input"}'
CONTENT_TYPE = "application/json"


def sender(keys: Keys, url: str, *, key: str | None = None, content: str = CONTENT) -> mohawk.Sender:
    credentials = {"id": keys.hawk_id, "key": key or keys.hawk_key, "algorithm": "sha256"}
    return mohawk.Sender(credentials, url, "POST", content=content, content_type=CONTENT_TYPE)


def ask(signed: mohawk.Sender, url: str, content: str = CONTENT) -> requests.Response:
    headers = {"Authorization": signed.request_header, "Content-Type": CONTENT_TYPE}
    return requests.post(url, data=content, headers=headers, timeout=5)


class SignedRequests(unittest.TestCase):
    def test_the_matrix(self) -> None:
        for consumer, model in PAIRS:
            with self.subTest(consumer=consumer, model=model):
                url = demo().url(model)
                answer = ask(sender(demo().keys[consumer], url), url)
                self.assertEqual(answer.status_code, expected(consumer, model))

    def test_the_answer_is_signed_with_its_content(self) -> None:
        url = demo().url("sentiment")
        signed = sender(demo().keys["service_a"], url)
        answer = ask(signed, url)
        proof, kind = answer.headers["Server-Authorization"], answer.headers["Content-Type"]
        signed.accept_response(proof, content=answer.content, content_type=kind)
        with self.assertRaises(mohawk.exc.HawkFail):
            signed.accept_response(proof, content=answer.content + b" ", content_type=kind)

    def test_a_replay_is_refused(self) -> None:
        url = demo().url("sentiment")
        signed = sender(demo().keys["service_a"], url)
        self.assertEqual([ask(signed, url).status_code for _ in range(3)], [200, 401, 401])

    def test_what_was_not_signed_is_refused(self) -> None:
        url, keys = demo().url("sentiment"), demo().keys["service_a"]
        for name, answer in {
            "another body": ask(sender(keys, url), url, CONTENT.replace("test", "best")),
            "another path": ask(sender(keys, demo().url("regression")), url),
            "another key": ask(sender(keys, url, key="0f" * 32), url),
            "another consumer's key": ask(sender(keys, url, key=demo().keys["service_c"].hawk_key), url),
            "the bare path, which only an imported configuration takes": ask(sender(keys, "/predict/sentiment"), url),
        }.items():
            with self.subTest(name):
                self.assertEqual(answer.status_code, 401)
