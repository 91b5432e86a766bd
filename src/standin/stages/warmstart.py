"""The classifier that every arm starts from: fine-tuned on the labelled rows of other questions (stance tasks)."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from standin.classifier.card import model_card
from standin.classifier.encoders import Classifier, begin, save
from standin.classifier.inputs import inputs_of
from standin.classifier.prediction import predict
from standin.classifier.training import fine_tune, rows_seen, steps_of
from standin.config import Params
from standin.corpus import Row, by_question, read_rows, write_json
from standin.evaluation.scores import score
from standin.evaluation.tables import rounded
from standin.progress import progress
from standin.task import Task

ROWS = Path("data/real/warmstart.jsonl")
VALIDATION = Path("data/real/validation.jsonl")
MODEL = Path("models/warmstart")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``models/warmstart``: a classifier of (question, text) pairs, or ``none.json`` where no rows are there.

    Its metrics are those of the paper's baseline, the classifier applied to the new questions as it is, on validation
    texts: macro-F1 and accuracy, each the mean over questions (Wagner et al. 2025).
    """
    rows = read_rows(ROWS, Row)
    shutil.rmtree(MODEL, ignore_errors=True)
    if not rows:
        print("warmstart: the task has no rows of other questions, so every arm starts from the encoder")  # noqa: T201
        write_json(MODEL / "none.json", {"reason": f"{ROWS} is empty"})
        return {"train_rows": 0}
    settings, seed = params.finetune, params.finetune.seeds[0]
    start = begin(settings, task.label_names, params.runtime)
    steps = steps_of(rows_seen(len(rows), params.warmstart, settings.batch), settings.batch)
    codes = np.array([task.label_names.index(str(row.label)) for row in rows], dtype=np.intp)
    inputs = inputs_of(start, [row.text for row in rows], [row.question for row in rows])
    with progress("warmstart", steps, "steps") as done:
        classifier = fine_tune(start, inputs, codes, seed, done, params.warmstart).classifier
    baseline = _baseline(classifier, read_rows(VALIDATION, Row))
    card = model_card(
        title="the questions in the warm-start rows",
        question=None,
        pairs=True,
        encoder=settings.encoder,
        labels=classifier.labels,
        rows=len(rows),
        steps=steps,
        seed=seed,
        validation=baseline,
        data=ROWS,
    )
    noted = {"arm": None, "budget": None, "question_id": None, "question": None, "pairs": True, "seed": seed}
    noted |= {"rows": len(rows), "steps": steps}
    save(classifier, MODEL, settings, noted | params.warmstart.model_dump(), card)
    print(f"warmstart: fine-tuned on {len(rows)} rows of {len(by_question(rows))} other questions in {steps} steps")  # noqa: T201
    scores = {"validation_macro_f1": baseline[0], "validation_accuracy": baseline[1]} if baseline else {}
    return {"train_rows": len(rows), "steps": steps} | scores


def _baseline(classifier: Classifier, validation: list[Row]) -> tuple[float, float, int] | None:
    """Macro-F1 and accuracy on validation texts, means over questions, and the number of texts."""
    scores = []
    for rows in by_question(validation).values():
        truth = np.array([classifier.labels.index(str(row.label)) for row in rows])
        shares = predict(classifier, [row.text for row in rows], [row.question for row in rows])
        scores.append(score(truth, shares.argmax(axis=1), len(classifier.labels)))
    if not scores:
        return None
    macro_f1, accuracy = (rounded(fmean(values)) for values in zip(*scores, strict=True))
    return macro_f1, accuracy, len(validation)
