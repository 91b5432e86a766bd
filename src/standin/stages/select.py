"""Rank the pool by one strategy: every pool text gets its score and rank, for each seed and budget.

Knows no real label: what the selected texts hold is for the stage ``arms``. Where people label, all seeds share one
selection, so that a budget of 24 means 24 texts, and those labelled in earlier rounds are left out.
"""

import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from standin.config import STRATEGY_EVIDENCE, Params
from standin.corpus import Row, SelectedRow, SyntheticRow, by_question, read_json_lines, read_rows, write_rows
from standin.errors import StandinError, counted, nearest
from standin.labelling.labels import read_labels
from standin.selection.pool import Floats, Settings, Texts
from standin.selection.ranking import Ranking, generator_for, ranked, seed_share, tie_share
from standin.selection.registry import load
from standin.task import Task

POOL = Path("data/real/pool.jsonl")
ORACLE = Path("data/real/oracle.jsonl")
SYNTHETIC = Path("data/synthetic/texts.jsonl")
LEARNER = Path("models/learner")

Sides = dict[str | None, tuple[Texts, Texts]]
"""Per question: its pool, and the labelled texts beside it."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/selected/<item>.jsonl`` for the strategy ``item``."""
    settings = Settings(params.select.neighbours, params.select.balance)
    budgets, seeds = params.select.budgets, params.finetune.seeds
    people, earlier = _labelled(Path(params.select.labels))
    drawn = seeds[:1] if people else seeds
    evidence = _sides(item, drawn, earlier)
    shared = {seed: drawn[0] if people else seed for seed in seeds}
    found = {
        (seed, question): _ranked(item, seed, question, pool, labelled, settings, budgets)
        for seed in drawn
        for question, (pool, labelled) in evidence[seed].items()
    }
    rankings = {(seed, question): found[own, question] for seed, own in shared.items() for question in evidence[own]}
    pools = {question: pool for question, (pool, _) in evidence[seeds[0]].items()}
    write_rows(Path(f"data/selected/{item}.jsonl"), _rows(pools, rankings, seeds, budgets))
    ties = {budget: fmean(tie_share(ranking.scores, budget) for ranking in rankings.values()) for budget in budgets}
    told = {"tie_share": ties} | (_seed_shares(pools, rankings, seeds, budgets) if len(seeds) > 1 else {})
    texts = sum(len(pool) for pool in pools.values())
    name = "seed_share" if len(seeds) > 1 else "tie_share"
    cut = ", ".join(f"{share:.0%} of {budget}" for budget, share in told[name].items())
    what = "changed by the seed" if len(seeds) > 1 else "chosen by tie-breaking (one seed tells no more)"
    print(f"select {item}: {counted(texts, 'text')} ranked for {counted(len(seeds), 'seed')}; {what}: {cut}")  # noqa: T201
    _say_union(item, pools, rankings, budgets, people)
    return {
        "texts_ranked": texts,
        "questions_ranked": len(pools),
        **{name: {str(budget): round(share, 4) for budget, share in shares.items()} for name, shares in told.items()},
        "learners": len({id(sides) for sides in evidence.values()}) if STRATEGY_EVIDENCE[item] == str(LEARNER) else 0,
    }


def _labelled(path: Path) -> tuple[bool, set[str]]:
    """Whether people label, and the ids of the texts that they labelled in earlier rounds.

    They do where the file is theirs, and where the simulation's is empty; that one is not opened to find out.
    """
    if path == ORACLE:
        return not path.stat().st_size, set()
    return True, {each.id for each in read_labels(path).values() if each.round is not None}


def _say_union(
    item: str,
    pools: Mapping[str | None, Texts],
    rankings: Mapping[tuple[int, str | None], Ranking],
    budgets: list[int],
    people: bool,
) -> None:
    """Say how many different texts all seeds and questions chose: so many labels does a budget mean for a person."""
    for budget in budgets:
        texts = {
            pools[question].ids[position]
            for (_, question), ranking in rankings.items()
            for position in ranking.order[:budget].tolist()
        }
        shared = ", one selection for all seeds" if people else ", all seeds together"
        asked = f"{len(pools)} questions" if len(pools) > 1 else ""
        print(  # noqa: T201
            f"select {item}: a budget of {budget} means {counted(len(texts), 'text')} to label{shared}"
            f"{f' and {asked}' if asked else ''}"
        )


def _seed_shares(
    pools: Mapping[str | None, Texts],
    rankings: Mapping[tuple[int, str | None], Ranking],
    seeds: list[int],
    budgets: list[int],
) -> dict[str, dict[int, float]]:
    """By budget, means over questions: the share that changes with the seed, and what random draws would reach."""
    of_question = {question: [rankings[seed, question] for seed in seeds] for question in pools}
    return {
        "seed_share": {
            budget: fmean(seed_share(found, budget) or 0.0 for found in of_question.values()) for budget in budgets
        },
        "seed_share_of_chance": {
            budget: fmean(1 - budget / len(pool) for pool in pools.values()) for budget in budgets
        },
    }


def _ranked(
    item: str, seed: int, question: str | None, pool: Texts, labelled: Texts, settings: Settings, budgets: list[int]
) -> Ranking:
    try:
        return ranked(load(item), pool, labelled, settings, budgets, generator_for(seed, question, item))
    except StandinError as error:
        where = f"question {question!r}: " if question is not None else ""
        raise StandinError(f"strategy {item!r}: {where}{error}") from None


def _rows(
    pools: Mapping[str | None, Texts],
    rankings: Mapping[tuple[int, str | None], Ranking],
    seeds: list[int],
    budgets: list[int],
) -> Iterator[SelectedRow]:
    """One row per seed, budget and pool text; these strategies rank alike for every budget."""
    for seed in seeds:
        for budget in budgets:
            for question, pool in pools.items():
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


def _sides(item: str, seeds: list[int], earlier: Collection[str]) -> dict[int, Sides]:
    """Read what the strategy needs, and nothing else, without the texts labelled in earlier rounds.

    Seeds share one object where they have the same evidence.
    """
    if item not in STRATEGY_EVIDENCE:
        raise StandinError(f"params.yaml, select.strategies: no strategy {item!r}: {nearest(item, STRATEGY_EVIDENCE)}")
    pool = by_question(read_rows(POOL, Row))
    if not pool:
        raise StandinError(f"{POOL}: the pool is empty: there is no text to select. Enlarge prepare.pool.")
    pool = by_question([row for rows in pool.values() for row in rows if row.id not in earlier])
    if not pool:
        raise StandinError(
            f"{POOL}: every text was labelled in earlier rounds: there is none left to select. Add texts, or train on "
            "them by an arm of the source labelled and take the strategies out of params.yaml."
        )
    if STRATEGY_EVIDENCE[item] == "data/embeddings":
        return dict.fromkeys(seeds, _embedded(pool))
    if STRATEGY_EVIDENCE[item] == "models/learner":
        return _by_seed(pool, seeds)
    alone: Sides = {question: (Texts(_ids(rows)), Texts(())) for question, rows in pool.items()}
    return dict.fromkeys(seeds, alone)


def _embedded(pool: dict[str | None, list[Row]]) -> Sides:
    """The pool and the question's synthetic texts, with the encoder's embeddings and the prompted labels.

    Where rows have a question the embeddings are those of question and text together, as in the paper.
    """
    from standin.measures.embeddings import PAIRS, read_embeddings

    asked = any(row.question is not None for rows in pool.values() for row in rows)
    folders = (Path("data/embeddings") / name for name in ("real", "generated"))
    real, generated = (read_embeddings(folder / PAIRS if asked else folder) for folder in folders)
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


def _by_seed(pool: dict[str | None, list[Row]], seeds: list[int]) -> dict[int, Sides]:
    """Each seed's own learner, or the warm start as it is, which is one for all seeds."""
    if (LEARNER / "warmstart").is_dir():
        return dict.fromkeys(seeds, _learned(pool, LEARNER / "warmstart"))
    if lacking := [seed for seed in seeds if not (LEARNER / str(seed) / "pool.npz").exists()]:
        raise StandinError(
            f"{LEARNER}: there is no learner of seed {lacking[0]}. `dvc repro learner` trains one for every seed where "
            "a strategy needs them."
        )
    return {seed: _learned(pool, LEARNER / str(seed)) for seed in seeds}


def _learned(pool: dict[str | None, list[Row]], folder: Path) -> Sides:
    """The pool and the texts the learner was trained on, with its embeddings and probabilities.

    Neighbours stay within the question; a learner that was trained on rows of other questions alone (warm start) has
    all of them as labelled set.
    """
    candidates, _ = _learner(folder / "pool.npz")
    labelled, labelled_questions = _learner(folder / "labelled.npz")
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


def _learner(path: Path) -> tuple[Texts, list[str | None]]:
    """One side of a learner's evidence, and each text's question; the ids are the same for every seed's learner."""
    lines = [value for _, value in read_json_lines(LEARNER / f"{path.stem}_ids.jsonl")]
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
