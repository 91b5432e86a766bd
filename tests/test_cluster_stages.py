"""Stages on a cluster of three nodes: the bytes of one machine, also after the driver was killed."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cluster import nodes  # noqa: F401  a fixture
from test_engine_transformers import TEMPLATE, model, tokenizer
from test_predicting import LETTERS, made, project  # noqa: F401  fixtures among them

from standin.config import Embed, Generator, Params, Runtime
from standin.corpus import Row, write_rows
from standin.generation.store import AnswerStore
from standin.predicting import reading
from standin.predicting.classifiers import readers

ray = pytest.importorskip("ray", reason="Ray is not installed: `make test-ray` does that")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
ROOT = Path(__file__).resolve().parents[1]
STAGE = f"""
import sys
from pathlib import Path
from importlib import import_module
from standin.config import Params
from standin.task import load_task

stage, item, given = sys.argv[1:]
params = Params.model_validate_json(Path(given).read_text())
import_module("standin.stages." + stage).run(params, load_task("city-topics", Path({str(ROOT)!r})), item)
"""


def begun(folder: Path, params: Params, stage: str, item: str = "") -> "subprocess.Popen[str]":
    """A stage in a process of its own, in ``folder``."""
    (folder / "given.json").write_text(params.model_dump_json(by_alias=True))
    return subprocess.Popen([sys.executable, "-c", STAGE, stage, item, "given.json"], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def ended(process: "subprocess.Popen[str]") -> None:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said


def written(folder: Path, what: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / what).rglob("*") if path.is_file()}


def test_a_killed_driver_goes_on_and_ends_with_the_bytes_of_one_machine(nodes: Any, tmp_path: Path) -> None:  # noqa: F811
    big = model(max_position_embeddings=4096, hidden_size=64, intermediate_size=128, num_hidden_layers=4)
    big.save_pretrained(tmp_path / "model")
    tokenizer(TEMPLATE).save_pretrained(tmp_path / "model")
    chosen = Generator(model=str(tmp_path / "model"), texts=24, conversation=3, chunk=4, max_tokens=24)
    alone = Params(generator=chosen, embed=Embed(), runtime=Runtime(threads=1, device="cpu"))
    spread = alone.model_copy(update={"runtime": Runtime(threads=1, device="cpu", cluster=nodes.address)})
    one, many = tmp_path / "one", tmp_path / "many"
    for folder in (one, many):
        rows = [Row(id=f"r{n}", text=f"Text {n}", label="housing") for n in range(9)]
        for split in ("shots", "pool", "validation", "test"):
            write_rows(folder / f"data/real/{split}.jsonl", rows[:2] if split == "shots" else [])
        (folder / ".dvc").mkdir()
    ended(begun(one, alone, "generate"))

    killed = begun(many, spread, "generate")
    path = many / ".standin/answers.db"
    until = time.monotonic() + 120
    while time.monotonic() < until and not stored(path):
        time.sleep(0.05)
    killed.kill()
    killed.communicate()
    before = stored(path)
    ended(begun(many, spread, "generate"))
    assert 0 < before < stored(path) == stored(one / ".standin/answers.db")
    assert written(many, "data/generated") == written(one, "data/generated")

    for folder, params in ((one, alone), (many, spread)):
        ended(begun(folder, params, "embed", "real"))
    assert written(many, "data/embeddings/real") == written(one, "data/embeddings/real")


def test_a_classifier_reads_on_the_cluster_what_it_reads_here_and_goes_on(
    nodes: Any,  # noqa: F811
    project: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 2)
    alone = Runtime(threads=1, device="cpu")
    there = Runtime(threads=1, device="cpu", cluster=nodes.address)
    found = readers(Path("models/real"), {})
    texts = [*LETTERS, "", *LETTERS[::-1], "a bus in the park"]
    chunks = reading.planned(found, texts, [None] * len(texts))
    size = (len(texts), 2)
    expected = reading.read(chunks, size, alone, lambda _: None)

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reading.read(chunks, size, there, stop, reading.Partial(chunks))
    partial = reading.Partial(chunks)
    assert len(partial.known) == 1
    came: list[int] = []
    shares = reading.read(chunks, size, there, came.append, partial)
    assert len(came) == len(chunks) - 1
    assert np.array_equal(shares, expected, equal_nan=True)


def stored(path: Path) -> int:
    if not path.exists():
        return 0
    with AnswerStore(path) as store:
        return len(store.rows())
