"""Real rows in, splits out: data/raw/<task>/ -> data/real/, without texts nearly equal to held-out ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import Params
from standin.corpus import Row, write_rows
from standin.errors import StandinError
from standin.sheets import write_sheet
from standin.sources.files import RawRows, read_raw, reading_of
from standin.sources.splits import SPLITS, Distinct, Likeness, Sizes, Splits, contradictions, distinct, draw, likenesses
from standin.task import Task

REAL = Path("data/real")
NEAR = Path("reports/prepare/near_duplicates.csv")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Read the task's files, draw the splits, write them and which texts were left out as near-duplicates."""
    train = _read(task, "train", task.source.train)
    test = _read(task, "test", task.source.test) if task.source.test else None
    validation = _read(task, "validation", task.source.validation) if task.source.validation else None
    warmstart = _read(task, "warmstart", task.source.warmstart) if task.source.warmstart else None
    files = [found for found in (train, test, validation, warmstart) if found]
    _check_ids(files)
    _check_questions(task, train)
    sizes = Sizes(**params.prepare.model_dump(include=set(SPLITS)))
    near = params.prepare.near_duplicate
    published = test.rows if test else ()
    own = distinct(validation.rows, published) if validation else None
    clean = distinct(train.rows, published)
    free = distinct(clean.rows, own.rows if own else ())
    rng = np.random.default_rng(params.base.seed)
    splits = draw(
        free.rows, test.rows if test else None, sizes, rng, task.source.train, near, own.rows if own else None
    )
    drawn = [row for split in SPLITS for row in getattr(splits, split)]
    other = distinct(warmstart.rows if warmstart else (), [*drawn, *published, *(own.rows if own else ())])
    like = [
        *likenesses(other.rows, published or splits.test, "test", near),
        *likenesses(other.rows, own.rows if own else splits.validation, "validation", near),
    ]
    gone = {found.row.id for found in like}
    others = [row for row in other.rows if row.id not in gone]
    _write(splits, others)
    _write_left_out([*splits.left_out, *like])
    metrics = {
        "real_texts": {split: len(getattr(splits, split)) for split in SPLITS} | {"warmstart": len(others)},
        "real_labels": _label_counts(task, splits),
        "dropped_equal_texts": clean.equal,
        "dropped_contradicting_texts": clean.contradicting,
        "dropped_texts_of_test": clean.shared,
        **(_of_validation(own, free) if own else {}),
        **{
            f"dropped_near_duplicates_of_{split}": sum(found.split == split for found in splits.left_out)
            for split in ("test", "validation")
        },
        "dropped_equal_warmstart_texts": other.equal + other.shared,
        "dropped_contradicting_warmstart_texts": other.contradicting,
        "dropped_near_duplicates_in_warmstart": len(gone),
        "dropped_empty_texts": sum(found.empty_texts for found in files),
        "dropped_unwanted_labels": sum(found.unwanted_labels for found in files),
        "dropped_other_questions": sum(found.questions_not_asked for found in (train, test, validation) if found),
        "contradicting_texts_in_test": contradictions(splits.test),
        "near_duplicates_of_shots_in_pool": len(likenesses(splits.pool, splits.shots, "shots", near)),
    }
    used = {row.id for row in drawn} | {found.row.id for found in splits.left_out}
    _say(task, metrics, sum(row.id not in used for row in free.rows))
    return metrics


def _of_validation(own: Distinct, free: Distinct) -> dict[str, int]:
    """What a validation file of its own lost, and what others lost to it."""
    return {
        "dropped_texts_of_validation": free.shared,
        "dropped_equal_validation_texts": own.equal + own.shared,
        "dropped_contradicting_validation_texts": own.contradicting,
    }


def _read(task: Task, part: str, path: str) -> RawRows:
    """One of the task's files; warm-start rows are those of other questions."""
    folder = Path("data/raw") / task.name
    if folder not in Path(path).parents or ".." in Path(path).parts:
        raise StandinError(
            f"tasks/{task.name}.yaml: source.{part} is {path!r}; it must lie in {folder}/, the folder that DVC watches "
            "for this task"
        )
    held_out = task.source.test is not None or task.source.validation is not None
    reading = reading_of(task, others=part == "warmstart")
    return read_raw(Path(path), reading, prefix=part, label_may_lack=part == "train" and held_out)


def _check_ids(files: Sequence[RawRows]) -> None:
    times = Counter(row.id for found in files for row in found.rows)
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        raise StandinError(
            f"id {twice[0]!r} stands in more than one of the task's files ({len(twice)} such ids). Make ids differ, or "
            "set source.columns.id to null: then ids are made from the file's part and the line numbers."
        )


def _check_questions(task: Task, train: RawRows) -> None:
    answered = {row.question_id for row in train.rows}
    for question in task.questions:
        if question.id not in answered:
            raise StandinError(
                f"{task.source.train}: no row answers question {question.id!r}. Column "
                f"{task.source.columns.question_id!r} (source.columns.question_id) must hold its id, value or wording."
            )


def _write(splits: Splits, warmstart: Sequence[Row]) -> None:
    for split in ("shots", "validation", "test"):
        write_rows(REAL / f"{split}.jsonl", getattr(splits, split))
    write_rows(REAL / "pool.jsonl", (replace(row, label=None, annotations=None, agreement=None) for row in splits.pool))
    write_rows(REAL / "oracle.jsonl", (replace(row, split="oracle") for row in splits.pool if row.label is not None))
    write_rows(REAL / "warmstart.jsonl", (replace(row, split="warmstart") for row in warmstart))


def _write_left_out(left_out: Sequence[Likeness]) -> None:
    """Which rows were left out, and which test or validation text each is nearly equal to, most similar first."""
    ordered = sorted(left_out, key=lambda found: (-found.jaccard, found.row.id, found.split))
    rows = ((each.row.id, each.split, each.other.id, round(each.jaccard, 4)) for each in ordered)
    write_sheet(NEAR, ["id", "split", "other", "jaccard"], rows)


def _label_counts(task: Task, splits: Splits) -> dict[str, dict[str, int]]:
    counts = {split: Counter(row.label for row in getattr(splits, split)) for split in SPLITS}
    return {split: {label: counts[split][label] for label in task.label_names} for split in SPLITS}


def _say(task: Task, metrics: Mapping[str, Any], unused: int) -> None:
    """Say the sizes, what was left out and why, and how many texts (``unused``) the sizes of params.yaml leave over."""
    sizes = ", ".join(f"{split} {count}" for split, count in metrics["real_texts"].items() if count)
    dropped = ", ".join(
        f"{count} {key.removeprefix('dropped_').replace('_', ' ')}"
        for key, count in metrics.items()
        if key.startswith("dropped_") and count
    )
    notes = [
        *([] if any(metrics["real_labels"]["pool"].values()) else ["the pool has no labels"]),
        *_counted(unused, "further texts stand in no split, by the sizes in params.yaml (prepare)"),
        *_counted(metrics["contradicting_texts_in_test"], "texts of test stand with different labels, as published"),
        *_counted(metrics["near_duplicates_of_shots_in_pool"], "pool texts nearly equal a text of shots"),
    ]
    print("; ".join([f"prepare: {task.name}: {sizes}; left out: {dropped or 'nothing'}", *notes]))  # noqa: T201


def _counted(number: int, what: str) -> list[str]:
    return [f"{number} {what}"] if number else []
