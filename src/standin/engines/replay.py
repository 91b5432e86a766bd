"""The replay engine: texts that were generated elsewhere go through the same pipeline."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.errors import StandinError, counted, nearest
from standin.sources.files import missing, name_in, text_in
from standin.sources.tables import Table, read_table


class ReplayEngine:
    """Recorded texts by question and label, in the file's order."""

    name = "replay"

    def __init__(self, path: Path, texts: dict[tuple[str | None, str], list[str]], version: str) -> None:
        self.version = version
        self.path = path
        self.texts = texts

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:  # noqa: ARG002
        """Give each planned text its record. Raises StandinError where the file holds fewer than planned."""
        for place, request in enumerate(requests):
            question, label, number = request.about
            found = self.texts.get((question, label), [])
            if not found:
                kinds = [f"{label} ({question})" if question else label for question, label in self.texts]
                wanted = f"{label} ({question})" if question else label
                raise StandinError(f"{self.path}: no recorded text of label {wanted!r}: {nearest(wanted, kinds)}")
            if number >= len(found):
                of = f" of question {question!r}" if question else ""
                raise StandinError(
                    f"{self.path}: {counted(len(found), 'recorded text')} of label {label!r}{of}, but more are "
                    f"planned: set generator.texts to {len(found)} or less, or record more"
                )
            yield place, Answer(found[number], "stop", 0, 0)

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """Recorded texts judge nothing: raises StandinError."""
        raise StandinError(
            "params.yaml: generator.engine is 'replay', and recorded texts cannot judge: set verify.by to classifier "
            "or none, or subjectivity.engine to another engine"
        )


def load(model: str, version: str) -> ReplayEngine:
    """Read the records: columns ``text`` and ``label``, and ``question_id`` for a task with questions.

    Raises StandinError naming the column or row that is missing.
    """
    path = Path(model)
    table = read_table(path)
    for column in ("text", "label"):
        if column not in table.columns:
            raise StandinError(f"{path}: there is no column {column!r}: {nearest(column, table.columns)}")
    texts: dict[tuple[str | None, str], list[str]] = {}
    for number, record in table.records:
        question = record.get("question_id")
        asked = None if missing(question) else name_in(table, number, question, "question id")
        label = name_in(table, number, _filled(table, number, record, "label"), "recorded label")
        text = text_in(table, number, _filled(table, number, record, "text"))
        texts.setdefault((asked, label), []).append(text)
    return ReplayEngine(path, texts, version)


def _filled(table: Table, number: int, record: Mapping[str, Any], column: str) -> Any:
    if missing(record.get(column)):
        raise StandinError(f"{table.at(number)}: column {column!r} is empty; take the row out")
    return record[column]
