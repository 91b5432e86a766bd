"""Which of two tasks is more objective: the questions as a table that people or models fill, and their answers."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from standin.corpus import write_whole
from standin.errors import StandinError, nearest, visible
from standin.measures.subjectivity import DescribedTask
from standin.sheets import sheet_rows, sheet_text

QUESTION = "Which of the two tasks is more objective: 1, 2 or same?"
COLUMNS = ("question", "judge", "task 1", "description 1", "task 2", "description 2", "answer")
KEPT = ("judge", "task 1", "task 2", "answer")
ANSWERS = ("1", "2", "same")
MODEL = "llm"
"""How the name of a judge begins that is a model, as in llm:qwen3-8b; all others are people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one judge said of two tasks in the order in which they were shown: "1", "2" or "same"."""

    judge: str
    first: str
    second: str
    said: str

    @property
    def asked(self) -> tuple[str, str, str]:
        """The question that it answers."""
        return self.judge, self.first, self.second

    @property
    def by_model(self) -> bool:
        """Whether the judge's name says that it is a model."""
        return self.judge.casefold().startswith(MODEL)


def questions(
    tasks: Sequence[DescribedTask], judges: Sequence[str], both_orders: bool
) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """The rows of the table, in an order of its own for each judge, equal for equal names.

    A judge sees every pair once, and the next judge the other way round, each task first in half of its pairs; or, with
    ``both_orders``, in both orders.
    """
    for place, judge in enumerate(judges):
        asked = []
        for i, j in combinations(range(len(tasks)), 2):
            turned = (i + j + place) % 2
            asked += [(i, j), (j, i)] if both_orders else [(j, i) if turned else (i, j)]
        seed = int.from_bytes(hashlib.sha256(judge.encode()).digest()[:8])
        for at in np.random.default_rng(seed).permutation(len(asked)):
            first, second = (tasks[k] for k in asked[at])
            yield QUESTION, judge, first.name, _told(first), second.name, _told(second), ""


def _told(task: DescribedTask) -> str:
    return f"{' '.join(task.description.split())} Labels: {', '.join(task.labels)}."


def answer(cells: Mapping[str, str], names: Collection[str], where: str) -> Answer | None:
    """One row as an answer; None where the answer is blank.

    Args:
        cells: of the columns ``KEPT``.
        names: of the tasks that may be compared.
        where: file and row, for messages.

    Raises:
        StandinError: naming file, row, column and what is allowed.
    """
    said = cells["answer"].strip().casefold().removesuffix(".0")
    if not said:
        return None
    if said not in ANSWERS:
        raise StandinError(
            f"{where}: column 'answer' holds {cells['answer'][:60]!r}, allowed: {', '.join(ANSWERS)}, or nothing. "
            "Write the number of the task that is more objective."
        )
    judge = visible(cells["judge"].strip())
    if not judge:
        raise StandinError(f"{where}: column 'judge' is empty beside an answer. Write who answered.")
    first, second = cells["task 1"].strip(), cells["task 2"].strip()
    for column, name in (("task 1", first), ("task 2", second)):
        if name not in names:
            raise StandinError(f"{where}: column {column!r} holds {name[:60]!r}, no task here: {nearest(name, names)}")
    if first == second:
        raise StandinError(f"{where}: column 'task 2' holds {second!r}, as 'task 1' does. Compare two tasks.")
    return Answer(judge, first, second, said)


def read_answers(path: Path, names: Collection[str]) -> list[Answer]:
    """The answers of a file that ``write_answers`` wrote, none where there is no such file.

    Raises StandinError, naming file, row and column, where somebody broke it.
    """
    if not path.exists():
        return []
    found: dict[tuple[str, str, str], Answer] = {}
    mend = f"correct it, or `git checkout {path}` brings its last version back"
    for row, cells in enumerate(sheet_rows(path.read_bytes(), path, mend), 2):
        if lacking := [column for column in KEPT if column not in cells]:
            raise StandinError(f"{path}: there is no column {lacking[0]!r}; {mend}.")
        if (one := answer(cells, names, f"{path}, row {row}")) is None:
            continue
        if one.asked in found:
            raise StandinError(f"{path}, row {row}: {one.judge} answers this question a second time; {mend}.")
        found[one.asked] = one
    return list(found.values())


def all_pairs_answered(answers: Sequence[Answer], names: Sequence[str]) -> bool:
    """Whether the answers, taken together, compare every task with every other, in either order."""
    compared = {frozenset((one.first, one.second)) for one in answers}
    return all(frozenset(pair) in compared for pair in combinations(names, 2))


def write_answers(path: Path, answers: Sequence[Answer]) -> None:
    """Write answers in the order of judges and tasks: equal answers give equal bytes."""
    rows = [(one.judge, one.first, one.second, one.said) for one in sorted(answers, key=lambda one: one.asked)]
    write_whole(path, sheet_text(KEPT, rows))


def counted_wins(answers: Sequence[Answer], names: Sequence[str]) -> tuple[list[str], npt.NDArray[np.float64], float]:
    """The tasks that answers concern, in the order of ``names``; who won how often; how often the first one did.

    Returns:
        n names; wins of shape (n, n), half of one each where both are the same; the share of answers that name the
        task shown first, 0.5 for "same".
    """
    seen = {name for one in answers for name in (one.first, one.second)}
    compared = [name for name in names if name in seen]
    place = {name: at for at, name in enumerate(compared)}
    wins = np.zeros((len(compared), len(compared)))
    for one in answers:
        share = {"1": 1.0, "2": 0.0, "same": 0.5}[one.said]
        wins[place[one.first], place[one.second]] += share
        wins[place[one.second], place[one.first]] += 1 - share
    counts = Counter(one.said for one in answers)
    return compared, wins, (counts["1"] + counts["same"] / 2) / len(answers)
