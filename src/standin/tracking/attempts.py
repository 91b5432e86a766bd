"""What the stages of one experiment did, as lines of JSON: written without MLflow, kept until MLflow has it.

Stages run in processes of their own. DVC gives each of them the experiment's name and baseline commit; with the
parameters and the task file these make the key of ``.standin/runs/<key>.jsonl`` at the project's root, which the
temporary copies of `dvc exp run --temp` and of the queue share with the workspace. A file begins with the identity and
holds attempts: events up to a line that says that the run was completed.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standin.config import repository_root
from standin.tracking.states import fingerprint, read_params, settled
from standin.tracking.trees import Tree, Workspace, head


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes stage processes parts of one run. ``experiment`` is empty for a plain `dvc repro`."""

    baseline: str
    experiment: str
    params: Mapping[str, Any]
    task_file: str
    task: str
    """Hash of the task file: its parts are parameters too."""

    @property
    def key(self) -> str:
        """The hash that names the events' file and finds the run in MLflow."""
        return fingerprint(self.baseline, self.experiment, settled(self.params), self.task)

    @property
    def name(self) -> str:
        """The run's name: the experiment's, or one made of the commit and the key."""
        return self.experiment or f"repro-{self.baseline[:7] or 'uncommitted'}-{self.key[:6]}"


def identify(tree: Tree, baseline: str, experiment: str) -> Identity:
    """The identity of what a tree holds."""
    params = read_params(tree)
    task_file = f"tasks/{(params.get('base') or {}).get('task', '')}.yaml"
    task = hashlib.sha256(tree.read(task_file) or b"").hexdigest()
    return Identity(baseline, experiment, params, task_file, task)


def current_identity() -> Identity:
    """The identity of the running process: the DVC experiment's, or that of the current commit.

    A name without a baseline was exported by hand and is no experiment.
    """
    baseline = os.environ.get("DVC_EXP_BASELINE_REV", "")
    experiment = os.environ.get("DVC_EXP_NAME", "") if baseline else ""
    return identify(Workspace(), baseline or head(), experiment)


@dataclass(slots=True)
class Attempt:
    """The events between two completions.

    ``run`` is the id of the run in MLflow that the events were written to, ``state`` the digest of the state that the
    attempt was completed with; both are empty where that has not happened.
    """

    identity: Identity
    events: list[dict[str, Any]] = field(default_factory=list)
    run: str = ""
    state: str = ""

    @property
    def started(self) -> int | None:
        """When the first event happened, in milliseconds since 1970."""
        return self.events[0]["at"] if self.events else None

    @property
    def ended(self) -> int | None:
        """When the last event happened, in milliseconds since 1970."""
        return self.events[-1]["at"] if self.events else None

    def last(self) -> dict[str, dict[str, Any]]:
        """The last outcome of every stage, by its name in MLflow."""
        return {event["stage"]: event for event in self.events if event["event"] != "started"}

    def unresolved(self) -> dict[str, dict[str, Any]]:
        """The stages that failed or were interrupted and have not finished since."""
        return {name: event for name, event in self.last().items() if event["event"] != "finished"}


def runs_folder() -> Path:
    """Where the events are: shared by all experiments of a project."""
    return repository_root() / ".standin" / "runs"


def append(identity: Identity, event: Mapping[str, Any]) -> None:
    """Add one event. One write in append mode a line, so that processes do not tear each other's lines."""
    path = runs_folder() / f"{identity.key}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [event]
    if not path.exists():
        names = ("baseline", "experiment", "params", "task_file", "task")
        lines.insert(0, {"event": "run", **{name: getattr(identity, name) for name in names}})
    text = "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read_attempts(path: Path) -> list[Attempt]:
    """The attempts of one file, oldest first; the last one is open. Empty where the file holds no identity."""
    lines = [line for text in path.read_text(encoding="utf-8").splitlines() if (line := _parsed(text))]
    header = next((line for line in lines if line["event"] == "run"), None)
    if header is None:
        return []
    identity = Identity(**{name: header[name] for name in ("baseline", "experiment", "params", "task_file", "task")})
    attempts = [Attempt(identity)]
    for line in lines:
        if line["event"] == "completed":
            attempts[-1].state = line["state"]
            attempts.append(Attempt(identity))
        elif line["event"] == "reported":
            attempts[-1].run = line["run"]
        elif line["event"] != "run":
            attempts[-1].events.append(line)
    return attempts


def open_attempt(identity: Identity) -> Attempt:
    """What was done under this identity since its run was last completed."""
    path = runs_folder() / f"{identity.key}.jsonl"
    attempts = read_attempts(path) if path.exists() else []
    return attempts[-1] if attempts else Attempt(identity)


def completed_attempt(state: str) -> Attempt | None:
    """The attempt that led to a state, if it happened on this machine: it knows the seconds, name and baseline."""
    for path in sorted(runs_folder().glob("*.jsonl")):
        if state in path.read_text(encoding="utf-8"):
            for attempt in reversed(read_attempts(path)):
                if attempt.state == state:
                    return attempt
    return None


def failed_attempts() -> list[Attempt]:
    """The open attempts in which a stage failed."""
    found = []
    for path in sorted(runs_folder().glob("*.jsonl")):
        attempts = read_attempts(path)
        if attempts and attempts[-1].unresolved():
            found.append(attempts[-1])
    return found


def _parsed(line: str) -> dict[str, Any] | None:
    """One event; None for a line that a full disk or a kill cut short."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "event" in value else None
