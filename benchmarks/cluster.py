"""What a Ray cluster costs and brings on the processors at hand.

    python benchmarks/cluster.py [embed] [search] [answers] [--texts 20000] [--pool 1000000] [--answers 96000]
        [--nodes 1 2 3] [--repeats 3]

A cluster of so many nodes of one processor each on this machine (``ray.cluster_utils.Cluster``), beside the same work
by this process with one thread; in one run, alternating, each measured in a process of its own. Nodes share the
machine's cores: more of them than cores cannot be faster.

``embed``: texts of 5 to 40 words by the embedded encoder. ``search``: the 10 nearest of 10,000 synthetic vectors (384
numbers) to each vector of a pool, as SQBC asks. ``answers``: workers that give chunks of 96 answers of 200 characters
without any work, which the driver stores: how many a second it can take, whoever writes them. ``start``: an empty work
on the same nodes, which is what starting the workers costs. Overhead is the time of one node less that of this process,
a row of it in microseconds; efficiency the time of one node over n times that of n.

Memory is the driver's peak while it worked, before which stands what it held of the pool.

Writes ``benchmarks/results/cluster.json``, each part anew and the others left.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from measures import points  # noqa: E402

from standin.machine import Runtime  # noqa: E402

RESULT = ROOT / "benchmarks/results/cluster.json"
STORE = 600_000_000
"""Bytes of a node's object store."""
SYNTHETIC, NEIGHBOURS, CHUNK = 10_000, 10, 96
PARTS = ["embed", "search", "answers"]


def words(n: int) -> list[str]:
    """Different texts of 5 to 40 words."""
    rng = np.random.default_rng(1)
    known = ["".join(rng.choice(list("abcdefghijklmnoprstu"), rng.integers(2, 9))) for _ in range(4000)]
    return [" ".join(rng.choice(known, rng.integers(5, 41))) for _ in range(n)]


@contextmanager
def nodes(count: int) -> Any:
    """The runtime of a cluster of so many nodes; of none, this process alone."""
    if not count:
        yield Runtime(threads=1, device="cpu")
        return
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False},
    )
    for _ in range(count):
        made.add_node(num_cpus=1, object_store_memory=STORE)
    try:
        yield Runtime(threads=1, device="cpu", cluster=made.address)
    finally:
        import ray

        ray.shutdown()
        made.shutdown()


def embed(runtime: Runtime, size: int) -> Callable[[], Any]:
    """The work: vectors of texts."""
    from standin.measures.embeddings import embed as vectors_of

    texts = words(size)
    return lambda: vectors_of(texts, "all-minilm-l6-v2", "main", runtime)


def search(runtime: Runtime, size: int) -> Callable[[], Any]:
    """The work: neighbours of a pool."""
    from standin.selection.spreading import search_of

    pool = np.concatenate([points(min(50_000, size - start), start) for start in range(0, size, 50_000)])
    synthetic = points(SYNTHETIC, 7)
    return lambda: search_of(runtime)(pool, synthetic, NEIGHBOURS, "")


def chunk_of(number: int) -> list[tuple[Any, ...]]:
    """96 answers as a worker sends them."""
    asked = json.dumps({"messages": ["x" * 600], "number": number})
    return [(f"{number}-{row}" + "0" * 50, asked, "y" * 200, "stop", 150, 60, 0.1, 1, 0) for row in range(CHUNK)]


def answers(runtime: Runtime, size: int) -> Callable[[], Any]:
    """The work: answers into a store of the driver."""
    from standin.cluster import spread
    from standin.generation.store import AnswerStore

    def store() -> list[int]:
        with TemporaryDirectory() as folder, AnswerStore(Path(folder) / "answers.db") as kept:
            items = range(size // CHUNK)
            come = spread(runtime, items, lambda: chunk_of) if runtime.cluster else ((n, chunk_of(n)) for n in items)
            for _, rows in come:
                kept.take(rows)
            return [len(kept.rows())]

    return store


def once(part: str, size: int, count: int) -> dict[str, float]:
    """Seconds and memory of one measurement, in this process."""
    with nodes(count) as runtime:
        work = {"embed": embed, "search": search, "answers": answers}[part](runtime, size)
        started = 0.0
        if count:
            from standin.cluster import spread

            list(spread(runtime, range(count), lambda: abs))  # connects, and sends the code
            before = time.perf_counter()
            list(spread(runtime, range(count), lambda: abs))
            started = time.perf_counter() - before
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = time.perf_counter()
        found = work()
        took = time.perf_counter() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": took, "start": started, "held_mb": held / 1024, "peak_mb": peak / 1024,
            "sum": float(np.asarray(found, dtype=np.float64).sum())}  # fmt: skip


def measured(part: str, size: int, counts: list[int], repeats: int) -> dict[str, Any]:
    """Every number of nodes, this process among them as 0, by turns."""
    runs: dict[int, list[dict[str, float]]] = {count: [] for count in (0, *counts)}
    for _ in range(repeats):
        for count, own in runs.items():
            command = [sys.executable, __file__, part, "--one", str(count), "--size", str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            own.append(json.loads(done.stdout.splitlines()[-1]))
            print(part, count, own[-1], flush=True)
    sums = [round(one["sum"], 2) for own in runs.values() for one in own]
    assert len(set(sums)) == 1, f"results differ: {set(sums)}"
    median = {count: statistics.median(one["seconds"] for one in own) for count, own in runs.items()}
    return {
        "rows": size,
        "load_at_begin": os.getloadavg()[0],
        "seconds": median,
        "overhead_microseconds_a_row": {1: (median[1] - median[0]) / size * 1e6} if 1 in median else {},
        "efficiency": {count: median[1] / (count * median[count]) for count in counts} if 1 in median else {},
        "runs": runs,
    }


def main() -> None:
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[*PARTS], choices=PARTS)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--pool", type=int, default=1_000_000)
    parser.add_argument("--answers", type=int, default=96_000)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(once(given.parts[0], given.size, given.one)))
        return
    from generation import machine

    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for part in given.parts:
        size = {"embed": given.texts, "search": given.pool, "answers": given.answers}[part]
        found |= {part: measured(part, size, given.nodes, given.repeats) | {"machine": machine()}}
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
