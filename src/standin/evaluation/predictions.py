"""Predictions arranged for scoring: every arm and budget with the same seeds and texts, or an error naming the gap."""

from collections.abc import Mapping, Sequence

import numpy as np

from standin.corpus import Prediction, Row, by_question
from standin.errors import StandinError, nearest
from standin.evaluation.family import Entry
from standin.evaluation.intervals import Examined


def entries_of(predictions: Mapping[str, Sequence[Prediction]]) -> list[Entry]:
    """Every arm at every budget it was trained at, arms in the order given, budgets rising."""
    return [
        Entry(arm, budget)
        for arm, rows in predictions.items()
        for budget in sorted({row.budget for row in rows}, key=lambda budget: budget or 0)
    ]


def arrange(
    predictions: Mapping[str, Sequence[Prediction]], test: Sequence[Row], labels: Sequence[str], seeds: Sequence[int]
) -> dict[str | None, Examined]:
    """True and predicted classes per question, texts in the order of ``test``, arms in the order of ``entries_of``.

    Raises StandinError where a prediction or a label is missing or unknown: arms are only comparable on equal texts.
    """
    codes = {label: code for code, label in enumerate(labels)}
    entries = entries_of(predictions)
    questions = by_question(test)
    found = {
        question: Examined(
            np.array([_code(row.label, codes, f"test text {row.id!r}") for row in rows], dtype=np.intp),
            np.empty((len(entries), len(seeds), len(rows)), dtype=np.intp),
        )
        for question, rows in questions.items()
    }
    for arm, said_rows in predictions.items():  # one arm's answers at a time: of 1.5 million rows all would take 0.5 GB
        said = {
            (row.budget, row.seed, row.question_id, row.id): _code(row.label, codes, f"arm {arm!r}, id {row.id!r}")
            for row in said_rows
        }
        for at, entry in enumerate(entries):
            if entry.arm != arm:
                continue
            for slot, seed in enumerate(seeds):
                for question, rows in questions.items():
                    keys = [(entry.budget, seed, question, row.id) for row in rows]
                    if missing := [key[-1] for key in keys if key not in said]:
                        raise _lacking(entry, seed, question, missing, len(rows))
                    found[question].predicted[at, slot] = [said[key] for key in keys]
    return found


def _code(label: str | None, codes: Mapping[str, int], where: str) -> int:
    if label is None:
        raise StandinError(f"{where} has no label: evaluation needs labelled test texts")
    if label not in codes:
        raise StandinError(f"{where}: label {label!r} is none of the task: {nearest(label, codes)}")
    return codes[label]


def _lacking(entry: Entry, seed: int, question: str | None, missing: Sequence[str], texts: int) -> StandinError:
    at = f", budget {entry.budget}" if entry.budget is not None else ""
    of = f", question {question!r}" if question is not None else ""
    return StandinError(
        f"arm {entry.arm!r}{at}, seed {seed}{of}: no prediction for {len(missing)} of {texts} test texts, first id "
        f"{missing[0]!r}. Run `dvc repro finetune`."
    )
