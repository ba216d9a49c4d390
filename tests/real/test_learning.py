"""`tollgate models train|predict` beside scikit-learn: the same tables, the same numbers."""

from __future__ import annotations

import csv
import json
import unittest
from pathlib import Path
from typing import Any

import numpy
from harness import scratch, tollgate
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SEED = 20_261_122
# The example of the model service's guide.
GUIDE = """rainfall,mean_temperature,disease_cases
100.5,25.3,12
85.2,27.1,8
120.8,24.5,15
95.3,26.2,10
110.0,26.0,13
75.5,28.0,6
130.2,23.8,18
88.9,27.5,9
"""


class Table:
    """A seeded table: features, a target of numbers, the same in classes, and rows that nobody trained on."""

    def __init__(self, rows: int, columns: int, *, dependent: int = 0, constant: int = 0, scale: float = 1.0) -> None:
        self.chance = numpy.random.default_rng([SEED, rows, columns])
        self.seen = self._features(rows, columns, dependent, constant, scale)
        self.asked = self._features(200, columns, dependent, constant, scale)
        self.numbers, self.classes = self._targets(self.seen / scale)
        self.asked_numbers, self.asked_classes = self._targets(self.asked / scale)

    def _features(self, rows: int, columns: int, dependent: int, constant: int, scale: float) -> numpy.ndarray:
        # Few binary digits: scikit-learn's trees round to 24 of them.
        free = numpy.round(self.chance.normal(size=(rows, columns)) * 1024) / 1024 * scale
        sums = free[:, :dependent] - 2 * free[:, 1 : dependent + 1]
        return numpy.column_stack([free, sums, numpy.full((rows, constant), 0.1)])

    def _targets(self, features: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        bent = numpy.sin(2 * features[:, 0]) + features[:, 1] + features[:, 0] * features[:, 1] / 2
        numbers = bent + self.chance.normal(size=len(features)) / 4
        return numbers, numpy.array(["high", "low", "middle"])[numpy.digitize(numbers, [-0.7, 0.7])]


class Models(unittest.TestCase):
    """Trains and predicts through files, as somebody at a terminal does."""

    def setUp(self) -> None:
        self.folder = scratch()

    def write(self, name: str, features: numpy.ndarray, target: numpy.ndarray | None = None) -> Path:
        path = self.folder / name
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            names = [f"x{place}" for place in range(features.shape[1])]
            writer.writerow(names if target is None else [*names, "y"])
            for row, values in enumerate(features.tolist()):
                writer.writerow(values if target is None else [*values, target[row]])
        return path

    def train(self, table: Path, *arguments: str, target: str = "y") -> dict[str, Any]:
        command = ["models", "train", "--json", "--csv", str(table), "--target", target, *arguments]
        done = tollgate(*command, "--out", str(self.folder / "model"), "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def predict(self, table: Path) -> dict[str, list[Any]]:
        done = tollgate("models", "predict", "--json", "--model", str(self.folder / "model"), "--csv", str(table))
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        return dict(zip(said["columns"], zip(*said["data"], strict=True), strict=True))

    def fit(self, table: Table, model: str, parameters: dict[str, Any], *, classes: bool) -> dict[str, list[Any]]:
        target = table.classes if classes else table.numbers
        self.train(
            self.write("seen.csv", table.seen, target), "--model", model, "--parameters", json.dumps(parameters)
        )
        return self.predict(self.write("asked.csv", table.asked))

    def assert_close(self, found: Any, expected: numpy.ndarray, tolerance: float) -> None:
        numpy.testing.assert_allclose(numpy.asarray(found, dtype=float), expected, rtol=tolerance, atol=tolerance)


class Lines(Models):
    def test_least_squares_of_every_shape(self) -> None:
        for name, table in {
            "many rows": Table(5_000, 10),
            "few rows": Table(12, 10),
            "fewer rows than columns": Table(8, 20),
            "dependent columns": Table(300, 6, dependent=3),
            "a constant column": Table(300, 6, constant=1),
            "both": Table(50, 6, dependent=2, constant=2),
            "large numbers": Table(300, 6, scale=1e6),
        }.items():
            with self.subTest(name):
                said = self.fit(table, "ols", {}, classes=False)["sample_0"]
                expected = LinearRegression().fit(table.seen, table.numbers).predict(table.asked)
                self.assert_close(said, expected, 1e-9)

    def test_ridge(self) -> None:
        for alpha in (0.01, 1.0, 100.0):
            for table in (Table(500, 8), Table(200, 6, dependent=3), Table(8, 20)):
                with self.subTest(alpha=alpha, shape=table.seen.shape):
                    said = self.fit(table, "ridge", {"alpha": alpha}, classes=False)["sample_0"]
                    expected = Ridge(alpha=alpha).fit(table.seen, table.numbers).predict(table.asked)
                    self.assert_close(said, expected, 1e-9)

    def test_logistic_regression(self) -> None:
        for penalty in (0.1, 1.0, 10.0):
            for table in (Table(500, 5), Table(200, 6, dependent=3, constant=1)):
                with self.subTest(C=penalty, shape=table.seen.shape):
                    said = self.fit(table, "logistic", {"C": penalty}, classes=True)
                    peer = LogisticRegression(C=penalty, tol=1e-10, max_iter=100_000).fit(table.seen, table.classes)
                    for place, name in enumerate(peer.classes_):
                        expected = peer.predict_proba(table.asked)[:, place]
                        self.assert_close(said[f"probability_{name}"], expected, 1e-6)
                    self.assertEqual(list(said["sample_0"]), peer.predict(table.asked).tolist())

    def test_the_guides_example(self) -> None:
        seen = self.folder / "guide.csv"
        seen.write_text(GUIDE)
        said = self.train(seen, target="disease_cases")
        self.assert_close(said["coefficients"], numpy.array([0.179418485117159, -0.41453910135943983]), 1e-9)
        asked = self.folder / "future.csv"
        asked.write_text("rainfall,mean_temperature\n110.0,26.0\n90.0,28.0\n125.0,24.0\n80.0,29.0\n")
        expected = [13.046377018145837, 8.628929113083778, 16.5667324976221, 6.420205160552749]
        self.assert_close(self.predict(asked)["sample_0"], numpy.array(expected), 1e-9)


class Trees(Models):
    def test_trees_and_boosting_whose_splits_are_no_matter_of_chance(self) -> None:
        table = Table(2_000, 6)
        small = {"max_depth": 4, "min_samples_leaf": 25}
        steps = {"n_estimators": 15, "max_depth": 3, "min_samples_leaf": 25}
        for model, parameters, peer in (
            ("decision_tree", small, DecisionTreeRegressor(**small, random_state=0)),
            ("gradient_boosting", steps, GradientBoostingRegressor(**steps, random_state=0)),
        ):
            with self.subTest(model):
                said = self.fit(table, model, parameters, classes=False)["sample_0"]
                self.assert_close(said, peer.fit(table.seen, table.numbers).predict(table.asked), 1e-9)

    def test_what_chance_decides_is_as_good(self) -> None:
        table = Table(2_000, 6)
        few = {"n_estimators": 60}
        for model, parameters, numbers, classes in (
            ("decision_tree", {}, DecisionTreeRegressor, DecisionTreeClassifier),
            ("random_forest", few, RandomForestRegressor, RandomForestClassifier),
            ("gradient_boosting", few, GradientBoostingRegressor, GradientBoostingClassifier),
            ("gradient_boosting", {**few, "subsample": 0.5}, GradientBoostingRegressor, GradientBoostingClassifier),
        ):
            with self.subTest(model, parameters=parameters):
                said = self.fit(table, model, parameters, classes=False)["sample_0"]
                peer = numbers(random_state=0, **parameters).fit(table.seen, table.numbers)
                expected = r2_score(table.asked_numbers, peer.predict(table.asked))
                self.assertAlmostEqual(r2_score(table.asked_numbers, said), expected, delta=0.03)
                said = self.fit(table, model, parameters, classes=True)["sample_0"]
                peer = classes(random_state=0, **parameters).fit(table.seen, table.classes)
                expected = accuracy_score(table.asked_classes, peer.predict(table.asked))
                self.assertAlmostEqual(accuracy_score(table.asked_classes, said), expected, delta=0.06)


class Files(Models):
    def test_rows_come_out_as_they_went_in(self) -> None:
        seen = self.folder / "guide.csv"
        seen.write_text(GUIDE)
        self.train(seen, "--features", "rainfall", target="disease_cases")
        asked = self.folder / "asked.csv"
        asked.write_text('place,rainfall,note\n"Oslo, north",100.50,007\nBergen,90,\n')
        out = self.folder / "answers" / "out.csv"
        done = tollgate("models", "predict", "--model", str(self.folder / "model"), "--csv", str(asked), "--out", str(out))
        self.assertEqual(done.returncode, 0, done.stderr)
        header, first, second = out.read_text().splitlines()
        self.assertEqual(header, "place,rainfall,note,sample_0")
        self.assertTrue(first.startswith('"Oslo, north",100.50,007,1'), first)
        self.assertTrue(second.startswith("Bergen,90,,"), second)
        again = tollgate("models", "predict", "--model", str(self.folder / "model"), "--csv", str(asked), "--out", str(out))
        self.assertEqual(again.returncode, 1)
        self.assertIn("--force", again.stderr)

    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        seen = self.folder / "guide.csv"
        seen.write_text(GUIDE.replace("95.3", "wet"))
        for arguments, expected in {
            ("--target", "cases"): "there is no column `cases`",
            ("--target", "disease_cases"): "the column `rainfall` must hold numbers, but row 4 holds 'wet'",
            ("--target", "disease_cases", "--features", "rain"): "there is no column `rain`",
            ("--target", "disease_cases", "--parameters", '{"alpha": 1}'): "unknown field `alpha`",
        }.items():
            with self.subTest(arguments):
                done = tollgate("models", "train", "--csv", str(seen), *arguments)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(expected, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_an_onnx_file_predicts_too(self) -> None:
        folder = Path(__file__).resolve().parents[2] / "crates/models/tests/onnx"
        expected = json.loads((folder / "expected.json").read_text())["forest"]
        asked = self.write("asked.csv", numpy.array(expected["rows"]))
        (self.folder / "model").write_bytes((folder / "forest.onnx").read_bytes())
        said = self.predict(asked)
        self.assertEqual(list(said["sample_0"]), expected["sample_0"])
        self.assert_close(said["probabilities_0"], numpy.array(expected["probabilities"])[:, 0], 1e-5)


if __name__ == "__main__":
    unittest.main()
