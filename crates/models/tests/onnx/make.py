"""Makes the ONNX files of this folder and what scikit-learn says of the rows in `expected.json`.

    python3 -m venv /tmp/onnx && /tmp/onnx/bin/pip install -r requirements.txt && /tmp/onnx/bin/python make.py
"""

import json
import pathlib

import numpy
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent
# Columns of the guide's example, and its answers.
RAIN = numpy.array([[100.5, 25.3], [85.2, 27.1], [120.8, 24.5], [95.3, 26.2], [110.0, 26.0], [75.5, 28.0], [130.2, 23.8], [88.9, 27.5]])
CASES = numpy.array([12.0, 8.0, 15.0, 10.0, 13.0, 6.0, 18.0, 9.0])


def write(name, model, rows, **options):
    onnx_model = to_onnx(model, rows[:1].astype(numpy.float32), target_opset={"": 18, "ai.onnx.ml": 3}, **options)
    onnx_model.producer_name, onnx_model.producer_version = "skl2onnx", ""
    (HERE / f"{name}.onnx").write_bytes(onnx_model.SerializeToString())


def main():
    iris = load_iris()
    seen = iris.data.astype(numpy.float32)[::15]
    line = LinearRegression().fit(RAIN, CASES)
    forest = RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(iris.data, iris.target)
    logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(iris.data, iris.target)
    boosting = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(iris.data[:, :3], iris.data[:, 3])
    write("line", line, RAIN)
    write("forest", forest, iris.data, options={id(forest): {"zipmap": False}})
    write("logistic", logistic, iris.data, options={id(logistic): {"zipmap": False}})
    write("boosting", boosting, iris.data[:, :3])
    # What is refused: probabilities as a list of maps.
    write("zipmap", LogisticRegression().fit(iris.data, iris.target), iris.data)
    # One input per column, added up.
    columns = to_onnx(
        make_columns(), initial_types=[("rainfall", FloatTensorType([None, 1])), ("mean_temperature", FloatTensorType([None, 1]))],
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    (HERE / "columns.onnx").write_bytes(columns.SerializeToString())
    expected = {
        "line": {"rows": RAIN.tolist(), "sample_0": line.predict(RAIN.astype(numpy.float32)).tolist()},
        "columns": {"rows": RAIN.tolist(), "sample_0": line.predict(RAIN.astype(numpy.float32)).tolist()},
        "boosting": {"rows": seen[:, :3].tolist(), "sample_0": boosting.predict(seen[:, :3]).tolist()},
        "forest": {"rows": seen.tolist(), "sample_0": forest.predict(seen).tolist(), "probabilities": forest.predict_proba(seen).tolist()},
        "logistic": {"rows": seen.tolist(), "sample_0": logistic.predict(seen).tolist(), "probabilities": logistic.predict_proba(seen).tolist()},
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def make_columns():
    together = ColumnTransformer([("all", "passthrough", [0, 1])])
    return make_pipeline(together, LinearRegression()).fit(RAIN, CASES)


if __name__ == "__main__":
    main()
