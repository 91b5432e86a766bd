"""Embedding on a CPU against plain sentence-transformers: ``encode`` with its defaults, and a whole process.

    python benchmarks/embedding.py [--texts 4000] [--repeats 5]

The texts are sentences of 4 to 60 words from the docstrings of this environment's packages. Both sides run in turn, in
one process for ``encode`` (model loaded before), in processes of their own for the start-up with 1,000 texts. The floor
is the matrix products alone: 2 x parameters of the layers x tokens, over the rate of a product of that shape here.
Writes ``benchmarks/results/embedding.json``.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from curation import sentences  # noqa: E402
from generation import machine  # noqa: E402

THREADS = 2
START = 1000
ALONE = {
    "ours": "from standin.config import Runtime; from standin.measures.embeddings import embed;"
    f"embed(texts, 'all-minilm-l6-v2', 'main', Runtime(threads={THREADS}, device='cpu'))",
    "sentence-transformers": f"import torch; torch.set_num_threads({THREADS});"
    "from sentence_transformers import SentenceTransformer; from standin.embedded import resolve;"
    "SentenceTransformer(resolve('all-minilm-l6-v2'), device='cpu').encode(texts, normalize_embeddings=True)",
}


def seconds(call: Any) -> tuple[float, Any]:
    """How long a call takes, and what it gives."""
    started = time.perf_counter()
    found = call()
    return time.perf_counter() - started, found


def alone(side: str, texts: list[str]) -> float:
    """Seconds of a process that starts, loads the model and embeds."""
    code = f"import json, sys; texts = json.load(sys.stdin); {ALONE[side]}"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    run = [sys.executable, "-c", code]
    return seconds(
        lambda: subprocess.run(
            run, input=json.dumps(texts), text=True, check=True, env=environment, stderr=subprocess.DEVNULL
        )
    )[0]


def product_rate(width: int, wide: int) -> float:
    """FLOPs a second of the layers' largest product."""
    import torch

    a, b = torch.randn(4096, width), torch.randn(width, wide)
    return 2 * a.shape[0] * width * wide / statistics.median(seconds(lambda: a @ b)[0] for _ in range(9))


def main() -> None:
    """Time both sides in turn, hold their vectors against each other, write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--texts", type=int, default=4000)
    options.add_argument("--repeats", type=int, default=5)
    asked = options.parse_args()
    import torch

    from standin.embedded import resolve
    from standin.measures.bert import read_bert

    torch.set_num_threads(THREADS)
    folder = resolve("all-minilm-l6-v2")
    found = list(dict.fromkeys(islice(sentences(Path(np.__file__).parents[1]), 20 * asked.texts)))
    texts = random.Random(1).sample(found, asked.texts)
    from sentence_transformers import SentenceTransformer

    theirs, ours = SentenceTransformer(folder, device="cpu"), read_bert(Path(folder))
    assert ours is not None
    runs: dict[str, list[float]] = {"ours": [], "sentence-transformers": []}
    start: dict[str, list[float]] = {side: [] for side in ALONE}
    for _ in range(asked.repeats):
        took, mine = seconds(lambda: ours.encode(texts, lambda _: None))
        runs["ours"].append(took)
        took, other = seconds(lambda: theirs.encode(texts, normalize_embeddings=True))
        runs["sentence-transformers"].append(took)
        for side in ALONE:
            start[side].append(alone(side, texts[:START]))
        print(
            {
                side: round(times[-1], 2)
                for side, times in (runs | {f"{k}, process": v for k, v in start.items()}).items()
            }
        )
    tokens = sum(len(one.ids) for one in ours.tokenizer.encode_batch(texts))
    layers = sum(
        value.numel() for name, value in ours.weights.items() if name.startswith("encoder.") and value.dim() == 2
    )
    rate = product_rate(ours.dimension, 4 * ours.dimension)
    median = {side: statistics.median(times) for side, times in runs.items()}
    begun = {side: statistics.median(times) for side, times in start.items()}
    floor = 2 * layers * tokens / rate
    result = {
        "machine": machine(),
        "texts": len(texts),
        "tokens": tokens,
        "seconds": runs,
        "ratio": round(median["sentence-transformers"] / median["ours"], 2),
        "start_texts": START,
        "start_seconds": start,
        "start_ratio": round(begun["sentence-transformers"] / begun["ours"], 2),
        "largest_difference": float(np.abs(mine - other).max()),
        "floor_seconds": round(floor, 2),
        "times_the_floor": round(median["ours"] / floor, 2),
        "product_gflops": round(rate / 1e9),
    }
    (ROOT / "benchmarks/results/embedding.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print({name: value for name, value in result.items() if name not in ("machine", "seconds", "start_seconds")})


if __name__ == "__main__":
    main()
