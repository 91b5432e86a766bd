"""The records of a published data set as those of a task's files: columns, ids, parts."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.errors import StandinError, nearest
from standin.origins import Origin
from standin.sources.cells import cell_text, missing
from standin.sources.splits import normalised
from standin.sources.tables import format_of
from standin.task import Source, Task, task_path

PARTS = ("train", "test", "validation")


@dataclass(frozen=True, slots=True)
class Given:
    """A split or file: its records, its columns, and how messages call it."""

    name: str
    columns: tuple[str, ...]
    records: Iterable[Mapping[str, Any]]


def check_parts(task: Task, origin: Origin, key: str) -> None:
    """Raise StandinError where the files that the task names and what its origin gives do not fit."""
    path, source = task_path(task.name), task.source
    share = origin.test_share
    for part in ("test", "validation"):
        comes = bool(getattr(origin, part)) or (part == "test" and share is not None)
        named = getattr(source, part)
        if comes and not named:
            said = "test_share" if part == "test" and share is not None else part
            value = share if said == "test_share" else getattr(origin, part)
            raise StandinError(
                f"{path}: source.{key}.{said} is {value!r}, but source.{part} is null: name the file that the {part} "
                f"texts go to, or set source.{key}.{said} to null"
            )
        if named and not comes:
            also = " or test_share" if part == "test" else ""
            raise StandinError(
                f"{path}: source.{part} is {named!r}, but source.{key} does not say where its texts come from: write "
                f"{part}{also} there, or set source.{part} to null"
            )
    for part in (*PARTS, "warmstart"):
        named = getattr(source, part)
        if named and format_of(Path(named)) != ".jsonl.gz":
            raise StandinError(f"{path}: source.{part} is {named!r}; fetched files end in .jsonl.gz: write that there")


def write_parts(task: Task, origin: Origin, given: Mapping[str, list[Given]], folder: Path) -> dict[str, Path]:
    """Write a task's parts as gzipped JSON Lines; equal data gives equal bytes.

    Args:
        task: its columns, questions and files.
        origin: how columns and rows are changed.
        given: by part (train, test, validation, ``warmstart/<question>``) the splits or files, one after the other.
        folder: where the files go.

    Returns:
        The file of every part.

    Raises:
        StandinError: a column that ``rename``, ``where`` or ``filled`` names is not there.
    """
    names = list(dict.fromkeys(part.partition("/")[0] for part in given))
    if origin.test_share is not None:
        names.append("test")
    files = {name: folder / f"{name}.jsonl.gz" for name in names}
    with ExitStack() as opened:
        packed = {name: opened.enter_context(_packed(path, opened)) for name, path in files.items()}
        numbers = dict.fromkeys(names, 0)
        for part, sources in given.items():
            name, _, question = part.partition("/")
            for record in (each for one in sources for each in _converted(one, origin, task.source)):
                target = "test" if name == "train" and _held_out(record, task, origin.test_share) else name
                numbers[name] += 1
                line = _whole(record, task.source, question, f"{name}-{numbers[name]:06d}")
                packed[target].write((json.dumps(line, ensure_ascii=False, default=str) + "\n").encode())
    return files


def _packed(path: Path, opened: ExitStack) -> gzip.GzipFile:
    """Without a time stamp."""
    return gzip.GzipFile("", "wb", fileobj=opened.enter_context(path.open("wb")), mtime=0)


def _converted(given: Given, origin: Origin, source: Source) -> Iterator[dict[str, Any]]:
    """The rows that are wanted, with columns renamed and lists of words joined to texts."""
    for key, columns in (("rename", origin.rename), ("where", origin.where), ("filled", origin.filled)):
        for column in columns:
            if column not in given.columns:
                raise StandinError(f"{given.name}.{key}: no column {column!r}: {nearest(column, given.columns)}")
    taken = set(origin.rename.values())
    for row in given.records:
        if any(cell_text(row.get(column)) != value for column, value in origin.where.items()):
            continue
        if any(missing(row.get(column)) for column in origin.filled):
            continue
        made: dict[str, Any] = dict.fromkeys(origin.lacks)
        made |= {
            origin.rename.get(column, column): value
            for column, value in row.items()
            if column in origin.rename or column not in taken  # a renamed column takes the place of its namesake
        }
        text = made.get(source.columns.text)
        if isinstance(text, list):
            made[source.columns.text] = " ".join(map(str, text))
        yield made


def _whole(record: dict[str, Any], source: Source, question: str, own: str) -> dict[str, Any]:
    """A record with an id, where it has none of its own, and the question that all rows of its part answer."""
    made = {} if source.columns.id is None or source.columns.id in record else {source.columns.id: own}
    if question:
        record |= {source.columns.question_id or "question_id": question, "question": source.other_questions[question]}
    return made | record


def _held_out(record: Mapping[str, Any], task: Task, share: float | None) -> bool:
    """Whether a row goes to the test file: by a hash of its text, where it answers one of the task's questions."""
    if share is None:
        return False
    column = task.source.columns.question_id
    if task.questions and column is not None and column in record:
        own = {name for asked in task.questions for name in (asked.id, asked.text, asked.value)}
        if cell_text(record[column]) not in own:
            return False
    text = str(record.get(task.source.columns.text) or "")
    digest = hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
