"""The replay engine: texts that were generated elsewhere go through the same pipeline."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.errors import StandinError, nearest
from standin.sources.cells import missing, name_in, simple_text, text_in
from standin.sources.tables import Table, read_table

UNKNOWN = "unknown"
"""The model of a recorded text of which nobody said what wrote it."""
About = tuple[str | None, str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded text and where it comes from: its model, the ids of the real texts that were shown, if known."""

    text: str
    model: str = UNKNOWN
    seeds: tuple[str, ...] | None = None
    prompted: bool = False
    """Whether the file says with which prompt."""


class ReplayEngine:
    """Recorded texts by question and label, in an order drawn by the run's seed.

    So runs that differ in ``base.seed`` take other texts of a recording that holds more than are planned, and more
    planned texts take those of fewer and further ones.
    """

    name = "replay"

    def __init__(
        self, path: Path, records: Mapping[tuple[str | None, str], Sequence[Record]], version: str, seed: int = 0
    ) -> None:
        self.version = version
        self.path = path
        self.records = {key: sorted(found, key=lambda one: _place(seed, one)) for key, found in records.items()}

    def record(self, about: About) -> Record:
        """The record of a planned text. Raises StandinError where the file holds fewer than planned."""
        question, label, number = about
        found = self.records.get((question, label), [])
        if not found:
            kinds = [f"{label} ({question})" if question else label for question, label in self.records]
            wanted = f"{label} ({question})" if question else label
            raise StandinError(f"{self.path}: no recorded text of label {wanted!r}: {nearest(wanted, kinds)}")
        if number >= len(found):
            of = f" of question {question!r}" if question else ""
            raise StandinError(
                f"{self.path}: {len(found)} recorded texts of label {label!r}{of}, but more are planned: set "
                f"generator.texts to {len(found)} or less, or record more"
            )
        return found[number]

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:  # noqa: ARG002
        """Give each planned text its record. Raises StandinError where the file holds fewer than planned."""
        for place, request in enumerate(requests):
            yield place, Answer(self.record(request.about).text, "stop", 0, 0)

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """Recorded texts judge nothing: raises StandinError."""
        raise StandinError(
            "params.yaml: generator.engine is 'replay', and recorded texts cannot judge: set verify.by to classifier "
            "or none, or subjectivity.engine to another engine"
        )


def _place(seed: int, record: Record) -> bytes:
    """Where a text stands in the order of a seed: by a hash of both, so that a text more moves no other."""
    return hashlib.sha256(f"{seed}\x1f{record.text}".encode()).digest()


def load(model: str, version: str, seed: int = 0) -> ReplayEngine:
    """Read the records: columns ``text`` and ``label``, and ``question_id`` for a task with questions.

    Args:
        model: the file; `standin data add-generated` writes one with the columns ``model``, ``prompt`` and ``seeds``.
        version: the file's digest.
        seed: ``base.seed``, by which texts are drawn.

    Raises:
        StandinError: naming the column or row that is missing.
    """
    path = Path(model)
    table = read_table(path)
    for column in ("text", "label"):
        if column not in table.columns:
            raise StandinError(f"{path}: there is no column {column!r}: {nearest(column, table.columns)}")
    records: dict[tuple[str | None, str], list[Record]] = {}
    for number, row in table.records:
        question = row.get("question_id")
        asked = None if missing(question) else name_in(table, number, question, "question id")
        label = name_in(table, number, _filled(table, number, row, "label"), "recorded label")
        text = text_in(table, number, _filled(table, number, row, "text"))
        records.setdefault((asked, label), []).append(_record(table, number, row, text))
    return ReplayEngine(path, records, version, seed)


def _record(table: Table, number: int, row: Mapping[str, Any], text: str) -> Record:
    model, seeds = row.get("model"), row.get("seeds")
    return Record(
        text,
        UNKNOWN if missing(model) else simple_text(table, number, model, "model"),
        tuple(map(str, seeds)) if isinstance(seeds, list) else None,
        not missing(row.get("prompt")),
    )


def _filled(table: Table, number: int, record: Mapping[str, Any], column: str) -> Any:
    if missing(record.get(column)):
        raise StandinError(f"{table.at(number)}: column {column!r} is empty; take the row out")
    return record[column]
