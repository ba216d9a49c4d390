"""The model service and the library whose clients it takes over, asked the same: status, form and numbers agree."""

from __future__ import annotations

import json
import os
import subprocess
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from harness import BINARY, Program, scratch

HERE = Path(__file__).parent / "chapkit"
# What the library answered when it was last asked. Where `TOLLGATE_CHAPKIT` names a Python that has
# `chapkit/requirements.txt`, it is asked again; with `INSTA_UPDATE=always` that is written down.
ANSWERS = HERE / "answers.json"
KEY = "sk_ml_train_abc123"
CONFIG, NOTHING = "01K7CXYHJ7BR4E87VVTG8FNBMA", "01K7CXYHJ7BR4E87VVTG8FNBMZ"
TABLE = {
    "columns": ["rainfall", "mean_temperature", "disease_cases"],
    "data": [
        [100.5, 25.3, 12], [85.2, 27.1, 8], [120.8, 24.5, 15], [95.3, 26.2, 10],
        [110.0, 26.0, 13], [75.5, 28.0, 6], [130.2, 23.8, 18], [88.9, 27.5, 9],
    ],
}  # fmt: skip
ROWS = {
    "columns": ["rainfall", "mean_temperature"],
    "data": [[110.0, 26.0], [90.0, 28.0], [125.0, 24.0], [80.0, 29.0]],
}
EMPTY: dict[str, list[Any]] = {"columns": ["rainfall", "mean_temperature"], "data": []}


class Conversation:
    """The same requests to one of the two; identifiers are told by their first appearance."""

    def __init__(self, base: str) -> None:
        self.base, self.said = base, dict[str, Any]()

    def call(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """Ask, and remember status and form of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        try:
            answer = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
            media_type = (answer.headers.get("content-type") or "").partition(";")[0] if text else ""
            value = json.loads(text) if media_type.endswith("json") else None
            self.said[name] = {"status": answer.status, "type": media_type, "form": form(value)}
        return value

    def job(self, name: str, path: str, body: Any) -> Any:
        """Submit a job, follow it to its end, remember how it ended."""
        accepted = self.call(name, "POST", path, body)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            ended = self.call(f"{name}, the job", "GET", f"/api/v1/jobs/{accepted['job_id']}")
            if ended["status"] in ("completed", "failed"):
                self.said[f"{name}, the end"] = [ended["status"], kind(ended["error"])]
                return accepted["artifact_id"]
            time.sleep(0.02)
        raise AssertionError(f"{name}: the job has not ended")

    def hold(self) -> dict[str, Any]:
        """All of it."""
        self.call("health", "GET", "/health")
        config = {"id": CONFIG, "name": "guide", "data": {"own": 1}}
        self.call("config", "POST", "/api/v1/configs", config)
        self.call("config again", "POST", "/api/v1/configs", config)
        for name, path in {
            "configs": "", "a page": "?page=1&size=10", "page 0": "?page=0&size=10", "size x": "?page=1&size=x",
            "stats": "/$stats", "no id": "/nope", "unknown": f"/{NOTHING}", "slash": "/",
        }.items():  # fmt: skip
            self.call(name, "GET", f"/api/v1/configs{path}")
        for name, body in {"wrong": {"id": "x", "name": 5}, "a list": [1], "no object": {"name": "n", "data": 3}}.items():
            self.call(f"config, {name}", "POST", "/api/v1/configs", body)
        train, predict = "/api/v1/ml/$train", "/api/v1/ml/%24predict"
        model = self.job("train", train, {"config_id": CONFIG, "data": TABLE})
        asked = {"artifact_id": model, "historic": EMPTY, "future": ROWS}
        prediction = self.job("predict", predict, asked)
        shown = self.call("prediction", "GET", f"/api/v1/artifacts/{prediction}")
        self.said["numbers"] = [row[-1] for row in shown["data"]["content"]["data"]]
        for name in ("$tree", "$expand", "$config", "$metadata"):
            self.call(name, "GET", f"/api/v1/artifacts/{model}/{name}")
        self.call("rows", "GET", f"/api/v1/artifacts/{prediction}/$download")
        self.call("linked", "GET", f"/api/v1/configs/{CONFIG}/$artifacts")
        tables = {
            "other columns": {"columns": ["a"], "data": [[1]]},
            "ragged": {**TABLE, "data": [[1, 2, 3, 4]]},
            "no rows": {**TABLE, "data": []},
            "text": {**TABLE, "data": [["a", 2, 3]]},
        }
        for name, table in tables.items():
            self.job(f"train, {name}", train, {"config_id": CONFIG, "data": table})
        self.job("train, unknown", train, {"config_id": NOTHING, "data": TABLE})
        self.job("predict, unknown", predict, {**asked, "artifact_id": NOTHING})
        self.job("predict, no model", predict, {**asked, "artifact_id": prediction})
        self.job("predict, no rows", predict, {**asked, "future": EMPTY})
        self.call("train, no table", "POST", train, {"config_id": CONFIG, "data": {"columns": [1], "data": 3}})
        self.call("predict, null", "POST", predict, {"artifact_id": model, "historic": None})
        self.call("train, geo", "POST", train, {"config_id": CONFIG, "data": TABLE, "geo": {"type": "x"}})
        for name, path in {"filtered": "?status_filter=pending", "filter x": "?status_filter=x", "job nope": "/nope",
                           "job unknown": f"/{NOTHING}", "stream unknown": f"/{NOTHING}/$stream"}.items():  # fmt: skip
            self.call(name, "GET", f"/api/v1/jobs{path}")
        self.artifacts()
        self.call("put", "PUT", f"/api/v1/configs/{CONFIG}", {"name": "n", "data": {}})
        self.call("put, unknown", "PUT", f"/api/v1/configs/{NOTHING}", {"name": "n", "data": {}})
        self.call("delete", "DELETE", f"/api/v1/configs/{CONFIG}")
        self.call("its model", "GET", f"/api/v1/artifacts/{model}")
        self.call("nothing", "GET", "/nope")
        self.call("method", "PATCH", "/api/v1/configs", {})
        return self.said

    def artifacts(self) -> None:
        """What callers keep."""
        path = "/api/v1/artifacts"
        self.call("no parent", "POST", path, {"data": 1, "parent_id": NOTHING})
        root = self.call("root", "POST", path, {"data": {"a": 1}})["id"]
        child = self.call("child", "POST", path, {"data": [1], "parent_id": root, "level": 9})["id"]
        self.call("put artifact", "PUT", f"{path}/{child}", {"data": 5})
        for name, artifact in {"child": child, "root": root, "nothing": NOTHING}.items():
            self.call(f"link {name}", "POST", f"/api/v1/configs/{CONFIG}/$link-artifact", {"artifact_id": artifact})
        self.call("unlink", "POST", f"/api/v1/configs/{CONFIG}/$unlink-artifact", {"artifact_id": root})
        self.call("delete root", "DELETE", f"{path}/{root}")
        self.call("orphan", "GET", f"{path}/{child}")
        self.call("no tree", "GET", f"{path}/{NOTHING}/$tree")


def form(value: Any) -> Any:
    """Names and types; texts of refusals whole, so that they are compared."""
    if isinstance(value, dict):
        plain = {name: form(member) for name, member in value.items()}
        return {**plain, **{name: value[name] for name in ("type", "title", "status", "msg", "loc") if name in value}}
    if isinstance(value, list):
        return [form(value[0])] if value else []
    if isinstance(value, bool) or value is None:
        return value
    return "number" if isinstance(value, (int, float)) else "text"


def kind(error: str | None) -> str | None:
    """What kind of error it is: the text up to its first colon."""
    return error and error.partition(":")[0]


def within(expected: Any, found: Any, place: str) -> list[str]:
    """Where something is not as the library has it; members beside its own are welcome."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for name, member in expected.items()
            for line in (within(member, found[name], f"{place}.{name}") if name in found else [f"{place}.{name}: missing"])
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [line for at, one in enumerate(expected) for line in within(one, found[at], f"{place}[{at}]")]
    return [] if expected == found else [f"{place}: {found!r}, the library has {expected!r}"]


# What the two do not have in common: tracebacks and a workspace beside predictions there, descriptions of models here.
APART = ("error_traceback", "children[0].children", "content", "schema", "data.own", "input", "ctx", "size", "instance", "trace_id")


def recorded(python: str) -> dict[str, Any]:
    """Ask the library itself."""
    with subprocess.Popen(
        [python, str(HERE / "service.py")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=scratch(), text=True
    ) as process:
        assert process.stdout is not None
        try:
            port = next(line.strip() for line in process.stdout if line.strip().isdigit())
            base = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(f"{base}/health", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            return Conversation(base).hold()
        finally:
            process.kill()


class SameAsTheLibrary(unittest.TestCase):
    maxDiff = None

    def test_status_form_and_numbers(self) -> None:
        python = os.environ.get("TOLLGATE_CHAPKIT")
        expected = recorded(python) if python else json.loads(ANSWERS.read_text())
        if python and os.environ.get("INSTA_UPDATE") == "always":
            ANSWERS.write_text(json.dumps(expected, indent=1) + "\n")
        folder = scratch()
        serve = [str(BINARY), "models", "serve", "--listen", "127.0.0.1:0", "--dialect", "servicekit"]
        service = Program([*serve, "--data", str(folder / "models")], folder, {"SERVICEKIT_API_KEYS": KEY})
        try:
            address = service.wait_for("serving")[0]["address"]
            found = Conversation(f"http://{address}").hold()
        finally:
            service.stop()
        numbers = expected.pop("numbers")
        for one, other in zip(numbers, found.pop("numbers"), strict=True):
            self.assertAlmostEqual(one, other, delta=1e-9)
        differences = [
            line
            for line in within(expected, found, "")
            if not any(f".{name}" in line.partition(":")[0] for name in APART)
        ]
        self.assertEqual(differences, [])
