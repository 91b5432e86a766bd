"""Rank the pool by one strategy: every pool text gets its score and rank, for each seed and budget.

Knows no real label but those that earlier rounds gave: what the selected texts hold is for the stage ``arms``. Where
people label, all seeds share one selection, so that a budget of 24 means 24 texts, and those labelled in earlier rounds
are left out: a budget then counts new texts, and where fewer are left, the last round's budget is what is left.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from standin.config import STRATEGY_EVIDENCE, Params
from standin.corpus import Row, SelectedRow, SyntheticRow, by_question, read_json_lines, read_rows, write_rows
from standin.errors import StandinError, counted, nearest
from standin.labelling.labels import given_to, read_labels
from standin.selection.budgets import in_texts, of_round
from standin.selection.earlier import labelled_before
from standin.selection.neighbours import MORE
from standin.selection.pool import Floats, Settings, Texts
from standin.selection.ranking import Ranking, generator_for, new_tie_share, ranked, seed_shares
from standin.selection.registry import load
from standin.selection.rounds import Round, Rows, check_closed
from standin.selection.spreading import search_of
from standin.task import Task

POOL = Path("data/real/pool.jsonl")
ORACLE = Path("data/real/oracle.jsonl")
SYNTHETIC = Path("data/synthetic/texts.jsonl")
LEARNER = Path("models/learner")

Sides = dict[str | None, tuple[Texts, Texts]]
"""Per question: the texts to choose from, and the labelled texts beside them."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/selected/<item>.jsonl`` for the strategy ``item``."""
    if item not in STRATEGY_EVIDENCE:
        raise StandinError(f"params.yaml, select.strategies: no strategy {item!r}: {nearest(item, STRATEGY_EVIDENCE)}")
    settings = Settings(params.select.neighbours, params.select.balance, search=search_of(params.runtime))
    seeds = params.finetune.seeds
    whole = read_rows(SYNTHETIC, SyntheticRow) if params.select.pool == "synthetic" else read_rows(POOL, Row)
    people, earlier = (
        (False, set()) if params.select.pool == "synthetic" else _labelled(Path(params.select.labels), whole)
    )
    drawn = seeds[:1] if people else seeds
    rows, rounds = _rounds(params, whole, drawn, people, earlier)
    asked = in_texts(params.select.budgets, whole)
    budgets = of_round(asked, whole, earlier)
    if any(one.short for one in rounds.values()):
        _say_short(item, asked[-1], rows)
    evidence = _sides(item, rounds)
    found = {
        (seed, question): _ranked(item, seed, question, rounds[seed], evidence[seed][question], settings, budgets)
        for seed in drawn
        for question in rows
    }
    rankings = {
        (seed, question): found[seed if seed in drawn else drawn[0], question] for seed in seeds for question in rows
    }
    ids = {question: [row.id for row in own] for question, own in rows.items()}
    write_rows(Path(f"data/selected/{item}.jsonl"), _rows(ids, rankings, seeds, budgets))
    ties = {budget: fmean(new_tie_share(found, budget) for found in rankings.values()) for budget in budgets}
    told = {"tie_share": ties}
    if len(drawn) > 1:
        told |= seed_shares([[rankings[seed, question] for seed in drawn] for question in ids], budgets)
    texts = sum(len(own) for own in ids.values())
    name = "seed_share" if len(drawn) > 1 else "tie_share"
    cut = ", ".join(f"{share:.0%} of {budget}" for budget, share in told[name].items())
    what = "changed by the seed" if len(drawn) > 1 else "chosen by tie-breaking (one selection tells no more)"
    before = sorted({sum(rankings[seed, question].before for question in ids) for seed in seeds})
    labelled = f", {before[0]:,} labelled before" if before[-1] else ""
    kind = counted(texts, "synthetic text" if params.select.pool == "synthetic" else "text")
    print(f"select {item}: {kind} ranked for {counted(len(seeds), 'seed')}{labelled}; {what}: {cut}")  # noqa: T201
    if params.select.pool == "real":
        _say_union(item, ids, rankings, budgets, people)
    return {
        "texts_ranked": texts,
        "questions_ranked": len(ids),
        **{name: {str(budget): round(share, 4) for budget, share in shares.items()} for name, shares in told.items()},
        "learners": len({id(sides) for sides in evidence.values()}) if STRATEGY_EVIDENCE[item] == str(LEARNER) else 0,
        **({"labelled_before": before[-1]} if before[-1] else {}),
        **({"one_selection": True} if people else {}),
    }


def _labelled(path: Path, pool: Sequence[Row]) -> tuple[bool, set[str]]:
    """Whether people label, and the ids of the texts that they labelled in earlier rounds, where those did not change.

    People label where the file is theirs, and where the simulation's is empty; that one is not opened to find out.
    """
    if path == ORACLE:
        return not path.stat().st_size, set()
    labels = read_labels(path)
    return True, {row.id for row in pool if (found := given_to(row, labels)) and found.round is not None}


def _rounds(
    params: Params, whole: Sequence[Row], seeds: Sequence[int], people: bool, earlier: set[str]
) -> tuple[Rows, dict[int, Round]]:
    """All rows that are ranked, by question, and each seed's round: one object for all where nothing is labelled."""
    synthetic = params.select.pool == "synthetic"
    if not whole:
        more = "Raise generator.texts." if synthetic else "Enlarge prepare.pool."
        path = SYNTHETIC if synthetic else POOL
        raise StandinError(f"{path}: the pool is empty: there is no text to select. {more}")
    leading, labelled = not synthetic and not people, Path(params.select.labelled)
    before: dict[int, list[Row]] = {}
    if labelled != SYNTHETIC:
        if people and labelled == Path(params.select.labels):
            check_closed(labelled)
        pool = {row.id: row for row in (read_rows(POOL, Row) if synthetic else whole)}
        before = labelled_before(labelled, pool, seeds)
    taken = earlier | ({row.id for own in before.values() for row in own} if people else set())
    rows: Rows = by_question([row for row in whole if row.id not in taken])
    if not rows:
        raise StandinError(
            f"{POOL}: every text was labelled in earlier rounds: there is none left to select. Add texts by "
            "`standin data add TASK FILE --unlabelled --replace`. Or train on what there is: take the strategies out "
            "of select.strategies and of all arms in params.yaml; the source labelled has all labels."
        )
    short = sum(map(len, rows.values())) < len(whole)
    if not before:
        return rows, dict.fromkeys(seeds, Round(rows, {}, synthetic, leading, short))
    return rows, {seed: Round(rows, by_question(own), synthetic, leading, short) for seed, own in before.items()}


def _say_short(item: str, asked: int, rows: Rows) -> None:
    """Say where a round finds fewer texts than its largest budget asks for."""
    for question, own in rows.items():
        if len(own) < asked:
            where = f"question {question!r}: " if question is not None else ""
            what = f"{counted(len(own), 'text is', 'texts are')} left of the pool, and the budget asks for {asked}"
            print(f"select {item}: {where}{what}: this round takes all")  # noqa: T201


def _say_union(
    item: str,
    ids: Mapping[str | None, Sequence[str]],
    rankings: Mapping[tuple[int, str | None], Ranking],
    budgets: list[int],
    people: bool,
) -> None:
    """Say how many different texts all seeds and questions chose: so many labels does a budget mean for a person."""
    for budget in budgets:
        texts = {
            ids[question][position]
            for (_, question), ranking in rankings.items()
            for position in ranking.order[:budget].tolist()
        }
        shared = ", one selection for all seeds" if people else ", all seeds together"
        asked = f" and {len(ids)} questions" if len(ids) > 1 else ""
        print(  # noqa: T201
            f"select {item}: a budget of {budget} means {counted(len(texts), 'text')} to label{shared}{asked}"
        )


def _ranked(
    item: str,
    seed: int,
    question: str | None,
    of: Round,
    sides: tuple[Texts, Texts],
    settings: Settings,
    budgets: list[int],
) -> Ranking:
    """One question's ranking for one seed, behind the texts that were labelled before."""
    first = [row.id for row in of.before.get(question, ())] if of.leading else []
    rest, whole = sides[0], len(of.rows[question])
    try:
        if first and not len(rest):
            raise StandinError("every text of the pool is labelled: there is none left to select")
        if budgets[-1] > whole and not of.short:
            raise StandinError(
                f"select.budgets holds {budgets[-1]}, but the pool has {counted(whole, 'text')}: "
                "lower the budget or enlarge the pool (prepare.pool; of unlabelled texts all are in it: add some)"
            )
        new = [min(max(0, budget - len(first)), len(rest)) for budget in budgets]
        told = replace(settings, more=_more(item, of))
        found = ranked(load(item), *sides, told, new, generator_for(seed, question, item))
    except StandinError as error:
        where = f"question {question!r}: " if question is not None else ""
        raise StandinError(f"strategy {item!r}: {where}{error}") from None
    if not first:
        return found
    place = {row.id: position for position, row in enumerate(of.rows[question])}
    positions = (np.array([place[name] for name in ids], dtype=np.intp) for ids in (first, rest.ids))
    return found.behind(*positions)


def _more(item: str, of: Round) -> str:
    """What would bring the strategy more texts to be neighbours of."""
    if STRATEGY_EVIDENCE[item] == str(LEARNER):
        if of.before:
            return "have more texts labelled before this round"
        if (LEARNER / "warmstart").is_dir():
            return "bring more rows of other questions (source.warmstart)"
    return MORE


def _rows(
    pools: Mapping[str | None, Sequence[str]],
    rankings: Mapping[tuple[int, str | None], Ranking],
    seeds: list[int],
    budgets: list[int],
) -> Iterator[SelectedRow]:
    """One row per seed, budget and pool text; a strategy ranks alike for every budget."""
    for seed in seeds:
        for budget in budgets:
            for question, ids in pools.items():
                ranking = rankings[seed, question]
                for rank, position in enumerate(ranking.order.tolist(), 1):
                    yield SelectedRow(
                        seed=seed,
                        budget=budget,
                        rank=rank,
                        id=ids[position],
                        score=None if rank <= ranking.before else float(ranking.scores[position]),
                        question_id=question,
                    )


def _sides(item: str, rounds: Mapping[int, Round]) -> dict[int, Sides]:
    """Read what the strategy needs, and nothing else. Seeds share one object where they have the same evidence."""
    if STRATEGY_EVIDENCE[item] == "models/learner":
        return _by_seed(rounds)
    found: dict[int, Sides] = {}
    made: dict[int, Sides] = {}  # by round
    for seed, one in rounds.items():
        if id(one) not in made:
            made[id(one)] = _embedded(one, item) if STRATEGY_EVIDENCE[item] == "data/embeddings" else _alone(one)
        found[seed] = made[id(one)]
    return found


def _alone(of: Round) -> Sides:
    return {question: (Texts(_ids(of.candidates(question))), Texts(())) for question in of.rows}


def _embedded(of: Round, item: str) -> Sides:
    """The candidates and the question's synthetic texts, with the encoder's embeddings and the prompted labels.

    Coverage has the texts labelled before in their place where there are any, and none beside a synthetic pool in the
    first round. Where rows have a question the embeddings are those of question and text together, as in the paper.
    """
    from standin.measures.embeddings import PAIRS, read_embeddings

    asked = any(row.question is not None for rows in of.rows.values() for row in rows)
    folders = (Path("data/embeddings") / name for name in ("real", "generated"))
    real, generated = (read_embeddings(folder / PAIRS if asked else folder) for folder in folders)
    synthetic = by_question(read_rows(SYNTHETIC, SyntheticRow))
    sides: Sides = {}
    for question in of.rows:
        rows, committee, before = of.candidates(question), synthetic.get(question, []), of.before.get(question, [])
        codes = {label: code for code, label in enumerate(sorted({str(row.label) for row in committee}))}
        labels = np.array([codes[str(row.label)] for row in committee], dtype=np.intp)
        beside = Texts(_ids(committee), generated.of(_ids(committee)), labels)
        if item == "coverage" and (of.before or of.synthetic):
            beside = Texts(_ids(before), real.of(_ids(before)))
        sides[question] = (Texts(_ids(rows), (generated if of.synthetic else real).of(_ids(rows))), beside)
    return sides


def _by_seed(rounds: Mapping[int, Round]) -> dict[int, Sides]:
    """Each seed's own learner, or the warm start as it is, which is one for all seeds."""
    if (LEARNER / "warmstart").is_dir():
        return dict.fromkeys(rounds, _learned(next(iter(rounds.values())), LEARNER / "warmstart"))
    if lacking := [seed for seed in rounds if not (LEARNER / str(seed) / "pool.npz").exists()]:
        raise StandinError(
            f"{LEARNER}: there is no learner of seed {lacking[0]}. `dvc repro learner` trains one for every seed where "
            "a strategy needs them."
        )
    return {seed: _learned(one, LEARNER / str(seed)) for seed, one in rounds.items()}


def _learned(of: Round, folder: Path) -> Sides:
    """The candidates and the texts the learner was trained on, with its embeddings and probabilities.

    Neighbours stay within the question; a learner that was trained on rows of other questions alone (warm start) has
    all of them as labelled set. In rounds it was trained on texts of the pool: those are the labelled set.
    """
    pool, _ = _learner(folder / "pool.npz")
    if of.before:
        beside, sides = pool, {question: _ids(of.before.get(question, [])) for question in of.rows}
    else:
        beside, asked = _learner(folder / "labelled.npz")
        of_other_questions = not set(asked) & set(of.rows)
        sides = {
            question: tuple(
                name for name, found in zip(beside.ids, asked, strict=True) if of_other_questions or found == question
            )
            for question in of.rows
        }
    candidates = _learner(folder / ("synthetic.npz" if of.before else "labelled.npz"))[0] if of.synthetic else pool
    return {
        question: (_taken(candidates, _ids(of.candidates(question))), _taken(beside, own))
        for question, own in sides.items()
    }


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


def _taken(texts: Texts, ids: Sequence[str]) -> Texts:
    """Those of the texts, in the order of ``ids``. Raises StandinError where the learner never saw one."""

    def of(values: Floats | None) -> Floats | None:
        return None if values is None else values[rows]

    place = {identifier: row for row, identifier in enumerate(texts.ids)}
    if missing := [identifier for identifier in ids if identifier not in place]:
        raise StandinError(
            f"{LEARNER}/pool_ids.jsonl: lacks pool text {missing[0]!r} ({len(missing)} in all): `dvc repro learner`"
        )
    rows = [place[identifier] for identifier in ids]
    return Texts(tuple(ids), of(texts.embeddings), None, of(texts.probabilities))


def _ids(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
