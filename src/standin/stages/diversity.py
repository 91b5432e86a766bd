"""Stage diversity: how diverse real and synthetic texts are at equal number, and how close they lie."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import Params
from standin.corpus import Row, SyntheticRow, by_question, read_rows
from standin.measures.diversity import Spread, at_size
from standin.measures.embeddings import Embeddings, read_embeddings
from standin.measures.fidelity import principal_plane, similarity
from standin.task import Task

DIGITS = 6
"""Of a metric; more of them differ between machines."""

Set = tuple[Sequence[Row], Embeddings]


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Compare ``data/synthetic`` with the pool; write the metrics and ``reports/diversity/projection.csv``."""
    labels = {row.id: row.label for row in read_rows(Path("data/real/oracle.jsonl"), Row)}
    pool = [replace(row, label=labels.get(row.id)) for row in read_rows(Path("data/real/pool.jsonl"), Row)]
    texts = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    real: Set = (pool, read_embeddings(Path("data/embeddings/real")))
    synthetic: Set = (texts, read_embeddings(Path("data/embeddings/generated")))
    rng = np.random.default_rng(params.base.seed)

    metrics = {**_sim(real, synthetic, params.diversity.nearest), **_compare(real, synthetic, params, rng, ranges=True)}
    metrics["per_label"] = _per_label(real, synthetic, task, params, rng)
    if task.questions:
        metrics["per_question"] = _per_question(real, synthetic, task, params, rng)
    _write_projection(Path("reports/diversity/projection.csv"), real, synthetic)
    print(f"diversity: {len(pool)} real and {len(texts)} synthetic texts, {metrics['texts_compared']} of each compared")  # noqa: T201
    return metrics


def _only(some: Set, rows: Sequence[Row]) -> Set:
    return rows, some[1]


def _per_label(real: Set, synthetic: Set, task: Task, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    found = {}
    for label in task.label_names:
        of_real = _only(real, [row for row in real[0] if row.label == label])
        of_synthetic = _only(synthetic, [row for row in synthetic[0] if row.label == label])
        found[label] = _compare(of_real, of_synthetic, params, rng)
    return found


def _per_question(real: Set, synthetic: Set, task: Task, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    found = {}
    real_rows, synthetic_rows = by_question(real[0]), by_question(synthetic[0])
    for question in task.questions:
        of_real = _only(real, real_rows.get(question.id, []))
        of_synthetic = _only(synthetic, synthetic_rows.get(question.id, []))
        found[question.id] = {
            **_sim(of_real, of_synthetic, params.diversity.nearest),
            **_compare(of_real, of_synthetic, params, rng),
            "per_label": _per_label(of_real, of_synthetic, task, params, rng),
        }
    return found


def _compare(
    real: Set, synthetic: Set, params: Params, rng: np.random.Generator, ranges: bool = False
) -> dict[str, Any]:
    """The measures of both sets at the smaller one's size; none where that is below two texts."""
    size = min(len(real[0]), len(synthetic[0]))
    found: dict[str, Any] = {"texts_compared": size}
    for kind, (rows, embeddings) in (("real", real), ("synthetic", synthetic)):
        spreads = at_size(embeddings.of([row.id for row in rows]), size, params.diversity.draws, rng)
        if spreads is not None:
            found[kind] = {
                name: value for measure, spread in spreads.items() for name, value in _named(measure, spread, ranges)
            }
    return found


def _named(measure: str, spread: Spread, ranges: bool) -> list[tuple[str, float]]:
    named = [(measure, round(spread.mean, DIGITS))]
    if ranges:
        named += [(f"{measure}_low", round(spread.low, DIGITS)), (f"{measure}_high", round(spread.high, DIGITS))]
    return named


def _sim(real: Set, synthetic: Set, nearest: int) -> dict[str, float]:
    vectors = [embeddings.of([row.id for row in rows]) for rows, embeddings in (real, synthetic)]
    coverage = similarity(vectors[0], vectors[1], nearest)
    fidelity = similarity(vectors[1], vectors[0], nearest)
    if coverage is None or fidelity is None:
        return {}
    return {"similarity_coverage": round(coverage, DIGITS), "similarity_fidelity": round(fidelity, DIGITS)}


def _write_projection(path: Path, real: Set, synthetic: Set) -> None:
    """Real and synthetic texts on one plane, for the report's picture."""
    rows = [("real", row) for row in real[0]] + [("synthetic", row) for row in synthetic[0]]
    vectors = [embeddings.of([row.id for row in some]) for some, embeddings in (real, synthetic)]
    plane = principal_plane(np.concatenate(vectors)).round(4) + 0.0  # + 0.0 turns -0.0 into 0.0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["id", "kind", "label", "x", "y"])
        for (kind, row), (x, y) in zip(rows, plane, strict=True):
            table.writerow([row.id, kind, row.label or "", f"{x:.4f}", f"{y:.4f}"])
