"""Stage diversity: how diverse real and synthetic texts are at equal number, and how close they lie.

Both kinds stand before and after the removal of near-duplicates by the rule of curation, because that removal alone
raises Chamfer (docs/science.md has figures).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import Curate, Params
from standin.corpus import Row, SyntheticRow, by_question, read_rows
from standin.curation.duplicates import deduplicate
from standin.measures.diversity import Spread, at_size
from standin.measures.embeddings import Embeddings, read_embeddings
from standin.measures.fidelity import principal_plane, similarity_at_size, similarity_of_halves
from standin.sheets import write_sheet
from standin.task import Task

DIGITS = 6
"""Of a metric; more of them differ between machines."""

Set = tuple[Sequence[Row], Embeddings]
Sets = Mapping[str, Set]
"""Kind -> texts: ``real`` (the pool as drawn), ``real_distinct`` (without its near-duplicates), ``generated`` (every
text that parsed), ``synthetic`` (what curation kept)."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Compare synthetic texts with the pool; write the metrics and ``reports/diversity/projection.csv``."""
    sets = _read(params.curate)
    rng = np.random.default_rng(params.base.seed)
    metrics = {**_similar(sets, params, rng, ranges=True), **_compare(sets, params, rng, ranges=True)}
    metrics["texts"] = {kind: len(rows) for kind, (rows, _) in sets.items()}
    metrics["per_label"] = _per_label(sets, task, params, rng)
    if task.questions:
        metrics["per_question"] = _per_question(sets, task, params, rng)
    _write_projection(Path("reports/diversity/projection.csv"), sets["real"], sets["synthetic"])
    counts = metrics["texts"]
    print(  # noqa: T201
        f"diversity: {counts['real']} real and {counts['synthetic']} synthetic texts, {metrics['texts_compared']} of "
        f"each compared; without near-duplicates {counts['real_distinct']} real; {counts['generated']} were generated"
    )
    return metrics


def _read(limits: Curate) -> dict[str, Set]:
    labels = {row.id: row.label for row in read_rows(Path("data/real/oracle.jsonl"), Row)}
    pool = [replace(row, label=labels.get(row.id)) for row in read_rows(Path("data/real/pool.jsonl"), Row)]
    real = read_embeddings(Path("data/embeddings/real"))
    made = read_embeddings(Path("data/embeddings/generated"))
    return {
        "real": (pool, real),
        "real_distinct": (_distinct(pool, real, limits), real),
        "generated": (read_rows(Path("data/translated/texts.jsonl"), SyntheticRow), made),
        "synthetic": (read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow), made),
    }


def _distinct(rows: Sequence[Row], embeddings: Embeddings, limits: Curate) -> list[Row]:
    """The rows that curation would keep as no near-duplicates, within each question, the earlier text surviving."""
    gone: set[str] = set()
    for group in by_question(rows).values():
        vectors = embeddings.of([row.id for row in group]).astype(np.float32)
        cosine, jaccard = limits.near_duplicate_cosine, limits.near_duplicate_jaccard
        found = deduplicate([row.text for row in group], vectors, jaccard=jaccard, cosine=cosine)
        gone |= {group[match.row].id for match in found}
    return [row for row in rows if row.id not in gone]


def _per_label(sets: Sets, task: Task, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    return {
        label: _compare(
            {kind: ([row for row in rows if row.label == label], own) for kind, (rows, own) in sets.items()},
            params,
            rng,
        )
        for label in task.label_names
    }


def _per_question(sets: Sets, task: Task, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    found = {}
    asked = {kind: by_question(rows) for kind, (rows, _) in sets.items()}
    for question in task.questions:
        mine = {kind: (asked[kind].get(question.id, []), own) for kind, (_, own) in sets.items()}
        found[question.id] = {
            **_similar(mine, params, rng),
            **_compare(mine, params, rng),
            "per_label": _per_label(mine, task, params, rng),
        }
    return found


def _vectors(some: Set) -> Any:
    rows, embeddings = some
    return embeddings.of([row.id for row in rows])


def _compare(sets: Sets, params: Params, rng: np.random.Generator, ranges: bool = False) -> dict[str, Any]:
    """The measures of all sets at the smallest one's size; none where that is below two texts."""
    size = min(len(rows) for rows, _ in sets.values())
    found: dict[str, Any] = {"texts_compared": size}
    for kind, some in sets.items():
        spreads = at_size(_vectors(some), size, params.diversity.draws, rng)
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


def _similar(sets: Sets, params: Params, rng: np.random.Generator, ranges: bool = False) -> dict[str, Any]:
    """Coverage, fidelity and their yardstick, each to the same number of others; nothing where a side is empty.

    The number is that of half the pool, or of the synthetic texts where they are fewer.
    """
    real, synthetic = _vectors(sets["real"]), _vectors(sets["synthetic"])
    nearest, draws, size = params.diversity.nearest, params.diversity.draws, min(len(real) // 2, len(synthetic))
    spreads = {
        "similarity_coverage": similarity_at_size(real, synthetic, nearest, size, draws, rng),
        "similarity_fidelity": similarity_at_size(synthetic, real, nearest, size, draws, rng),
        "similarity_of_real_halves": similarity_of_halves(real, nearest, size, draws, rng),
    }
    named = [pair for name, spread in spreads.items() if spread for pair in _named(name, spread, ranges)]
    return dict(named) | ({"similarity_others": size} if named else {})


def _write_projection(path: Path, real: Set, synthetic: Set) -> None:
    """Real and synthetic texts on one plane, for the report's picture."""
    rows = [("real", row) for row in real[0]] + [("synthetic", row) for row in synthetic[0]]
    plane = principal_plane(np.concatenate([_vectors(real), _vectors(synthetic)])).round(4) + 0.0  # -0.0 becomes 0.0
    cells = (
        (row.id, kind, row.label or "", f"{x:.4f}", f"{y:.4f}") for (kind, row), (x, y) in zip(rows, plane, strict=True)
    )
    write_sheet(path, ["id", "kind", "label", "x", "y"], cells)
