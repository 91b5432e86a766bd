"""Which states are compared: names of experiments and revisions as a person gives them, and their files in git."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from standin.compare.states import FILES, LOCK, PARAMS, Run, parsed, read_run
from standin.errors import StandinError, nearest
from standin.tracking import trees

WORKSPACE, HEAD = "workspace", "HEAD"


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
    seen: set[tuple[bytes | None, bytes | None]] = set()
    for name, rev in wanted:
        state = files[rev][LOCK], files[rev][PARAMS]
        if not names and name == WORKSPACE and (state in seen or _equals_one(state, files, wanted)):
            continue
        seen.add(state)
        task = files[rev].get(_task_path(files[rev], name))
        runs.append(read_run(name, rev[:7], files[rev], task))
    return runs


def elsewhere() -> int:
    """How many experiments stand on other commits than HEAD."""
    head = trees.head()
    return sum(of != head for _, of, _ in trees.experiments())


def _equals_one(
    state: tuple[bytes | None, bytes | None],
    files: Mapping[str, Mapping[str, bytes | None]],
    wanted: Sequence[tuple[str, str]],
) -> bool:
    """Whether the workspace is one of the states, as it is after `dvc exp run` and `dvc exp apply`."""
    return any((files[rev][LOCK], files[rev][PARAMS]) == state for name, rev in wanted if name != WORKSPACE)


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
    _read_into(found, [(rev, _task_path(files, rev)) for rev, files in found.items()])
    return found


def _task_path(files: Mapping[str, bytes | None], name: str) -> str:
    base = parsed(files[PARAMS], f"{PARAMS} of {name}").get("base")
    return f"tasks/{base.get('task', '') if isinstance(base, dict) else ''}.yaml"


def _read_into(found: dict[str, dict[str, bytes | None]], wanted: Sequence[tuple[str, str]]) -> None:
    for rev, path in wanted:
        file = Path(path)
        if rev == WORKSPACE:
            found[rev][path] = file.read_bytes() if file.is_file() else None
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
