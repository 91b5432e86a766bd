"""Which texts people are asked about: those that the strategies chose, without those of earlier rounds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from standin.corpus import Row, SelectedRow, read_rows
from standin.errors import StandinError, counted, nearest
from standin.labelling.labels import Labelled, given_to

POOL = Path("data/real/pool.jsonl")
SELECTED = Path("data/selected")


@dataclass(frozen=True, slots=True)
class Asked:
    """The texts of the open round, question by question, those first that a strategy ranks first.

    ``chosen``: how many each strategy chose. ``budget``: texts a question and strategy.
    """

    rows: Sequence[Row]
    chosen: Mapping[str, int]
    budget: int

    def said(self) -> str:
        """How many labels the budget means, and why: ``random 24, sqbc 24: 43 different texts``."""
        if not self.rows and any(self.chosen.values()):
            return f"all texts that were selected (a budget of {self.budget}) are answered in closed rounds"
        each = ", ".join(f"{name} {number}" for name, number in self.chosen.items())
        return f"a budget of {self.budget} means {counted(len(self.rows), 'text')} to label ({each})"


def union(ranked: Mapping[str, Sequence[SelectedRow]], budget: int) -> list[str]:
    """Ids of the texts that any strategy, seed and question chose within the budget, the first ranks first."""
    places: dict[str, tuple[int, int]] = {}
    for place, rows in enumerate(ranked.values()):
        for row in rows:
            if row.budget == budget and row.rank <= budget:
                places[row.id] = min(places.get(row.id, (row.rank, place)), (row.rank, place))
    return sorted(places, key=lambda name: places[name])


def asked(strategies: Sequence[str], strategy: str | None, budget: int | None) -> Asked:
    """The texts to label of the run in the workspace.

    Args:
        strategies: those of params.yaml.
        strategy: only what this one chose; None: all.
        budget: one of the budgets of that run, in texts; None: the largest.

    Raises:
        StandinError: there is no run yet, or no such strategy or budget.
    """
    if strategy is not None and strategy not in strategies:
        raise StandinError(f"--strategy {strategy!r}: {nearest(strategy, strategies)}")
    if not strategies:
        raise StandinError("params.yaml, select.strategies: there is none, so no text was chosen")
    pool = {row.id: row for row in read_rows(POOL, Row)}
    ranked = {}
    for name in [strategy] if strategy else strategies:
        path = SELECTED / f"{name}.jsonl"
        if not path.exists():
            raise StandinError(f"{path}: there is no such file: `standin run` chooses texts, then they can be labelled")
        ranked[name] = read_rows(path, SelectedRow)
    budget = _one_of(ranked.values(), budget)
    chosen = {name: union({name: rows}, budget) for name, rows in ranked.items()}
    found = union(ranked, budget)
    if foreign := [name for name in found if name not in pool]:
        raise StandinError(f"{SELECTED}: id {foreign[0]!r} is not in {POOL}. Run `standin run`.")
    questions = list(dict.fromkeys(row.question_id for row in pool.values()))
    rows = sorted((pool[name] for name in found), key=lambda row: questions.index(row.question_id))
    return Asked(rows, {name: len(ids) for name, ids in chosen.items()}, budget)


def _one_of(ranked: Iterable[Sequence[SelectedRow]], budget: int | None) -> int:
    """A budget that all strategies were run with, the largest where none is asked for."""
    found = sorted(set.intersection(*({row.budget for row in rows} for rows in ranked)))
    if not found:
        raise StandinError(f"{SELECTED}: the strategies share no budget: `standin run` selects anew")
    if budget is not None and budget not in found:
        raise StandinError(f"--budget {budget}: texts were selected for {', '.join(map(str, found))}")
    return budget or found[-1]


def unasked(labels: Mapping[str, Labelled]) -> int:
    """How many texts of the pool nobody has answered yet, those among them that changed since."""
    return sum(given_to(row, labels) is None for row in read_rows(POOL, Row))


def in_round(rows: Sequence[Row], labels: Mapping[str, Labelled]) -> list[Row]:
    """The rows that no earlier round labelled as they are now."""
    return [row for row in rows if (found := given_to(row, labels)) is None or found.round is None]
