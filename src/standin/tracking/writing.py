"""What is written to a run: what its stages reported while they ran, and what the files of its state say."""

import json
import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.tracking import trees
from standin.tracking.attempts import Attempt, Identity, append
from standin.tracking.contents import TAG_CHARACTERS, Contents, cut, flat_params, split_metrics
from standin.tracking.runs import BEGUN, KEY, STATE, Store, opened
from standin.tracking.states import State, experiment_name
from standin.tracking.trees import Tree, Workspace

STAGES, NOTE = "stages", "mlflow.note.content"
FAILED = "Not finished: "
"""The tag in which a stage stands a line, the one that MLflow shows as the run's description, and how that of a failed
run begins."""
REASON_CHARACTERS = 300
TAGS_A_CALL, METRICS_A_CALL = 100, 1000
"""MLflow's limits for one request."""


def flush(attempt: Attempt) -> None:
    """Write what the stages of an unfinished attempt did to the attempt's run. A second call adds nothing."""
    with opened(experiment_name(attempt.identity.params)) as store:
        run = store.unfinished(attempt.identity.key, attempt.run, attempt.started, "")
        run = run or create(store, attempt.identity, attempt.started, Workspace(), "")
        if run.info.run_id != attempt.run:
            append(attempt.identity, {"event": "reported", "run": run.info.run_id})
        run = _with_params(store, run, attempt.identity)
        metrics: dict[str, float] = {}
        tags: dict[str, str] = {}
        outcomes = read_stages(run)
        for name, event in attempt.last().items():
            numbers, words = split_metrics(name, event.get("metrics") or {})
            metrics |= numbers | _figures(name, event)
            tags |= words
            outcomes[name] = _outcome(event)
        unresolved = attempt.unresolved()
        described = _failure(unresolved) if unresolved else ""
        log(store, run, metrics, tags | {STAGES: stages_text(outcomes)} | _note(run, described))
        if unresolved:
            unresolved_events = unresolved.values()
            status = "FAILED" if any(event["event"] == "failed" for event in unresolved_events) else "KILLED"
            store.client.set_terminated(run.info.run_id, status, max(event["at"] for event in unresolved_events))
        elif run.info.status != "RUNNING":
            store.client.update_run(run.info.run_id, status="RUNNING")


def _figures(stage: str, event: Mapping[str, Any]) -> dict[str, float]:
    """What an execution took on its machine."""
    return {f"seconds.{stage}": event["seconds"]} | {f"{stage}.{k}": v for k, v in event.get("figures", {}).items()}


def create(store: Store, identity: Identity, started: int | None, tree: Tree, state: str) -> Any:
    """A new run, begun for a state or for the reports of stages (""), at a time in milliseconds since 1970."""
    tags = {
        KEY: identity.key,
        BEGUN: state,
        "dvc.experiment": identity.experiment,
        "mlflow.user": tree.author(),
        "mlflow.source.name": "dvc exp run" if identity.experiment else "dvc repro",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": identity.baseline,
        **trees.origin(),
    }
    given = {name: text for name, text in tags.items() if text}
    return store.client.create_run(store.experiment_id, started or tree.time(), given, identity.name)


def fill(store: Store, run: Any, state: State, contents: Contents, stale: Mapping[str, str], attempt: Attempt) -> None:
    """Bring a run to what the files of a state say; ``close`` comes after it."""
    store.client.set_tag(run.info.run_id, BEGUN, state.digest)
    run = _with_params(store, run, attempt.identity)
    said, outcomes = read_stages(run), {}
    seconds: dict[str, float] = {}
    for stage in state.stages:
        event = attempt.last().get(stage.name, {})
        if stage.address in stale:
            outcomes[stage.name] = _short(f"not part of this state: {stale[stage.address]}")
        elif event.get("event") == "finished":
            outcomes[stage.name] = _outcome(event)
            seconds |= _figures(stage.name, event)
        else:
            before = said.get(stage.name, "")
            outcomes[stage.name] = before if before.startswith("executed") else "cached"
    tags = contents.tags | {STAGES: stages_text(outcomes)} | _note(run, contents.description)
    log(store, run, contents.metrics | seconds, tags)
    _log_curves(store, run, contents)
    _log_data(store, run, contents)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.artifacts.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        store.client.log_artifacts(run.info.run_id, folder)


def close(store: Store, run: Any, state: State, attempt: Attempt) -> None:
    """Call a run complete: the tag that finds it again as that comes last."""
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


def stages_text(outcomes: Mapping[str, str]) -> str:
    """What became of every stage, a line each; of very many those that were executed, failed or are missing."""
    lines = [f"{name}: {outcome}" for name, outcome in outcomes.items()]
    if len("\n".join(lines)) > TAG_CHARACTERS:
        lines = [line for line in lines if not line.endswith(": cached")]
    return cut("\n".join(lines), TAG_CHARACTERS)


def read_stages(run: Any) -> dict[str, str]:
    """What a run says of its stages, by their names."""
    lines = (line.split(": ", 1) for line in run.data.tags.get(STAGES, "").splitlines() if ": " in line)
    return dict(lines)


def _note(run: Any, described: str) -> dict[str, str]:
    """The tag of a run's description, where it has none yet or that of a failure: people write there too."""
    now = run.data.tags.get(NOTE, "")
    mended = now.startswith(FAILED)
    return {NOTE: cut(described, TAG_CHARACTERS)} if mended or (described and not now) else {}


def _failure(unresolved: Mapping[str, Mapping[str, Any]]) -> str:
    """Which stages did not finish and why, in Markdown."""
    return FAILED + "\n\n".join(f"{name} {_ended(event)}" for name, event in unresolved.items())


def _ended(event: Mapping[str, Any]) -> str:
    return f"{event['event']}: {event.get('reason') or 'no reason given'}"


def _outcome(event: Mapping[str, Any]) -> str:
    if event["event"] == "finished":
        return f"executed {event['seconds']:.1f}s"
    return _short(_ended(event))


def _short(text: str) -> str:
    return cut(" ".join(text.split()), REASON_CHARACTERS)


def _now() -> int:
    return int(time.time() * 1000)


def _same(one: float | None, other: float) -> bool:
    return one is not None and (one == other or (math.isnan(one) and math.isnan(other)))
