"""Write exactly the rows each arm trains on: sources joined, labels looked up, per seed and budget; and count them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import ArmRow, Row, SelectedRow, SyntheticRow, by_question, read_rows, write_json, write_rows
from standin.errors import StandinError, counted
from standin.ingredients import GENERATED, UNTRAINED, answerer, part, strategy, training_names
from standin.labelling.labels import Labelled, given_to, read_labels
from standin.selection.budgets import in_texts, of_round
from standin.sheets import write_sheet
from standin.subsets import misaligned, nested
from standin.task import Task
from standin.texts_behind import COLUMNS, costs_shots, counted_rows, no_texts, summary

POOL = Path("data/real/pool.jsonl")
SHOTS = Path("data/real/shots.jsonl")
TEST = Path("data/real/test.jsonl")
SYNTHETIC = Path("data/synthetic/texts.jsonl")
ORACLE = Path("data/real/oracle.jsonl")
COUNTS = Path("reports/arms/texts.csv")
ASKED = Path("data/zeroshot/asked.json")
LABELLED = ("real", "labelled")
"""Sources whose texts have the labels that ``select.labels`` gives."""

Ranked = dict[tuple[int, int | None], list[Row]]
"""(seed, budget) -> the selected pool texts."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that arms are made of: rows per fixed source, selected rows per strategy (labels where known).

    ``answered``: ids of the real texts that somebody looked at; one without a label is disputed, or nobody could say.
    ``earlier``: those among them that were labelled in rounds before the open one.
    ``generated``: strategies chose among the synthetic texts, whose labels are there already. ``drawn``: the seed of a
    part of the pool, for each seed of training: one for all where people label, so that a part asks for no more texts.
    """

    fixed: dict[str, list[Row]]
    ranked: dict[str, Ranked]
    answered: frozenset[str]
    earlier: frozenset[str]
    drawn: dict[int, int]
    generated: bool = False

    def rows(self, sources: Sequence[str], seed: int, budget: int | None) -> list[Row]:
        """An arm's labelled rows in the order of its sources; a text that stands in two of them appears once."""
        found: dict[str, Row] = {}
        for source in sources:
            for row in self.of(source, seed, budget):
                if row.label is not None:
                    found.setdefault(row.id, row)
        return list(found.values())

    def of(self, name: str, seed: int, budget: int | None) -> list[Row]:
        """The rows of one source, or of a part of it as large as its name says."""
        if name in self.ranked:
            return self.ranked[name][seed, budget]
        given = part(name)
        rows = self.fixed[given.source]
        if given.size is None:
            return rows
        size = given.size if isinstance(given.size, int) else self.labelled(given.size)
        known = given.source != "real"  # a draw from the pool knows no labels, as people's work would not
        return nested(rows, size, seed if known else self.drawn[seed], stratified=known)

    def labelled(self, source: str) -> Counter[str | None]:
        """How many labelled texts of each question a source has."""
        return Counter(row.question_id for row in self.fixed[source] if row.label is not None)

    def asked(self, source: str, budget: int | None) -> list[Row]:
        """The real texts of a source that this round asks for, of all seeds at the budget, each once."""
        if part(source).source == "real":
            return list({row.id: row for seed in self.drawn for row in self.of(source, seed, budget)}.values())
        chosen = {} if self.generated else self.ranked.get(source, {})
        found = {row.id: row for (_, of), rows in chosen.items() if of == budget for row in rows}
        return [row for row in found.values() if row.id not in self.earlier]


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/arms/<arm>.jsonl`` for every arm; an arm that cannot be made is an empty file, with the reason.

    A budget at which nobody has answered some of an arm's texts is left out, and said with numbers; so is an arm
    without any other. Texts on which people are divided, or of which they could not say, are left out alone, but where
    a source has no others. A budget at which some seed has no text of a question that has test texts is left out as
    well: arms are compared on all of those.

    ``reports/arms/texts.csv`` counts, for every classifier (arm, budget, seed, question) and label, the texts, the
    generated ones among them, and the labels that people had to give (``real_labels``).
    """
    labels_path = Path(params.select.labels)
    labels = read_labels(labels_path, task.label_names)
    labelled = any(each.label is not None for each in labels.values())
    used = _used(params.arms.values())
    material, chosen = _material(used, labels, params)
    tested = list(by_question(read_rows(TEST, Row)))
    _say_asked(material, labels_path)
    counts: list[dict[str, Any]] = []
    skipped: dict[str, bool] = {}
    write_json(ASKED, {"asked": any(answerer(names) == "llm" for names in params.arms.values())})
    for arm, names in params.arms.items():
        if answerer(names) in UNTRAINED:
            write_rows(Path(f"data/arms/{arm}.jsonl"), [])
            questions = by_question(read_rows(POOL, Row))
            counts += no_texts(arm, params.finetune.seeds, questions, task.label_names)
            skipped[arm] = False
            continue
        sources = training_names(names)
        budgets: list[int | None] = list(chosen) if set(sources) & set(material.ranked) else [None]
        reason = _skipped(sources, material, labels_path, labelled=labelled)
        lacking = {
            budget: _lacking(sources, material, budget) or _untaught(sources, material, budget, tested)
            for budget in ([] if reason else budgets)
        }
        if lacking and all(lacking.values()):
            reason = "; ".join(dict.fromkeys(lacking.values()))
        if reason:
            print(f"arms: {arm} is skipped: {reason}")  # noqa: T201
        for budget in [] if reason else [budget for budget, what in lacking.items() if what]:
            print(f"arms: {arm} is left out at budget {budget}: {lacking[budget]}")  # noqa: T201
        budgets = [budget for budget in budgets if not lacking.get(budget)]
        if not reason and (disputed := _disputed(sources, material, budgets)):
            print(f"arms: {arm}: {disputed}")  # noqa: T201
        for fewer in [] if reason else _fewer(sources, material):
            print(f"arms: {arm}: {fewer}")  # noqa: T201
        seeds = [] if reason else params.finetune.seeds
        write_rows(Path(f"data/arms/{arm}.jsonl"), _arm_rows(material, sources, seeds, budgets))
        shots = read_rows(SHOTS, Row) if costs_shots(sources, params) else []
        behind = [row for row in shots if row.label is not None]
        for key in [(seed, budget) for seed in seeds for budget in budgets]:
            rows = material.rows(sources, *key)
            counts += ({"arm": arm} | row for row in counted_rows(rows, behind, key, task.label_names))
        skipped[arm] = bool(reason)
    write_sheet(COUNTS, COLUMNS, ([count[column] for column in COLUMNS] for count in counts))
    untaught = [arm for arm, names in params.arms.items() if answerer(names) in UNTRAINED]
    written = len(skipped) - sum(skipped.values()) - len(untaught)
    without = f"; learning from no text: {', '.join(untaught)}" if untaught else ""
    print(f"arms: {written} of {len(skipped)} arms written to data/arms{without}")  # noqa: T201
    return {**summary(counts, list(params.arms), task.label_names), "arm_skipped": skipped}


def _used(arms: Iterable[Sequence[str]]) -> set[str]:
    """The sources that arms name, those they take sizes from among them."""
    found = set()
    for given in map(part, (name for names in arms for name in training_names(names))):
        found |= {given.source} | ({given.size} if isinstance(given.size, str) else set())
    return found


def _material(used: set[str], labels: dict[str, Labelled], params: Params) -> tuple[Material, list[int]]:
    """Read the sources the arms name, and no other; with the budgets of those that are strategies, in texts."""
    fixed: dict[str, list[Row]] = {}
    if "shots" in used:
        fixed["shots"] = _labelled_rows(SHOTS, read_rows(SHOTS, Row))
    if used & set(GENERATED):
        fixed["synthetic"] = _labelled_rows(SYNTHETIC, read_rows(SYNTHETIC, SyntheticRow))
        fixed["misaligned"] = misaligned(fixed["synthetic"])
    strategies = sorted(filter(strategy, used))
    generated = params.select.pool == "synthetic"
    needed = (strategies and not generated) or used & {"real", "labelled"}
    pool = _with_labels(read_rows(POOL, Row), labels, Path(params.select.labels)) if needed else {}
    if "real" in used:
        fixed["real"] = list(pool.values())
    if "labelled" in used:
        fixed["labelled"] = [row for row in pool.values() if row.label is not None]
    earlier = [row for row in pool.values() if row.id in labels and labels[row.id].round is not None]
    before = frozenset(row.id for row in earlier)
    if strategies and generated:
        pool, earlier = {row.id: row for row in read_rows(SYNTHETIC, SyntheticRow)}, []
    budgets = of_round(in_texts(params.select.budgets, pool.values()), pool.values(), before) if strategies else []
    source = SYNTHETIC if generated else POOL
    ranked = {name: _ranked(name, pool, source, earlier, params.finetune.seeds, budgets) for name in strategies}
    people = Path(params.select.labels) != ORACLE
    drawn = {seed: params.finetune.seeds[0] if people else seed for seed in params.finetune.seeds}
    return Material(fixed, ranked, frozenset(labels), before, drawn, generated), budgets


def _labelled_rows(path: Path, rows: Sequence[Row]) -> list[Row]:
    if missing := [row.id for row in rows if row.label is None]:
        raise StandinError(
            f"{path}: id {missing[0]!r} has no label ({len(missing)} such rows): an arm cannot train on it"
        )
    return list(rows)


def _with_labels(pool: Sequence[Row], labels: dict[str, Labelled], path: Path) -> dict[str, Row]:
    """The pool's rows with the labels given to them. Raises StandinError where an id was given to another text."""
    found = {row.id: given_to(row, labels) for row in pool}
    if changed := [row for row in pool if row.id in labels and found[row.id] is None]:
        row, known = changed[0], labels[changed[0].id]
        there = f"is {known.text!r}" if known.text is not None else "was another text"
        raise StandinError(
            f"id {row.id!r} {there} in the labels file (params.yaml, select.labels) but {row.text!r} in {POOL}: the "
            f"labels were given to other texts ({counted(len(changed), 'such text')}). `standin label export` has "
            "those that are selected: label them again. Take the lines of the others out of "
            f"{path}: they then count as not labelled. Where ids alone changed, `standin data add TASK FILE --replace` "
            "gives each answer the id of its text."
        )
    return {row.id: replace(row, label=own.label if (own := found[row.id]) else None) for row in pool}


def _ranked(
    strategy: str, pool: dict[str, Row], source: Path, earlier: list[Row], seeds: list[int], budgets: list[int]
) -> Ranked:
    """The selected texts, in the ranking's order, after those labelled in earlier rounds.

    Raises StandinError where the ranking is of other seeds or texts.
    """
    path = Path(f"data/selected/{strategy}.jsonl")
    wanted: Ranked = {(seed, budget): [] for seed in seeds for budget in budgets}
    for row in read_rows(path, SelectedRow):
        if row.rank <= row.budget and (row.seed, row.budget) in wanted:
            if row.id not in pool:
                raise StandinError(f"{path}: id {row.id!r} is not in {source}. Run `dvc repro select`.")
            wanted[row.seed, row.budget].append(pool[row.id])
    if lacking := [key for key, rows in wanted.items() if not rows]:
        seed, budget = lacking[0]
        raise StandinError(f"{path}: holds no ranking for seed {seed} and budget {budget}. Run `dvc repro select`.")
    return {key: [*earlier, *rows] for key, rows in wanted.items()}


def _say_asked(material: Material, path: Path) -> None:
    """Say how many different texts the strategies of the arms have chosen, and how many of them were answered."""
    budget = max((of for by_key in material.ranked.values() for _, of in by_key if of), default=None)
    texts = {row.id for strategy in material.ranked for row in material.asked(strategy, budget)}
    if texts:
        answered = len(texts & material.answered)
        what = f"{counted(len(texts), 'text')} to label in all (strategies and seeds together)"
        before = f", and {counted(len(material.earlier), 'text')} of closed rounds" if material.earlier else ""
        print(f"arms: a budget of {budget} means {what}; {path} answers {answered} of them{before}")  # noqa: T201


def _lacking(sources: Sequence[str], material: Material, budget: int | None) -> str:
    """What of the arm's sources has no label: texts that nobody has answered, with numbers, or all of a source.

    Empty where there is nothing to say.
    """
    found = []
    for source in sources:
        rows = material.asked(source, budget)
        missing = [row.id for row in rows if row.id not in material.answered]
        what = {"real": "the whole pool"}.get(source, f"budget {budget}, all seeds" if budget else "all seeds")
        if missing:
            numbers = f"{len(missing)} of {counted(len(rows), 'text')}"
            found.append(f"{source} ({what}): {numbers} without a label yet, first id {missing[0]!r}")
        elif _needs_labels(source, material) and (why := _without(source, material, budget)):
            found.append(f"{source} ({what}): {why}" if rows else f"{source}: {why}")
    return "; ".join(found)


def _untaught(sources: Sequence[str], material: Material, budget: int | None, questions: Sequence[str | None]) -> str:
    """Which of the questions, all with test texts, have no text to learn from, and for which seeds; empty for none."""
    taught = {seed: {row.question_id for row in material.rows(sources, seed, budget)} for seed in material.drawn}
    found = []
    for question in questions:
        if without := [seed for seed, own in taught.items() if question not in own]:
            of = f"question {question!r}: " if question is not None else ""
            at = f" (seed {', '.join(map(str, without))})" if len(without) < len(taught) else ""
            found.append(f"{of}no labelled text to learn from{at}, and test texts to answer")
    return "; ".join(found)


def _needs_labels(source: str, material: Material) -> bool:
    """Whether a source has its texts, or their number, by labels of real texts."""
    given = part(source)
    return bool({given.source, given.size} & set(LABELLED)) or (source in material.ranked and not material.generated)


def _without(source: str, material: Material, budget: int | None) -> str:
    """Why a source has no labelled text at all for some seed; empty where it has one for each."""
    for seed in material.drawn:
        rows = material.of(source, seed, budget)
        if any(row.label is not None for row in rows):
            continue
        if rows:
            return f"none of {counted(len(rows), 'text')} has a label, as people are divided or could not say"
        size = part(source).size
        if isinstance(size, str) and size not in LABELLED and not material.labelled(size):
            return f"it is to have as many texts as {size}, which has none"
        return "no text of the pool has a label"
    return ""


def _disputed(sources: Sequence[str], material: Material, budgets: Sequence[int | None]) -> str:
    """How many texts of the sources were answered and have no label all the same; empty where there are none."""
    rows = {row.id: row for source in sources for budget in budgets for row in material.asked(source, budget)}
    without = sum(row.label is None for row in rows.values())
    why = "people are divided, or could not say"
    return f"{without} of {counted(len(rows), 'text')} left out: {why}" if without else ""


def _fewer(sources: Sequence[str], material: Material) -> Iterator[str]:
    """Which parts ask for more texts than their source has, for each question."""
    for source in sources:
        given = part(source)
        if given.size is None:
            continue
        of = material.labelled(given.size) if isinstance(given.size, str) else None
        for question, own in by_question(material.fixed[given.source]).items():
            size = of[question] if of is not None else int(given.size)
            if len(own) < size:
                where = f" of question {question!r}" if question is not None else ""
                number = f", where {given.size} has {size:,}" if of is not None else ""
                yield f"{source} is all {counted(len(own), 'text')}{where}{number}"


def _skipped(sources: Sequence[str], material: Material, path: Path, *, labelled: bool) -> str | None:
    """Why an arm cannot be made, or None."""
    real = [source for source in sources if _needs_labels(source, material)]
    if real and not labelled:
        return f"{', '.join(real)} needs labels, and {path} holds none"
    if real or set(sources) & set(material.ranked):
        return None
    if not material.rows(sources, next(iter(material.drawn)), None):
        if "misaligned" in {part(source).source for source in sources}:
            return "the task has one question: there are no synthetic texts of another one"
        return f"its sources hold no labelled text: {', '.join(sources)}"
    return None


def _arm_rows(
    material: Material, sources: Sequence[str], seeds: Sequence[int], budgets: Sequence[int | None]
) -> Iterator[ArmRow]:
    for seed in seeds:
        for budget in budgets:
            for row in material.rows(sources, seed, budget):
                yield ArmRow(
                    seed=seed,
                    budget=budget,
                    id=row.id,
                    text=row.text,
                    label=str(row.label),
                    question_id=row.question_id,
                    question=row.question,
                )
