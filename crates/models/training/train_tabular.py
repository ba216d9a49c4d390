"""Trains the demo's regression and classification models from data sets that scikit-learn ships.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train_tabular.py

Writes, into ../weights/, `regression.json` and `classification.json`, and beside each the rows held out from training.
"""

import csv
import json
import pathlib

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

WEIGHTS = pathlib.Path(__file__).parent / "../weights"
# Chosen once, before looking at any metric.
SEED = 7

# (name, the data set's own name, what a value counts)
DIABETES = [
    ("age", "age", "years"),
    ("sex", "sex", "1 or 2, as the data set codes it"),
    ("bmi", "bmi", "kg/m²"),
    ("blood_pressure", "bp", "mmHg, mean arterial"),
    ("total_cholesterol", "s1", "mg/dl"),
    ("ldl", "s2", "mg/dl"),
    ("hdl", "s3", "mg/dl"),
    ("cholesterol_ratio", "s4", "total cholesterol / HDL"),
    ("log_triglycerides", "s5", "natural logarithm of mg/dl"),
    ("glucose", "s6", "mg/dl"),
]
IRIS = [
    ("sepal_length", "sepal length (cm)", "cm"),
    ("sepal_width", "sepal width (cm)", "cm"),
    ("petal_length", "petal length (cm)", "cm"),
    ("petal_width", "petal width (cm)", "cm"),
]


def main():
    regression()
    classification()


def regression():
    data = load_diabetes(scaled=False)
    x, held_x, y, held_y = train_test_split(data.data, data.target, test_size=0.25, random_state=SEED)
    scaler = StandardScaler().fit(x)
    model = RidgeCV(alphas=np.logspace(-2, 3, 30)).fit(scaler.transform(x), y)
    r2 = model.score(scaler.transform(held_x), held_y)
    error = np.abs(model.predict(scaler.transform(held_x)) - held_y).mean()
    print(f"regression: {len(held_y)} rows held out, R2 {r2:.3f}, mean absolute error {error:.1f}")
    write("regression", {
        "metrics": {"rows": len(held_y), "r2": round(r2, 3), "mean_absolute_error": round(error, 1)},
        "units": "disease progression one year later (25 to 346)",
        "features": features(DIABETES, x, scaler),
        "intercept": number(model.intercept_),
        "weights": [number(w) for w in model.coef_],
    })
    write_rows("regression", DIABETES, held_x, "progression", [number(value) for value in held_y])


def classification():
    data = load_iris()
    x, held_x, y, held_y = train_test_split(
        data.data, data.target, test_size=0.3, random_state=SEED, stratify=data.target
    )
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(scaler.transform(x), y)
    accuracy = model.score(scaler.transform(held_x), held_y)
    print(f"classification: {len(held_y)} rows held out, accuracy {accuracy:.3f}")
    write("classification", {
        "metrics": {"rows": len(held_y), "accuracy": round(accuracy, 3)},
        "features": features(IRIS, x, scaler),
        "classes": [
            {"name": str(name), "intercept": number(intercept), "weights": [number(w) for w in weights]}
            for name, intercept, weights in zip(data.target_names, model.intercept_, model.coef_)
        ],
    })
    write_rows("classification", IRIS, held_x, "species", [str(data.target_names[label]) for label in held_y])


def features(names, x, scaler):
    return [
        {"name": name, "alias": alias, "unit": unit, "mean": number(mean), "deviation": number(deviation),
         "min": number(low), "max": number(high)}
        for (name, alias, unit), mean, deviation, low, high
        in zip(names, scaler.mean_, scaler.scale_, x.min(axis=0), x.max(axis=0))
    ]


def number(value):
    return round(float(value), 6)


def write(name, model):
    (WEIGHTS / f"{name}.json").write_text(json.dumps(model, indent=2, ensure_ascii=False) + "\n", "utf-8")


def write_rows(name, names, x, target, labels):
    with open(WEIGHTS / f"{name}_held_out.csv", "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([name for name, _, _ in names] + [target])
        rows.writerows([f"{value:g}" for value in row] + [label] for row, label in zip(x, labels))


if __name__ == "__main__":
    main()
