"""What dvc.lock says of one state of the project: which stages ran on what, and whether their results still hold.

A state is identified by the content of dvc.lock (without the stage ``track``, which writes nothing), the parameters
and the task file. It does not change when it is committed, so a run made before a commit is found again after it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from standin.checked import parse_yaml
from standin.choices import UNSETTLED
from standin.config import Tracking
from standin.tracking.trees import Tree, Workspace

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class LockedStage:
    """One stage and its entry in dvc.lock; ``entry`` is empty where it has not run."""

    address: str
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in MLflow, which refuses '@': ``finetune.real``."""
        return self.address.replace("@", ".")

    @property
    def folder(self) -> str:
        """Where its reports are: ``reports/finetune/real``."""
        return "reports/" + self.address.replace("@", "/")

    @property
    def outs(self) -> dict[str, Mapping[str, Any]]:
        """Path -> md5, size, nfiles."""
        return {out["path"]: out for out in self.entry.get("outs", [])}

    @property
    def deps(self) -> dict[str, Mapping[str, Any]]:
        """Path -> md5, size, nfiles."""
        return {dep["path"]: dep for dep in self.entry.get("deps", [])}


@dataclass(frozen=True, slots=True)
class State:
    """One state of the project, as read from a tree."""

    tree: Tree
    params: Mapping[str, Any]
    task_file: str
    task: bytes
    stages: tuple[LockedStage, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        locked = {stage.address: _essence(stage.entry) for stage in self.stages}
        object.__setattr__(self, "digest", fingerprint(locked, settled(self.params), self.task.hex()))

    @property
    def experiment(self) -> str:
        """The name of the MLflow experiment."""
        return experiment_name(self.params)

    def md5(self, path: str) -> str | None:
        """What dvc.lock says a stage's output is; None where it is no output."""
        for stage in self.stages:
            if path in stage.outs:
                return str(stage.outs[path].get("md5"))
        return None


def experiment_name(params: Mapping[str, Any]) -> str:
    """The name of the MLflow experiment, from raw parameters."""
    return str((params.get("tracking") or {}).get("experiment") or Tracking().experiment)


def settled(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are meant to change results."""
    return {group: values for group, values in params.items() if group not in UNSETTLED}


def fingerprint(*values: Any) -> str:
    """A short hash of JSON values that does not depend on the order of keys."""
    text = json.dumps(canonical(values), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def canonical(value: Any) -> Any:
    """A YAML value in which equal numbers are equal.

    DVC writes what a person wrote as ``5e-5`` or ``5.0e-5`` as ``5e-05``, which YAML 1.1, and so PyYAML, calls a text.
    """
    if isinstance(value, Mapping):
        return {str(key): canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(inner) for inner in value]
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read_params(tree: Tree) -> dict[str, Any]:
    """The raw parameters of a tree: those of an old commit need not fit today's groups."""
    return _yaml(tree, "params.yaml")


def read_state(tree: Tree) -> State | None:
    """The state a tree holds; None where it is no project or nothing has run in it."""
    pipeline, params, lock = _yaml(tree, "dvc.yaml"), read_params(tree), _yaml(tree, "dvc.lock")
    if not pipeline.get("stages") or not lock.get("stages"):
        return None
    task_file = f"tasks/{(params.get('base') or {}).get('task', '')}.yaml"
    locked = lock["stages"]
    addresses = live(pipeline["stages"], params, locked)
    stages = tuple(LockedStage(address, locked.get(address) or {}) for address in addresses if address != "track")
    return State(tree, params, task_file, tree.read(task_file) or b"", stages)


def live(pipeline: Mapping[str, Any], params: Mapping[str, Any], locked: Mapping[str, Any]) -> list[str]:
    """The addresses of all stages of dvc.yaml, in its order: ``prepare``, ``finetune@real``.

    dvc.lock keeps entries of stages and arms that are gone; they are not part of a state. Only where the items of a
    ``foreach`` cannot be read from params.yaml (or the stage is a ``matrix``) its entries in dvc.lock are believed.
    """
    found: list[str] = []
    for name, stage in pipeline.items():
        if "foreach" in stage or "matrix" in stage:
            items = _items(stage.get("foreach"), params)
            believed = [address for address in locked if address.startswith(f"{name}@")]
            found += believed if items is None else [f"{name}@{item}" for item in items]
        else:
            found.append(name)
    return found


def stale(state: State) -> dict[str, str]:
    """The stages whose results do not belong to the state, by address, with the reason in words.

    A fast approximation of `dvc status` that also works on a commit: parameters, code and other files of the tree,
    small reports, and outputs of earlier stages, all compared with dvc.lock.
    """
    reasons: dict[str, str] = {}
    for stage in state.stages:
        if reason := next(_reasons(stage, state), None):
            reasons[stage.address] = reason
    while True:  # what stands on stale results is stale; stages may stand in any order in dvc.yaml
        waiting = {stage.address: source for stage in state.stages if stage.address not in reasons
                   and (source := _producer(stage, state, reasons))}  # fmt: skip
        if not waiting:
            return reasons
        reasons |= {address: f"stands on {source}" for address, source in waiting.items()}


def sources(state: State, address: str) -> dict[str, str]:
    """What a stage and all stages before it read that no stage makes, by path with its md5: code, raw data, labels."""
    by_address = {stage.address: stage for stage in state.stages}
    before: dict[str, LockedStage] = {}
    waiting = [by_address[address]] if address in by_address else []
    while waiting:
        stage = waiting.pop()
        if stage.address not in before:
            before[stage.address] = stage
            waiting += [other for other in state.stages if _reads(stage, other)]
    made = [out for stage in state.stages for out in stage.outs]
    return {path: str(dep.get("md5")) for stage in before.values() for path, dep in stage.deps.items()
            if not any(_overlap(path, out) for out in made)}  # fmt: skip


def md5(content: bytes | None) -> str | None:
    """The md5 by which dvc.lock knows a file; None for no file."""
    return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


def _reasons(stage: LockedStage, state: State) -> Iterator[str]:
    if not stage.entry:
        yield "has not run"
    for file, names in (stage.entry.get("params") or {}).items():
        now = state.params if file == "params.yaml" else _yaml(state.tree, file)
        for name, value in names.items():
            if canonical(_lookup(now, name)) != canonical(value):
                yield f"{file}: {name} has changed since"
    for path, dep in stage.deps.items():
        now_md5 = state.md5(path) or md5(state.tree.read(path))
        if now_md5 and dep.get("md5") and now_md5 != dep["md5"]:
            yield f"{path} has changed since"
    for path, out in stage.outs.items():
        if path.endswith("metrics.json") and md5(state.tree.read(path)) != out.get("md5"):
            yield f"{path} is not the file that dvc.lock names"


def _producer(stage: LockedStage, state: State, names: Mapping[str, str]) -> str | None:
    """The first of the named stages whose output the stage reads, as a whole or a file of it."""
    for other in state.stages:
        if other.address in names and _reads(stage, other):
            return other.address
    return None


def _reads(stage: LockedStage, other: LockedStage) -> bool:
    return any(_overlap(dep, out) for dep in stage.deps for out in other.outs)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _items(foreach: Any, params: Mapping[str, Any]) -> list[str] | None:
    if isinstance(foreach, str):
        name = foreach.strip()
        foreach = _lookup(params, name[2:-1].strip()) if name.startswith("${") and name.endswith("}") else None
    if isinstance(foreach, Mapping):
        return [str(key) for key in foreach]
    if isinstance(foreach, list):
        return [str(index if isinstance(item, dict | list) else item) for index, item in enumerate(foreach)]
    return None


def _lookup(values: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values


def _essence(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What of an entry identifies it: sizes and the order of lines do not."""
    hashes = {kind: {file["path"]: file.get("md5") for file in entry.get(kind, [])} for kind in ("deps", "outs")}
    return {"cmd": entry.get("cmd"), "params": entry.get("params"), **hashes}


def _yaml(tree: Tree, path: str) -> dict[str, Any]:
    """A mapping from a YAML file as DVC reads it, empty where there is none."""
    where = "" if isinstance(tree, Workspace) else f" of commit {getattr(tree, 'rev', '')[:7]}"
    value = parse_yaml(tree.read(path) or b"", f"{path}{where}", as_dvc=True)
    return value if isinstance(value, dict) else {}
