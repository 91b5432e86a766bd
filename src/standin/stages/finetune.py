"""Fine-tune one classifier per question, budget and seed of an arm, and let it predict the test texts."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier import ngrams
from standin.classifier.card import model_card
from standin.classifier.encoders import Classifier, Start, begin, in_half, load, save, tuned
from standin.classifier.inputs import Inputs, inputs_of
from standin.classifier.prediction import features, probabilities
from standin.classifier.training import Step, fine_tune, probed, rows_seen, steps_of
from standin.config import Params
from standin.corpus import ArmRow, Prediction, Row, by_question, read_rows, write_json, write_rows
from standin.errors import counted
from standin.evaluation.scores import score
from standin.evaluation.tables import csv_text, rounded
from standin.ingredients import answerer
from standin.progress import progress
from standin.task import Task

VALIDATION = Path("data/real/validation.jsonl")
TEST = Path("data/real/test.jsonl")
WARMSTART = Path("models/warmstart")
HISTORY = ("question_id", "budget", "seed", "step", "loss", "learning_rate")
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Key:
    """What one classifier is for."""

    question: str | None
    budget: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Held:
    """A question's validation or test rows as the classifier takes them."""

    rows: list[Row]
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one training.

    ``history``: the loss curve. ``texts`` were there to train on, ``seen`` counts the rows read, repeats included, in
    ``steps``. ``validation``: macro-F1, accuracy and number of validation texts.
    """

    history: list[Step]
    texts: int
    seen: int
    steps: int
    validation: tuple[float, float, int] | None


class Material:
    """Every (question, text) that a stage trains on or predicts, taken through the frozen layers once."""

    def __init__(self, start: Start, rows: Sequence[ArmRow], held: Sequence[Row], *, probe: bool) -> None:
        both: list[Row | ArmRow] = [*rows, *held]
        pairs = list(dict.fromkeys((row.question, row.text) for row in both))
        texts, questions = [text for _, text in pairs], [question for question, _ in pairs]
        self.inputs = inputs_of(start, texts, questions)
        self.place = {pair: place for place, pair in enumerate(pairs)}
        learned = sorted({self.place[row.question, row.text] for row in rows})
        self.read = {}  # with a head of the encoder's own, layers under it may be drawn anew by every seed
        if probe and start.settings.pooling == "mean":
            found = features(start.classifier(0), self.inputs.at(learned))
            self.read = dict(zip(learned, found, strict=True))

    def places(self, rows: Sequence[Row] | Sequence[ArmRow]) -> list[int]:
        """Where the texts of the rows stand in ``inputs``."""
        return [self.place[row.question, row.text] for row in rows]


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/predictions/<item>.jsonl``, ``models/<item>/`` and the loss curves of the arm ``item``."""
    rows = read_rows(Path(f"data/arms/{item}.jsonl"), ArmRow)
    models, who = Path(f"models/{item}"), answerer(params.arms[item])
    shutil.rmtree(models, ignore_errors=True)
    if who == "warmstart" and tuned(WARMSTART):
        return _as_it_is(params, task, item)
    if reason := _nothing_to_learn(rows, who):
        print(f"finetune {item}: skipped: {reason}")  # noqa: T201
        write_json(models / "none.json", {"reason": reason})
        write_rows(Path(f"data/predictions/{item}.jsonl"), [])
        _write_history(item, {})
        return {"classifiers": 0, "skipped": True}
    if who == "ngrams":
        return _by_ngrams(params, task, item, rows)
    settings = params.finetune
    start = begin(settings, task.label_names, params.runtime, tuned(WARMSTART))
    groups = _groups(rows)
    held = {path: read_rows(path, Row) for path in (TEST, VALIDATION)}
    frozen = who == "probe"
    material = Material(
        start, rows, [row for own in held.values() for row in own], probe=frozen or (settings.probe and not start.warm)
    )
    test, validation = (_held(material, held[path]) for path in (TEST, VALIDATION))
    predictions: list[Prediction] = []
    trained: dict[Key, Kept] = {}
    steps = [steps_of(rows_seen(len(own), settings, settings.batch), settings.batch) for own in groups.values()]
    learn, total = (probed, len(groups)) if frozen else (fine_tune, sum(steps))
    with progress(f"finetune {item}", total, "steps") as done:
        for key, own in groups.items():
            codes = np.array([task.label_names.index(row.label) for row in own], dtype=np.intp)
            places = material.places(own)
            read = np.stack([material.read[place] for place in places]) if material.read else None
            found = learn(start, material.inputs.at(places), codes, key.seed, done, read=read)
            classifier = found.classifier
            in_half(classifier)
            scored = _validated(classifier, validation.get(key.question))
            trained[key] = Kept(found.history, len(own), found.rows_seen, found.steps, scored)
            predictions += _predictions(classifier, item, key, test.get(key.question))
            if folder := _folder(models, key, groups, settings.keep, trained):
                _save(classifier, folder, params, item, key, trained[key], own[0].question)
    return _written(item, predictions, trained)


def _by_ngrams(params: Params, task: Task, arm: str, rows: Sequence[ArmRow]) -> Mapping[str, Any]:
    """The test texts by classifiers on character n-grams, which read no question and of which none is kept."""
    test, validation = (by_question(read_rows(path, Row)) for path in (TEST, VALIDATION))
    labels, groups = task.label_names, _groups(rows)
    predictions: list[Prediction] = []
    trained: dict[Key, Kept] = {}
    with progress(f"finetune {arm}", len(groups), "classifiers") as done:
        for key, own in groups.items():
            codes = np.array([labels.index(row.label) for row in own], dtype=np.intp)
            classifier = ngrams.learned([row.text for row in own], codes, len(labels), params.finetune.class_weights)
            held, asked = validation.get(key.question, []), test.get(key.question, [])
            scored = _scored(labels, held, classifier.probabilities([row.text for row in held])) if held else None
            trained[key] = Kept([], len(own), len(own), 0, scored)
            predictions += _answers(labels, arm, key, asked, classifier.probabilities([row.text for row in asked]))
            done(1)
    reason = "its classifiers are on character n-grams, which are fitted anew by every run and not kept"
    write_json(Path(f"models/{arm}/none.json"), {"reason": reason})
    return _written(arm, predictions, trained)


def _written(arm: str, predictions: Sequence[Prediction], trained: Mapping[Key, Kept]) -> Mapping[str, Any]:
    """Write predictions and loss curves, say what was trained, and return its metrics."""
    write_rows(Path(f"data/predictions/{arm}.jsonl"), predictions)
    _write_history(arm, trained)
    print(f"finetune {arm}: {_said(trained)}")  # noqa: T201
    return _metrics(trained)


def _as_it_is(params: Params, task: Task, arm: str) -> Mapping[str, Any]:
    """The test texts by the warm start as it is, the same for every seed: the stance paper's baseline."""
    classifier = load(WARMSTART, params.runtime)
    found: list[Prediction] = []
    for question, own in by_question(read_rows(TEST, Row)).items():
        inputs = Inputs(classifier.encode([row.text for row in own], [row.question for row in own]))
        key = Key(question, None, params.finetune.seeds[0])
        found += _predictions(classifier, arm, key, Held(own, inputs))
    write_rows(
        Path(f"data/predictions/{arm}.jsonl"),
        (replace(row, seed=other) for other in params.finetune.seeds for row in found),
    )
    reason = f"the arm's classifier is {WARMSTART}, as it is"
    write_json(Path(f"models/{arm}/none.json"), {"reason": reason, "classifier": WARMSTART.as_posix()})
    _write_history(arm, {})
    print(f"finetune {arm}: {WARMSTART} as it is predicts the test texts, the same for every seed")  # noqa: T201
    return {"classifiers": 0, "skipped": False}


def _nothing_to_learn(rows: Sequence[ArmRow], who: str | None) -> str | None:
    if who == "llm":
        return "the LLM answers as it is: data/zeroshot/predictions.jsonl holds what it says"
    if who == "warmstart":
        return "the task has no rows of other questions, and so no warm start"
    if not rows:
        return "the arm has no rows (the stage arms says why)"
    labels = {row.label for row in rows}
    return f"all {len(rows)} rows have the label {min(labels)!r}" if len(labels) < 2 else None


def _groups(rows: Sequence[ArmRow]) -> dict[Key, list[ArmRow]]:
    """The rows of each classifier: questions and seeds in the order of the file, budgets rising."""
    groups: dict[Key, list[ArmRow]] = {}
    for row in rows:
        groups.setdefault(Key(row.question_id, row.budget, row.seed), []).append(row)
    questions = list(by_question(rows))
    order = sorted(groups, key=lambda key: (questions.index(key.question), key.budget or 0))
    return {key: groups[key] for key in order}


def _held(material: Material, rows: Sequence[Row]) -> dict[str | None, Held]:
    return {
        question: Held(own, material.inputs.at(material.places(own))) for question, own in by_question(rows).items()
    }


def _validated(classifier: Classifier, held: Held | None) -> tuple[float, float, int] | None:
    return _scored(classifier.labels, held.rows, probabilities(classifier, held.inputs)) if held is not None else None


def _scored(labels: Sequence[str], rows: Sequence[Row], shares: Shares) -> tuple[float, float, int]:
    """Macro-F1 and accuracy of answers with these probabilities, and the number of texts."""
    truth = np.array([labels.index(str(row.label)) for row in rows])
    return *score(truth, shares.argmax(axis=1), len(labels)), len(rows)


def _predictions(classifier: Classifier, arm: str, key: Key, held: Held | None) -> list[Prediction]:
    if held is None:
        return []
    return _answers(classifier.labels, arm, key, held.rows, probabilities(classifier, held.inputs))


def _answers(labels: Sequence[str], arm: str, key: Key, rows: Sequence[Row], found: Shares) -> list[Prediction]:
    """Rows of the file of predictions; ``found``: probabilities, shape (n, labels)."""
    return [
        Prediction(
            arm=arm,
            budget=key.budget,
            seed=key.seed,
            question_id=key.question,
            id=row.id,
            label=labels[int(shares.argmax())],
            p={label: rounded(float(share)) for label, share in zip(labels, shares, strict=True)},
        )
        for row, shares in zip(rows, found, strict=True)
    ]


def _folder(models: Path, key: Key, groups: Mapping[Key, Any], keep: str, trained: Mapping[Key, Kept]) -> Path | None:
    """Where a classifier is saved: the first seed at the largest budget in ``models/<arm>/[<question>/]``.

    With ``finetune.keep: best`` a seed at the largest budget that is better on validation texts than those before it
    takes its place; with ``all`` the others go below it, to ``[budget_<n>_]seed_<seed>``.
    """
    own = [other for other in groups if other.question == key.question]
    home = models / key.question if key.question is not None else models
    largest = max((other.budget or 0) for other in own)
    if (key.budget or 0) == largest and (key.seed == own[0].seed or (keep == "best" and _best(key, trained))):
        return home
    budget = f"budget_{key.budget}_" if key.budget is not None else ""
    return home / f"{budget}seed_{key.seed}" if keep == "all" else None


def _best(key: Key, trained: Mapping[Key, Kept]) -> bool:
    """Whether a classifier's macro-F1 on validation texts is higher than of all seeds before it at its budget."""
    rivals = [found.validation for other, found in trained.items()
              if (other.question, other.budget) == (key.question, key.budget) and other != key]  # fmt: skip
    own = trained[key].validation
    return own is not None and all(rival is None or own[0] > rival[0] for rival in rivals)


def _save(
    classifier: Classifier, folder: Path, params: Params, arm: str, key: Key, trained: Kept, question: str | None
) -> None:
    card = model_card(
        title=f"arm {arm}" + (f", question {key.question}" if key.question is not None else ""),
        question=question,
        pairs=question is not None,
        encoder=params.finetune.encoder,
        labels=classifier.labels,
        rows=trained.texts,
        steps=trained.steps,
        seed=key.seed,
        validation=trained.validation,
        data=Path(f"data/arms/{arm}.jsonl"),
    )
    noted = {"arm": arm, "budget": key.budget, "question_id": key.question, "question": question, "seed": key.seed}
    noted |= {"pairs": question is not None, "rows": trained.texts, "rows_seen": trained.seen, "steps": trained.steps}
    save(classifier, folder, params.finetune, noted, card, half=True)


def _write_history(arm: str, trained: Mapping[Key, Kept]) -> None:
    path = Path(f"reports/finetune/{arm}/history.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        (key.question, key.budget, key.seed, point.step, point.loss, point.learning_rate)
        for key, found in trained.items()
        for point in found.history
    ]
    path.write_text(csv_text(HISTORY, rows), encoding="utf-8", newline="\n")


def _metrics(trained: Mapping[Key, Kept]) -> dict[str, Any]:
    """Counts, and means over seeds and questions: flat, or per ``budget_<n>`` where there are several budgets."""
    found = {budget: _means(own) for budget, own in _by_budget(trained).items()}
    scores = (
        next(iter(found.values())) if len(found) == 1 else {f"budget_{budget}": own for budget, own in found.items()}
    )
    return {"classifiers": len(trained), "skipped": False, **scores}


def _by_budget(trained: Mapping[Key, Kept]) -> dict[int | None, list[Kept]]:
    budgets = dict.fromkeys(key.budget for key in trained)
    return {budget: [one for key, one in trained.items() if key.budget == budget] for budget in budgets}


def _means(trained: Sequence[Kept]) -> dict[str, float]:
    """``passes``: how often a text was read, the mean over the texts."""
    means = {
        "train_rows": rounded(fmean(one.texts for one in trained)),
        "rows_seen": rounded(fmean(one.seen for one in trained)),
        "passes": rounded(sum(one.seen for one in trained) / sum(one.texts for one in trained)),
        "steps": rounded(fmean(one.steps for one in trained)),
    }
    if validated := [one.validation for one in trained if one.validation]:
        means["validation_macro_f1"] = rounded(fmean(macro_f1 for macro_f1, _, _ in validated))
        means["validation_accuracy"] = rounded(fmean(accuracy for _, accuracy, _ in validated))
    return means


def _said(trained: Mapping[Key, Kept]) -> str:
    """What the classifiers of each budget read, and how good they are on validation texts."""
    groups = _by_budget(trained)
    return "; ".join((f"at budget {key}, " if len(groups) > 1 else "") + _of_budget(own) for key, own in groups.items())


def _of_budget(trained: Sequence[Kept]) -> str:
    least, most = min(one.texts for one in trained), max(one.texts for one in trained)
    texts = counted(most if least == most else f"{least:,} to {most:,}", "text")
    means = _means(trained)
    said = f"{counted(len(trained), 'classifier')} on {texts} each, every text {means['passes']:.1f} times"
    if "validation_macro_f1" in means:
        mean = "mean " if len(trained) > 1 else ""
        said += f", {mean}validation macro-F1 {means['validation_macro_f1']:.3f}"
    return said
