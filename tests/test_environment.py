"""Machines as they are: a full disk, a file system that takes no writes, no HOME, a store that three workers begin."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_errors import Project

from standin.engines.protocol import Answer
from standin.errors import StandinError
from standin.generation.store import AnswerStore, request_key

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("prepare", "generate", "translate", "verify")
RECORDED = "".join(f"A text about the park with number {n}.,{('con', 'pro')[n % 2]}\n" for n in range(40))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 20 MB."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting a file system takes root: {done.stderr.strip()}")
    before = Path.cwd()
    yield place
    os.chdir(before)
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    for name, block in (("filler", 65536), ("rest", 1)):
        with (place / name).open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"0" * block)
            except OSError:
                pass


def outputs(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted((root / "data").rglob("*")) if path.is_file()}


def test_a_full_disk_stops_a_stage_with_one_message_and_nothing_is_lost(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = small / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("DVC_ROOT", str(root))
    project = Project(root, capsys)
    project.write("recorded.csv", "text,label\n" + RECORDED)
    project.params(generator={"engine": "replay", "model": "recorded.csv", "texts": 8})
    for stage in STAGES:
        before = outputs(root)
        fill(small)
        status, said = project.run(stage)
        lines = [line for line in said.splitlines() if line.startswith(f"{stage}: ")]
        assert (status, len(lines)) == (1, 1), said
        assert "Traceback" not in said
        assert "full" in said
        for name in ("filler", "rest"):
            (small / name).unlink()
        assert {path: outputs(root).get(path) for path in before} == before, "what earlier stages left"
        status, said = project.run(stage)
        assert status == 0, said
    assert len(outputs(root)) > 10


def test_a_file_system_that_takes_no_writes_is_one_message(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(small)
    monkeypatch.setenv("DVC_ROOT", str(small))
    project = Project(small, capsys)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    status, said = project.run("prepare")
    assert (status, said.count("\n")) == (1, 1), said
    assert "not allowed to write or read here. Mend the permissions, then run again." in said


@pytest.mark.parametrize("variables", [{"LANG": "C"}, {"LC_ALL": "POSIX", "LANG": "C"}, {"LANG": "de_DE.ISO-8859-1"}])
def test_commands_need_neither_home_nor_a_language(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for name in ("params.yaml", "dvc.yaml", "tasks/city-topics.yaml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(
            text.replace("Imagine you live in a city", "Köln, 東京: imagine"), encoding="utf-8"
        )
    raw = tmp_path / "data/raw/city-topics"
    raw.parent.mkdir(parents=True)
    raw.symlink_to(ROOT / "data/raw/city-topics")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", "from standin.cli import main; main()", "prompts", "show"],
        cwd=tmp_path, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    assert b"--- transport-0000: transport" in done.stdout
    assert b"Traceback" not in done.stderr


def worker(path: Path, number: int, barrier: object, found: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        with AnswerStore(path) as store:
            store.keep_note("seen", number)
            store.put([{"n": number}], [Answer(f"text {number}", "stop", 1, 1)], 0.1)
        found.put("")  # type: ignore[attr-defined]
    except StandinError as error:
        found.put(str(error))  # type: ignore[attr-defined]


def test_a_store_that_another_worker_is_beginning_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # not in WAL mode yet: SQLite's own waiting does not cover it
    other.execute("CREATE TABLE begun (name TEXT)")
    finish = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    finish.start()
    with AnswerStore(path) as store:
        store.keep_note("seen", 1)
        assert store.note("seen") == 1
    finish.join()
    other.close()


@pytest.mark.slow
def test_three_workers_begin_a_store_together_fifty_times(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for trial in range(50):
        path = tmp_path / str(trial) / "answers.db"
        barrier, found = context.Barrier(3), context.Queue()
        workers = [context.Process(target=worker, args=(path, number, barrier, found)) for number in range(3)]
        for each in workers:
            each.start()
        assert [found.get(timeout=60) for _ in workers] == ["", "", ""]
        for each in workers:
            each.join()
        with AnswerStore(path) as store:
            assert len(store.get([request_key({"n": number}) for number in range(3)])) == 3
