"""Rank the pool by one strategy: every pool text gets its score and rank, for each seed and budget.

Knows no real label: what the selected texts hold is for the stage ``arms``.
"""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from standin.config import STRATEGY_EVIDENCE, Params
from standin.corpus import Row, SelectedRow, SyntheticRow, by_question, read_json_lines, read_rows, write_rows
from standin.errors import StandinError, nearest
from standin.selection.pool import Floats, Settings, Texts
from standin.selection.ranking import Ranking, generator_for, ranked, tie_share
from standin.selection.registry import load
from standin.task import Task

POOL = Path("data/real/pool.jsonl")
SYNTHETIC = Path("data/synthetic/texts.jsonl")
LEARNER = Path("models/learner")

Sides = dict[str | None, tuple[Texts, Texts]]
"""Per question: its pool, and the labelled texts beside it."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/selected/<item>.jsonl`` for the strategy ``item``."""
    sides = _sides(item)
    settings = Settings(params.select.neighbours, params.select.balance)
    budgets, seeds = params.select.budgets, params.finetune.seeds
    rankings = {
        (seed, question): _ranked(item, seed, question, pool, labelled, settings, budgets)
        for seed in seeds
        for question, (pool, labelled) in sides.items()
    }
    write_rows(Path(f"data/selected/{item}.jsonl"), _rows(sides, rankings, seeds, budgets))
    ties = {
        str(budget): round(fmean(tie_share(ranking.scores, budget) for ranking in rankings.values()), 4)
        for budget in budgets
    }
    texts = sum(len(pool) for pool, _ in sides.values())
    cut = ", ".join(f"{share:.0%} of {budget}" for budget, share in ties.items())
    print(f"select {item}: {texts} texts ranked for {len(seeds)} seeds; chosen by tie-breaking: {cut}")  # noqa: T201
    return {"texts_ranked": texts, "questions_ranked": len(sides), "tie_share": ties}


def _ranked(
    item: str, seed: int, question: str | None, pool: Texts, labelled: Texts, settings: Settings, budgets: list[int]
) -> Ranking:
    try:
        return ranked(load(item), pool, labelled, settings, budgets, generator_for(seed, question, item))
    except StandinError as error:
        where = f"question {question!r}: " if question is not None else ""
        raise StandinError(f"strategy {item!r}: {where}{error}") from None


def _rows(
    sides: Sides, rankings: dict[tuple[int, str | None], Ranking], seeds: list[int], budgets: list[int]
) -> Iterator[SelectedRow]:
    """One row per seed, budget and pool text; these strategies rank alike for every budget."""
    for seed in seeds:
        for budget in budgets:
            for question, (pool, _) in sides.items():
                ranking = rankings[seed, question]
                for rank, position in enumerate(ranking.order.tolist(), 1):
                    yield SelectedRow(
                        seed=seed,
                        budget=budget,
                        rank=rank,
                        id=pool.ids[position],
                        score=float(ranking.scores[position]),
                        question_id=question,
                    )


def _sides(item: str) -> Sides:
    """Read what the strategy needs, and nothing else."""
    if item not in STRATEGY_EVIDENCE:
        raise StandinError(f"params.yaml, select.strategies: no strategy {item!r}: {nearest(item, STRATEGY_EVIDENCE)}")
    pool = by_question(read_rows(POOL, Row))
    if not pool:
        raise StandinError(f"{POOL}: the pool is empty: there is no text to select. Enlarge prepare.pool.")
    if STRATEGY_EVIDENCE[item] == "data/embeddings":
        return _embedded(pool)
    if STRATEGY_EVIDENCE[item] == "models/learner":
        return _learned(pool)
    return {question: (Texts(_ids(rows)), Texts(())) for question, rows in pool.items()}


def _embedded(pool: dict[str | None, list[Row]]) -> Sides:
    """The pool and the question's synthetic texts, with the encoder's embeddings and the prompted labels."""
    from standin.measures.embeddings import read_embeddings

    real, generated = (read_embeddings(Path("data/embeddings") / name) for name in ("real", "generated"))
    synthetic = by_question(read_rows(SYNTHETIC, SyntheticRow))
    sides: Sides = {}
    for question, rows in pool.items():
        committee = synthetic.get(question, [])
        codes = {label: code for code, label in enumerate(sorted({str(row.label) for row in committee}))}
        labels = np.array([codes[str(row.label)] for row in committee], dtype=np.intp)
        sides[question] = (
            Texts(_ids(rows), real.of(_ids(rows))),
            Texts(_ids(committee), generated.of(_ids(committee)), labels),
        )
    return sides


def _learned(pool: dict[str | None, list[Row]]) -> Sides:
    """The pool and the texts the learner was trained on, with its embeddings and probabilities.

    Neighbours stay within the question; a learner that was trained on rows of other questions alone (warm start) has
    all of them as labelled set.
    """
    if not (LEARNER / "pool.npz").exists():
        raise StandinError(f"{LEARNER}: there is no learner. `dvc repro learner` trains it where a strategy needs one.")
    candidates, _ = _learner("pool")
    labelled, labelled_questions = _learner("labelled")
    position = {identifier: row for row, identifier in enumerate(candidates.ids)}
    of_other_questions = not set(labelled_questions) & set(pool)
    sides: Sides = {}
    for question, rows in pool.items():
        if missing := [row.id for row in rows if row.id not in position]:
            raise StandinError(
                f"{LEARNER}/pool_ids.jsonl: lacks pool text {missing[0]!r} ({len(missing)} in all): `dvc repro learner`"
            )
        own = [row for row, found in enumerate(labelled_questions) if of_other_questions or found == question]
        sides[question] = (_taken(candidates, [position[row.id] for row in rows]), _taken(labelled, own))
    return sides


def _learner(name: str) -> tuple[Texts, list[str | None]]:
    """One side of the learner's evidence, and each text's question."""
    path = LEARNER / f"{name}.npz"
    lines = [value for _, value in read_json_lines(LEARNER / f"{name}_ids.jsonl")]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            embeddings, probabilities = arrays["embeddings"], arrays["probabilities"]
        texts = Texts(tuple(line["id"] for line in lines), embeddings, None, probabilities)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, StandinError) as error:
        raise StandinError(f"{path}: not what the stage learner writes: {error}. Run `dvc repro learner`.") from None
    return texts, [line.get("question_id") for line in lines]


def _taken(texts: Texts, rows: list[int]) -> Texts:
    def of(values: Floats | None) -> Floats | None:
        return None if values is None else values[rows]

    return Texts(tuple(texts.ids[row] for row in rows), of(texts.embeddings), None, of(texts.probabilities))


def _ids(rows: list[Row] | list[SyntheticRow]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
