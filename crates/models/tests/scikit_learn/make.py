"""Writes `expected.json`: small tables, and what scikit-learn 1.9.1 makes of them.

    python3 -m venv /tmp/sk && /tmp/sk/bin/pip install scikit-learn==1.9.1 && /tmp/sk/bin/python make.py

Where two splits are equally good, scikit-learn's trees draw one; only tables are kept where that never happens. Values have few
binary digits, because its trees round them to 24.
"""

import json
import pathlib

import numpy
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

CHANCE = numpy.random.default_rng(5)


def rows(count, columns):
    return numpy.round(CHANCE.normal(size=(count, columns)) * 256) / 256


def case(name, data, model, table, target, asked):
    model.fit(table, target)
    said = {"name": name, "data": data, "rows": table.tolist(), "target": numpy.asarray(target).tolist(), "asked": asked.tolist()}
    said["sample_0"] = model.predict(asked).tolist()
    if hasattr(model, "predict_proba"):
        said["probabilities"] = model.predict_proba(asked).tolist()
    return said


def linear():
    table, asked = rows(40, 4), rows(6, 4)
    numbers = table @ [1.5, -2.0, 0.25, 0.0] + 3.0 + CHANCE.normal(size=40)
    collinear = numpy.column_stack([table, table[:, 0] - 2 * table[:, 1]])
    collinear_asked = numpy.column_stack([asked, rows(6, 1)])
    constant = numpy.column_stack([table, numpy.full(40, 0.1)])
    wide, wide_asked = rows(5, 9), rows(6, 9)
    offset = table + [1e6, 0, -1e5, 3]
    return [
        case("plain", {"model": "ols"}, LinearRegression(), table, numbers, asked),
        case("no constant", {"model": "ols", "parameters": {"fit_intercept": False}}, LinearRegression(fit_intercept=False), table, numbers, asked),
        case("collinear", {"model": "ols"}, LinearRegression(), collinear, numbers, collinear_asked),
        case("constant column", {"model": "ols"}, LinearRegression(), constant, numbers, collinear_asked),
        case("fewer rows than columns", {"model": "ols"}, LinearRegression(), wide, numbers[:5], wide_asked),
        case("one row", {"model": "ols"}, LinearRegression(), table[:1], numbers[:1], asked),
        case("far from the origin", {"model": "ols"}, LinearRegression(), offset, numbers, asked + [1e6, 0, -1e5, 3]),
        case("ridge", {"model": "ridge"}, Ridge(), table, numbers, asked),
        case("ridge of collinear columns", {"model": "ridge", "parameters": {"alpha": 0.01}}, Ridge(alpha=0.01), collinear, numbers, collinear_asked),
        case("ridge of fewer rows", {"model": "ridge", "parameters": {"alpha": 2.0}}, Ridge(alpha=2.0), wide, numbers[:5], wide_asked),
    ]


def logistic():
    table, asked = rows(60, 3), rows(6, 3)
    score = table @ [1.0, -2.0, 0.5] + CHANCE.normal(size=60) * 0.5
    two, three = score > 0.2, numpy.digitize(score, [-1.0, 1.0])
    names = numpy.array(["low", "middle", "high"])[three]
    exact = {"tol": 1e-12, "max_iter": 10_000}
    units = numpy.array([1000.0, 0.001, 1.0])
    return [
        case("two classes", {"model": "logistic"}, LogisticRegression(**exact), table, two, asked),
        case("three classes", {"model": "logistic"}, LogisticRegression(**exact), table, names, asked),
        case("weak penalty", {"model": "logistic", "parameters": {"C": 100.0}}, LogisticRegression(C=100.0, solver="newton-cholesky", **exact), table, three, asked),
        case("no constant", {"model": "logistic", "parameters": {"fit_intercept": False}}, LogisticRegression(fit_intercept=False, **exact), table, two, asked),
        case("all units", {"model": "logistic"}, LogisticRegression(solver="newton-cholesky", **exact), table * units, two, asked * units),
    ]


def trees():
    small = {"max_depth": 4, "min_samples_leaf": 8}
    classes = {"max_depth": 3, "min_samples_leaf": 12}
    steps = {"n_estimators": 20, "max_depth": 3, "min_samples_leaf": 10}
    return [
        tree("tree", "decision_tree", DecisionTreeRegressor, small, 1),
        tree("stump", "decision_tree", DecisionTreeRegressor, {"max_depth": 1}, 1),
        tree("tree of two classes", "decision_tree", DecisionTreeClassifier, classes, 2),
        tree("tree of three classes", "decision_tree", DecisionTreeClassifier, classes, 3),
        tree("all columns, all rows", "random_forest", DecisionTreeRegressor, small, 1, n_estimators=3, bootstrap=False),
        tree("boosting", "gradient_boosting", GradientBoostingRegressor, steps, 1),
        tree("boosting of two classes", "gradient_boosting", GradientBoostingClassifier, steps, 2),
        tree("boosting of three classes", "gradient_boosting", GradientBoostingClassifier, steps, 3),
    ]


def tree(name, model, kind, parameters, classes, **more):
    """A case on the first table of which scikit-learn says the same whatever it draws."""
    data = {"model": model, "parameters": parameters | more}
    if classes == 3:
        data["task"] = "classification"
    while True:
        table, asked = rows(200, 4), rows(8, 4)
        numbers = numpy.where(table[:, 0] > 0, table[:, 1] * 2, numpy.sin(table[:, 2])) + CHANCE.normal(size=200) * 0.1
        target = {1: numbers, 2: numbers > 0, 3: numpy.digitize(numbers, [-0.5, 0.5])}[classes]
        drawn = [case(name, data, kind(random_state=state, **parameters), table, target, asked) for state in range(8)]
        said = [numpy.array(one.get("probabilities", one["sample_0"]), dtype=float) for one in drawn]
        if max(numpy.abs(one - said[0]).max() for one in said) < 1e-12:
            return drawn[0]


def main():
    cases = linear() + logistic() + trees()
    text = ",\n".join(json.dumps(said) for said in cases)
    (pathlib.Path(__file__).parent / "expected.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
