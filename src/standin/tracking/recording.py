"""Bring states into MLflow: the one a pipeline run has just reached, and those that git and the workspace hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from standin.errors import StandinError
from standin.tracking import attempts, models, runs, trees, writing
from standin.tracking.attempts import Attempt, Identity
from standin.tracking.contents import Contents, collect
from standin.tracking.furnishing import furnish
from standin.tracking.states import State, experiment_name, read_params, read_state, stale
from standin.tracking.trees import Commit, Tree, Workspace


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one state: ``what`` names it, ``run`` is the run's name, ``why`` says why it was left out."""

    what: str
    outcome: Literal["added", "known", "left out"]
    run: str = ""
    why: str = ""


def record_pipeline() -> tuple[str, Contents]:
    """Complete the run of the pipeline run that this process is the last stage of; returns the run's name and contents.

    DVC has seen to it that every other stage is up to date, so nothing is compared with dvc.lock. Raises StandinError
    where there is no dvc.lock yet, and TrackingError where MLflow cannot be written.
    """
    identity = attempts.current_identity()
    state = read_state(Workspace())
    if state is None:
        raise StandinError("dvc.lock: no stage has run here yet; `dvc repro` runs them")
    with runs.opened(state.experiment) as store:
        attempt = attempts.open_attempt(identity)
        if run := runs.find_complete(store, identity, state.digest):
            runs.drop_twin(store, attempt, state.digest)
        done = _complete(store, run, state, {}, identity, attempt)
        furnish(store, state)
        return done


def sync(*, everything: bool, restore: bool = False) -> list[Recorded]:
    """Record what MLflow lacks: the workspace's state, and with ``everything`` HEAD, all DVC experiments and failures.

    Idempotent: a second call adds nothing, and a run that a person deleted stays deleted. A state whose results do
    not all belong to its parameters and code is left out; an experiment is recorded with the stages that do.
    ``restore``: an MLflow experiment that a person deleted comes back.
    """
    recorded: list[Recorded] = []
    head = trees.head()
    if everything:
        recorded += [_record_failure(attempt, restore) for attempt in attempts.failed_attempts()]
        for rev, baseline, name in trees.experiments():
            recorded.append(_record(f"experiment {name}", Commit(rev), baseline, name, restore))
    recorded.append(_record("workspace", Workspace(), head, "", restore))
    if everything and head and _digest(Commit(head)) not in ("", _digest(Workspace())):
        recorded.append(_record("HEAD", Commit(head), head, "", restore))
    if any(one.outcome == "added" for one in recorded):
        _furnish()
    return recorded


def _furnish() -> None:
    """Show in the MLflow experiment that the workspace names what has come."""
    state = read_state(Workspace())
    with runs.opened(state.experiment if state else experiment_name(read_params(Workspace()))) as store:
        furnish(store, state)


def _record(what: str, tree: Tree, baseline: str, experiment: str, restore: bool) -> Recorded:
    state = read_state(tree)
    if state is None:
        return Recorded(what, "left out", why="no stage has run yet; `dvc repro` runs them")
    identity = attempts.identify(tree, baseline, experiment)
    with runs.opened(state.experiment, restore=restore) as store:
        if run := runs.find_complete(store, identity, state.digest, deleted=True):
            attempt = attempts.open_attempt(identity)
            if attempt.events and not stale(state):  # a pipeline that is changing the state goes on with its run
                runs.drop_twin(store, attempt, state.digest)
            return Recorded(what, "known", run.info.run_name)
        reasons = stale(state)
        if reasons and (not experiment or len(reasons) == len(state.stages)):
            address, reason = next(iter(reasons.items()))
            more = f" (and {len(reasons) - 1} more stages)" if len(reasons) > 1 else ""
            return Recorded(what, "left out", why=f"{address}: {reason}{more}; `dvc repro` brings it up to date")
        past = attempts.completed_attempt(state.digest)
        if past and (not experiment or past.identity.key == identity.key):
            name, _ = _complete(store, None, state, reasons, past.identity, past)
        else:
            name, _ = _complete(store, None, state, reasons, identity, attempts.open_attempt(identity))
    return Recorded(what, "added", name)


def _complete(
    store: runs.Store,
    run: Any | None,
    state: State,
    reasons: Mapping[str, str],
    identity: Identity,
    attempt: Attempt,
) -> tuple[str, Contents]:
    """Complete the given run, or the one the attempt's stages reported to, or a new one.

    An attempt that holds a failure which was never made good led to no state: its run stays a record of the failure.
    """
    led_here = bool(attempt.state) or not attempt.unresolved()
    started = attempt.started if led_here else None
    if run is None:
        named = attempt.run if led_here and not attempt.state else ""
        run = store.unfinished(identity.key, named, started, state.digest)
    if run is None:
        run = writing.create(store, identity, started, state.tree, state.digest)
    contents = collect(state, reasons, identity.baseline)
    writing.fill(store, run, state, contents, reasons, attempt)
    if isinstance(state.tree, Workspace) and not reasons:
        models.log_best(store, run, state)
    writing.close(store, run, state, attempt)
    if attempt.events and not attempt.state:
        attempts.append(identity, {"event": "completed", "state": state.digest})
    return str(run.info.run_name), contents


def _record_failure(attempt: Attempt, restore: bool) -> Recorded:
    stages = ", ".join(sorted(attempt.unresolved()))
    what = f"failed {stages}"
    with runs.opened(experiment_name(attempt.identity.params), restore=restore) as store:
        run = store.get(attempt.run)
        if run and (run.info.lifecycle_stage == "deleted" or run.info.status != "RUNNING"):
            return Recorded(what, "known", attempt.identity.name)
    writing.flush(attempt)
    return Recorded(what, "added", attempt.identity.name)


def _digest(tree: Tree) -> str:
    state = read_state(tree)
    return state.digest if state else ""
