"""Real rows in, splits out: data/raw/<task>/ -> data/real/, near-duplicates across splits reported."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import Params
from standin.corpus import Row, write_rows
from standin.curation.duplicates import lexical_pairs
from standin.errors import StandinError
from standin.sources.files import RawRows, Reading, read_raw
from standin.sources.splits import SPLITS, Sizes, Splits, distinct, draw
from standin.task import Task

REAL = Path("data/real")
NEAR = Path("reports/prepare/near_duplicates.csv")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Read the task's files, draw the splits, write them and the pairs of near-duplicates between them."""
    train = _read(task, "train", task.source.train)
    test = _read(task, "test", task.source.test) if task.source.test else None
    warmstart = _read(task, "warmstart", task.source.warmstart) if task.source.warmstart else None
    files = [found for found in (train, test, warmstart) if found]
    _check_ids(files)
    _check_questions(task, train)
    sizes = Sizes(**params.prepare.model_dump(include=set(SPLITS)))
    clean = distinct(train.rows, test.rows if test else ())
    splits = draw(
        clean.rows, test.rows if test else None, sizes, np.random.default_rng(params.base.seed), task.source.train
    )
    drawn = [row for split in SPLITS for row in getattr(splits, split)]
    other = distinct(warmstart.rows if warmstart else (), [*drawn, *(test.rows if test else ())])
    _write(splits, other.rows)
    near = near_duplicates(splits, params.prepare.near_duplicate)
    _write_pairs(near)
    metrics = {
        "real_texts": {split: len(getattr(splits, split)) for split in SPLITS} | {"warmstart": len(other.rows)},
        "real_labels": _label_counts(task, splits),
        "dropped_equal_texts": clean.equal,
        "dropped_contradicting_texts": clean.contradicting,
        "dropped_texts_of_test": clean.shared,
        "dropped_empty_texts": sum(found.empty_texts for found in files),
        "dropped_unwanted_labels": sum(found.unwanted_labels for found in files),
        "dropped_other_questions": train.questions_not_asked + (test.questions_not_asked if test else 0),
        "near_duplicates_across_splits": len(near),
    }
    _say(task, metrics)
    return metrics


def _read(task: Task, part: str, path: str) -> RawRows:
    """One of the task's files; warm-start rows are those of other questions."""
    folder = Path("data/raw") / task.name
    if folder not in Path(path).parents or ".." in Path(path).parts:
        raise StandinError(
            f"tasks/{task.name}.yaml: source.{part} is {path!r}; it must lie in {folder}/, the folder that DVC watches "
            "for this task"
        )
    reading = Reading(
        task.source.columns, task.label_names, task.questions, task.source.values, others=part == "warmstart"
    )
    return read_raw(Path(path), reading, prefix=part)


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
                f"{task.source.columns.question_id!r} (source.columns.question_id) must hold its id or its wording."
            )


def near_duplicates(splits: Splits, threshold: float) -> list[tuple[str, str, str, str, float]]:
    """Nearly equal texts in different splits: split and id of both, Jaccard similarity of character 5-grams."""
    pairs = []
    for place, split in enumerate(SPLITS):
        rows = getattr(splits, split)
        others = [(other, row) for other in SPLITS[place + 1 :] for row in getattr(splits, other)]
        texts = [row.text for row in rows], [row.text for _, row in others]
        for a, b, score in lexical_pairs(*texts, threshold) if all(texts) else ():
            pairs.append((split, rows[a].id, others[b][0], others[b][1].id, round(score, 4)))
    return sorted(pairs, key=lambda pair: (-pair[4], pair))


def _write(splits: Splits, warmstart: Sequence[Row]) -> None:
    for split in ("shots", "validation", "test"):
        write_rows(REAL / f"{split}.jsonl", getattr(splits, split))
    write_rows(REAL / "pool.jsonl", (replace(row, label=None, annotations=None) for row in splits.pool))
    write_rows(REAL / "oracle.jsonl", (replace(row, split="oracle") for row in splits.pool if row.label is not None))
    write_rows(REAL / "warmstart.jsonl", (replace(row, split="warmstart") for row in warmstart))


def _write_pairs(pairs: Sequence[tuple[str, str, str, str, float]]) -> None:
    NEAR.parent.mkdir(parents=True, exist_ok=True)
    with NEAR.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split_a", "id_a", "split_b", "id_b", "jaccard"])
        writer.writerows(pairs)


def _label_counts(task: Task, splits: Splits) -> dict[str, dict[str, int]]:
    counts = {split: Counter(row.label for row in getattr(splits, split)) for split in SPLITS}
    return {split: {label: counts[split][label] for label in task.label_names} for split in SPLITS}


def _say(task: Task, metrics: Mapping[str, Any]) -> None:
    sizes = ", ".join(f"{split} {count}" for split, count in metrics["real_texts"].items() if count)
    dropped = ", ".join(
        f"{count} {key.removeprefix('dropped_').replace('_', ' ')}"
        for key, count in metrics.items()
        if key.startswith("dropped_") and count
    )
    unlabelled = "" if any(metrics["real_labels"]["pool"].values()) else "; the pool has no labels"
    print(  # noqa: T201
        f"prepare: {task.name}: {sizes}{unlabelled}; left out: {dropped or 'nothing'}; "
        f"{metrics['near_duplicates_across_splits']} near-duplicate pairs across splits"
    )
