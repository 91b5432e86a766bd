"""What DVC's cache holds that nothing names any more, and its removal by DVC.

`dvc gc` would take everything that no commit names, also raw data that was added and never committed, and where a
version's list of files is neither here nor on a remote it gives up or forgets the files of that version. Here an object
goes only where two things hold: DVC's run cache says that a stage made it, so that a run can make it again; and no
commit of any branch, tag, stash or experiment names it, nor does the workspace.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from standin.compare.revisions import blobs
from standin.errors import StandinError

DIGEST = re.compile(rb"\bmd5: ['\"]?([0-9a-f]{32}(?:\.dir)?)\b")
POINTERS = ("dvc.lock", "*/dvc.lock", "*.dvc")
"""Files in which DVC names objects, as git's patterns."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of the cache by their md5 with their bytes: ``unused`` may go, ``unknown`` no stage is known to make."""

    unused: dict[str, int]
    unknown: dict[str, int]
    results: int
    """How many folders and single files the unused objects make up."""


def find(cache: Path) -> Objects:
    """Look through a cache folder (``.dvc/cache``). Raises StandinError where git does not know the whole history."""
    held = {path.parent.name + path.name: path for path in (cache / "files/md5").glob("??/*") if path.is_file()}
    if _git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise StandinError(
            "this clone is shallow: which results its commits name is not known. `git fetch --unshallow`"
        )
    used = _with_contents(_named(), held)
    free = {name: path for name, path in held.items() if name not in used}
    made = _with_contents(_made(cache / "runs"), held)
    unused = {name: path.stat().st_size for name, path in free.items() if name in made}
    unknown = {name: path.stat().st_size for name, path in free.items() if name not in made}
    folders = [name for name in unused if name.endswith(".dir")]
    inside = _with_contents(folders, held) - set(folders)
    return Objects(unused, unknown, len(folders) + sum(name not in inside and name not in folders for name in unused))


def remove(objects: Objects) -> None:
    """Let DVC remove the unused objects, while no other command of DVC writes. Raises StandinError where one does.

    They may have been found a while ago: what something names by now stays.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo

    with Repo() as repo:
        try:
            with repo.lock:
                store = repo.cache.local
                for name in objects.unused.keys() & find(Path(repo.cache.local_cache_dir)).unused.keys():
                    store.delete(name)
        except LockError:
            raise StandinError("DVC is at work in this project: clean when it has ended") from None


def _named() -> set[str]:
    """The md5 of every object that a commit or the workspace names."""
    refs = _git("for-each-ref", "--format=%(refname)", "refs/stash", "refs/exps").split()
    stashes = [ref for ref in refs if not re.fullmatch(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/.+", ref)]
    deeper = [rev for ref in stashes for rev in _git("log", "-g", "--format=%H", ref).split()]
    changes = _git("log", "--all", *dict.fromkeys(deeper), "-m", "--full-history", "--raw", "--no-abbrev",
                   "--no-renames", "--format=", "--", *(f":(top){pattern}" for pattern in POINTERS))  # fmt: skip
    ids = {name for line in changes.splitlines() if line.startswith(":") for name in line.split()[2:4]} - {"0" * 40}
    contents = blobs(sorted(ids))
    if None in contents:
        raise StandinError("git lacks a file of an earlier commit: which results it names is not known. `git fsck`")
    own = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *POINTERS).split("\0")
    contents += [Path(name).read_bytes() for name in own if name and Path(name).is_file()]
    return {name.decode() for content in contents for name in DIGEST.findall(content or b"")}


def _git(*words: str) -> str:
    """What git prints. Raises StandinError where it fails: without it everything would seem unused."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise StandinError("git is not installed: which results are used is not known") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise StandinError(f"git does not say which results are used: {said}")
    return done.stdout.decode(errors="surrogateescape")


def _made(runs: Path) -> Iterator[str]:
    """The md5 of every object that a stage has made, by DVC's run cache."""
    for path in runs.glob("??/*/*"):
        try:
            entry = yaml.load(path.read_bytes(), _LOADER)
            yield from (str(out["md5"]) for out in entry["outs"] if "md5" in out)
        except (OSError, yaml.YAMLError, TypeError, KeyError):  # half written: what it names stays
            continue


def _with_contents(names: Iterable[str], held: dict[str, Path]) -> set[str]:
    """Objects, and for each folder that the cache holds the files in it."""
    found = set(names)
    for name in [name for name in found if name.endswith(".dir") and name in held]:
        try:
            found |= {str(entry["md5"]) for entry in json.loads(held[name].read_bytes())}
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return found
