"""What memory a large pool takes in the stages embed and select.

    python benchmarks/streaming.py [--sizes 10000 100000 1000000]

Each size in a process of its own: a pool of so many texts of 3 to 8 words, 2,000 synthetic texts of two labels, an
encoder of one layer and 384 dimensions with random weights (the memory does not depend on what it knows), SQBC with one
seed and one budget. Memory is what the process had beside files mapped into it (``RssAnon``), its peak in each stage,
looked at every 20 ms. Beside it stand the bytes of texts and vectors. Writes ``benchmarks/results/streaming.json``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402

from standin.config import parse_params  # noqa: E402
from standin.corpus import Row, SyntheticRow, write_rows  # noqa: E402
from standin.task import load_task  # noqa: E402

RESULT = ROOT / "benchmarks/results/streaming.json"
SYNTHETIC, WORDS = 2_000, [f"w{number}" for number in range(5_000)]


def encoder(folder: Path) -> None:
    """Write a BERT of one layer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    BertTokenizer(vocab={word: n for n, word in enumerate(known)}, model_max_length=32).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 384, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 384}
    BertModel(BertConfig(vocab_size=len(known), max_position_embeddings=32, **shape)).save_pretrained(folder)


def pool(size: int) -> int:
    """Write the stages' inputs; returns the bytes of the texts."""
    rng = np.random.default_rng(1)

    def text() -> str:
        return " ".join(WORDS[place] for place in rng.integers(0, len(WORDS), rng.integers(3, 9)))

    for split in ("shots", "validation", "test"):
        write_rows(Path(f"data/real/{split}.jsonl"), [])
    write_rows(Path("data/real/pool.jsonl"), (Row(id=f"r{number}", text=text()) for number in range(size)))
    Path("data/real/oracle.jsonl").write_text('{"id": "r0", "label": "transport"}\n', encoding="utf-8")
    made = [
        SyntheticRow(id=f"s{number}", text=text(), label=("transport", "housing")[number % 2], plan_id=f"p{number}",
                     shots=0, engine="none", model="none")
        for number in range(SYNTHETIC)
    ]  # fmt: skip
    for path in ("data/synthetic/texts.jsonl", "data/translated/texts.jsonl"):
        write_rows(Path(path), made)
    return Path("data/real/pool.jsonl").stat().st_size


def held() -> float:
    """Megabytes of this process beside files."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def watched(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds and peak of a work."""
    over, peak = threading.Event(), [held()]

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    over.set()
    watcher.join()
    return {"seconds": round(took, 1), "peak_mb": round(peak[0])}


def once(stage: str) -> dict[str, float]:
    """One stage in this process, in the current folder."""
    from importlib import import_module

    given = {
        "embed": {"model": str(Path("encoder").absolute())},
        "select": {"budgets": [1_000]},
        "finetune": {"seeds": [1]},
        "runtime": {"device": "cpu"},
    }
    item = {"embed": "real", "select": "sqbc"}[stage]
    run = import_module(f"standin.stages.{stage}").run
    params, task = parse_params(given), load_task("city-topics", ROOT)
    if stage == "select":
        import_module("standin.stages.embed").run(params, task, "generated")
    began = held()
    return watched(lambda: run(params, task, item)) | {"before_mb": round(began)}


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(once(given.one)))
        return
    from generation import machine

    found: dict[str, Any] = {"machine": machine(), "sizes": {}}
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path(".dvc").mkdir()
            encoder(Path("encoder"))
            own: dict[str, Any] = {"text_mb": round(pool(size) / 2**20), "vector_mb": round(size * 384 * 4 / 2**20)}
            for stage in ("embed", "select"):
                command = [sys.executable, __file__, "--one", stage]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                own[stage] = json.loads(done.stdout.splitlines()[-1])
            found["sizes"][size] = own
            print(size, own, flush=True)
            os.chdir(ROOT)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
