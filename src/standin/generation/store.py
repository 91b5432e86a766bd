"""The answer store: every raw answer an engine gave, by everything that shaped it. Neither dep nor out of a stage.

SQLite in WAL mode, so that parallel experiments share it. A stored row never changes: a second answer to the same
request is dropped. What is kept is what the engine said, before any parsing.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from standin.engines.protocol import Answer, Finish
from standin.errors import StandinError

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, request TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL,
  tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL, attempts INTEGER NOT NULL,
  reasoning INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""
ADDED = {"attempts": "INTEGER NOT NULL DEFAULT 1", "reasoning": "INTEGER NOT NULL DEFAULT 0"}
"""Columns that stores of earlier versions lack."""
NOTES = "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
"""What was found out of a server and is no answer, as JSON."""
COLUMNS = "key, request, text, finish, tokens_in, tokens_out, seconds, attempts, reasoning"
INSERT = f"INSERT OR IGNORE INTO answers ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
KINDS: list[type] = [str, str, int, int, int, int]
"""Types of a stored answer: text, finish, tokens in and out, attempts, reasoning."""
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
            self._share()
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(SCHEMA)
            self._database.execute(NOTES)
            self._add_columns()
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def _share(self) -> None:
        """Put the file into WAL mode. SQLite does not wait here for one who is writing its first bytes: we do."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def _add_columns(self) -> None:
        """A store that was begun before a column was counted gets it."""
        self._database.execute("BEGIN IMMEDIATE")
        there = {column[1] for column in self._database.execute("PRAGMA table_info(answers)")}
        for name, kind in ADDED.items():
            if name not in there:
                self._database.execute(f"ALTER TABLE answers ADD COLUMN {name} {kind}")
        self._database.execute("COMMIT")

    def _explained(self, error: Exception) -> StandinError:
        return StandinError(
            f"{self.path}: the answer store cannot be used: {error}. Nothing stored was changed. Free the disk or mend "
            "the folder's permissions; a broken file can be moved away, its answers are then generated anew."
        )

    def _broken(self, key: str) -> StandinError:
        return StandinError(
            f"{self.path}: the answer {key} was changed by hand or by a fault: text, finish and counts do not fit. "
            f"Delete it (sqlite3 {self.path} \"DELETE FROM answers WHERE key = '{key}'\"), and it is asked for again."
        )

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The stored answers among ``keys``."""
        found = {}
        try:
            for start in range(0, len(keys), 500):  # SQLite's default limit is 999 variables
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                query = (
                    "SELECT key, text, finish, tokens_in, tokens_out, attempts, reasoning, "
                    f"json_extract(request, '$.unsent') FROM answers WHERE key IN ({marks})"
                )
                for key, *answer, unsent in self._database.execute(query, part):
                    kinds = [type(value) for value in answer]
                    if kinds != KINDS or answer[1] not in get_args(Finish):
                        raise self._broken(key)
                    found[key] = replace(Answer(*answer), unsent=tuple(json.loads(unsent or "[]")))
        except sqlite3.Error as error:
            raise self._explained(error) from None
        except ValueError:
            raise self._broken(key) from None
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

    def unsent(self, identity: Mapping[str, Any]) -> list[tuple[str, ...]]:
        """Which fields a server left out of its stored answers: every set of them that occurs, none not among them."""
        try:
            found = self._database.execute(
                "SELECT DISTINCT json_extract(request, '$.unsent') AS fields FROM answers WHERE fields IS NOT NULL "
                "AND json_extract(request, '$.model') = ? AND json_extract(request, '$.base_url') IS ? ORDER BY fields",
                (identity["model"], identity.get("base_url")),
            ).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return [tuple(json.loads(fields)) for (fields,) in found]

    def note(self, name: str) -> Any:
        """What was kept under a name; None where nothing was."""
        try:
            found = self._database.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return json.loads(found[0]) if found else None

    def keep_note(self, name: str, value: Any) -> None:
        """Keep a value that JSON can hold under a name, in the place of an earlier one."""
        try:
            self._database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def rows(self) -> list[tuple[Any, ...]]:
        """All that is stored, as ``take`` of another store takes it."""
        try:
            return self._database.execute(f"SELECT {COLUMNS} FROM answers ORDER BY key").fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store what another store gave, in one transaction: all or none; a key that is there keeps its answer."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(INSERT, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._explained(error) from None
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

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
                answer.reasoning,
            )
            for request, answer in zip(requests, answers, strict=True)
        ]
        self.take(rows)
