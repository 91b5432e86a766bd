"""Where the files of a state are read from: the workspace, or a commit (of a pulled experiment, say)."""

import difflib
import functools
import getpass
import re
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from standin.checked import check_size
from standin.errors import visible

REMOTE = re.compile(r"(https?|ssh|git)://|[\w.-]+@[\w.-]+:")
USER_INFO = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]+@")


class Tree(Protocol):
    """Files by their path relative to the project's root (the working directory)."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        ...

    def files(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""
        ...

    def diff(self, baseline: str) -> str:
        """How ``src`` differs from a commit, as a unified diff; empty where it does not."""
        ...

    def time(self) -> int | None:
        """When the state was made, in milliseconds since 1970; None for now."""
        ...

    def author(self) -> str:
        """Who made the state."""
        ...


class Workspace:
    """The working directory. Inside the temporary copies of `dvc exp run --temp` and of the queue: the copy."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        file = Path(path)
        if not file.is_file():
            return None
        check_size(file)
        return file.read_bytes()

    def files(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""
        return sorted(file.as_posix() for file in Path(folder).rglob("*") if file.is_file())

    def diff(self, baseline: str) -> str:
        """How ``src`` differs from a commit; files that git does not know yet are part of it."""
        if not baseline:
            return ""
        changed = git("diff", "--no-ext-diff", "--no-textconv", "--no-color", baseline, "--", "src").decode(
            errors="replace"
        )
        names = git("ls-files", "--others", "--exclude-standard", "-z", "--", "src").decode().split("\0")
        return changed + "".join(_added(name) for name in sorted(filter(None, names)))

    def time(self) -> int | None:
        """Now."""
        return None

    def author(self) -> str:
        """Who works here: git's name for them, else the operating system's."""
        return git("config", "user.name").decode(errors="replace").strip() or _account()


class Commit:
    """A commit. Files that DVC keeps in its cache are not in it."""

    def __init__(self, rev: str) -> None:
        self.rev = rev
        self._blobs: dict[str, str] | None = None

    @property
    def blobs(self) -> dict[str, str]:
        """Path -> git's id of the file."""
        if self._blobs is None:
            entries = git("ls-tree", "-r", "-z", self.rev).decode(errors="surrogateescape").split("\0")
            pairs = (entry.split("\t", 1) for entry in entries if entry)
            self._blobs = {path: meta.split()[2] for meta, path in pairs}
        return self._blobs

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where the commit holds none."""
        blob = self.blobs.get(path)
        return None if blob is None else _blob(blob)

    def files(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""
        return sorted(path for path in self.blobs if path.startswith(folder.rstrip("/") + "/"))

    def diff(self, baseline: str) -> str:
        """How ``src`` differs from another commit."""
        if not baseline:
            return ""
        arguments = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", baseline, self.rev, "--", "src")
        return git(*arguments).decode(errors="replace")

    def time(self) -> int | None:
        """When it was committed."""
        seconds = git("show", "-s", "--format=%ct", self.rev).strip()
        return int(seconds) * 1000 if seconds else None

    def author(self) -> str:
        """The commit's author."""
        return git("show", "-s", "--format=%an", self.rev).decode(errors="replace").strip()


def git(*arguments: str) -> bytes:
    """What git prints; nothing where it fails, is not installed, or there is no repository.

    Where it refuses the folder because of its owner that is told once, in its words: commit and code would be missing
    from the records without a word.
    """
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    if done.returncode and b"safe.directory" in done.stderr:
        _tell_refused(" ".join(done.stderr.decode(errors="replace").split()))
    return done.stdout if done.returncode == 0 else b""


@functools.cache
def _tell_refused(said: str) -> None:
    print(f"tracking: commit and changed code are not recorded: git says: {visible(said)}", file=sys.stderr)  # noqa: T201


def head() -> str:
    """The current commit; empty where there is none yet."""
    return git("rev-parse", "--verify", "--quiet", "HEAD").decode().strip()


def origin() -> dict[str, str]:
    """The current branch and the address of the repository's first remote, as MLflow's tags name them."""
    remote = git("remote").decode(errors="replace").splitlines()[:1]
    address = git("remote", "get-url", *remote) if remote else b""
    found = {
        "mlflow.source.git.branch": git("branch", "--show-current").decode(errors="replace").strip(),
        "mlflow.source.git.repoURL": address.decode(errors="replace").strip(),
    }
    if not REMOTE.match(found["mlflow.source.git.repoURL"]):  # a folder of this machine says nothing elsewhere
        del found["mlflow.source.git.repoURL"]
    return {name: redact(text) for name, text in found.items() if text}


def experiments() -> list[tuple[str, str, str]]:
    """All DVC experiments: (commit, baseline commit, name), in order of their refs.

    DVC keeps them as ``refs/exps/<2 digits>/<38 digits>/<name>``; other refs below ``refs/exps`` are its own business.
    """
    found = []
    for line in git("for-each-ref", "refs/exps", "--format=%(objectname) %(refname)").decode().splitlines():
        rev, ref = line.split(" ", 1)
        parts = ref.split("/")
        if len(parts) == 5 and re.fullmatch(r"[0-9a-f]{40}", parts[2] + parts[3]):
            found.append((rev, parts[2] + parts[3], parts[4]))
    return found


def redact(text: str) -> str:
    """Text without the user info of URLs: ``https://me:secret@host`` becomes ``https://***@host``."""
    return USER_INFO.sub(r"\1***@", text)


@functools.cache
def _blob(blob: str) -> bytes:
    return git("cat-file", "blob", blob)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return ""


def _added(path: str) -> str:
    """A file that git does not know yet, as a diff; what is no file, as a repository of its own, by name only."""
    try:
        lines = Path(path).read_bytes().decode(errors="replace").splitlines(keepends=True)
    except OSError as error:
        why = "a repository of its own, which git does not look into" if path.endswith("/") else error.strerror
        _tell_passed(path, str(why))
        return f"# not recorded: {path}: {why}\n"
    return "".join(difflib.unified_diff([], lines, "/dev/null", f"b/{path}"))


@functools.cache
def _tell_passed(path: str, why: str) -> None:
    print(f"tracking: {visible(path)} is not part of the recorded code: {why}", file=sys.stderr)  # noqa: T201
