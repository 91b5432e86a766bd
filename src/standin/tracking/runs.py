"""The store that runs are in, and which of them belongs to what: opened, searched, not yet written.

One run per DVC experiment and per state reached by `dvc repro`. While its stages report, their events name it; once
it is complete, the tag ``dvc.state`` (hash of dvc.lock, parameters, task) finds it, and ``dvc.key`` (hash of commit,
experiment name, parameters, task) tells experiments that reached the same state apart. The store is opened behind a
file lock: processes that open a new SQLite store at once break it, and two could make the same run twice.

A kill may come at any moment. A run is found again by what it was made with: its key, and the tag ``dvc.begun`` (the
state that it is being completed for) or the time at which its attempt began.
"""

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from standin.config import repository_root
from standin.errors import first_line
from standin.tracking.attempts import Attempt, Identity
from standin.tracking.database import TrackingError, begin, own_database, prepare
from standin.tracking.trees import redact

KEY, STATE, BEGUN = "dvc.key", "dvc.state", "dvc.begun"
LOCK_SECONDS = 600
CONNECTIONS = 4
"""Attempts to connect to a database. MLflow's 10, with ever longer pauses, keep a failing stage waiting 100 seconds."""
STORES = {
    "alembic", "azure", "boto3", "botocore", "fsspec", "google", "mlflow", "paramiko", "pymysql", "psycopg", "psycopg2",
    "requests", "s3transfer", "sqlalchemy", "urllib3",
}  # fmt: skip
"""Packages whose exceptions say that the place where MLflow keeps runs or their files cannot be used."""
KNOCK_SECONDS = 10
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Servers that MLflow keeps runs on, by the scheme of their address, and where they listen."""
LOCAL = re.compile(r"sqlite:///|file:(?!//)|(?![\w+.-]+:|databricks|uc$)")
"""How tracking URIs begin whose rest is a path on this machine."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open store and the experiment in it."""

    client: Any
    experiment_id: str

    def search(self, state: str, *, deleted: bool) -> list[Any]:
        """The runs of a state, newest first; ``deleted``: also those a person deleted."""
        from mlflow.entities import ViewType

        view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
        query = f"tags.`{STATE}` = '{state}'"
        found = self.client.search_runs([self.experiment_id], query, view, order_by=["attributes.start_time DESC"])
        return list(found)

    def get(self, run_id: str) -> Any | None:
        """A run of this experiment, also one that a person deleted; None where the store does not hold it."""
        from mlflow.exceptions import MlflowException

        try:
            run = self.client.get_run(run_id) if run_id else None
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run and run.info.experiment_id == self.experiment_id else None

    def unfinished(self, key: str, run_id: str, started: int | None, state: str) -> Any | None:
        """The run to go on with: the named one, or one that a kill cut before an event or its state's tag named it.

        One that was half written for another state holds curves of that state, and is deleted.
        """
        named = self.get(run_id)
        found = self.client.search_runs([self.experiment_id], f"tags.`{KEY}` = '{key}'")
        for run in [*([named] if named else []), *(run for run in found if run.info.run_id != run_id)]:
            begun = run.data.tags.get(BEGUN, "")
            meant = run.info.run_id == run_id or begun == state != "" or run.info.start_time == started
            if not meant or STATE in run.data.tags or run.info.lifecycle_stage != "active":
                continue
            if begun in ("", state):
                return run
            self.client.delete_run(run.info.run_id)
        return None


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or ``mlflow.db`` at the project's root; a relative path is one from that root.

    So also in the temporary copies of a project in which DVC runs queued experiments.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return f"sqlite:///{own_database()}"
    begin = LOCAL.match(uri)
    path = uri[begin.end() :] if begin else ""
    if not begin or not path or path.startswith((":memory:", "file:")) or Path(path).is_absolute():
        return uri
    return f"{begin[0]}{repository_root() / path}"


@contextmanager
def opened(experiment: str, *, restore: bool = False) -> Iterator[Store]:
    """The store and an experiment in it, made where missing, for one process at a time. Raises TrackingError.

    ``restore``: an experiment that a person deleted comes back, and its runs; else that is an error too.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # MLflow's 7 keep a failing stage waiting 4 minutes
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every table it makes
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # so does this; of a fault, traceback and SQL
    uri = tracking_uri()
    lock = repository_root() / ".standin" / "mlflow.lock"
    from filelock import FileLock, Timeout

    try:
        from mlflow import MlflowClient
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = min(utils.MAX_RETRY_COUNT, CONNECTIONS)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=LOCK_SECONDS):
            if uri == f"sqlite:///{own_database()}":
                prepare(own_database())
            elif named := re.fullmatch(r"sqlite:///(/[^?]*)", uri):
                begin(Path(named[1]))
            else:
                knock(uri)
            client = MlflowClient(tracking_uri=uri)
            found = client.get_experiment_by_name(experiment)
            root = (repository_root() / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
            number = found.experiment_id if found else client.create_experiment(experiment, artifact_location=root)
            if found and found.lifecycle_stage == "deleted":
                if not restore:
                    raise TrackingError(
                        f"MLflow at {redact(uri)}: the experiment {experiment!r} was deleted. `standin sync` restores "
                        "it, another tracking.experiment in params.yaml begins a new one"
                    )
                client.restore_experiment(number)
            yield Store(client, number)
    except Timeout:
        raise TrackingError(f"{lock}: another process has held it for {LOCK_SECONDS} s; does one hang?") from None
    except ImportError as error:
        package = f"the Python package {error.name!r}" if error.name else first_line(error)
        raise TrackingError(redact(f"MLflow at {uri} needs {package}, which is not installed here")) from error
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in STORES:
            raise
        raise TrackingError(redact(f"MLflow at {uri}: {_said(error)}")) from error


def knock(uri: str) -> None:
    """Raise TrackingError where no server takes a connection within ten seconds: MLflow would wait for minutes.

    What goes through a proxy, and addresses without a port that is known, are left to MLflow. Raises ImportError where
    the package that talks to a database is missing.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme not in PORTS or not parts.hostname or "," in parts.netloc:
        return
    if scheme in getproxies() and not proxy_bypass(parts.hostname):
        return
    if not scheme.startswith("http"):
        from sqlalchemy import make_url

        make_url(uri).get_dialect().import_dbapi()
    try:
        socket.create_connection((parts.hostname, parts.port or PORTS[scheme]), timeout=KNOCK_SECONDS).close()
    except OSError as error:
        why = (
            f"none within {KNOCK_SECONDS} s" if isinstance(error, TimeoutError) else error.strerror or first_line(error)
        )
        raise TrackingError(redact(f"MLflow at {uri}: no answer ({why})")) from None


def _said(error: Exception) -> str:
    """What an error says; of a server that cannot be reached only why, which stands at the end of a long line."""
    text = first_line(error)
    unreached = re.search(r"Failed to (?:establish|resolve).*\[Errno -?\d+\] ([^\[\]]*?)[)\"']*$", text)
    return f"no answer ({unreached[1]})" if unreached else text


def find_complete(store: Store, identity: Identity, state: str, *, deleted: bool = False) -> Any | None:
    """The run of a state.

    A plain `dvc repro`, HEAD and the workspace share the run of whoever reached the state first, also before a commit;
    an experiment has a run of its own.
    """
    for run in store.search(state, deleted=deleted):
        if not identity.experiment or run.data.tags.get(KEY) == identity.key:
            return run
    return None


def drop_twin(store: Store, attempt: Attempt, state: str) -> None:
    """Delete the run in which stages told of a state anew that has a complete run; a failure's run stays."""
    run = store.unfinished(attempt.identity.key, attempt.run, attempt.started, state)
    if run and run.info.status == "RUNNING":
        store.client.delete_run(run.info.run_id)
