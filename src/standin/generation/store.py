"""The answer store: every raw answer an engine gave, by everything that shaped it. Neither dep nor out of a stage.

SQLite in WAL mode, so that parallel experiments share it. A stored row never changes: a second answer to the same
request is dropped. What is kept is what the engine said, before any parsing.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from standin.engines.protocol import Answer
from standin.errors import StandinError

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, request TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL,
  tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL, attempts INTEGER NOT NULL
) WITHOUT ROWID
"""
WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Means over stored answers: new tokens and seconds an answer."""

    answers: int
    tokens_out: float
    seconds: float


def request_key(request: Mapping[str, Any]) -> str:
    """The key of a request: sha256 of its canonical JSON."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class AnswerStore:
    """Answers by key. Every method raises StandinError where the file is broken, locked for long, or the disk full."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(SCHEMA)
            self._count_attempts()
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def _count_attempts(self) -> None:
        """A store that was begun before attempts were counted gets their column."""
        self._database.execute("BEGIN IMMEDIATE")
        if "attempts" not in {column[1] for column in self._database.execute("PRAGMA table_info(answers)")}:
            self._database.execute("ALTER TABLE answers ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1")
        self._database.execute("COMMIT")

    def _explained(self, error: Exception) -> StandinError:
        return StandinError(
            f"{self.path}: the answer store cannot be used: {error}. Nothing stored was changed. Free the disk or mend "
            "the folder's permissions; a broken file can be moved away, its answers are then generated anew."
        )

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The stored answers among ``keys``."""
        found = {}
        try:
            for start in range(0, len(keys), 500):  # SQLite's default limit is 999 variables
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, text, finish, tokens_in, tokens_out, attempts FROM answers WHERE key IN ({marks})"
                for key, *answer in self._database.execute(query, part):
                    found[key] = Answer(*answer)
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return found

    def seconds(self, keys: Sequence[str]) -> float:
        """Seconds that the stored answers among ``keys`` took, in all."""
        total = 0.0
        try:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                (found,) = self._database.execute(f"SELECT total(seconds) FROM answers WHERE key IN ({marks})", part)
                total += float(found[0])
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return total

    def rate(self, engine: str, model: str) -> Rate | None:
        """What an engine and model took for an answer so far; None where nothing of them is stored."""
        try:
            count, tokens, seconds = self._database.execute(
                "SELECT count(*), avg(tokens_out), avg(seconds) FROM answers "
                "WHERE json_extract(request, '$.engine') = ? AND json_extract(request, '$.model') = ?",
                (engine, model),
            ).fetchone()
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return Rate(count, tokens, seconds) if count and seconds else None

    def put(self, requests: Sequence[Mapping[str, Any]], answers: Sequence[Answer], seconds: float) -> None:
        """Store a chunk's answers in one transaction: all or none. ``seconds`` is the chunk's share per answer."""
        rows = [
            (
                request_key(request),
                json.dumps(request, sort_keys=True, ensure_ascii=False),
                answer.text,
                answer.finish,
                answer.tokens_in,
                answer.tokens_out,
                seconds,
                answer.attempts,
            )
            for request, answer in zip(requests, answers, strict=True)
        ]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._explained(error) from None
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
