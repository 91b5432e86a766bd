"""The pipeline as ``standin run`` starts it: one run at a time, and a signal ends all that it started.

Two runs in one folder break the repository, not only the results: `dvc exp run` puts the changes away and detaches HEAD
before it takes a lock of its own, so that a second one finds the middle of the first.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from standin.errors import StandinError

LOCK = Path(".standin/run.lock")
PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
LOOK_SECONDS = 1.0
"""How often DVC's processes are looked for once a signal came: between two stages there is none to end."""


class EndedError(SystemExit):
    """A signal asks this process to end: exit status 128 and its number."""


@contextmanager
def alone() -> Iterator[int]:
    """Be the only run of the project; yields the file descriptor that holds the lock.

    The lock ends with the processes that hold it, however they end: this one, and DVC, which is given the descriptor
    and may outlive it. Raises StandinError where another run is going on.
    """
    import fcntl

    LOCK.parent.mkdir(exist_ok=True)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write(lock, os.getpid())
        yield lock
    except BlockingIOError:
        raise StandinError(
            f"another run is going on in this project{_whose(LOCK.read_bytes())}: wait for it, or end it"
        ) from None
    finally:
        os.close(lock)


def _write(lock: int, *processes: int) -> None:
    """Write into the lock's file whose it is."""
    held = json.dumps({"processes": processes, "since": time.strftime("%Y-%m-%d %H:%M")}).encode()
    os.pwrite(lock, held, 0)
    os.ftruncate(lock, len(held))


def _whose(written: bytes) -> str:
    """A process of the run that holds the lock, and since when; nothing where its file is not written yet."""
    import psutil

    try:
        found = json.loads(written)
        process = next(pid for pid in found["processes"] if psutil.pid_exists(pid))
        return f" (process {process}, since {str(found['since']).removeprefix(time.strftime('%Y-%m-%d '))})"
    except (KeyError, TypeError, ValueError, StopIteration):
        return ""


def pipeline(words: Sequence[str], lock: int, *, verbose: bool) -> int:
    """Run DVC; where it went well, record the result and compare it with the committed one. Returns the exit status."""
    from standin.stages.track import RECORDED_AFTER
    from standin.tracking.commands import record_workspace

    started = time.monotonic()
    status = dvc("dvc" if verbose else "standin.quiet", *words, lock=lock, environment={RECORDED_AFTER: "1"})
    if not status:
        typer.echo(f"all stages: {time.monotonic() - started:.1f} s")
        record_workspace()
        from standin.reproduction import against_committed

        for line in against_committed():
            typer.echo(line)
    return status


def experiment(changes: Sequence[str], lock: int, *, verbose: bool) -> int:
    """The pipeline with changed parameters, which DVC leaves in params.yaml: that is said where they are there."""
    import subprocess

    from standin.overrides import changed_params

    path = Path("params.yaml")
    before, wanted = path.read_text(encoding="utf-8"), changed_params(changes)
    clean = not subprocess.run(["git", "diff", "--quiet", "HEAD", "--", path], check=False).returncode
    status = pipeline(["exp", "run", *options(changes)], lock, verbose=verbose)
    if path.read_text(encoding="utf-8") != before:
        back = "; `git checkout params.yaml` takes them back" if clean else ""
        held = f"params.yaml now holds the values of -S{back}"
        typer.echo(held if _holds(path, wanted) else "params.yaml was changed: see `git diff params.yaml`", err=True)
    return status


def options(changes: Sequence[str]) -> list[str]:
    """Changes as words of a command line."""
    return [word for each in changes for word in ("-S", each)]


def _holds(path: Path, wanted: Mapping[str, Any]) -> bool:
    from standin.config import raw_params

    try:
        return raw_params(path) == wanted
    except StandinError:  # broken, as by a merge
        return False


def dvc(module: str, *words: str, lock: int | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run DVC and return the exit status; ``lock``: of ``alone``, which DVC holds too.

    Ctrl-C, which DVC and its stage hear as well, is waited for and is 130. SIGTERM and SIGHUP, which only this process
    hears, are passed on and waited for.
    """
    import subprocess

    before = {number: signal.getsignal(number) for number in PASSED_ON}
    for number, found in before.items():
        if found is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, _end)
    ended, told = 0, set[int]()
    strong = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    try:
        with subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env=os.environ | (environment or {}),
            pass_fds=[] if lock is None else [lock],
        ) as process:
            if lock is not None:
                _write(lock, os.getpid(), int(process.pid))
            while True:
                try:
                    status = process.wait(LOOK_SECONDS if ended not in (0, 130) else None)
                    return ended or _status(status)
                except KeyboardInterrupt:
                    ended = ended or 130
                except subprocess.TimeoutExpired:
                    _pass_on(process.pid, told, strong=strong)
                except EndedError as end:
                    if ended not in (0, 130):  # asked again
                        strong, told = True, set()
                    ended = int(str(end.code))
                    _pass_on(process.pid, told, strong=strong)
    finally:
        for number, found in before.items():
            signal.signal(number, found)


def _end(number: int, _: FrameType | None) -> None:
    raise EndedError(128 + number)


def _pass_on(pid: int, told: set[int], *, strong: bool) -> None:
    """Ask DVC and what it started to end, each process once, as Ctrl-C does: so DVC leaves the repository in order.

    ``strong``: where Ctrl-C is ignored, as by what a script starts in the background, or was not enough, the stage gets
    SIGTERM, and DVC ends as after any stage that fails.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        found = [*process.children(recursive=True), *([] if strong else [process])]
    except psutil.Error:
        return
    for each in found:
        if each.pid not in told:
            told.add(each.pid)
            try:
                each.send_signal(signal.SIGTERM if strong else signal.SIGINT)
            except psutil.Error:
                continue


def _status(code: int) -> int:
    """DVC's exit status as one of ours: 252 is its Ctrl-C, 3 a broken suite (standin.quiet), less than 0 a signal."""
    if code < 0:
        return 128 - code
    return {0: 0, 3: 3, 252: 130}.get(code, 1)
