"""Stored predictions, found by the md5 under which DVC keeps them."""

import configparser
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from standin.compare.states import TEST, Run
from standin.config import repository_root
from standin.errors import StandinError
from standin.tracking.states import md5

Said = dict[tuple[str | None, int], dict[str, str]]
"""Question and training seed -> id -> predicted label, at the largest budget."""
Truth = dict[str | None, dict[str, str]]
"""Question -> id -> label."""
PROBABILITIES = re.compile(rb', "p": \{[^}]*\}')


class Answers:
    """What classifiers said of the test texts; every file is read once."""

    def __init__(self) -> None:
        self._stores = stores()
        self._said: dict[str, Said | None] = {}
        self._truth: dict[str, Truth | None] = {}

    def said(self, run: Run, arm: str) -> Said | None:
        """An arm's answers in a run; None where this machine has no such file."""
        known = run.predictions.get(arm, "")
        if known not in self._said:
            content = self._content(known, f"data/predictions/{arm}.jsonl")
            self._said[known] = None if content is None else _whole(_said, content)
        return self._said[known]

    def truth(self, run: Run) -> Truth | None:
        """The labels of a run's test texts; None where this machine does not have them."""
        if run.test not in self._truth:
            content = self._content(run.test, TEST)
            self._truth[run.test] = None if content is None else _whole(_truth, content)
        return self._truth[run.test]

    def _content(self, known: str, path: str) -> bytes | None:
        if not known:
            return None
        content = stored(known, self._stores)
        if content is None and Path(path).is_file():
            here = Path(path).read_bytes()
            content = here if md5(here) == known else None
        return content


def stores() -> list[Path]:
    """Folders that hold files by their md5: DVC's cache, where its config says, and the data released with the code."""
    root = repository_root()
    cache = root / ".dvc" / "cache"
    for name in ("config", "config.local"):
        reader = configparser.ConfigParser(interpolation=None)
        try:
            reader.read(root / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if named := reader.get("cache", "dir", fallback=""):
            cache = (root / ".dvc" / named).resolve()
    return [cache / "files/md5", root / "dvcstore/files/md5"]


def stored(known: str, folders: Sequence[Path]) -> bytes | None:
    """The file whose md5 is known, from one of the folders that hold files by it; None where none has it."""
    files = [folder / known[:2] / known[2:] for folder in folders]
    return next((file.read_bytes() for file in files if file.is_file()), None)


Found = TypeVar("Found")


def _whole(read: Callable[[bytes], Found], content: bytes) -> Found:
    """What a file holds. Raises StandinError where it is none of the pipeline's."""
    try:
        return read(content)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StandinError("a file of data/ in DVC's cache is broken; `dvc fetch --force` brings it") from None


def rows_of(content: bytes) -> list[dict[str, object]]:
    """All lines of a JSON Lines file in one reading, without their probabilities, which are most of its bytes.

    A label that holds a brace ends the pattern too early, which breaks the JSON: then everything is read.
    """
    try:
        return _array(PROBABILITIES.sub(b"", content))
    except ValueError:
        return _array(content)


def _array(lines: bytes) -> list[dict[str, object]]:
    import orjson  # json takes twice as long: 0.4 s of the 240 files that forty experiments have

    return list(orjson.loads(b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"))


def _said(content: bytes) -> Said:
    rows = rows_of(content)
    largest = max((row["budget"] or 0 for row in rows), default=0)  # type: ignore[type-var]
    found: Said = {}
    for row in rows:
        if (row["budget"] or 0) == largest:
            key = row.get("question_id"), row["seed"]
            found.setdefault(key, {})[row["id"]] = row["label"]  # type: ignore[arg-type,index,assignment]
    return found


def _truth(content: bytes) -> Truth:
    found: Truth = {}
    for row in rows_of(content):
        found.setdefault(row.get("question_id"), {})[str(row["id"])] = str(row.get("label"))  # type: ignore[arg-type]
    return found
