"""How long it takes to choose texts from a large pool.

    python benchmarks/selection.py [sqbc] [cal] [coverage] [--pool 1000000] [--repeats 3] [--exact]

Unit vectors of 384 dimensions in float32, one half at random, the other in 200 clusters. In one run, alternating, the
ratio of medians counts, as machines are shared.

``sqbc``: a pool against 10,000 synthetic texts of four labels, k = 10.

- ``sqbc``: the strategy (``standin.selection.sqbc``), from embeddings to scores;
- ``product``: the bare product of all pairs in float32, as many rows at a time into one array, nothing done with it;
- ``--exact``: once, the search that came before (all cosines in float64, rounded, partitioned), whose scores must be
  the same to the last bit.

Floor: 2 n m d operations at the rate that the bare product reached; each cosine is written once and read once. Memory
is the process's peak while the strategy ran, before all else, with the pool in it.

``cal``: a pool of 20,000 against 1,000 and against 10,000 labelled texts, k = 10, four classes. The other is small-text
1.4.1 itself (``small_text``; ``pip install --no-deps --target FOLDER small-text`` and PYTHONPATH bring it), whose index
holds the pool beside the labelled texts, so that every text is its own first neighbour. ``equal`` is its procedure with
the labelled texts alone as index, which computes what ours does: scikit-learn's NearestNeighbors, asked for 100 texts
at a time, then a loop over the texts that averages scipy's rel_entr over the neighbours.

``coverage``: 500 texts out of 20,000, 1,000 labelled. The other is what no way around can be: the product of pool and
labelled texts, and one product of the pool with each text taken (``products``).

``OMP_NUM_THREADS=1`` measures with one thread instead of two: that counts the work, where others use the cores too (the
machine's load when a part began stands beside it).

Writes ``benchmarks/results/selection.json``, each part anew and the others left.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from measures import points, seconds  # noqa: E402

from standin.selection import cal, coverage, neighbours, sqbc  # noqa: E402
from standin.selection.pool import Settings, Texts  # noqa: E402

RESULT = ROOT / "benchmarks/results/selection.json"
DIMENSIONS, COMMITTEE, CLASSES, CHUNK = 384, 10_000, 4, 50_000
SETTINGS = Settings(neighbours=10, balance=True, budget=500)


def vectors(n: int, seed: int) -> Any:
    """Unit vectors, shape (n, 384), made in chunks so that making them takes no more memory than they do."""
    found = np.empty((n, DIMENSIONS), dtype=np.float32)
    for start in range(0, n, CHUNK):
        found[start : start + CHUNK] = points(min(CHUNK, n - start), seed + start)
    return found


def texts(prefix: str, n: int, seed: int) -> Texts:
    """Texts with embeddings, labels by turns and probabilities."""
    draw = np.random.default_rng(seed)
    given = draw.dirichlet(np.ones(CLASSES), size=n).astype(np.float32)
    return Texts(tuple(f"{prefix}{row}" for row in range(n)), vectors(n, seed), np.arange(n) % CLASSES, given)


def joined(first: Texts, second: Texts) -> Texts:
    """Both in one."""
    assert first.embeddings is not None
    assert first.probabilities is not None
    assert second.embeddings is not None
    assert second.probabilities is not None
    return Texts(
        first.ids + second.ids,
        np.concatenate([first.embeddings, second.embeddings]),
        None,
        np.concatenate([first.probabilities, second.probabilities]),
    )


def product(pool: Texts, other: Texts) -> None:
    """All cosines in float32, block by block into one array, as the search forms them."""
    rows = min(len(pool), neighbours.ROWS)
    out = np.empty((rows, len(other)), dtype=np.float32)
    embeddings, index = pool.embeddings, other.embeddings
    assert embeddings is not None
    assert index is not None
    for start in range(0, len(pool), rows):
        block = embeddings[start : start + rows]
        np.matmul(block, index.T, out=out[: len(block)])


def exactly(pool: Texts, synthetic: Texts) -> Any:
    """SQBC's scores by the search that came before: every cosine in float64, rounded, the row partitioned."""
    assert pool.embeddings is not None
    assert synthetic.embeddings is not None
    assert synthetic.labels is not None
    k, index = SETTINGS.neighbours, neighbours.unit_rows(synthetic.embeddings).T
    found = np.empty((len(pool), k), dtype=np.intp)
    rows = 400
    for start in range(0, len(pool), rows):
        cosines = neighbours.unit_rows(pool.embeddings[start : start + rows]) @ index
        np.round(cosines, neighbours.DECIMALS, out=cosines)
        width = cosines.shape[1]
        boundary = np.partition(cosines, width - k, axis=1)[:, width - k, np.newaxis]
        chosen = cosines >= boundary
        surplus = chosen.sum(axis=1) - k
        for row in np.flatnonzero(surplus):
            tied = np.flatnonzero(cosines[row] == boundary[row])
            chosen[row, tied[-surplus[row] :]] = False
        found[start : start + rows] = np.nonzero(chosen)[1].reshape(-1, k)
    return sqbc.vote_entropy(sqbc.votes(synthetic.labels[found], CLASSES))


def small_text(pool: Texts, everything: Texts) -> Any:
    """CAL by small-text itself; ``everything``: the labelled texts, then the pool."""
    from small_text.query_strategies.strategies import ContrastiveActiveLearning

    unlabelled = np.arange(len(everything) - len(pool), len(everything))
    return ContrastiveActiveLearning(k=SETTINGS.neighbours, pbar=None).sample(
        None,
        range(len(everything)),
        unlabelled,
        None,
        None,
        SETTINGS.budget,
        everything.embeddings,
        everything.probabilities,
    )


def procedure(pool: Texts, neighbouring: Texts) -> Any:
    """CAL by small-text's procedure, with other neighbours."""
    from scipy.special import rel_entr
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import normalize

    assert pool.probabilities is not None
    assert neighbouring.probabilities is not None
    queries, index = normalize(pool.embeddings), normalize(neighbouring.embeddings)
    judge = NearestNeighbors(n_neighbors=SETTINGS.neighbours).fit(index)
    found: list[float] = []
    for start in range(0, len(pool), 100):
        near = judge.kneighbors(queries[start : start + 100], return_distance=False)
        for row, own in enumerate(near, start):
            candidate = pool.probabilities[row]
            found.append(
                float(np.sum([rel_entr(neighbouring.probabilities[one], candidate) for one in own]) / len(own))
            )
    return np.array(found)


def alternating(timed: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds of every repetition, all functions in turn, and what each gave last."""
    runs: dict[str, list[float]] = {name: [] for name in timed}
    given: dict[str, Any] = {}
    for _ in range(repeats):
        for name, function in timed.items():
            took, given[name] = seconds(function)
            runs[name].append(took)
        print({name: round(values[-1], 3) for name, values in runs.items()}, flush=True)
    return runs, given


def report(runs: dict[str, list[float]], ours: str, other: str) -> dict[str, Any]:
    """Medians, their ratio (the other over ours) and every run."""
    medians = {name: statistics.median(values) for name, values in runs.items()}
    return {
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        f"{ours}_over_{other}": round(medians[ours] / medians[other], 3),
        f"{other}_over_{ours}": round(medians[other] / medians[ours], 2),
        "runs": {name: [round(value, 4) for value in values] for name, values in runs.items()},
    }


def measure_sqbc(n: int, repeats: int, exact: bool) -> dict[str, Any]:
    """The strategy against the bare product."""
    pool, synthetic = texts("p", n, 1), texts("s", COMMITTEE, 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def ours() -> Any:
        return sqbc.scores(pool, synthetic, SETTINGS, np.random.default_rng(1))

    first, scores = seconds(ours)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs, _ = alternating({"product": lambda: product(pool, synthetic), "sqbc": ours}, repeats)
    found = {
        "pool": n,
        "synthetic": COMMITTEE,
        **report(runs, "sqbc", "product"),
        "seconds_of_the_first_run": round(first, 3),
        "operations": 2 * n * COMMITTEE * DIMENSIONS,
        "product_gflops": round(2 * n * COMMITTEE * DIMENSIONS / statistics.median(runs["product"]) / 1e9, 1),
        "peak_megabytes": round(peak / 1024),
        "megabytes_before": round(before / 1024),
    }
    if exact:
        took, expected = seconds(lambda: exactly(pool, synthetic))
        found |= {
            "exact_seconds": round(took, 2),
            "exact_over_product": round(took / statistics.median(runs["product"]), 2),
            "scores_that_differ": int((scores != expected).sum()),
        }
    return found


def measure_cal(labels: int, repeats: int) -> dict[str, Any]:
    """CAL against small-text's procedure."""
    pool, labelled = texts("p", 20_000, 1), texts("l", labels, 2)
    everything = joined(labelled, pool)
    timed = {
        "cal": lambda: cal.scores(pool, labelled, SETTINGS, np.random.default_rng(1)),
        "equal": lambda: procedure(pool, labelled),
        "small_text": lambda: small_text(pool, everything),
        "product": lambda: product(pool, labelled),
    }
    runs, given = alternating(timed, repeats)
    apart = float(np.max(np.abs(given["cal"] - given["equal"]) / np.maximum(given["cal"], 1e-6)))
    operations = 2 * len(pool) * labels * DIMENSIONS
    return {
        "pool": len(pool),
        "labelled": labels,
        **report(runs, "cal", "equal"),
        "small_text_over_cal": round(statistics.median(runs["small_text"]) / statistics.median(runs["cal"]), 2),
        "cal_over_product": round(statistics.median(runs["cal"]) / statistics.median(runs["product"]), 2),
        "operations": operations,
        "product_gflops": round(operations / statistics.median(runs["product"]) / 1e9, 1),
        "largest_relative_difference_of_scores": apart,
    }


def measure_coverage(repeats: int) -> dict[str, Any]:
    """Coverage against the products it cannot do without."""
    pool, labelled = texts("p", 20_000, 1), texts("l", 1_000, 2)
    unit = neighbours.unit_rows(vectors(20_000, 1))

    def products() -> None:
        product(pool, labelled)
        for row in range(SETTINGS.budget):
            unit @ unit[row]

    timed = {
        "coverage": lambda: coverage.scores(pool, labelled, SETTINGS, np.random.default_rng(1)),
        "products": products,
    }
    runs, _ = alternating(timed, repeats)
    return {
        "pool": len(pool),
        "labelled": len(labelled),
        "budget": SETTINGS.budget,
        **report(runs, "coverage", "products"),
        "operations": 2 * len(pool) * DIMENSIONS * (len(labelled) + SETTINGS.budget),
        "bytes_read_by_the_products": unit.nbytes * SETTINGS.budget,
    }


def main() -> None:
    """Measure every part in a process of its own, whose peak of memory is that part's, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="sqbc, cal, coverage; all where none is named")
    parser.add_argument("--pool", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--exact", action="store_true", help="also the search that came before, once")
    given = parser.parse_args()
    parts = given.parts or ["sqbc", "cal", "coverage"]
    calls: dict[str, tuple[Any, ...]] = {}
    if "sqbc" in parts:
        calls[f"sqbc {given.pool}"] = (measure_sqbc, given.pool, given.repeats, given.exact)
    if "cal" in parts:
        calls |= {f"cal {labels}": (measure_cal, labels, given.repeats) for labels in (1_000, 10_000)}
    if "coverage" in parts:
        calls["coverage"] = (measure_coverage, given.repeats)
    found = json.loads(RESULT.read_text(encoding="utf-8"))["parts"] if RESULT.exists() else {}
    for name, call in calls.items():
        threads = int(os.environ["OMP_NUM_THREADS"])
        name = name if threads == 2 else f"{name}, {threads} thread"
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found[name] = {"threads": threads, "load": round(os.getloadavg()[0], 1), **pool.submit(*call).result()}
        print(name, {key: value for key, value in found[name].items() if key != "runs"}, flush=True)
    from generation import machine

    described = {name: value for name, value in machine().items() if name not in ("threads", "note")}
    content = {"machine": described, "dimensions": DIMENSIONS, "rows": neighbours.ROWS, "parts": found}
    RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
