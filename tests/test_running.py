"""`standin run` and what it starts: one run at a time in a project, signals that end all of it, what DVC says."""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from toy_project import ToyProject

from standin import cli, quiet, running
from standin.errors import StandinError

ROOT = Path(__file__).resolve().parents[1]
WAITING = """
stages:
  first:
    cmd: echo $$ > at-work && sleep 300
    params:
    - generator.shots
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ToyProject]:
    """A project whose one stage says through a pipe that it is at work, and then works for long."""
    made = ToyProject(tmp_path)
    made.write("dvc.yaml", WAITING)
    made.write("params.yaml", (ROOT / "params.yaml").read_text(encoding="utf-8"))
    made.write("tasks/city-topics.yaml", (ROOT / "tasks/city-topics.yaml").read_text(encoding="utf-8"))
    os.mkfifo(tmp_path / "at-work")
    made.write(".gitignore", "/.standin/\n/at-work\n/said\n")
    made.init_git()
    made.dvc("init", "-q")
    made.run("git", "config", "user.name", "T")
    made.run("git", "config", "user.email", "t@example.org")
    made.commit()
    yield made
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(tmp_path):
                process.kill()
        except psutil.Error:
            continue


def started(project: ToyProject, *words: str) -> "subprocess.Popen[bytes]":
    """`standin run`, whose stage is at work; what it says stands in the file ``said``."""
    with (project.root / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "standin.cli", "run", *words], cwd=project.root, env=project.environment(),
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    reached = threading.Event()
    threading.Thread(target=lambda: (project.root / "at-work").read_text() and reached.set(), daemon=True).start()
    assert reached.wait(120), (project.root / "said").read_text()
    return process


def children(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def state(project: ToyProject) -> list[str]:
    """All that a second run could break: HEAD, refs, changes, parameters."""
    words = (["rev-parse", "--symbolic-full-name", "HEAD"], ["for-each-ref"], ["status", "--porcelain"], ["diff"])
    return [project.run("git", *each).stdout for each in words]


def test_a_second_run_is_refused_and_touches_nothing_until_the_first_has_ended(project: ToyProject) -> None:
    first = started(project, "-S", "generator.shots=2")
    before = state(project)
    for words in ((), ("-S", "generator.shots=3")):
        second = project.run(sys.executable, "-m", "standin.cli", "run", *words, fails=True)
        hour = time.strftime("%H:")[:1]
        assert second.returncode == 1
        assert second.stdout == ""
        assert second.stderr.startswith(f"another run is going on in this project (process {first.pid}, since {hour}")
        assert second.stderr.endswith("): wait for it, or end it\n")
    assert state(project) == before
    first.send_signal(signal.SIGTERM)
    assert first.wait(120) == 143
    said = (project.root / "said").read_text()
    assert "params.yaml now holds the values of -S; `git checkout params.yaml` takes them back" in said
    assert state(project)[0] == "refs/heads/main\n"
    assert not {"EXEC_MERGE", "EXEC_BASELINE"} & set(re.findall(r"\w+$", state(project)[1], re.MULTILINE))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_dvc_and_the_stage_too_and_is_the_status(number: int, project: ToyProject) -> None:
    process = started(project)
    below = children(process)
    assert len(below) >= 2
    process.send_signal(number)
    assert process.wait(120) == 128 + number
    assert not psutil.wait_procs(below, timeout=10)[1]
    assert (project.root / "said").read_text().endswith("interrupted; run again to go on\n")


def test_what_a_script_starts_in_the_background_hears_no_ctrl_c_and_is_ended_all_the_same(project: ToyProject) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = started(project)
    finally:
        signal.signal(signal.SIGINT, before)
    below = children(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 143
    assert not psutil.wait_procs(below, timeout=10)[1]


def test_the_lock_of_a_run_that_was_killed_is_dvc_s_as_long_as_it_works(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = started(project)
    dvc = psutil.Process(process.pid).children()[0]
    process.kill()
    process.wait(120)
    monkeypatch.chdir(project.root)
    with pytest.raises(StandinError, match=rf"\(process {dvc.pid}, since"), running.alone():
        pass
    dvc.kill()
    psutil.wait_procs([dvc], timeout=60)
    with running.alone():  # what is left of both stands in no way
        pass


@pytest.mark.parametrize("left", [b"", b"{", b'{"processes": [], "since": 3}', b"[1]"])
def test_whatever_a_dead_run_left_in_the_lock_s_file_stands_in_no_way(
    left: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    running.LOCK.parent.mkdir()
    running.LOCK.write_bytes(left)
    with running.alone():
        running.LOCK.write_bytes(left)
        with pytest.raises(StandinError, match="another run is going on in this project: wait"), running.alone():
            pass


def test_the_values_of_changes_are_said_to_be_in_the_file_only_where_they_are(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    path = project.root / "params.yaml"
    whole = path.read_text()
    for after, said in (
        (whole.replace("shots: 0", "shots: 2"), "params.yaml now holds the values of -S; `git checkout"),
        (whole, ""),
        ("<<<<<<< HEAD\n" + whole, "params.yaml was changed: see `git diff params.yaml`\n"),
    ):
        path.write_text(whole)
        monkeypatch.setattr(running, "pipeline", lambda *_, after=after, **__: path.write_text(after) and 1)
        assert running.experiment(["generator.shots=2"], 0, verbose=False) == 1
        shown = capsys.readouterr().err
        assert shown.startswith(said)
        assert bool(shown) == bool(said)


def test_the_ends_by_signals_are_those_that_the_program_names() -> None:
    assert {128 + number for number in (*running.PASSED_ON, signal.SIGINT)} == set(cli.ENDED)


EMPTY, UNKNOWN = "'%s' is empty.", "No file hash info found for '%s'. It won't be created."


@pytest.mark.parametrize(
    ("message", "named", "is_shown"),
    [(EMPTY, "data/real/shots.jsonl", False), (EMPTY, "data/agreement/agreement.jsonl", False),
     (EMPTY, "data/predictions/real.jsonl", False), (UNKNOWN, str(ROOT / "models/few"), False),
     (EMPTY, "data/labels/my-task.jsonl", True), (EMPTY, "data/raw/my-task/texts.jsonl", True),
     (EMPTY, "data/realistic.jsonl", True), (UNKNOWN, str(ROOT / "data/raw/my-task"), True),
     ("'%s' is full.", "data/real/shots.jsonl", True)],
)  # fmt: skip
def test_dvc_warns_of_files_of_people_and_not_of_outputs_that_are_empty_or_not_made_yet(
    message: str, named: str, is_shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    record = logging.LogRecord("dvc.output", logging.WARNING, "", 0, message, (Path(named),), None)
    assert quiet.wanted(record) is is_shown


def test_those_warnings_have_the_words_of_the_dvc_that_is_installed() -> None:
    import dvc.output
    import dvc_data.hashfile.checkout

    source = "".join(Path(module.__file__).read_text() for module in (dvc.output, dvc_data.hashfile.checkout))
    assert {EMPTY, UNKNOWN} == quiet.OF_OUTPUTS
    assert all(f'"{words}"' in source for words in quiet.OF_OUTPUTS)


@pytest.mark.parametrize("broken", [None, "stages: [", "[1]", "stages: {a: 3}", "stages: {a: {outs: 3}}"])
def test_a_dvc_yaml_that_cannot_be_read_leaves_the_warnings(
    broken: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quiet._outputs.cache_clear()
    if broken is not None:
        Path("dvc.yaml").write_text(broken)
    try:
        assert quiet.wanted(logging.LogRecord("dvc", logging.WARNING, "", 0, EMPTY, ("a",), None))
    finally:
        quiet._outputs.cache_clear()
