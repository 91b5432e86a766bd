"""Run one stage: hand it what dvc.yaml declares, write its metrics and time, tell the tracker.

A stage is a module ``standin.stages.<stage>`` with ``run(params, task, item) -> Metrics``. It reads and writes files
by literal paths relative to the project's root, and returns its metrics.
"""

import importlib
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from standin.checked import read_yaml
from standin.classifier import processes
from standin.config import NAME, Params, load_params
from standin.corpus import write_json, write_metrics
from standin.errors import StandinError, nearest, surroundings
from standin.languages import language_warning
from standin.overrides import check_budgets
from standin.stores import settle
from standin.task import Task, load_task, task_path
from standin.tracking import events

Metrics: TypeAlias = Mapping[str, Any]
"""Nested names -> numbers, strings or booleans; written to ``reports/<stage>/metrics.json``."""

ORACLE = Path("data/real/oracle.jsonl")
"""The pool's labels: empty where it has none."""
ALWAYS = {"runtime", "base.task"}
TRAINING = ("warmstart", "learner", "finetune")
"""Stages that several processes can run together (``runtime.processes``, or ``torchrun`` by hand)."""
USAGE = "usage: python src/pipeline.py STAGE [ITEM], as dvc.yaml calls it; `dvc repro` runs all stages"

View = TypeVar("View", bound=BaseModel)


def declared(stage: str, task: str, item: str = "") -> tuple[set[str], set[str]]:
    """The parameters and the task's parts that dvc.yaml lists for a stage.

    ``${key}`` and ``${item}`` of a ``foreach`` stage stand for ``item``. Raises StandinError where dvc.yaml has no such
    stage, or where an item is given or missing against dvc.yaml.
    """
    stages = read_yaml(Path("dvc.yaml"))["stages"]
    if stage not in stages:
        raise StandinError(f"dvc.yaml: there is no stage {stage!r}: {nearest(stage, stages)}")
    found = stages[stage]
    if ("do" in found) != bool(item):
        raise StandinError(f"dvc.yaml: stage {stage!r} takes {'one item (foreach)' if 'do' in found else 'no item'}")
    if item and not NAME.fullmatch(item):
        raise StandinError(f"{stage}: {item!r} is no item: letters a-z, digits, '_', as in 'sqbc_synthetic'")
    params = set(ALWAYS)
    parts: set[str] = set()
    for entry in found.get("do", found).get("params", []):
        if isinstance(entry, str):
            params.add(_filled(entry, task, item))
            continue
        for file, names in entry.items():
            if file == "params.yaml":
                params |= {_filled(name, task, item) for name in names} if names else _keys(Params)
            elif _filled(file, task, item) == task_path(task).as_posix():
                parts |= set(names) if names else _keys(Task)
    return params, parts


def restrict(model: View, names: set[str]) -> View:
    """A view of a model in which reading anything but ``names`` fails with an AttributeError (in a dict: a KeyError).

    A name is a whole group (``generator``) or leads into one (``base.seed``, ``arms.real``).
    """
    view = model.model_copy()
    for field, info in type(model).model_fields.items():
        key = info.alias or field
        if key in names:
            continue
        inner = {name.split(".", 1)[1] for name in names if name.startswith(f"{key}.")}
        value = getattr(model, field)
        if inner and isinstance(value, BaseModel):
            view.__dict__[field] = restrict(value, inner)
        elif inner and isinstance(value, dict):
            keys = {name.split(".")[0] for name in inner}
            view.__dict__[field] = {name: found for name, found in value.items() if name in keys}
        else:
            del view.__dict__[field]
    return view


def restrict_task(task: Task, parts: set[str]) -> Task:
    """A view of the task in which reading a part that dvc.yaml does not list fails; the name is always there."""
    return restrict(task, parts | {"name"})


def main(arguments: Sequence[str]) -> int:
    """Run the stage named by the arguments; returns the exit status: 0, an error's own, 2 for a wrong call, 130."""
    if not 1 <= len(arguments) <= 2:
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 2
    stage, item = arguments[0], arguments[1] if len(arguments) == 2 else ""
    try:
        return run_stage(stage, item)
    except StandinError as error:
        print(f"{stage}: {error}", file=sys.stderr)  # noqa: T201
        return error.status
    except KeyboardInterrupt:
        if not processes.helps():
            print(f"{stage}: interrupted; run again to go on", file=sys.stderr)  # noqa: T201
        return 130
    except Exception as error:
        if (found := surroundings(error)) is None:
            raise
        print(f"{stage}: {found}", file=sys.stderr)  # noqa: T201
        return 1


def run_stage(stage: str, item: str) -> int:
    """Run a stage and write ``metrics.json`` and ``timing.json`` to ``reports/<stage>/<item>/``, then tell the tracker.

    The metrics are on disk before the tracker hears of them; ``timing.json`` stays on this machine. Returns the exit
    status: 0, but of several processes that of the first to fail.
    """
    params = load_params()
    task = load_task(params.base.task)
    prepared = stage != "prepare" and ORACLE.exists()
    check_budgets(params, task, labelled=prepared and ORACLE.stat().st_size > 0)
    names, parts = declared(stage, params.base.task, item)
    _check_item(stage, item, params)
    limit_threads(params.runtime.threads)
    if processes.world() > 1 and stage not in TRAINING:
        raise StandinError(f"torchrun: only {', '.join(TRAINING)} run in several processes: call this stage alone")
    if processes.helps():
        return _help(params)
    spread = stage == "finetune" and params.runtime.cluster  # a worker trains a classifier by itself
    if params.runtime.processes > processes.world() == 1 and stage in TRAINING and not spread:
        return processes.start_together([sys.argv[0], stage, *filter(None, [item])], params.runtime.processes)
    settle()
    prompted = stage == "generate" and params.generator.engine != "replay"
    for warning in (language_warning(params, task, stage, item), task.unedited() if prompted else None):
        if warning:
            print(warning, file=sys.stderr)  # noqa: T201
    with events.stage(params, stage, item) as log:
        started = time.perf_counter()
        module = importlib.import_module(f"standin.stages.{stage}")
        metrics = module.run(restrict(params, names), restrict_task(task, parts), item)
        processes.tell(None)
        seconds = time.perf_counter() - started
        if metrics:
            folder = Path("reports") / stage / item
            write_metrics(folder / "metrics.json", metrics)
            figures = module.machine_figures() if hasattr(module, "machine_figures") else {}
            write_json(folder / "timing.json", {"seconds": round(seconds, 2), **figures})
            log.metrics(metrics)
            log.figures(figures)
    print(f"{stage}{f' {item}' if item else ''}: {seconds:.1f} s", flush=True)  # noqa: T201
    return 0


def _help(params: Params) -> int:
    """Train what rank 0 trains."""
    from standin.classifier.encoders import prepare
    from standin.classifier.training import take_part

    prepare(params.runtime)
    take_part()
    return 0


def _check_item(stage: str, item: str, params: Params) -> None:
    """Raise StandinError where params.yaml has no such arm or strategy, of which the stage runs for each."""
    over = read_yaml(Path("dvc.yaml"))["stages"][stage].get("foreach")
    named: dict[str, Iterable[str]] = {"${arms}": params.arms, "${select.strategies}": params.select.strategies}
    known = named.get(str(over), over or ())
    if item and item not in known:
        where = f"params.yaml, {over[2:-1]}" if isinstance(over, str) else "dvc.yaml"
        raise StandinError(f"{where}: there is no {item!r}: {nearest(item, known)}")


def limit_threads(threads: int) -> None:
    """Set what torch's OpenMP reads when it is first imported.

    Waiting threads spin for some microseconds, then sleep. On two cores a process alone answers 64 chats in 23 s, with
    threads that sleep at once in 28 to 40 s; two processes beside each other take 24 s for 32 chats each, against 23 s
    with threads that sleep at once and 198 s with threads that spin 100 times as long.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _keys(model: type[BaseModel]) -> set[str]:
    return {info.alias or field for field, info in model.model_fields.items()}


def _filled(text: str, task: str, item: str) -> str:
    return text.replace("${base.task}", task).replace("${key}", item).replace("${item}", item)
