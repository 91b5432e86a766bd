"""Runs that a person deleted in MLflow's page, which keeps them and their files until somebody throws them away."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from standin.config import repository_root
from standin.tracking import trees
from standin.tracking.database import TrackingError, own_database
from standin.tracking.runs import LOCK_SECONDS, STATE, tracking_uri
from standin.tracking.states import read_state
from standin.tracking.trees import Commit, Tree, Workspace


@dataclass(frozen=True, slots=True)
class DeletedRun:
    """A run's id and the folder of its files."""

    run_id: str
    files: Path


def removable() -> list[DeletedRun]:
    """The deleted runs of the project's own database that `standin sync` would not bring back.

    A run whose state git or the workspace still holds stays: that it is there and deleted tells `sync` that a person
    does not want it. So do runs of deleted experiments, which `sync` restores, and runs on a server, which others use.
    Raises TrackingError where the database cannot be read.
    """
    path = own_database()
    if tracking_uri() != f"sqlite:///{path}" or not path.exists():
        return []
    query = (
        "SELECT r.run_uuid, r.artifact_uri, t.value FROM runs r JOIN experiments e USING (experiment_id) "
        f"LEFT JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = '{STATE}' "
        "WHERE r.lifecycle_stage = 'deleted' AND e.lifecycle_stage = 'active'"
    )
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as database:
            rows = database.execute(query).fetchall()
    except sqlite3.Error as error:
        raise TrackingError(f"{path}: {error}") from None
    alive = _states() if any(state for _, _, state in rows) else set()
    free = [(run, _own_files(uri, run)) for run, uri, state in rows if state not in alive]
    return [DeletedRun(run, files) for run, files in free if files]


def _own_files(uri: str, run: str) -> Path | None:
    """The folder of a run's files; None where it is not exactly the one that the project gives this run.

    The path comes out of a database: one in a bucket, or one that was written there by hand, is never removed here.
    """
    parts = urlsplit(uri)
    expected = (repository_root() / "mlartifacts" / run / "artifacts").resolve()
    named = parts.scheme == "file" and not parts.netloc and Path(unquote(parts.path)).resolve() == expected
    return expected if named and re.fullmatch("[0-9a-f]{32}", run) else None


def remove(runs: Sequence[DeletedRun]) -> None:
    """Throw runs away as `mlflow gc` does, which cannot be told to leave deleted experiments: files first, then rows.

    One that a kill interrupts is removed by the next call, one that was restored meanwhile stays.
    """
    from filelock import FileLock
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with FileLock(repository_root() / ".standin" / "mlflow.lock", timeout=LOCK_SECONDS):
        client = MlflowClient(tracking_uri=tracking_uri())
        still = {run.run_id for run in removable()}
        for run in (run for run in runs if run.run_id in still):
            if run.files.exists():
                get_artifact_repository(run.files.as_uri()).delete_artifacts()
            client._tracking_client.store._hard_delete_run(run.run_id)


def _states() -> set[str]:
    """The digests of all states that `standin sync` looks at."""
    found: list[Tree] = [Workspace(), *(Commit(rev) for rev, _, _ in trees.experiments())]
    if head := trees.head():
        found.append(Commit(head))
    return {state.digest for tree in found if (state := read_state(tree))}
