"""Fine-tune one classifier per question, budget and seed of an arm, and let it predict the test texts."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from standin.classifier import ngrams
from standin.classifier.card import model_card
from standin.classifier.encoders import Classifier, begin, load, save, tuned
from standin.classifier.prediction import predict
from standin.classifier.training import rows_seen, steps_of
from standin.config import Params, Runtime
from standin.corpus import ArmRow, Prediction, Row, by_question, read_rows, write_json, write_rows
from standin.evaluation.tables import rounded
from standin.finetuning.accounts import metrics, said, write_history
from standin.finetuning.material import Material, codes_of
from standin.finetuning.work import Kept, Key, Shares, each, scored
from standin.ingredients import answerer
from standin.progress import progress
from standin.task import Task

VALIDATION = Path("data/real/validation.jsonl")
TEST = Path("data/real/test.jsonl")
WARMSTART = Path("models/warmstart")


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
        write_history(item, {})
        return {"classifiers": 0, "skipped": True}
    if who == "ngrams":
        return _by_ngrams(params, task, item, rows)
    settings, labels = params.finetune, task.label_names
    start = begin(settings, labels, _here(params.runtime), tuned(WARMSTART))
    groups, probe = _groups(rows), who == "probe"
    test, validation = (read_rows(path, Row) for path in (TEST, VALIDATION))
    material = Material(start, rows, [*test, *validation], probe=probe or (settings.probe and not start.warm))
    held, asked = material.held(validation, test, labels, probe), by_question(test)
    trainings = (
        material.training(key, own, labels, _may_be_saved(key, groups, settings.keep)) for key, own in groups.items()
    )
    predictions: list[Prediction] = []
    trained: dict[Key, Kept] = {}
    steps = [steps_of(rows_seen(len(own), settings, settings.batch), settings.batch) for own in groups.values()]
    with progress(f"finetune {item}", len(groups) if probe else sum(steps), "steps") as done:
        for key, found in each(trainings, held, start, params.runtime, done):
            trained[key] = found.kept
            predictions += _answers(labels, item, key, asked.get(key.question, []), found.shares)
            folder = _folder(models, key, groups, settings.keep, trained)
            if found.classifier and folder:
                _save(found.classifier, folder, params, item, key, found.kept, groups[key][0].question)
    return _written(item, predictions, trained)


def _here(runtime: Runtime) -> Runtime:
    """For what is read beside the trainings: where they run on a cluster, this machine need not have their GPUs."""
    if not runtime.cluster:
        return runtime
    return runtime.model_copy(update={"device": "cpu" if runtime.device == "cpu" else "auto", "processes": 1})


def _by_ngrams(params: Params, task: Task, arm: str, rows: Sequence[ArmRow]) -> Mapping[str, Any]:
    """The test texts by classifiers on character n-grams, which read no question and of which none is kept."""
    test, validation = (by_question(read_rows(path, Row)) for path in (TEST, VALIDATION))
    labels, groups = task.label_names, _groups(rows)
    predictions: list[Prediction] = []
    trained: dict[Key, Kept] = {}
    with progress(f"finetune {arm}", len(groups), "classifiers") as done:
        for key, own in groups.items():
            texts, codes = [row.text for row in own], codes_of(own, labels)
            classifier = ngrams.learned(texts, codes, len(labels), params.finetune.class_weights)
            validated = None
            if held := validation.get(key.question):
                shares = classifier.probabilities([row.text for row in held])
                validated = scored(codes_of(held, labels), shares, len(labels))
            trained[key] = Kept([], len(own), len(own), 0, validated)
            asked = test.get(key.question, [])
            predictions += _answers(labels, arm, key, asked, classifier.probabilities([row.text for row in asked]))
            done(1)
    reason = "its classifiers are on character n-grams, which are fitted anew by every run and not kept"
    write_json(Path(f"models/{arm}/none.json"), {"reason": reason})
    return _written(arm, predictions, trained)


def _written(arm: str, predictions: Sequence[Prediction], trained: Mapping[Key, Kept]) -> Mapping[str, Any]:
    """Write predictions and loss curves, say what was trained, and return its metrics."""
    write_rows(Path(f"data/predictions/{arm}.jsonl"), predictions)
    write_history(arm, trained)
    print(f"finetune {arm}: {said(trained)}")  # noqa: T201
    return metrics(trained)


def _as_it_is(params: Params, task: Task, arm: str) -> Mapping[str, Any]:
    """The test texts by the warm start as it is, the same for every seed: the stance paper's baseline."""
    classifier = load(WARMSTART, _here(params.runtime))
    found: list[Prediction] = []
    for question, own in by_question(read_rows(TEST, Row)).items():
        shares = predict(classifier, [row.text for row in own], [row.question for row in own])
        key = Key(question, None, params.finetune.seeds[0])
        found += _answers(classifier.labels, arm, key, own, shares)
    write_rows(
        Path(f"data/predictions/{arm}.jsonl"),
        (replace(row, seed=other) for other in params.finetune.seeds for row in found),
    )
    reason = f"the arm's classifier is {WARMSTART}, as it is"
    write_json(Path(f"models/{arm}/none.json"), {"reason": reason, "classifier": WARMSTART.as_posix()})
    write_history(arm, {})
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


def _may_be_saved(key: Key, groups: Mapping[Key, Any], keep: str) -> bool:
    """Whether ``_folder`` can give a classifier a place."""
    return keep == "all" or (_at_largest(key, groups) and (keep == "best" or _first_seed(key, groups)))


def _folder(models: Path, key: Key, groups: Mapping[Key, Any], keep: str, trained: Mapping[Key, Kept]) -> Path | None:
    """Where a classifier is saved: the first seed at the largest budget in ``models/<arm>/[<question>/]``.

    With ``finetune.keep: best`` a seed at the largest budget that is better on validation texts than those before it
    takes its place; with ``all`` the others go below it, to ``[budget_<n>_]seed_<seed>``.
    """
    home = models / key.question if key.question is not None else models
    if _at_largest(key, groups) and (_first_seed(key, groups) or (keep == "best" and _best(key, trained))):
        return home
    budget = f"budget_{key.budget}_" if key.budget is not None else ""
    return home / f"{budget}seed_{key.seed}" if keep == "all" else None


def _at_largest(key: Key, groups: Mapping[Key, Any]) -> bool:
    return (key.budget or 0) == max(other.budget or 0 for other in groups if other.question == key.question)


def _first_seed(key: Key, groups: Mapping[Key, Any]) -> bool:
    return key.seed == next(other.seed for other in groups if other.question == key.question)


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
