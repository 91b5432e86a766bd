"""Killed at any moment, the next run goes on and ends with the bytes of an unbroken one: three engines, 20 moments."""

import json
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from chat_server import serving
from test_engine_transformers import TEMPLATE, model, tokenizer

from standin.config import Base, Generator, Params, Runtime
from standin.corpus import Row, read_rows, write_rows
from standin.stages import generate
from standin.task import load_task

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("resume")]
ROOT = Path(__file__).resolve().parents[1]
TASK = load_task("city-topics", ROOT)
MOMENTS = 20


def fork(params: Params, folder: Path = Path()) -> int:
    """Run the stage in a forked process, in ``folder``; returns the process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chdir(folder)
            generate.run(params, TASK, "")
            status = 0
        finally:
            os._exit(status)
    return child


def run_in_child(params: Params, kill_after: float | None) -> float:
    """Run the stage in a forked process; returns its seconds. It is killed after ``kill_after`` seconds, if given."""
    started = time.monotonic()
    child = fork(params)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, ended = os.waitpid(child, 0)
    if kill_after is None:
        assert ended == 0
    return time.monotonic() - started


def outputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("data/generated").iterdir())}


def stored(database: Path) -> dict[str, tuple[Any, ...]]:
    if not database.exists():
        return {}
    connection = sqlite3.connect(database)
    try:
        return {row[0]: row[1:] for row in connection.execute("SELECT * FROM answers")}
    except sqlite3.OperationalError:  # killed before the table was made
        return {}
    finally:
        connection.close()


def check(params: Params, root: Path) -> None:
    database = root / ".standin/answers.db"
    seconds = run_in_child(params, None)
    whole, answers = outputs(), stored(database)
    rng = random.Random(7)
    interrupted = 0
    database.unlink()
    for _ in range(MOMENTS):
        before = stored(database)
        run_in_child(params, rng.uniform(0, seconds))
        after = stored(database)
        assert {key: after[key] for key in before} == before, "a stored row never changes"
        interrupted += 0 < len(after) < len(answers)
        if len(after) == len(answers):  # all done: begin anew
            database.unlink()
    run_in_child(params, None)
    assert outputs() == whole
    assert interrupted > 0, "no kill fell between the first and the last answer"


def test_two_experiments_at_once_share_the_store(project: Path) -> None:
    """Each ends with the outputs it has alone; what both ask for is stored once."""
    params = Params(generator=Generator(engine="openai", model="m", texts=10, conversation=2))
    with serving(lambda _, times: "500" if times % 2 == 0 else None) as server:
        settings = {"runtime": Runtime(base_url=server.url, concurrency=4, timeout=5)}
        both = [params.model_copy(update={**settings, "base": Base(seed=seed)}) for seed in (1, 1, 2)]
        children = []
        for number, one in enumerate(both):
            folder = project / str(number)
            write_rows(folder / "data/real/shots.jsonl", read_rows(Path("data/real/shots.jsonl"), Row))
            children.append(fork(one, folder))
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    first, twin, other = (
        {path.name: path.read_bytes() for path in (project / str(number) / "data/generated").iterdir()}
        for number in range(3)
    )
    assert first == twin
    assert first["answers.jsonl"] != other["answers.jsonl"]
    keys = {json.loads(line)["key"] for text in (first, other) for line in text["answers.jsonl"].splitlines()}
    assert set(stored(project / ".standin/answers.db")) == keys


def test_with_a_local_model(project: Path) -> None:
    big = model(max_position_embeddings=4096, hidden_size=64, intermediate_size=128, num_hidden_layers=4)
    big.save_pretrained(project / "model")
    tokenizer(TEMPLATE).save_pretrained(project / "model")
    chosen = Generator(model=str(project / "model"), texts=12, conversation=3, chunk=4, max_tokens=24)
    check(Params(generator=chosen, runtime=Runtime(threads=1, device="cpu")), project)


def test_with_recorded_texts(project: Path) -> None:
    path = project / "texts.jsonl"
    rows = [{"text": f"Recorded {label} {n}.", "label": label} for n in range(150) for label in TASK.label_names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    check(Params(generator=Generator(engine="replay", model=str(path), texts=150, conversation=3)), project)


def test_with_a_server(project: Path) -> None:
    with serving(lambda _, times: "500" if times % 2 == 0 else None) as server:
        chosen = Generator(engine="openai", model="m", texts=10, conversation=2)
        check(Params(generator=chosen, runtime=Runtime(base_url=server.url, concurrency=8, timeout=5)), project)
