"""Rounds of labelling: what may be chosen from in the open one, and what was labelled before it."""

from dataclasses import dataclass
from pathlib import Path

from standin.corpus import Row
from standin.errors import StandinError
from standin.labelling.labels import FILE, Labelled, read_labels

Rows = dict[str | None, list[Row]]


@dataclass(frozen=True, slots=True)
class Round:
    """What may be chosen from, ``rows``, and what was labelled before, ``before`` (empty in the first round).

    ``synthetic``: the rows are synthetic texts. ``leading``: texts labelled before stand first in a ranking and count
    in its budgets; those of people do not, nor real ones beside synthetic rows. ``short``: people's earlier rounds took
    part of the pool, so that a question may have fewer texts left than a budget asks for.
    """

    rows: Rows
    before: Rows
    synthetic: bool
    leading: bool
    short: bool

    def candidates(self, question: str | None) -> list[Row]:
        """The question's rows that nobody has labelled yet, in their order."""
        labelled = {row.id for row in self.before.get(question, ())}
        return [row for row in self.rows[question] if row.id not in labelled]


def check_closed(path: Path) -> None:
    """Raise StandinError where people's first round is open: it would move with each answer."""
    labels = read_labels(path).values()
    if labels and not any(each.round for each in labels) and not any(map(_of_file, labels)):
        raise StandinError(
            f"{path}: no round is closed yet, so select.labelled finds no labels of earlier ones there. Until "
            "`standin label next` closes the first, set it to data/synthetic/texts.jsonl."
        )


def _of_file(labelled: Labelled) -> bool:
    return set(labelled.votes) == {FILE}
