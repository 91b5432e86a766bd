"""What a stage does while it runs, noted for its run. MLflow hears at once of a failure, or under ``tracking.live``."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from standin.config import Params
from standin.corpus import unlisted
from standin.errors import StandinError, first_line
from standin.tracking.attempts import Identity, append, current_identity, open_attempt, runs_folder
from standin.tracking.trees import redact

Outcome = Literal["finished", "failed", "interrupted"]


class Log:
    """Takes the metrics of a running stage."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.measured: dict[str, float] = {}

    def metrics(self, values: Mapping[str, Any]) -> None:
        """Note the stage's metrics: nested names -> numbers, words or truth values."""
        self.values |= values

    def figures(self, values: Mapping[str, float]) -> None:
        """Note what this machine took, as tokens a second: for MLflow, not for files that must be equal everywhere."""
        self.measured |= values


@contextmanager
def stage(params: Params, name: str, item: str) -> Iterator[Log]:
    """Note that a stage starts, and that it finishes, fails or is interrupted, with seconds, metrics and reason.

    A failing stage, and every stage under ``tracking.live``, also writes the events to MLflow. Whatever goes wrong with
    that is said and does not change how the stage ends; the events stay, and `standin sync` brings them later. Stages
    run by hand, outside DVC, are no part of an experiment and leave no events; nor does ``track``, which completes the
    run itself.
    """
    log = Log()
    if name == "track" or not os.environ.get("DVC_STAGE"):
        yield log
        return
    identity = current_identity()
    known = f"{name}.{item}" if item else name
    started = time.time()
    _note(identity, {"event": "started", "stage": known})
    try:
        yield log
    except BaseException as error:
        outcome: Outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        metrics = log.values or _left_behind(Path("reports") / name / item / "metrics.json", started)
        reason = redact(str(error) if isinstance(error, StandinError) else f"{type(error).__name__}: {error}")
        _note(identity, _outcome(outcome, known, started, metrics) | {"reason": reason})
        if outcome == "failed":  # one who interrupts waits for the prompt: the events go with the next flush
            _flush(identity)
        raise
    _note(identity, _outcome("finished", known, started, log.values) | {"figures": log.measured})
    if params.tracking.live:
        _flush(identity)


def _outcome(outcome: Outcome, stage: str, started: float, metrics: Mapping[str, Any]) -> dict[str, Any]:
    seconds = round(time.time() - started, 2)
    return {"event": outcome, "stage": stage, "seconds": seconds, "metrics": dict(metrics)}


def _left_behind(path: Path, started: float) -> dict[str, Any]:
    """The metrics a stage wrote itself before it failed, as a failed gate does."""
    try:
        values = unlisted(json.loads(path.read_text(encoding="utf-8"))) if path.stat().st_mtime >= started - 1 else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _note(identity: Identity, event: Mapping[str, Any]) -> None:
    try:
        append(identity, dict(event) | {"at": int(time.time() * 1000)})
    except OSError as error:
        print(f"tracking: no event written: {error}", file=sys.stderr, flush=True)  # noqa: T201


def _flush(identity: Identity) -> None:
    """Write the open attempt to MLflow; never raises, the stage's own ending comes first."""
    try:
        from standin.tracking.writing import flush

        flush(open_attempt(identity))
    except (Exception, KeyboardInterrupt) as error:
        kept = runs_folder() / f"{identity.key}.jsonl"
        said = redact(f"tracking: MLflow was not written: {first_line(error)}")
        print(f"{said}\ntracking: the events are kept in {kept}; `standin sync` brings them.", file=sys.stderr)  # noqa: T201
