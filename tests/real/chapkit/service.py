"""The model of the guide as a service of the library that it was written for, on a port that is told on stdout.

`PORT` wishes for one; else any that is free.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Any

import uvicorn
from chapkit import BaseConfig
from chapkit.api import AssessedStatus, MLServiceBuilder, MLServiceInfo, ModelMetadata, PeriodType
from chapkit.artifact import ArtifactHierarchy
from chapkit.data import DataFrame
from chapkit.ml import FunctionalModelRunner
from sklearn.linear_model import LinearRegression

FEATURES = ["rainfall", "mean_temperature"]
TARGET = "disease_cases"
KEYS = ["sk_ml_train_abc123", "sk_ml_predict_xyz789"]


class Config(BaseConfig):
    """No settings of its own."""

    prediction_periods: int = 3


async def on_train(config: Config, data: DataFrame, geo: Any = None) -> Any:
    frame = data.to_pandas()
    return LinearRegression().fit(frame[FEATURES], frame[TARGET].fillna(0))


async def on_predict(config: Config, model: Any, historic: DataFrame, future: DataFrame, geo: Any = None) -> DataFrame:
    frame = future.to_pandas()
    frame["sample_0"] = model.predict(frame[FEATURES])
    return DataFrame.from_pandas(frame)


APP = (
    MLServiceBuilder(
        info=MLServiceInfo(
            id="disease",
            display_name="Disease cases",
            version="1.0.0",
            description="Disease cases from weather.",
            model_metadata=ModelMetadata(
                author="Nobody",
                author_assessed_status=AssessedStatus.gray,
                contact_email="nobody@example.com",
            ),
            period_type=PeriodType.monthly,
            min_prediction_periods=0,
            max_prediction_periods=100,
        ),
        config_schema=Config,
        hierarchy=ArtifactHierarchy(
            name="secure_ml_pipeline", level_labels={0: "trained_model", 1: "predictions"}
        ),
        runner=FunctionalModelRunner(on_train=on_train, on_predict=on_predict),
    )
    .with_auth(api_keys=KEYS)
    .build()
)

if __name__ == "__main__":
    logging.disable()
    with socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0")))) as listener:
        print(listener.getsockname()[1], flush=True)
        server = uvicorn.Server(uvicorn.Config(APP, log_config=None))
        asyncio.run(server.serve(sockets=[listener]))
