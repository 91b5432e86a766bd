"""The classifier whose embeddings and probabilities CAL compares: trained on synthetic texts, or the warm start."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier.encoders import Classifier, Start, begin, tuned
from standin.classifier.inputs import Inputs, inputs_of
from standin.classifier.prediction import embed
from standin.classifier.training import fine_tune, rows_seen, steps_of
from standin.config import Params
from standin.corpus import Row, SyntheticRow, by_question, read_rows, write_json, write_json_lines
from standin.errors import StandinError
from standin.progress import progress
from standin.task import Task

POOL = Path("data/real/pool.jsonl")
SYNTHETIC = Path("data/synthetic/texts.jsonl")
WARMSTART_ROWS = Path("data/real/warmstart.jsonl")
WARMSTART = Path("models/warmstart")
LEARNER = Path("models/learner")


@dataclass(frozen=True, slots=True)
class Said:
    """What one learner says of texts: embeddings, shape (n, d), and probabilities, shape (n, labels)."""

    rows: Sequence[Row]
    embeddings: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write what the learner says of the pool and of the texts it was trained on, or only ``none.json``.

    One classifier per question, of the first seed, trained on the question's synthetic texts and their prompted labels.
    Where a task has no synthetic texts, the warm start serves as it is, and the rows it was trained on are the labelled
    texts.
    """
    shutil.rmtree(LEARNER, ignore_errors=True)
    if not any(given.evidence == LEARNER.as_posix() for given in params.select.strategies.values()):
        print("learner: no strategy in select.strategies needs one")  # noqa: T201
        write_json(LEARNER / "none.json", {"reason": "no strategy in select.strategies needs a learner"})
        return {"train_rows": 0}
    pool, synthetic = by_question(read_rows(POOL, Row)), by_question(read_rows(SYNTHETIC, SyntheticRow))
    warm = tuned(WARMSTART)
    if not synthetic and warm is None:
        raise StandinError(
            f"{SYNTHETIC}: is empty, and there is no warm start: a learner has nothing to learn from. Generate texts, "
            "or take the strategies that need a learner out of select.strategies."
        )
    if synthetic and (lacking := [question for question in pool if question not in synthetic]):
        raise StandinError(f"{SYNTHETIC}: holds no text of question {lacking[0]!r}: its learner has nothing to learn.")
    start = begin(params.finetune, task.label_names, params.runtime, warm)
    seed, settings = params.finetune.seeds[0], params.finetune
    if synthetic:
        total = sum(
            steps_of(rows_seen(len(synthetic[question]), settings, settings.batch), settings.batch) for question in pool
        )
        with progress("learner", total, "steps") as done:
            trained = ((question, _trained(start, synthetic[question], seed, done)) for question in pool)
            sides = [
                (_said(classifier, pool[question]), _said(classifier, synthetic[question]))
                for question, classifier in trained
            ]
    else:
        classifier = start.classifier(seed)
        rows = [row for own in pool.values() for row in own]
        sides = [(_said(classifier, rows), _said(classifier, read_rows(WARMSTART_ROWS, Row)))]
    LEARNER.mkdir(parents=True)
    _write("pool", [of_pool for of_pool, _ in sides])
    _write("labelled", [of_labelled for _, of_labelled in sides])
    learned = sum(len(rows) for rows in synthetic.values())
    texts = sum(len(rows) for rows in pool.values())
    what = f"fine-tuned on {learned} synthetic texts" if learned else "the warm start as it is"
    print(f"learner: {what}, applied to {texts} pool texts")  # noqa: T201
    return {"train_rows": learned, "pool_texts": texts}


def _trained(start: Start, rows: Sequence[Row], seed: int, done: Callable[[int], None]) -> Classifier:
    codes = np.array([start.labels.index(str(row.label)) for row in rows], dtype=np.intp)
    inputs = inputs_of(start, [row.text for row in rows], [row.question for row in rows])
    return fine_tune(start, inputs, codes, seed, done).classifier


def _said(classifier: Classifier, rows: Sequence[Row]) -> Said:
    inputs = Inputs(classifier.encode([row.text for row in rows], [row.question for row in rows]))
    return Said(rows, *embed(classifier, inputs))


def _write(name: str, said: Sequence[Said]) -> None:
    """``<name>.npz``, and the ids of its rows in ``<name>_ids.jsonl``."""
    np.savez(
        LEARNER / f"{name}.npz",
        embeddings=np.concatenate([one.embeddings for one in said]),
        probabilities=np.concatenate([one.probabilities for one in said]),
    )
    rows = [row for one in said for row in one.rows]
    write_json_lines(
        LEARNER / f"{name}_ids.jsonl",
        ({"id": row.id} | ({"question_id": row.question_id} if row.question_id is not None else {}) for row in rows),
    )
