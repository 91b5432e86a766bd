"""Split sizes that run: tried on the rows themselves, as the stage prepare draws them."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nsmallest

import numpy as np

from standin.config import Params
from standin.corpus import Row
from standin.errors import StandinError
from standin.sources.files import RawRows
from standin.sources.proportions import fitting_sizes
from standin.sources.splits import SPLITS, Sizes, distinct, draw, likenesses, set_apart

SEEDS = 3
"""Base seeds for which sizes must fit: near-duplicates fall differently into the splits of each. Of many texts one."""
STEP = 0.9
"""Sizes that do not fit are made smaller by this."""
ENOUGH = 2
"""Times the rows that are asked for that a sample holds."""
SMALL = 0.5
"""Share of the sizes that were possible below which their smallness is explained."""
ALIKE = (
    "look at: many texts are nearly equal to others, {}: prepare.near_duplicate=1.0 leaves out equal ones alone, and "
    "scores then say less about new texts"
)
SAMPLE = 4_000
"""Rows on which splits are tried where there are more: 2 s a seed. What can be drawn from some can be from all."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """Options of ``standin run`` under which the splits can be drawn, and what to say where there are none."""

    options: tuple[str, ...]
    said: str | None = None
    sizes: Mapping[str, float] = field(default_factory=dict)
    """What of the group prepare they change."""


def fitting(parts: Mapping[str, RawRows], params: Params) -> Fitting:
    """Split sizes as ``-S`` options, in the proportions of params.yaml, where texts are fewer than those ask for.

    Sizes are per question, so the question with the fewest texts counts. Texts that are equal or nearly equal to
    others are left out by the stage prepare, so the sizes are tried; where no sizes fit, those that fit when only equal
    texts are left out.
    """
    asked = {split: getattr(params.prepare, split) for split in _drawn(parts)}
    fixed: dict[str, int] = {}
    for split in ("test", "validation"):
        if split in parts:
            own = Counter(row.question_id for row in _usable(split, parts, params) if row.label is not None)
            fixed[split] = min(min(own.values(), default=0), getattr(params.prepare, split))
    if list(asked) == ["pool"]:  # nothing is labelled: all texts are the pool
        clean, *_ = set_apart({part: found.rows for part, found in parts.items()})
        pool = min(Counter(row.question_id for row in clean).values(), default=0)
        return _fitting(fixed, params, pool=pool)
    parts = {**parts, "train": _sampled(parts["train"], sum(asked.values()))}
    there = min(Counter(row.question_id for row in parts["train"].rows).values())
    possible = min(there, sum(asked.values()))
    if sizes := _sizes(parts, asked, fixed, params, params.prepare.near_duplicate):
        small = sum(sizes.values()) < SMALL * possible
        return _fitting(sizes | fixed, params, said=ALIKE.format("so the sizes are small") if small else None)
    if sizes := _sizes(parts, asked, fixed, params, 1.0):
        return _fitting(sizes | fixed, params, 1.0, ALIKE.format("so that hardly any can stand in two splits"))
    return Fitting((), "look at: the texts are too few to be split; add more before you run")


def _usable(split: str, parts: Mapping[str, RawRows], params: Params) -> Sequence[Row]:
    """The rows of a file of test texts, all; of a file of validation texts those unlike every text that test may be."""
    if split == "test":
        return parts["test"].rows
    others = parts["test" if "test" in parts else "train"].rows
    own = distinct(parts["validation"].rows, parts["test"].rows if "test" in parts else ()).rows
    near = {each.row.id for each in likenesses(own, others, "test", params.prepare.near_duplicate)}
    return [row for row in own if row.id not in near]


def _sampled(found: RawRows, needed: int) -> RawRows:
    """Some of many rows, by a hash of their ids; all of them where a question would then have too few."""
    if len(found.rows) <= SAMPLE:
        return found
    rows = nsmallest(SAMPLE, found.rows, key=lambda row: hashlib.sha256(row.id.encode()).digest())
    asked = {row.question_id for row in found.rows}
    counts = Counter(row.question_id for row in rows)
    enough = all(counts[question] >= ENOUGH * needed for question in asked)
    return replace(found, rows=tuple(rows)) if enough else found


def _drawn(parts: Mapping[str, RawRows]) -> list[str]:
    """The splits that are drawn from the file: of texts without labels the pool alone."""
    if all(row.label is None for row in parts["train"].rows):
        return ["pool"]
    return [split for split in ("shots", "validation", "pool", "test") if split not in parts]


def _sizes(
    parts: Mapping[str, RawRows], asked: dict[str, int], fixed: Mapping[str, int], params: Params, near: float
) -> dict[str, int] | None:
    """The largest sizes, no larger than ``asked``, that can be drawn; None where there are none."""
    there = min(Counter(row.question_id for row in parts["train"].rows).values())
    sizes = asked if there >= sum(asked.values()) else fitting_sizes(asked, there)
    usable = float(min(there, sum(asked.values())))
    while sizes:
        if _runs(parts, sizes | dict(fixed), params, near):
            return sizes
        usable = min(usable * STEP, usable - 1)
        smaller = fitting_sizes(asked, int(usable))
        sizes = smaller if smaller != sizes else fitting_sizes(asked, int(usable * STEP))
    return None


def _runs(parts: Mapping[str, RawRows], sizes: Mapping[str, int], params: Params, near: float) -> bool:
    clean, test, validation = set_apart({part: found.rows for part, found in parts.items()})
    whole = Sizes(**{split: sizes.get(split, 0) for split in SPLITS})
    try:
        seeds = SEEDS if len(parts["train"].rows) < SAMPLE else 1
        for seed in range(params.base.seed, params.base.seed + seeds):
            draw(clean, test, whole, np.random.default_rng(seed), "", near, validation)
    except StandinError:
        return False
    return True


def _fitting(
    sizes: Mapping[str, int],
    params: Params,
    near: float | None = None,
    said: str | None = None,
    pool: int | None = None,
) -> Fitting:
    changed: dict[str, float] = {name: size for name, size in sizes.items() if size != getattr(params.prepare, name)}
    if near is not None:
        changed["near_duplicate"] = near
    options = [f"-S prepare.{name}={value}" for name, value in changed.items()]
    pool = sizes.get("pool", params.prepare.pool) if pool is None else pool
    if pool < 2 * max(params.select.budgets):  # selecting from a pool means taking the smaller part of it
        options.append(f"-S 'select.budgets=[{max(1, pool // 5)}]'")
    return Fitting(tuple(options), said, changed)
