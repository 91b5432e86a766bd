"""What a worker of a cluster does to a study's run, without a cluster: its troubles, its deadline, its end."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from standin.studies import spreading
from standin.studies.spreading import Asked, Place

ASKED = Asked("small-topics-seed-1-abcdef", ("base.seed=1",), ())


def place(root: Path, until: float | None = None) -> Place:
    return Place(root, root / "checkouts/1", "0" * 40, {}, until)


def test_trouble_of_a_run_is_its_end_and_leaves_no_checkout(tmp_path: Path) -> None:
    ended = spreading._worker(place(tmp_path))(ASKED)
    assert ended.status == 1
    assert "git clone -q --branch failed in" in ended.said
    assert "origin.git" in ended.said
    assert list((tmp_path / "checkouts/1").iterdir()) == []


def test_no_run_begins_after_the_time_that_was_given(tmp_path: Path) -> None:
    ended = spreading._worker(place(tmp_path, until=time.time() - 1))(ASKED)
    assert (ended.status, ended.said) == (None, "")
    assert not (tmp_path / "checkouts").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_what_a_killed_worker_began_ends_with_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    waits = f"import os, time, pathlib; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(300)"
    worker = f"from pathlib import Path; from standin.studies import spreading; import sys; spreading._run([sys.executable, '-c', {waits!r}], Path({str(tmp_path)!r}))"
    with subprocess.Popen([sys.executable, "-c", worker]) as process:
        until = time.monotonic() + 60
        while not (told.exists() and told.read_text()) and time.monotonic() < until:
            time.sleep(0.05)
        child = psutil.Process(int(told.read_text()))
        process.kill()
    gone, alive = psutil.wait_procs([child], timeout=20)
    assert (len(gone), alive) == (1, [])


def test_a_command_runs_the_package_of_its_checkout_by_this_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    done = spreading._run(["python", "-c", "import os, sys; print(sys.executable, os.environ['PYTHONPATH'])"], tmp_path)
    assert done.stdout.split() == [sys.executable, f"{tmp_path / 'src'}{os.pathsep}elsewhere"]
