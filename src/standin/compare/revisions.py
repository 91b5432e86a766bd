"""Which states are compared: names of experiments and revisions as a person gives them, and their files in git."""

import re
import subprocess
from collections.abc import Mapping, Sequence

from standin.compare.states import FILES, PARAMS, Run, parsed, read_run
from standin.errors import StandinError, nearest
from standin.tracking import trees

WORKSPACE, HEAD = "workspace", "HEAD"
NAME = re.compile(r"[\w.-]+")
"""Of a task: git reads one name a line."""


def chosen(names: Sequence[str], baseline: str, *, everything: bool) -> list[Run]:
    """The states to compare, the baseline first.

    Args:
        names: experiments, ``workspace``, or git revisions; empty for HEAD, the workspace and all experiments of HEAD.
        baseline: what the others are compared with.
        everything: without names, the experiments of other commits too.

    Raises:
        StandinError: a name is no experiment and no revision, or there is no commit.
    """
    head, experiments = trees.head(), trees.experiments()
    if not head:
        raise StandinError("git has no commit here, so there are no experiments to compare: `git commit` the project")
    known = {name: rev for rev, _, name in experiments}
    if names:
        wanted = [(name, _resolved(name, known)) for name in dict.fromkeys([baseline, *names])]
    else:
        mine = [(name, rev) for rev, of, name in experiments if everything or of == head]
        times = _times([rev for _, rev in mine])
        newest = sorted(mine, key=lambda one: -times.get(one[1], 0))
        first = [(name, _resolved(name, known)) for name in dict.fromkeys([baseline, HEAD, WORKSPACE])]
        wanted = [*first, *(one for one in newest if one not in first)]
    files = _files([rev for _, rev in wanted])
    runs: list[Run] = []
    for name, rev in wanted:
        if not names and name == WORKSPACE and any(files[rev] == files[other] for _, other in wanted if other != rev):
            continue  # it is one of the others, as after `dvc exp run` and `dvc exp apply`
        runs.append(_read(name, "" if rev == WORKSPACE else rev[:7], files[rev]))
    return runs


def _read(name: str, rev: str, files: Mapping[str, bytes | None]) -> Run:
    """A state; one whose files are broken is a run that says so."""
    try:
        return read_run(name, rev, files, files.get(_task_path(files)))
    except StandinError as error:
        return Run(name, rev, {}, {}, "", name, note=str(error))


def elsewhere() -> int:
    """How many experiments stand on other commits than HEAD."""
    head = trees.head()
    return sum(of != head for _, of, _ in trees.experiments())


def _resolved(name: str, experiments: Mapping[str, str]) -> str:
    """The commit of a name; ``workspace`` for the workspace."""
    if name == WORKSPACE:
        return WORKSPACE
    if name in experiments:
        return experiments[name]
    usable = name and not name.startswith("-") and name.isprintable()
    if usable and (rev := trees.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()):
        return rev
    refs = trees.git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").decode().split()
    raise StandinError(
        f"{name!r} is no experiment and no git revision: {nearest(name, {*experiments, *refs, HEAD, WORKSPACE})}"
    )


def _times(revs: Sequence[str]) -> dict[str, int]:
    """Seconds since 1970 at which commits were made."""
    if not revs:
        return {}
    lines = trees.git("log", "--no-walk=unsorted", "--format=%H %ct", *dict.fromkeys(revs)).decode().splitlines()
    return {rev: int(seconds) for rev, seconds in (line.split() for line in lines)}


def _files(revs: Sequence[str]) -> dict[str, dict[str, bytes | None]]:
    """The files of each state; the task file, which the parameters name, in a second reading."""
    found: dict[str, dict[str, bytes | None]] = {rev: {} for rev in revs}
    _read_into(found, [(rev, path) for rev in found for path in FILES])
    _read_into(found, [(rev, _task_path(files)) for rev, files in found.items()])
    return found


def _task_path(files: Mapping[str, bytes | None]) -> str:
    """Where the task file is; of broken parameters, which are told later, somewhere that is none."""
    try:
        base = parsed(files[PARAMS], PARAMS).get("base")
    except StandinError:
        base = None
    named = str(base.get("task", "")) if isinstance(base, dict) else ""
    return f"tasks/{named if NAME.fullmatch(named) else ''}.yaml"


def _read_into(found: dict[str, dict[str, bytes | None]], wanted: Sequence[tuple[str, str]]) -> None:
    for rev, path in wanted:
        if rev == WORKSPACE:
            found[rev][path] = trees.Workspace().read(path)
    of_git = [(rev, path) for rev, path in wanted if rev != WORKSPACE]
    for (rev, path), content in zip(of_git, blobs([f"{rev}:./{path}" for rev, path in of_git]), strict=True):
        found[rev][path] = content


def blobs(names: Sequence[str]) -> list[bytes | None]:
    """The files that git knows by names as ``HEAD:./params.yaml``, in one process; None where there is none."""
    asked = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
    said = subprocess.run(["git", "cat-file", "--batch"], input=asked, capture_output=True, check=False).stdout
    found: list[bytes | None] = []
    place = 0
    for _ in names:
        end = said.find(b"\n", place)
        head = said[place:end].rsplit(b" ", 2)
        place = end + 1
        if len(head) != 3 or not head[2].isdigit():  # "<name> missing"
            found.append(None)
            continue
        size = int(head[2])
        found.append(said[place : place + size] if head[1] == b"blob" else None)
        place += size + 1
    return found
