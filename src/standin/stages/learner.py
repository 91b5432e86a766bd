"""The classifiers whose embeddings and probabilities CAL compares: trained on synthetic texts, or the warm start."""

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
from standin.errors import StandinError, counted
from standin.progress import progress
from standin.selection.earlier import labelled_before
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

    One classifier per seed and question, trained on the question's synthetic texts and their prompted labels: what it
    says stands in ``<seed>/``. Where a task has no synthetic texts, the warm start serves as it is, one for all seeds
    (``warmstart/``), and the rows it was trained on are the labelled texts. In rounds (``select.labelled``) each seed's
    classifier is trained on the labels so far, and speaks of the whole pool, labelled or not.
    """
    shutil.rmtree(LEARNER, ignore_errors=True)
    if not any(given.evidence == LEARNER.as_posix() for given in params.select.strategies.values()):
        print("learner: no strategy in select.strategies needs one")  # noqa: T201
        write_json(LEARNER / "none.json", {"reason": "no strategy in select.strategies needs a learner"})
        return {"train_rows": 0}
    if Path(params.select.labelled) != SYNTHETIC:
        return _in_rounds(params, task)
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
    seeds, settings = params.finetune.seeds, params.finetune
    if synthetic:
        both = [row for asked, rows in pool.items() for row in (*rows, *synthetic[asked])]
        inputs, places = _inputs(start, both), iter(range(len(both)))
        material = {
            asked: tuple(inputs.at([next(places) for _ in own]) for own in (rows, synthetic[asked]))
            for asked, rows in pool.items()
        }
        each = [steps_of(rows_seen(len(own), settings, settings.batch), settings.batch) for _, own in material.values()]
        with progress("learner", len(seeds) * sum(each), "steps") as done:
            for seed in seeds:
                sides = []
                for question, (candidates, labelled) in material.items():
                    classifier = _trained(start, synthetic[question], labelled, seed, done)
                    of_pool = _said(classifier, pool[question], candidates)
                    sides.append((of_pool, _said(classifier, synthetic[question], labelled)))
                _write(str(seed), {"pool": [of for of, _ in sides], "labelled": [of for _, of in sides]})
    else:
        classifier = start.classifier(seeds[0])
        rows = [row for own in pool.values() for row in own]
        other = read_rows(WARMSTART_ROWS, Row)
        said = _said(classifier, rows, _inputs(start, rows)), _said(classifier, other, _inputs(start, other))
        _write("warmstart", {"pool": said[:1], "labelled": said[1:]})
    learned = sum(len(rows) for rows in synthetic.values())
    texts = sum(len(rows) for rows in pool.values())
    learners = len(seeds) if synthetic else 1
    what = f"{learners} fine-tuned on {counted(learned, 'synthetic text')}" if learned else "the warm start as it is"
    print(f"learner: {what}, applied to {counted(texts, 'pool text')}")  # noqa: T201
    return {"train_rows": learned, "pool_texts": texts, "learners": learners}


def _in_rounds(params: Params, task: Task) -> Mapping[str, Any]:
    """CAL as published: every seed's learner is fine-tuned on the texts of the pool that have a label so far.

    ``<seed>/pool.npz`` says what it thinks of the pool, ``<seed>/synthetic.npz`` of the synthetic texts where those are
    chosen from.
    """
    pool, seeds, settings = read_rows(POOL, Row), params.finetune.seeds, params.finetune
    path = Path(params.select.labelled)
    before = labelled_before(path, {row.id: row for row in pool}, seeds, task.label_names)
    labelled = {seed: by_question(own) for seed, own in before.items()}
    sides: dict[str, dict[str | None, list[Row]]] = {"pool": by_question(pool)}
    if params.select.pool == "synthetic":
        sides["synthetic"] = by_question(read_rows(SYNTHETIC, SyntheticRow))
    asked = list(sides["pool"])
    if lacking := [question for question in asked for seed in seeds if not labelled[seed].get(question)]:
        raise StandinError(f"{path}: labels no text of question {lacking[0]!r}: its learner has nothing to learn.")
    start = begin(settings, task.label_names, params.runtime, tuned(WARMSTART))
    material = {side: {question: _inputs(start, own) for question, own in rows.items()} for side, rows in sides.items()}
    steps = (steps_of(rows_seen(len(own), settings, settings.batch), settings.batch)
             for of in labelled.values() for own in of.values())  # fmt: skip
    with progress("learner", sum(steps), "steps") as done:
        for seed in seeds:
            said: dict[str, list[Said]] = {side: [] for side in sides}
            for question in asked:
                own = labelled[seed][question]
                classifier = _trained(start, own, _inputs(start, own), seed, done)
                for side, rows in sides.items():
                    if question in rows:
                        said[side].append(_said(classifier, rows[question], material[side][question]))
            _write(str(seed), said)
    learned = sum(len(own) for own in labelled[seeds[0]].values())
    print(  # noqa: T201
        f"learner: {len(seeds)} fine-tuned on {counted(learned, 'text')} labelled so far, applied to "
        f"{counted(len(pool), 'pool text')}"
    )
    return {"train_rows": learned, "pool_texts": len(pool), "learners": len(seeds)}


def _inputs(start: Start, rows: Sequence[Row]) -> Inputs:
    return inputs_of(start, [row.text for row in rows], [row.question for row in rows])


def _trained(start: Start, rows: Sequence[Row], inputs: Inputs, seed: int, done: Callable[[int], None]) -> Classifier:
    codes = np.array([start.labels.index(str(row.label)) for row in rows], dtype=np.intp)
    return fine_tune(start, inputs, codes, seed, done).classifier


def _said(classifier: Classifier, rows: Sequence[Row], inputs: Inputs) -> Said:
    return Said(rows, *embed(classifier, inputs))


def _write(name: str, sides: Mapping[str, Sequence[Said]]) -> None:
    """``<name>/<side>.npz`` for every side; the ids of their rows, alike for all learners, beside the folders."""
    folder = LEARNER / name
    folder.mkdir(parents=True)
    for side, said in sides.items():
        np.savez(
            folder / f"{side}.npz",
            embeddings=np.concatenate([one.embeddings for one in said]),
            probabilities=np.concatenate([one.probabilities for one in said]),
        )
        rows = [row for one in said for row in one.rows]
        write_json_lines(
            LEARNER / f"{side}_ids.jsonl",
            (
                {"id": row.id} | ({"question_id": row.question_id} if row.question_id is not None else {})
                for row in rows
            ),
        )
