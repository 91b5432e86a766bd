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
from test_stage_finetune import HELD, QUESTIONS, TRAIN
from tiny_encoder import write_tiny_encoder

from standin.config import Embed, Generator, Params, Runtime, parse_params
from standin.corpus import ArmRow, Row, write_rows
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

stage, item, given, *broken = sys.argv[1:]
for name in broken:  # here, and not in the workers
    module, _, function = name.partition(":")
    setattr(import_module(module), function, None)
params = Params.model_validate_json(Path(given).read_text())
import_module("standin.stages." + stage).run(params, load_task("city-topics", Path({str(ROOT)!r})), item)
"""


def begun(folder: Path, params: Params, stage: str, item: str = "", *broken: str) -> "subprocess.Popen[str]":
    """A stage in a process of its own, in ``folder``; ``broken``: functions that it cannot call itself."""
    (folder / "given.json").write_text(params.model_dump_json(by_alias=True))
    return subprocess.Popen([sys.executable, "-c", STAGE, stage, item, "given.json", *broken], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def ended(process: "subprocess.Popen[str]") -> None:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said


def written(folder: Path, what: str) -> dict[str, bytes]:
    """Path below ``what`` -> bytes."""
    files = (path for path in (folder / what).rglob("*") if path.is_file())
    return {path.relative_to(folder / what).as_posix(): path.read_bytes() for path in files}


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


def arm(folder: Path) -> None:
    """An arm of two questions, two budgets and two seeds."""
    rows = [
        ArmRow(seed=seed, budget=budget, id=f"r{n}", text=text, label=label, **question)
        for seed in (1, 2) for budget in (4, 6) for question in QUESTIONS for n, (text, label) in enumerate(TRAIN[:budget])
    ]  # fmt: skip
    write_rows(folder / "data/arms/real.jsonl", rows)
    for split in ("validation", "test"):
        held = [Row(id=f"{split}{n}{question['question_id']}", text=text, label=label, **question)
                for question in QUESTIONS for n, (text, label) in enumerate(HELD)]  # fmt: skip
        write_rows(folder / f"data/real/{split}.jsonl", held)
    (folder / ".dvc").mkdir()


@pytest.mark.parametrize(("who", "frozen", "keep", "saved"), [("real", 2, "all", 8), ("probe", 0, "best", 2)])
def test_the_classifiers_of_an_arm_are_those_of_one_machine(
    nodes: Any,  # noqa: F811
    tmp_path: Path,
    who: str,
    frozen: int,
    keep: str,
    saved: int,
) -> None:
    encoder = write_tiny_encoder(tmp_path / "encoder")
    chosen = {"encoder": str(encoder), "batch": 6, "frozen_layers": frozen, "max_tokens": 16, "keep": keep}
    found = []
    for name, address in (("one", None), ("many", nodes.address)):
        arm(tmp_path / name)
        given = {
            "arms": {"real": ["real"] if who == "real" else ["real", who]},
            "finetune": chosen | {"seeds": [1, 2], "min_steps": 3, "max_steps": 3, "epochs": 1.0},
            "runtime": {"threads": 1, "device": "cpu", "cluster": address},
        }
        broken = ["standin.finetuning.work:learned"] if address else []
        ended(begun(tmp_path / name, parse_params(given), "finetune", "real", *broken))
        found.append(
            {
                what: written(tmp_path / name, what)
                for what in ("models/real", "data/predictions", "reports/finetune/real")
            }
        )
    assert found[0] == found[1]
    weights = list((tmp_path / "many/models/real").rglob("model.safetensors"))
    assert len([path for path in weights if "Dense" not in str(path)]) == saved


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
