"""How long the headline measures of diversity take.

    python benchmarks/measures.py [--sizes 10000 30000] [--repeats 5] [--bare]

Unit vectors of 384 dimensions in float32, one half at random, the other in 200 clusters. In one run, alternating:

- ``headline``: remote clique in closed form and Chamfer (``standin.measures.diversity.diversity``);
- ``product``: the bare product of all pairs in blocks of the same shape, nothing done with it;
- ``sklearn_cosine``: scikit-learn's cosine distances in chunks, their mean and each row's least but its own;
- ``sklearn_neighbours``: scikit-learn's exact two nearest (brute force, Euclidean: the compiled search that
  ``pairwise_distances_argmin_min`` runs too), which gives Chamfer alone.

The ratio of medians counts, as machines are shared. Floor: n^2 d operations, half of all pairs' product, at the rate
that the bare product reached. Memory is the process's peak while the headline measures ran, before all else. Then, once
a size: what stage diversity takes of such a set, 200 subsets of 1,000 for the measures and for the similarity to
another set. ``--bare`` leaves scikit-learn out, which takes minutes at 100,000. Writes
``benchmarks/results/measures.json``, each size anew and the others left.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "2"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402

from standin.measures.diversity import BLOCK, at_size, diversity, remote_clique_cosine  # noqa: E402
from standin.measures.fidelity import similarity_at_size  # noqa: E402

RESULT = ROOT / "benchmarks/results/measures.json"
DIMENSIONS, CLUSTERS, DRAWS, MOST = 384, 200, 200, 1000


def points(n: int, seed: int) -> Any:
    """Unit vectors, shape (n, 384), one half of them in clusters."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((n, DIMENSIONS), dtype=np.float32)
    centres = rng.standard_normal((CLUSTERS, DIMENSIONS), dtype=np.float32)
    found[::2] += 2 * centres[rng.integers(0, CLUSTERS, size=len(found[::2]))]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def product(vectors: Any) -> None:
    """All cosines, block by block, as the headline measures form half of them."""
    for top in range(0, len(vectors), BLOCK):
        for left in range(0, len(vectors), BLOCK):
            vectors[top : top + BLOCK] @ vectors[left : left + BLOCK].T


def sklearn_cosine(vectors: Any) -> tuple[float, float]:
    """Remote clique and Chamfer by scikit-learn's distances of all pairs."""
    from sklearn.metrics import pairwise_distances_chunked

    def reduced(chunk: Any, start: int) -> Any:
        rows = np.arange(len(chunk))
        chunk[rows, start + rows] = 0
        sums = chunk.sum(axis=1, dtype=np.float64)
        chunk[rows, start + rows] = np.inf
        return np.stack([sums, chunk.min(axis=1)], axis=1)

    parts = pairwise_distances_chunked(vectors, metric="cosine", reduce_func=reduced, working_memory=256)
    found = np.concatenate(list(parts))
    return float(found[:, 0].mean() / (len(vectors) - 1)), float(found[:, 1].mean())


def sklearn_neighbours(vectors: Any) -> float:
    """Chamfer by scikit-learn's compiled exact search, as 1 - cos = |u - v|^2 / 2."""
    from sklearn.neighbors import NearestNeighbors

    apart, _ = NearestNeighbors(n_neighbors=2, algorithm="brute", metric="euclidean").fit(vectors).kneighbors(vectors)
    return float(np.mean(apart[:, 1].astype(np.float64) ** 2 / 2))


def seconds(of: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call takes, and what it gives."""
    start = time.perf_counter()
    found = of()
    return time.perf_counter() - start, found


def measure(n: int, repeats: int, bare: bool) -> dict[str, Any]:
    """All timings at one size."""
    vectors = points(n, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first, own = seconds(lambda: diversity(vectors))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert own is not None
    runs: dict[str, list[float]] = {}
    given: dict[str, Any] = {}
    timed: dict[str, Callable[[Any], Any]] = {
        "headline": diversity,
        "product": product,
        "remote_clique": remote_clique_cosine,
    }
    if not bare:
        timed |= {"sklearn_cosine": sklearn_cosine, "sklearn_neighbours": sklearn_neighbours}
    for _ in range(repeats):
        for name, function in timed.items():
            took, given[name] = seconds(lambda function=function: function(vectors))  # type: ignore[misc]
            runs.setdefault(name, []).append(took)
        print(n, {name: round(values[-1], 3) for name, values in runs.items()}, flush=True)
    medians = {name: statistics.median(values) for name, values in runs.items()}
    operations = 2 * n * n * DIMENSIONS
    rng = np.random.default_rng(1)
    size = min(n // 2, MOST)
    draws, spread = seconds(lambda: at_size(vectors, size, DRAWS, rng))
    other = points(n, 2)
    similar, _ = seconds(lambda: similarity_at_size(vectors, other, 5, size, DRAWS, rng, MOST))
    assert spread is not None
    floor = medians["product"] / 2
    return {
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        "headline_over_product": round(medians["headline"] / medians["product"], 3),
        **{
            f"{name}_over_headline": round(medians[name] / medians["headline"], 2)
            for name in timed
            if name.startswith("sklearn")
        },
        "operations_of_all_pairs": operations,
        "product_gflops": round(operations / medians["product"] / 1e9, 1),
        "headline_over_floor": round(medians["headline"] / floor, 2),
        "peak_megabytes": round(peak / 1024),
        "megabytes_before": round(before / 1024),
        "seconds_of_the_first_run": round(first, 3),
        "subsets": {"draws": DRAWS, "texts": size, "seconds": round(draws, 2), "seconds_similarity": round(similar, 2)},
        "values": {
            "remote_clique_cosine": own.remote_clique_cosine,
            "chamfer_cosine": own.chamfer_cosine,
            **{name: value for name, value in given.items() if name.startswith("sklearn")},
            "chamfer_cosine_of_subsets": spread["chamfer_cosine"].mean,
        },
        "runs": {name: [round(value, 4) for value in values] for name, values in runs.items()},
    }


def main() -> None:
    """Measure each size in a process of its own, whose peak of memory is that size's, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--bare", action="store_true", help="without scikit-learn")
    given = parser.parse_args()
    found = {}
    for n in given.sizes:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found[str(n)] = pool.submit(measure, n, given.repeats, given.bare).result()
    from generation import machine

    known = json.loads(RESULT.read_text(encoding="utf-8"))["sizes"] if RESULT.exists() else {}
    sizes = dict(sorted({**known, **found}.items(), key=lambda pair: int(pair[0])))
    content = {"machine": machine() | {"threads": 2}, "dimensions": DIMENSIONS, "block": BLOCK, "sizes": sizes}
    RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for n, one in sizes.items():
        print(n, {name: value for name, value in one.items() if name not in ("runs", "values")})


if __name__ == "__main__":
    main()
