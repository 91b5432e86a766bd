"""Write exactly the rows each arm trains on: sources joined, labels looked up, per seed and budget."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from standin.config import SOURCES, Params
from standin.corpus import ArmRow, Row, SelectedRow, SyntheticRow, read_rows, write_rows
from standin.errors import StandinError, nearest
from standin.task import Task

POOL = Path("data/real/pool.jsonl")
SHOTS = Path("data/real/shots.jsonl")
SYNTHETIC = Path("data/synthetic/texts.jsonl")
ORACLE = Path("data/real/oracle.jsonl")

Ranked = dict[tuple[int, int | None], list[Row]]
"""(seed, budget) -> the selected pool texts."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that arms are made of: labelled rows per fixed source, selected rows per strategy (labels where known)."""

    fixed: dict[str, list[Row]]
    ranked: dict[str, Ranked]

    def rows(self, sources: Sequence[str], seed: int, budget: int | None) -> list[Row]:
        """An arm's rows in the order of its sources; a text that stands in two of them appears once."""
        found: dict[str, Row] = {}
        for source in sources:
            for row in self.ranked[source][seed, budget] if source in self.ranked else self.fixed[source]:
                found.setdefault(row.id, row)
        return list(found.values())


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/arms/<arm>.jsonl`` for every arm; an arm that cannot be made is an empty file, with the reason."""
    labels_path = Path(params.select.labels)
    labels = _labels(labels_path, task.label_names)
    used = {source for sources in params.arms.values() for source in sources}
    material = _material(used, labels, params.finetune.seeds, params.select.budgets)
    if labels:
        _require_labels(material, labels_path)
    written: dict[str, list[Row]] = {}
    skipped: dict[str, bool] = {}
    for arm, sources in params.arms.items():
        budgets = params.select.budgets if set(sources) & set(material.ranked) else [None]
        reason = _skipped(sources, material, labels_path, labelled=bool(labels))
        if reason:
            print(f"arms: {arm} is skipped: {reason}")  # noqa: T201
        seeds = [] if reason else params.finetune.seeds
        write_rows(Path(f"data/arms/{arm}.jsonl"), _arm_rows(material, sources, seeds, budgets))
        written[arm] = material.rows(sources, seeds[0], budgets[-1]) if seeds else []
        skipped[arm] = bool(reason)
    print(f"arms: {len(written) - sum(skipped.values())} of {len(written)} arms written to data/arms")  # noqa: T201
    return {**_counts(written, task.label_names), "arm_skipped": skipped}


def _labels(path: Path, names: list[str]) -> dict[str, Row]:
    """The labelled rows of the labels file, by id. Raises StandinError for an unknown label or two labels of one id."""
    labels: dict[str, Row] = {}
    for row in read_rows(path, Row):
        if row.label is None:
            continue
        if row.label not in names:
            raise StandinError(f"{path}: id {row.id!r} has the label {row.label!r}: {nearest(row.label, names)}")
        if (known := labels.get(row.id)) and known.label != row.label:
            raise StandinError(f"{path}: id {row.id!r} has two labels, {known.label!r} and {row.label!r}: keep one")
        labels[row.id] = row
    return labels


def _material(used: set[str], labels: dict[str, Row], seeds: list[int], budgets: list[int]) -> Material:
    """Read the sources the arms name, and no other."""
    fixed: dict[str, list[Row]] = {}
    if "shots" in used:
        fixed["shots"] = _labelled_rows(SHOTS, read_rows(SHOTS, Row))
    if "synthetic" in used:
        fixed["synthetic"] = _labelled_rows(SYNTHETIC, read_rows(SYNTHETIC, SyntheticRow))
    strategies = sorted(used - set(SOURCES))
    pool = {row.id: _with_label(row, labels) for row in read_rows(POOL, Row)} if strategies or "real" in used else {}
    if "real" in used:
        fixed["real"] = list(pool.values())
    return Material(fixed, {strategy: _ranked(strategy, pool, seeds, budgets) for strategy in strategies})


def _labelled_rows(path: Path, rows: Sequence[Row]) -> list[Row]:
    if missing := [row.id for row in rows if row.label is None]:
        raise StandinError(
            f"{path}: id {missing[0]!r} has no label ({len(missing)} such rows): an arm cannot train on it"
        )
    return list(rows)


def _with_label(row: Row, labels: dict[str, Row]) -> Row:
    """The pool's row with the label given to it. Raises StandinError where the id was given to another text."""
    found = labels.get(row.id)
    if found and found.text != row.text:
        raise StandinError(
            f"id {row.id!r} is {found.text!r} in the labels file (params.yaml, select.labels) but {row.text!r} in "
            f"{POOL}: the labels were given to other texts. Export the texts again and label those."
        )
    return replace(row, label=found.label if found else None)


def _ranked(strategy: str, pool: dict[str, Row], seeds: list[int], budgets: list[int]) -> Ranked:
    """The selected texts, in the ranking's order. Raises StandinError where the ranking is of other seeds or texts."""
    path = Path(f"data/selected/{strategy}.jsonl")
    wanted: Ranked = {(seed, budget): [] for seed in seeds for budget in budgets}
    for row in read_rows(path, SelectedRow):
        if row.rank <= row.budget and (row.seed, row.budget) in wanted:
            if row.id not in pool:
                raise StandinError(f"{path}: id {row.id!r} is not in {POOL}. Run `dvc repro select`.")
            wanted[row.seed, row.budget].append(pool[row.id])
    if lacking := [key for key, rows in wanted.items() if not rows]:
        seed, budget = lacking[0]
        raise StandinError(f"{path}: holds no ranking for seed {seed} and budget {budget}. Run `dvc repro select`.")
    return wanted


def _require_labels(material: Material, path: Path) -> None:
    """Raise StandinError naming how many texts of which source and budget lack a label, and the file to fill."""
    lacking = []
    for strategy, by_key in material.ranked.items():
        for budget in dict.fromkeys(budget for _, budget in by_key):
            rows = {row.id: row for (_, of), selected in by_key.items() if of == budget for row in selected}
            lacking += _lacking(f"{strategy}, budget {budget} (all seeds)", list(rows.values()))
    lacking += _lacking("real (the whole pool)", material.fixed.get("real", []))
    if lacking:
        raise StandinError(
            f"{path}: labels are missing:\n  " + "\n  ".join(lacking) + f"\nLabel these texts in {path}, "
            "or take the arms that train on them out of params.yaml."
        )


def _lacking(what: str, rows: Sequence[Row]) -> list[str]:
    missing = [row.id for row in rows if row.label is None]
    return [f"{what}: {len(missing)} of {len(rows)} texts, first id {missing[0]!r}"] if missing else []


def _skipped(sources: Sequence[str], material: Material, path: Path, *, labelled: bool) -> str | None:
    """Why an arm cannot be made, or None."""
    real = [source for source in sources if source == "real" or source in material.ranked]
    if real and not labelled:
        return f"{', '.join(real)} needs labels, and {path} holds none"
    if not real and not any(material.fixed[source] for source in sources):
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


def _counts(arms: Mapping[str, Sequence[Row]], names: list[str]) -> dict[str, Any]:
    """Texts per arm, at the first seed and the largest budget: all, the generated among them, and by label."""
    labels = {arm: Counter(row.label for row in rows) for arm, rows in arms.items()}
    return {
        "arm_texts": {arm: len(rows) for arm, rows in arms.items()},
        "arm_synthetic_texts": {arm: sum(isinstance(row, SyntheticRow) for row in rows) for arm, rows in arms.items()},
        "arm_labels": {arm: {name: counts[name] for name in names} for arm, counts in labels.items()},
    }
