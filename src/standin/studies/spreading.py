"""A study over a Ray cluster: every run is a DVC experiment made whole by one worker, in a checkout of the commit.

A folder that all nodes see under the same path holds what they share: ``origin.git``, to which the commit goes and from
which the experiments come back, ``cache``, the DVC cache of all checkouts, ``models``, converted ones, and ``answers``,
what the LLM said in each run. A run that came back is kept there too: a driver that was killed takes it from there and
does not make it again, and a run that was lost asks for the answers that are missing alone.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from standin.cluster import spread
from standin.engines.registry import gpus_of
from standin.errors import StandinError
from standin.machine import Runtime
from standin.overrides import load_with
from standin.running import options
from standin.studies.running import Outcome, Planned, keep
from standin.tracking import trees

PRCTL, ON_PARENTS_DEATH = getattr(ctypes.CDLL(None), "prctl", None), 1
"""What tells a process of its parent's death; Linux alone has it."""
SHARED = Path(".standin/cluster")
REMOTE = "cluster"
TEXTS: Any = {"base": True, "generator": True, "prepare": {"shots", "validation", "test", "near_duplicate"}}
"""What the texts of a run depend on, beside the commit: generate reads the first two, and shots that these draw."""
LAST = 12
"""Lines of a failed run's output that are told."""
WRITTEN = ("studies/", "docs/studies/")
"""What a study's commands write and its runs do not read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A run as a worker gets it: the experiment's name, what ``-S`` changes, the DVC files of its data.

    ``texts``: equal for runs that ask a server for the same texts. ``gpus``: that its stages take.
    """

    experiment: str
    changes: tuple[str, ...]
    data: tuple[str, ...]
    texts: str
    gpus: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where the runs are made: the folder that all nodes see, checkouts of this call, the commit, whose, until when."""

    shared: Path
    checkouts: Path
    commit: str
    identity: dict[str, str]
    until: float | None

    @property
    def origin(self) -> str:
        """The repository of all runs."""
        return str(self.shared / "origin.git")


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
        runtime: ``cluster`` is its address, ``threads`` the processors that a run takes, beside GPUs where there are.
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
    place = Place(shared, shared / "checkouts" / uuid.uuid4().hex[:8], trees.head(), _identity(), until)
    asked = {one.experiment: _asked(one) for one in missing}
    _prepare(place, asked.values())
    made, left = 0, 0
    failed: list[str] = []

    def took(one: Planned, seconds: float, how: str) -> None:
        nonlocal made
        try:
            _bring(one, place, seconds)
        except StandinError as error:
            lost(one, str(error))
            return
        made += 1
        say(f"{one.point.name}: {how} ({made + len(failed)} of {len(missing)})")

    def lost(one: Planned, why: str) -> None:
        failed.append(one.point.name)
        say(f"{one.point.name}: failed; the others go on\n{why}")

    there = _there(place)
    for one in missing:
        if one.experiment in there:
            took(one, 0.0, "was made before")
    waiting = [one for one in missing if one.experiment not in there]
    answered = {(asked.get(one.experiment) or _asked(one)).texts for one in plan if one.experiment in there}
    for one, ended in _ended(waiting, asked, answered, place, runtime):
        if ended.status is None:
            left += 1
        elif ended.status:
            lost(one, f"status {ended.status}\n{ended.said}")
        else:
            took(one, ended.seconds, f"made in {ended.seconds:.0f} s")
    shutil.rmtree(place.checkouts, ignore_errors=True)
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


def _asked(one: Planned) -> Asked:
    """A run with its data as far as git has the files that track them."""
    params, _ = load_with(list(one.changes))
    generator = params.generator
    named = (f"data/raw/{one.point.task}.dvc", f"{generator.model}.dvc")
    data = tuple(name for name in named if trees.git("ls-files", name))
    by_server = generator.engine == "openai" and generator.texts
    texts = params.model_dump_json(include=TEXTS) if by_server else one.experiment
    asking = (generator.engine, params.verify.engine, params.zeroshot.engine, params.subjectivity.engine)
    gpus = max(params.runtime.processes, *(gpus_of(engine, params.runtime) for engine in asking))
    return Asked(one.experiment, one.changes, data, texts, gpus)


def _ended(
    waiting: Sequence[Planned], asked: Mapping[str, Asked], answered: Set[str], place: Place, runtime: Runtime
) -> Iterator[tuple[Planned, Ended]]:
    """Every run with how it ended, as they come from the cluster.

    Of runs that ask a server for the same texts one is made first, and DVC's cache gives the others what it was told;
    ``answered``: texts that the cache has.
    """
    first: list[Planned] = []
    after: list[Planned] = []
    told: set[str] = set()
    for one in waiting:
        texts = asked[one.experiment].texts
        (after if texts in told else first).append(one)
        told |= {texts} - answered
    gpus = max((asked[one.experiment].gpus for one in waiting), default=1)
    for together in (first, after):
        runs = [asked[one.experiment] for one in together]
        for number, ended in spread(runtime, runs, partial(_worker, place), gpus, fails=False):
            yield together[number], Ended(1, str(ended), 0.0) if isinstance(ended, StandinError) else ended


def _prepare(place: Place, asked: Iterable[Asked]) -> None:
    """Bring the commit, and the data that git does not hold, to where the nodes find them."""
    for name in ("models", "cache", "answers"):
        (place.shared / name).mkdir(parents=True, exist_ok=True)
    if not Path(place.origin).exists():
        _called(["git", "init", "-q", "--bare", place.origin], Path())
    _called(["git", "push", "-q", place.origin, f"HEAD:refs/heads/{place.commit}"], Path())
    if data := sorted({name for one in asked for name in one.data}):
        _by_dvc(place, lambda repo: repo.push(targets=data, remote=REMOTE))


def _there(place: Place) -> dict[str, str]:
    """The experiments of the commit that came back before: name -> git's ref."""
    refs = trees.git("ls-remote", place.origin, f"refs/exps/{place.commit[:2]}/{place.commit[2:]}/*").decode().split()
    return {ref.rpartition("/")[2]: ref for ref in refs if ref.startswith("refs/")}


def _bring(one: Planned, place: Place, seconds: float) -> None:
    """Bring an experiment home: its commit, what DVC keeps of it, its record."""
    from dvc.repo.experiments.pull import pull

    ref = _there(place)[one.experiment]
    _by_dvc(place, lambda repo: pull(repo, place.origin, [ref], force=True, pull_cache=True, dvc_remote=REMOTE))
    rev = trees.git("rev-parse", "--verify", "--quiet", ref).decode().strip()
    keep(replace(one, experiment=rev), seconds)


def _by_dvc(place: Place, does: Callable[[Any], object]) -> None:
    """Do something with this project's DVC repository, a remote of which the nodes' cache then is."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(config={"remote": {REMOTE: {"url": str(place.shared / "cache")}}}) as repo:
            does(repo)
    except DvcException as error:
        raise StandinError(f"{place.shared}: {error}") from None


def _worker(place: Place) -> Callable[[Asked], Ended]:
    """What a worker does to a run. Raises StandinError where its node does not see the shared folder."""
    if not Path(place.origin).exists():
        raise StandinError(f"{place.shared} is not there: --shared is a folder that every node sees under one path")

    def work(asked: Asked) -> Ended:
        if place.until is not None and time.time() >= place.until:
            return Ended(None, "", 0.0)
        began = time.monotonic()
        folder = place.checkouts / f"{asked.experiment}-{uuid.uuid4().hex[:8]}"
        try:
            _checkout(folder, place, asked)
            status, said = _made(folder, asked)
        except (StandinError, OSError) as error:
            status, said = 1, str(error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Ended(status, said, time.monotonic() - began)

    return work


def _checkout(folder: Path, place: Place, asked: Asked) -> None:
    """The project at the study's commit, with the run's data, its answers and the cache that all checkouts share."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _called(["git", "clone", "-q", "--branch", place.commit, place.origin, str(folder)], folder.parent)
    for key, value in place.identity.items():
        _called(["git", "config", key, value], folder)
    own = folder / ".standin"
    own.mkdir(exist_ok=True)
    (own / "models").symlink_to(place.shared / "models")
    (own / "answers.db").symlink_to(place.shared / "answers" / f"{asked.experiment}.db")
    _called([*_python("dvc"), "config", "--local", "cache.dir", str(place.shared / "cache")], folder)
    if asked.data:
        _called([*_python("dvc"), "checkout", "-q", *asked.data], folder)


def _made(folder: Path, asked: Asked) -> tuple[int, str]:
    """Run the experiment and send it to the others' repository; returns the exit status and the last lines said."""
    words = ["exp", "run", "--name", asked.experiment, *options([*asked.changes, "runtime.cluster=null"])]
    call = "import sys; from standin.running import dvc; sys.exit(dvc('standin.quiet', *sys.argv[1:]))"
    done = _run([sys.executable, "-c", call, *words], folder)
    if not done.returncode:
        _called([*_python("dvc"), "exp", "push", "--no-cache", "-q", "origin", asked.experiment], folder)
    return done.returncode, "\n".join(done.stdout.splitlines()[-LAST:])


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
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        preexec_fn=_end_with_worker,
    )  # fmt: skip


def _end_with_worker() -> None:
    """Have a command told to end when the worker that began it is killed; it runs between fork and exec."""
    if PRCTL is not None:
        PRCTL(ON_PARENTS_DEATH, signal.SIGTERM)
