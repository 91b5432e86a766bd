"""Run a study: one DVC experiment a grid point, in a temporary copy of the commit; what is kept is not run again."""

import io
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from standin.checked import read_yaml
from standin.errors import StandinError
from standin.overrides import load_with
from standin.planning import plan_of
from standin.running import EndedError, options
from standin.studies import records
from standin.studies.study import Point, Study, changes
from standin.task import task_path
from standin.tracking import trees
from standin.tracking.states import fingerprint

PARAMS = Path("params.yaml")


@dataclass(frozen=True, slots=True)
class Planned:
    """A grid point: what ``-S`` changes, the experiment's name, whether its record is there, made by these changes.

    ``seconds``: what the run took, where it is done and that is known.
    """

    point: Point
    changes: tuple[str, ...]
    experiment: str
    done: bool
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ``run`` did: how many runs were made, which failed, how many are still to be made."""

    made: int
    failed: list[str]
    left: int


def planned(study: Study, asked: Sequence[Point]) -> list[Planned]:
    """Every grid point with what it changes. Raises StandinError where a record is broken."""
    there = read_yaml(PARAMS) or {}
    found = []
    for point in asked:
        changed = changes(study, point, there)
        path = records.path_of(point)
        # arms and strategies that only params.yaml has are taken out: which they are changes no result
        record = records.read(path) if path.exists() else None
        done = record is not None and _essential(record.changes) == _essential(changed)
        name = f"{point.name}-{fingerprint(_essential(changed))[:6]}"
        found.append(Planned(point, tuple(changed), name, done, record.seconds if record and done else 0.0))
    return found


def _essential(changed: Sequence[str]) -> list[str]:
    return [change for change in changed if not change.startswith("~")]


def check_settings(plan: Sequence[Planned]) -> None:
    """Raise StandinError where a run of the plan sets what is no parameter, or no value of it."""
    first = {(one.point.task, one.point.setting): one for one in reversed(plan)}
    for one in first.values():
        load_with(list(one.changes))


def check(study: Study, plan: Sequence[Planned]) -> None:
    """Check every different setting before the first run begins, with the data themselves.

    Raises StandinError: files in conflict, parameters that are none, a task whose file, data or recorded texts git and
    DVC do not hold (a temporary copy would lack them), or every task whose data are fewer than the study takes.
    """
    if trees.git("ls-files", "--unmerged", ":/"):
        raise StandinError(
            "git has files in conflict, and DVC makes no experiment of them: `git status` names them and says "
            "how to go on"
        )
    check_settings(plan)
    first = {(one.point.task, one.point.values.get("generator.model")): one for one in reversed(plan) if not one.done}
    for task in dict.fromkeys(one.point.task for one in plan):
        needed = [task_path(task).as_posix(), f"data/raw/{task}.dvc"]
        for path in needed:
            own_data = path.endswith(".dvc") and trees.git("ls-files", f"data/raw/{task}")
            if not own_data and not trees.git("ls-files", path):
                how = f"`standin data fetch {task}` or `standin data add {task} FILE`, then " if ".dvc" in path else ""
                raise StandinError(f"{path} is not in git, and a run of {study.name} needs it: {how}`git add` it")
    wrong: list[str] = []
    for one in [*first.values()][::-1]:
        params, asked = load_with(list(one.changes))
        model = params.generator.model
        if params.generator.engine == "replay" and not trees.git("ls-files", model, f"{model}.dvc"):
            how = f"`standin data add-generated {one.point.task} FILE --as {Path(model).stem}`, or `standin data fetch "
            raise StandinError(
                f"{model}.dvc is not in git, and a run of {study.name} needs those recorded texts: {how}"
                f"{one.point.task} --from FOLDER` where the task file names them, then `git commit`"
            )
        try:
            with redirect_stdout(io.StringIO()):
                plan_of(params, asked)
        except StandinError as error:
            wrong.append(f"{one.point.task}: {error}")
    if wrong:
        raise StandinError("\n".join(dict.fromkeys(wrong)))


def run(
    plan: Sequence[Planned],
    begin: Callable[[Sequence[str]], int],
    say: Callable[[str], None],
    *,
    until: float | None = None,
) -> Outcome:
    """Make the runs that are not there yet, one after the other; one that fails is named and the others go on.

    Args:
        plan: of the grid, in order.
        begin: runs DVC with these words and returns its exit status.
        say: tells a person.
        until: no run begins after this time, in seconds as ``time.time`` gives them.

    Raises:
        KeyboardInterrupt, EndedError: a person or a signal stopped a run; what was kept stays.
    """
    missing = [one for one in plan if not one.done]
    made = 0
    failed: list[str] = []
    for place, one in enumerate(missing):
        if until is not None and time.time() >= until:
            return Outcome(made, failed, len(missing) - place)
        say(f"run {place + 1} of {len(missing)}: {one.point.name}")
        began = time.monotonic()
        if one.experiment not in {name for _, _, name in trees.experiments()}:
            status = begin(["exp", "run", "--temp", "--name", one.experiment, *options(one.changes)])
            if status == 130:
                raise KeyboardInterrupt
            if status > 128:
                raise EndedError(status)
            if status:
                say(f"{one.point.name}: failed (status {status}); the others go on")
                failed.append(one.point.name)
                continue
        keep(one, time.monotonic() - began)
        made += 1
    return Outcome(made, failed, 0)


def keep(one: Planned, seconds: float) -> None:
    """Write the record of a run from its experiment.

    One that is made anew tells the longer time: what did not change DVC takes from its cache.
    """
    path = records.path_of(one.point)
    before = records.read(path).seconds if path.exists() else 0.0
    records.write(records.collect(one.point, one.experiment, one.changes, max(seconds, before)), path)


def enqueue(plan: Sequence[Planned], begin: Callable[[Sequence[str]], int]) -> int:
    """Queue the runs that are not there yet for `dvc queue start`; returns how many. Raises StandinError of DVC's."""
    there = {name for _, _, name in trees.experiments()}
    waiting = [one for one in plan if not one.done and one.experiment not in there]
    for one in waiting:
        if status := begin(["exp", "run", "--queue", "--name", one.experiment, *options(one.changes)]):
            raise StandinError(f"{one.point.name} could not be queued (DVC's status {status})")
    return len(waiting)


def collected(plan: Sequence[Planned]) -> tuple[list[str], list[str]]:
    """Keep what the queue's experiments have brought; returns the names kept, and those that are still missing."""
    there = {name for _, _, name in trees.experiments()}
    kept: list[str] = []
    missing: list[str] = []
    for one in plan:
        if one.done:
            continue
        if one.experiment in there:
            keep(one, 0.0)
            kept.append(one.point.name)
        else:
            missing.append(one.point.name)
    return kept, missing


def seconds_of(plan: Sequence[Planned]) -> dict[str, float]:
    """The median time of the runs that are there, by task; a task without one takes the median of all."""
    took: dict[str, list[float]] = {}
    for one in plan:
        if one.seconds:
            took.setdefault(one.point.task, []).append(one.seconds)
    every = [seconds for own in took.values() for seconds in own]
    tasks = dict.fromkeys(one.point.task for one in plan)
    return {task: median(took.get(task, every)) for task in tasks} if every else {}
