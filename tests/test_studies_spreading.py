"""What a worker of a cluster does to a study's run, without a cluster: its troubles, its deadline, its end."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from standin.errors import StandinError
from standin.machine import Runtime
from standin.studies import spreading
from standin.studies.running import Planned
from standin.studies.spreading import Asked, Place
from standin.studies.study import Point

ASKED = Asked("small-topics-seed-1-abcdef", ("base.seed=1",), (), "texts", 1)


def place(root: Path, until: float | None = None) -> Place:
    (root / "origin.git").mkdir()
    return Place(root, root / "checkouts/1", "0" * 40, {}, until)


def test_trouble_of_a_run_is_its_end_and_leaves_no_checkout(tmp_path: Path) -> None:
    ended = spreading._worker(place(tmp_path))(ASKED)
    assert ended.status == 1
    assert "git clone -q --branch failed in" in ended.said
    assert "origin.git" in ended.said
    assert list((tmp_path / "checkouts/1").iterdir()) == []


def test_a_node_that_does_not_see_the_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StandinError, match="missing is not there: --shared is a folder that every node sees"):
        spreading._worker(Place(tmp_path / "missing", tmp_path, "0" * 40, {}, None))
    assert list(tmp_path.iterdir()) == []


def waves(
    monkeypatch: pytest.MonkeyPatch, runs: Sequence[tuple[str, ...]], answered: Sequence[tuple[str, ...]] = ()
) -> list[list[int]]:
    """The places of runs that are made at the same time; each run by what it changes."""
    made: list[list[int]] = []
    plan = [Planned(Point("s", "city-topics", {}), changes, str(n), False) for n, changes in enumerate(runs)]
    asked = {one.experiment: spreading._asked(one) for one in plan}
    there = {spreading._asked(replace(plan[0], changes=changes)).texts for changes in answered}

    def spread(runtime: Runtime, items: Sequence[Asked], *_: Any, fails: bool) -> Iterator[tuple[int, Any]]:
        assert not fails
        made.append([int(item.experiment) for item in items])
        yield from ((place, StandinError(item.experiment)) for place, item in enumerate(items))

    monkeypatch.setattr(spreading, "spread", spread)
    ended = list(spreading._ended(plan, asked, there, Place(Path(), Path(), "", {}, None), Runtime()))
    assert [(one.experiment, each.said, each.status) for one, each in ended] == [
        (str(n), str(n), 1) for wave in made for n in wave
    ]
    return made


SERVER = ("generator.engine=openai", "generator.model=m")


def test_a_server_is_asked_once_for_the_same_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        (*SERVER, "finetune.epochs=1"),
        (*SERVER, "finetune.epochs=2"),
        (*SERVER, "prepare.pool=100"),
        (*SERVER, "base.seed=7"),
        (*SERVER, "generator.shots=1"),
        (*SERVER, "prepare.shots=70"),
        (*SERVER, "prepare.validation=40"),
        (*SERVER, "prepare.test=200"),
        (*SERVER, "prepare.near_duplicate=0.6"),
    ]
    assert waves(monkeypatch, runs) == [[0, *range(3, 9)], [1, 2]]
    assert waves(monkeypatch, runs, answered=runs[:1]) == [[*range(9)], []]


@pytest.mark.parametrize("settings", [("generator.engine=transformers",), (*SERVER, "generator.texts=0")])
def test_where_no_server_is_asked_no_run_waits(monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]) -> None:
    runs = [(*settings, f"finetune.epochs={n}") for n in (1, 2, 3)]
    assert waves(monkeypatch, runs) == [[0, 1, 2], []]


@pytest.mark.parametrize(
    "settings",
    [
        ("generator.engine=vllm", "runtime.tensor_parallel=2"),
        (*SERVER, "verify.engine=vllm", "runtime.data_parallel=2"),
        ("runtime.processes=2",),
    ],
)
def test_a_run_takes_the_gpus_of_its_stages(monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]) -> None:
    taken: list[int] = []
    monkeypatch.setattr(spreading, "spread", lambda *given, **_: taken.append(given[3]) or [])
    one = Planned(Point("s", "city-topics", {}), settings, "1", False)
    asked = {"1": spreading._asked(one)}
    assert list(spreading._ended([one], asked, set(), Place(Path(), Path(), "", {}, None), Runtime())) == []
    assert taken == [2, 2]


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
