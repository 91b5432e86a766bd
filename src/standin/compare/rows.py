"""The rows of a comparison: one a recipe, with the means over its base seeds where several were run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pydantic import ValidationError

from standin.compare.answers import Answers
from standin.compare.contrasts import Contrast, Settings, corrected, over_base_seeds, over_test_texts
from standin.compare.states import Run, Score, changed
from standin.config import Evaluate
from standin.evaluation.base_seeds import mean

FIGURES = {
    "gained": ("gained", "macro-F1 that synthetic texts add to the same labelled ones"),
    "kept": ("kept_share", "share of the planned texts that curation kept"),
    "chamfer": ("chamfer_ratio", "spread of the synthetic texts over that of the real ones (Chamfer)"),
    "coverage": ("coverage", "similarity of real texts to synthetic ones over that of real ones to each other"),
    "labels": ("labels_spent", "labelled texts behind the figure gained"),
}
"""Heading -> name in ``reports/headline.json`` and what it is."""


@dataclass(slots=True)
class Row:
    """Runs that differ in the base seed alone, or one run.

    ``changed``: parameters other than the baseline's; of the
    baseline, its own values of those that any other row has changed.
    """

    runs: list[Run]
    changed: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    figures: dict[str, Score] = field(default_factory=dict)
    contrasts: list[Contrast] = field(default_factory=list)
    reason: str = ""

    @property
    def name(self) -> str:
        """The first run's name, with the number of further ones."""
        return self.runs[0].name + (f" +{len(self.runs) - 1}" if len(self.runs) > 1 else "")

    @property
    def note(self) -> str:
        """What its first run lacks."""
        return self.runs[0].note


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows, the baseline's first; ``twins`` says of runs that were left out as repetitions."""

    rows: list[Row]
    confidence: float
    twins: list[str]

    @property
    def tested(self) -> int:
        """How many differences Holm's correction counts."""
        return sum(one.p is not None for row in self.rows for one in row.contrasts)

    @property
    def arms(self) -> list[str]:
        """All arms that have a score, in the order of the first row that has it."""
        return list(dict.fromkeys(arm for row in self.rows for arm in row.scores))


def compare(runs: Sequence[Run], answers: Answers) -> Comparison:
    """Put runs, the baseline first, into rows and compare each with the baseline's.

    Where there are several base seeds, rows of one run name theirs.
    """
    settings = _settings(runs[0])
    rows, twins = grouped(runs)
    first = rows[0]
    for row in rows:
        row.changed = changed(row.runs[0], first.runs[0])
        first.changed |= {name: value for name, value in changed(first.runs[0], row.runs[0]).items()
                          if name in row.changed}  # fmt: skip
        if len(row.runs) == 1 and len({run.seed for run in runs}) > 1:
            row.changed["base.seed"] = row.runs[0].seed
        row.scores = {arm: _over([run.scores[arm] for run in row.runs], settings.confidence, 0, 1)
                      for arm in row.runs[0].scores if all(arm in run.scores for run in row.runs)}  # fmt: skip
        row.figures = _figures(row.runs, settings.confidence)
    _contrast(rows, answers, settings)
    return Comparison(rows, settings.confidence, twins)


def grouped(runs: Sequence[Run]) -> tuple[list[Row], list[str]]:
    """Runs with results and one recipe are a row, a base seed once: the first of two; others are rows of their own."""
    rows: dict[Any, Row] = {}
    twins = []
    for run in runs:
        key = (run.recipe,) if not run.note else (run.name, run.rev)
        row = rows.setdefault(key, Row([]))
        if twin := next((other for other in row.runs if other.seed == run.seed), None):
            same = "the same" if twin.scores == run.scores else "other"
            twins.append(f"{run.name} is left out: {twin.name} has its parameters and base seed, with {same} scores")
        else:
            row.runs.append(run)
    return list(rows.values()), twins


def _contrast(rows: Sequence[Row], answers: Answers, settings: Settings) -> None:
    base = {run.seed: run for run in rows[0].runs}
    alone: list[tuple[Row, tuple[Run, Run]]] = []
    for row in rows[1:]:
        if row.note:
            row.reason = row.note
            continue
        shared = [(run, base[run.seed]) for run in row.runs if run.seed in base]
        if len(shared) > 1 and row.runs[0].task_name == rows[0].runs[0].task_name:
            row.contrasts = over_base_seeds(shared, settings.confidence)
        else:
            alone.append((row, shared[0] if shared else (row.runs[0], rows[0].runs[0])))
    paired = over_test_texts([pair for _, pair in alone], answers, settings)
    for (row, _), (contrasts, reason) in zip(alone, paired, strict=True):
        row.contrasts, row.reason = contrasts, reason
    for row, contrasts in zip(rows, corrected([row.contrasts for row in rows], settings.confidence), strict=True):
        row.contrasts = contrasts


def _over(scores: Sequence[Score], confidence: float, least: float = -inf, most: float = inf) -> Score:
    """One run's score as it is, else the mean over runs with its t interval, within what the score can be at all."""
    if len(scores) == 1:
        return scores[0]
    one = mean([score.value for score in scores], confidence)
    if one.low is None or one.high is None:
        return Score(one.value)
    return Score(one.value, max(one.low, least), min(one.high, most))


def _figures(runs: Sequence[Run], confidence: float) -> dict[str, Score]:
    found = {}
    for heading, (name, _) in FIGURES.items():
        values = [run.figures[name] for run in runs if name in run.figures]
        if len(values) == len(runs):
            found[heading] = _over(values, confidence)
    return found


def _settings(run: Run) -> Settings:
    """The run's own where they are valid, else the defaults."""
    try:
        found = Evaluate.model_validate(run.params.get("evaluate") or {})
    except ValidationError:
        found = Evaluate()
    return Settings(found.confidence, found.resamples, found.scored_labels)
