"""scikit-learn's part of `bench/learn`, run by the interpreter that has it: make a table, or fit one and say how long it took.

    scikit.py table FOLDER NAME ROWS
    scikit.py fit FOLDER NAME MODEL PARAMETERS

A table is NAME.csv for the gate, and NAME.bin for whoever reads numbers as they are: its columns one after the other.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy
from sklearn import ensemble, linear_model, tree

FEATURES = 10
SEED = 20_261_122

MODELS: dict[str, Any] = {
    "ols": linear_model.LinearRegression,
    "ridge": linear_model.Ridge,
    "logistic": linear_model.LogisticRegression,
    "decision_tree": tree.DecisionTreeRegressor,
    "random_forest": ensemble.RandomForestRegressor,
    "random_forest_classes": ensemble.RandomForestClassifier,
    "gradient_boosting": ensemble.GradientBoostingRegressor,
}


def main() -> None:
    """Do what the arguments say; a fit is told as one line of JSON."""
    command, folder, name, *rest = sys.argv[1:]
    if command == "table":
        _table(Path(folder), name, int(rest[0]))
    else:
        print(json.dumps(_fit(Path(folder), name, rest[0], json.loads(rest[1]))))


def _table(folder: Path, name: str, rows: int) -> None:
    chance = numpy.random.default_rng(SEED)
    # Few binary digits, so that the text of the table stays short and is exactly the same numbers.
    features = numpy.round(chance.normal(size=(rows, FEATURES)) * 65536) / 65536
    noise = chance.normal(size=rows)
    if name == "lines":
        target = features @ chance.normal(size=FEATURES) + noise
    else:
        target = 3 * numpy.sin(features[:, 0]) + features[:, 1] * features[:, 2] + noise / 2
    target = numpy.round(target * 65536) / 65536
    if name == "classes":
        target = (target > 0).astype(float)
    table = numpy.column_stack([features, target])
    table.T.tofile(folder / f"{name}.bin")
    header = ",".join(str(place) for place in range(FEATURES + 1))
    numpy.savetxt(folder / f"{name}.csv", table, fmt="%.16g", delimiter=",", header=header, comments="")


def _fit(folder: Path, name: str, model: str, parameters: dict[str, Any]) -> dict[str, float]:
    table = numpy.fromfile(folder / f"{name}.bin").reshape(FEATURES + 1, -1)
    features, target = numpy.ascontiguousarray(table[:FEATURES].T), table[FEATURES]
    kind = MODELS["random_forest_classes" if (model, name) == ("random_forest", "classes") else model]
    learner = kind(**parameters)
    began, cpu = time.perf_counter(), time.process_time()
    learner.fit(features, target)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"fit_ms": took * 1e3, "cpu_ms": cpu * 1e3, "score": float(learner.score(features, target))}


if __name__ == "__main__":
    main()
