"""The project's own MLflow database, ``mlflow.db`` at its root: a whole one, or none.

MLflow 3.17 makes its tables in some seventy steps that take seconds, and cannot go on from one that a kill cut short:
from then on every opening fails with ``table spans already exists``. So a new database is made under another name and
gets its own when it is whole. One that an older version left half made is known by what it lacks, and set aside.
"""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from standin.config import repository_root
from standin.errors import StandinError

REVISION = "alembic_version"
BATCH = "_alembic_tmp_"
"""How alembic's table of the schema's revision is named, and how the tables begin that it copies into to change one."""


class TrackingError(StandinError):
    """MLflow could not be read or written."""


class Held(NamedTuple):
    """What a database holds: its tables, those with a row in them, and the revision of its schema."""

    tables: set[str]
    filled: set[str]
    revision: str


def own_database() -> Path:
    """Where the project's own database is, also for a temporary copy of the project."""
    return repository_root() / "mlflow.db"


def prepare(path: Path) -> None:
    """Make the database where there is none or a half-made one; a whole one, or one that holds anything, is left alone.

    The caller holds the lock of tracking. A half-made one is kept as ``mlflow.db.half-made``, which is said. Raises
    TrackingError where the file is no database, or one of another program.
    """
    path = path.resolve()  # what is put at the place of a link would take the link's place
    if path.exists() and "experiments" in read(path).filled:  # MLflow's "Default" comes after the last table
        return
    fresh = path.with_name(f"{path.name}.new")
    _remove(fresh)
    make(fresh)
    if path.exists():
        if not _half_made(path, read(fresh)):
            _remove(fresh)
            return
        aside = path.with_name(f"{path.name}.half-made")
        path.replace(aside)
        said = f"tracking: {path}: a kill left it half made and without a run; kept as {aside.name}, made anew."
        print(said, file=sys.stderr, flush=True)  # noqa: T201
    _remove(path)  # a journal that outlived its database would be played back into the new one
    fresh.replace(path)


def begin(path: Path) -> None:
    """Make a database that a person's URI names and that is not there yet, whole or not at all.

    One that is there is theirs and left alone. Raises TrackingError where its folder cannot be written.
    """
    if path.exists():
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make(fresh)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass  # another project that shares it was faster
        except OSError:  # a file system without links
            if not path.exists():
                fresh.replace(path)
    except OSError as error:
        raise TrackingError(f"{path}: {error.strerror}: name a folder that can be written in") from None
    finally:
        _remove(fresh)


def make(path: Path) -> None:
    """Make MLflow's tables in a new file, as `mlflow db upgrade` does."""
    from mlflow.db import upgrade

    upgrade.callback(f"sqlite:///{path}")


def read(path: Path) -> Held:
    """What a database holds; a transaction that a kill cut is taken back first. Raises TrackingError."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=20)) as database:
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            tables = {name for name in names if not name.startswith("sqlite_")}
            filled = {name for name in tables if database.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()}
            revision = database.execute(f"SELECT * FROM {REVISION}").fetchone()[0] if REVISION in filled else ""
            return Held(tables, filled, str(revision))
    except sqlite3.Error as error:
        broken = error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
        hint = "; move it away: `standin sync` makes a new one of what git and the workspace hold" if broken else ""
        raise TrackingError(f"{path}: {error}{hint}") from None


def _half_made(path: Path, whole: Held) -> bool:
    held = read(path)
    known = {name for name in held.tables if name.startswith(BATCH)} | whole.tables
    if strange := sorted(held.tables - known):
        raise TrackingError(
            f"{path}: a database of another program (it has a table {strange[0]!r}); MLflow's has this name here. "
            "Move it away, or set MLFLOW_TRACKING_URI to another place, then `standin sync`."
        )
    finished = held.revision == whole.revision and held.tables >= whole.tables
    return not finished and held.filled <= whole.filled  # a whole one has rows too: its revision, a workspace


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
