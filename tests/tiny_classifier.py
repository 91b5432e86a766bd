"""Ten texts of two labels, and the classifiers that the tests make of a tiny encoder and train on them."""

from pathlib import Path
from typing import Any

import numpy as np

from standin.classifier.encoders import Start, begin
from standin.classifier.inputs import inputs_of
from standin.classifier.training import Trained, fine_tune
from standin.config import Finetune, Runtime

LABELS = ["transport", "environment"]
BUS = ["the bus is late", "tram late again", "a late bus", "the tram is late again", "bus again"]
PARK = ["the park is green", "a dead tree", "green tree", "the tree is dead", "park tree"]
TEXTS = BUS + PARK
CODES = np.array([0] * 5 + [1] * 5)
NO_QUESTIONS: list[str | None] = [None] * 10
CPU = Runtime(threads=1, device="cpu")


def chosen(encoder: Path | str, steps: int = 25, **values: Any) -> Finetune:
    """Settings of a training of exactly ``steps`` steps."""
    usual = {"batch": 8, "learning_rate": 5e-3, "frozen_layers": 1, "max_tokens": 16, "probe": False}
    length = {"epochs": 1.0, "min_steps": steps, "max_steps": steps}
    return Finetune(**({"encoder": str(encoder)} | usual | length | values))


def started(encoder: Path, warm: Path | None = None, **values: Any) -> Start:
    return begin(chosen(encoder, **values), LABELS, CPU, warm)


def trained(start: Start, seed: int = 1) -> Trained:
    return fine_tune(start, inputs_of(start, TEXTS, NO_QUESTIONS), CODES, seed, lambda _: None)


def weights(*models: Any) -> dict[str, np.ndarray]:
    """Every weight of the models by name; those of a bare head are ``weight`` and ``bias``."""
    return {name: value.detach().clone().numpy() for model in models for name, value in model.named_parameters()}
