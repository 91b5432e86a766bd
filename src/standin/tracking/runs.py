"""Runs in MLflow. The only module that imports it, but for ``database``, which has the tables made.

One run per DVC experiment and per state reached by `dvc repro`. While its stages report, their events name it; once
it is complete, the tag ``dvc.state`` (hash of dvc.lock, parameters, task) finds it, and ``dvc.key`` (hash of commit,
experiment name, parameters, task) tells experiments that reached the same state apart. The store is opened behind a
file lock: processes that open a new SQLite store at once break it, and two could make the same run twice.

A kill may come at any moment. A run is found again by what it was made with: its key, and the tag ``dvc.begun`` (the
state that it is being completed for) or the time at which its attempt began.
"""

import json
import logging
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.config import repository_root
from standin.errors import StandinError, first_line
from standin.tracking.contents import TAG_CHARACTERS, Contents, cut, flat_params, split_metrics
from standin.tracking.database import TrackingError, own_database, prepare
from standin.tracking.events import Attempt, Identity, append
from standin.tracking.states import State, experiment_name
from standin.tracking.trees import redact

KEY, STATE, BEGUN = "dvc.key", "dvc.state", "dvc.begun"
LOCK_SECONDS = 600
TAGS_A_CALL, METRICS_A_CALL = 100, 1000
"""MLflow's limits for one request."""


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
    """``MLFLOW_TRACKING_URI``, or ``mlflow.db`` at the project's root, also from a temporary copy."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own_database()}"


def ui_command(port: int) -> list[str]:
    """The command that shows the runs in a browser. Raises StandinError where there is nothing to show."""
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        raise StandinError(f"MLFLOW_TRACKING_URI names a server that has its own pages: open {redact(uri)}")
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise StandinError(f"{uri.removeprefix('sqlite:///')}: nothing is recorded yet. Run `make repro`.")
    return [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port)]


@contextmanager
def opened(experiment: str) -> Iterator[Store]:
    """The store and an experiment in it, made where missing, for one process at a time. Raises TrackingError."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # MLflow's 7 keep a failing stage waiting 4 minutes
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every table it makes
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # so does this; of a fault, traceback and SQL
    from alembic.util import CommandError
    from filelock import FileLock, Timeout
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    uri = tracking_uri()
    lock = repository_root() / ".standin" / "mlflow.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=LOCK_SECONDS):
            if uri == f"sqlite:///{own_database()}":
                prepare(own_database())
            client = MlflowClient(tracking_uri=uri)
            found = client.get_experiment_by_name(experiment)
            root = (repository_root() / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
            number = found.experiment_id if found else client.create_experiment(experiment, artifact_location=root)
            yield Store(client, number)
    except Timeout:
        raise TrackingError(f"{lock}: another process has held it for {LOCK_SECONDS} s; does one hang?") from None
    except (MlflowException, SQLAlchemyError, CommandError, OSError) as error:
        raise TrackingError(redact(f"MLflow at {uri}: {first_line(error)}")) from error


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


def flush(attempt: Attempt) -> None:
    """Write what the stages of an unfinished attempt did to the attempt's run. A second call adds nothing."""
    with opened(experiment_name(attempt.identity.params)) as store:
        run = store.unfinished(attempt.identity.key, attempt.run, attempt.started, "")
        run = run or create(store, attempt.identity, attempt.started, None, "")
        if run.info.run_id != attempt.run:
            append(attempt.identity, {"event": "reported", "run": run.info.run_id})
        run = _with_params(store, run, attempt.identity)
        metrics: dict[str, float] = {}
        tags: dict[str, str] = {}
        for name, event in attempt.last().items():
            numbers, words = split_metrics(name, event.get("metrics") or {})
            metrics |= numbers | _figures(name, event)
            tags |= words | {f"stage.{name}": _outcome(event)}
        log(store, run, metrics, tags)
        unresolved = attempt.unresolved().values()
        if unresolved:
            status = "FAILED" if any(event["event"] == "failed" for event in unresolved) else "KILLED"
            store.client.set_terminated(run.info.run_id, status, max(event["at"] for event in unresolved))
        elif run.info.status != "RUNNING":
            store.client.update_run(run.info.run_id, status="RUNNING")


def _figures(stage: str, event: Mapping[str, Any]) -> dict[str, float]:
    """What an execution took on its machine."""
    return {f"seconds.{stage}": event["seconds"]} | {f"{stage}.{k}": v for k, v in event.get("figures", {}).items()}


def create(store: Store, identity: Identity, started: int | None, committed: int | None, state: str) -> Any:
    """A new run, begun for a state or for the reports of stages (""); times in milliseconds since 1970."""
    tags = {
        KEY: identity.key,
        BEGUN: state,
        "dvc.experiment": identity.experiment,
        "dvc.baseline": identity.baseline,
        "mlflow.source.git.commit": identity.baseline,
    }
    given = {name: text for name, text in tags.items() if text}
    return store.client.create_run(store.experiment_id, started or committed, given, identity.name)


def complete(
    store: Store, run: Any, state: State, contents: Contents, stale: Mapping[str, str], attempt: Attempt
) -> None:
    """Bring a run to what the files of a state say. The tag that calls it complete comes last."""
    store.client.set_tag(run.info.run_id, BEGUN, state.digest)
    run = _with_params(store, run, attempt.identity)
    tags = dict(contents.tags)
    seconds: dict[str, float] = {}
    for stage in state.stages:
        event = attempt.last().get(stage.name, {})
        said = run.data.tags.get(f"stage.{stage.name}", "")
        if stage.address in stale:
            tags[f"stage.{stage.name}"] = f"not part of this state: {stale[stage.address]}"
        elif event.get("event") == "finished":
            tags[f"stage.{stage.name}"] = _outcome(event)
            seconds |= _figures(stage.name, event)
        elif not said.startswith("executed"):
            tags[f"stage.{stage.name}"] = "cached"
    log(store, run, contents.metrics | seconds, tags)
    _log_curves(store, run, contents)
    _log_data(store, run, contents)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.artifacts.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        store.client.log_artifacts(run.info.run_id, folder)
    store.client.set_terminated(run.info.run_id, "FINISHED", attempt.ended or state.tree.time())
    store.client.set_tag(run.info.run_id, STATE, state.digest)


def log(store: Store, run: Any, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
    """Add the numbers and tags that the run does not have yet."""
    from mlflow.entities import Metric, RunTag

    now = _now()
    numbers = [Metric(name, value, now, 0) for name, value in metrics.items()
               if not _same(run.data.metrics.get(name), value)]  # fmt: skip
    words = [RunTag(name, text) for name, text in tags.items() if run.data.tags.get(name) != text]
    for start in range(0, len(numbers), METRICS_A_CALL):
        store.client.log_batch(run.info.run_id, metrics=numbers[start : start + METRICS_A_CALL])
    for start in range(0, len(words), TAGS_A_CALL):
        store.client.log_batch(run.info.run_id, tags=words[start : start + TAGS_A_CALL])


def _log_curves(store: Store, run: Any, contents: Contents) -> None:
    """Add the points that a run lacks: a kill may have come between two calls, and within a curve."""
    from mlflow.entities import Metric

    now = _now()
    points: list[Any] = []
    for name, curve in contents.curves.items():
        if name not in run.data.metrics:
            points += [Metric(name, value, now, step) for step, value in curve]
        elif STATE not in run.data.tags:
            known = {point.step for point in store.client.get_metric_history(run.info.run_id, name)}
            points += [Metric(name, value, now, step) for step, value in curve if step not in known]
    for start in range(0, len(points), METRICS_A_CALL):
        store.client.log_batch(run.info.run_id, metrics=points[start : start + METRICS_A_CALL])


def _log_data(store: Store, run: Any, contents: Contents) -> None:
    """Name the data sets as the run's inputs; MLflow itself keeps an input that it has already from counting twice."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = [
        DatasetInput(
            Dataset(
                name=data.path,
                digest=data.md5[:36],
                source_type="dvc",
                source=json.dumps({"path": data.path, "md5": data.md5}),
                profile=json.dumps({"bytes": data.size, "files": data.files}),
            ),
            [InputTag("mlflow.data.context", data.made_by)],
        )
        for data in contents.data
    ]
    if inputs:
        store.client.log_inputs(run.info.run_id, datasets=inputs)


def _with_params(store: Store, run: Any, identity: Identity) -> Any:
    """The run as the store has it now, with every parameter it lacks; MLflow lets nobody change one later."""
    from mlflow.entities import Param

    params = flat_params(identity.params, identity.task_file)
    new = [Param(name, text) for name, text in params.items() if name not in run.data.params]
    for start in range(0, len(new), TAGS_A_CALL):
        store.client.log_batch(run.info.run_id, params=new[start : start + TAGS_A_CALL])
    return store.client.get_run(run.info.run_id)


def _outcome(event: Mapping[str, Any]) -> str:
    if event["event"] == "finished":
        return f"executed {event['seconds']:.1f}s"
    return cut(f"{event['event']}: {event.get('reason') or 'no reason given'}", TAG_CHARACTERS)


def _now() -> int:
    return int(time.time() * 1000)


def _same(one: float | None, other: float) -> bool:
    return one is not None and (one == other or (math.isnan(one) and math.isnan(other)))
