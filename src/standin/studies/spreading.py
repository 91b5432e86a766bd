"""A study over a Ray cluster: every run is a DVC experiment made whole by one worker, in a checkout of the commit.

A folder that all nodes see under the same path holds what they share: ``origin.git``, to which the commit goes and from
which the experiments come back, ``cache``, the DVC cache of all checkouts, and ``models``, converted ones. A run that
came back is kept there too: a driver that was killed takes it from there and does not make it again.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from standin.cluster import spread
from standin.errors import StandinError
from standin.machine import Runtime
from standin.running import options, status_of
from standin.studies.running import Outcome, Planned, keep
from standin.tracking import trees

SHARED = Path(".standin/cluster")
BRANCH, REMOTE = "study", "cluster"
LAST = 12
"""Lines of a failed run's output that are told."""
WRITTEN = ("studies/", "docs/studies/")
"""What a study's commands write and its runs do not read."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: DVC's exit status, None where it was not begun; its last lines; its seconds."""

    status: int | None
    said: str
    seconds: float


def run(
    plan: Sequence[Planned],
    runtime: Runtime,
    shared: Path,
    say: Callable[[str], None],
    *,
    until: float | None = None,
) -> Outcome:
    """Make the runs that are not there yet, as many at a time as the cluster has room for; a failed one is named.

    Args:
        plan: of the grid, in order.
        runtime: ``cluster`` is its address, ``threads`` the processors that a run takes, beside a GPU where there are.
        shared: the folder that all nodes see.
        say: tells a person.
        until: no run begins after this time, in seconds as ``time.time`` gives them.

    Raises:
        StandinError: the commit is not what the files are, or from git, DVC or the cluster; what was kept stays.
    """
    missing = [one for one in plan if not one.done]
    if not missing:
        return Outcome(0, [], 0)
    _check_committed()
    shared = shared.absolute()
    _prepare(shared)
    there = trees.git("ls-remote", str(shared / "origin.git"), "refs/exps/*").decode().split()
    known = {ref.rpartition("/")[2] for ref in there}
    made, left = 0, 0
    failed: list[str] = []

    def took(one: Planned, seconds: float, how: str) -> None:
        nonlocal made
        _bring(one, shared, seconds)
        made += 1
        say(f"{one.point.name}: {how} ({made + len(failed)} of {len(missing)})")

    for one in missing:
        if one.experiment in known:
            took(one, 0.0, "was made before")
    asked = [one for one in missing if one.experiment not in known]
    begin = partial(_worker, shared, _identity(), until)
    for place, ended in spread(runtime, [(one.experiment, one.changes) for one in asked], begin):
        one = asked[place]
        if ended.status is None:
            left += 1
        elif ended.status:
            say(f"{one.point.name}: failed (status {ended.status}); the others go on\n{ended.said}")
            failed.append(one.point.name)
        else:
            took(one, ended.seconds, f"made in {ended.seconds:.0f} s")
    return Outcome(made, failed, left)


def _check_committed() -> None:
    """Raise StandinError where files that runs read differ from the commit that workers check out."""
    lines = trees.git("status", "--porcelain", "--untracked-files=no").decode(errors="replace").splitlines()
    if changed := [line[3:] for line in lines if not line[3:].startswith(WRITTEN)]:
        named = ", ".join(changed[:3]) + (" ..." if len(changed) > 3 else "")
        raise StandinError(f"a cluster makes the runs at the last commit, from which {named} differs: `git commit` it")


def _identity() -> dict[str, str]:
    """In whose name experiments are committed."""
    found = {key: trees.git("config", key).decode(errors="replace").strip() for key in ("user.name", "user.email")}
    return {key: value for key, value in found.items() if value}


def _prepare(shared: Path) -> None:
    """Bring the commit, and the data that git does not hold, to where the nodes find them."""
    origin = shared / "origin.git"
    for folder in (shared / "models", shared / "cache"):
        folder.mkdir(parents=True, exist_ok=True)
    if not origin.exists():
        _called(["git", "init", "-q", "--bare", str(origin)], Path())
    _called(["git", "push", "-q", "--force", str(origin), f"HEAD:refs/heads/{BRANCH}"], Path())
    if data := _data(Path()):
        _by_dvc(shared, lambda repo: repo.push(targets=data, remote=REMOTE))


def _bring(one: Planned, shared: Path, seconds: float) -> None:
    """Bring an experiment home: its commit, what DVC keeps of it, its record."""
    from dvc.repo.experiments.pull import pull

    origin = str(shared / "origin.git")
    _by_dvc(shared, lambda repo: pull(repo, origin, [one.experiment], force=True, pull_cache=True, dvc_remote=REMOTE))
    keep(one, seconds)


def _by_dvc(shared: Path, does: Callable[[Any], object]) -> None:
    """Do something with this project's DVC repository, a remote of which the nodes' cache then is."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(config={"remote": {REMOTE: {"url": str(shared / "cache")}}}) as repo:
            does(repo)
    except DvcException as error:
        raise StandinError(f"{shared}: {error}") from None


def _data(root: Path) -> list[str]:
    """The files by which DVC tracks data."""
    done = subprocess.run(["git", "ls-files", "*.dvc"], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _worker(
    shared: Path, identity: dict[str, str], until: float | None
) -> Callable[[tuple[str, Sequence[str]]], Ended]:
    """What a worker does to a run: an experiment's name, and what ``-S`` changes."""

    def work(asked: tuple[str, Sequence[str]]) -> Ended:
        if until is not None and time.time() >= until:
            return Ended(None, "", 0.0)
        began = time.monotonic()
        folder = shared / "checkouts" / asked[0]
        shutil.rmtree(folder, ignore_errors=True)  # of a run whose worker was lost
        try:
            _checkout(folder, shared, identity)
            status, said = _made(folder, *asked)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Ended(status, said, time.monotonic() - began)

    return work


def _checkout(folder: Path, shared: Path, identity: dict[str, str]) -> None:
    """The project at the study's commit, with its data and the cache that all checkouts share."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _called(["git", "clone", "-q", "--branch", BRANCH, str(shared / "origin.git"), str(folder)], folder.parent)
    for key, value in identity.items():
        _called(["git", "config", key, value], folder)
    (folder / ".standin").mkdir(exist_ok=True)
    (folder / ".standin/models").symlink_to(shared / "models")
    _called([*_python("dvc"), "config", "--local", "cache.dir", str(shared / "cache")], folder)
    if data := _data(folder):
        _called([*_python("dvc"), "checkout", "-q", *data], folder)


def _made(folder: Path, name: str, changes: Sequence[str]) -> tuple[int, str]:
    """Run the experiment and send it to the others' repository; returns the exit status and the last lines said."""
    alone = options([*changes, "runtime.cluster=null"])
    done = _run([*_python("standin.quiet"), "exp", "run", "--name", name, *alone], folder)
    if not done.returncode:
        _called([*_python("dvc"), "exp", "push", "--no-cache", "-q", "origin", name], folder)
    return status_of(done.returncode), "\n".join(done.stdout.splitlines()[-LAST:])


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _called(command: Sequence[str], folder: Path) -> None:
    """Run a command. Raises StandinError with the last of what it said where it fails."""
    done = _run(command, folder)
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-LAST:])
        raise StandinError(f"{' '.join(command[:4])} failed in {folder.absolute()}: {last}")


def _run(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder, with this Python and the package as the folder holds it."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(folder.absolute() / "src"), os.environ.get("PYTHONPATH")])),
    }
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
