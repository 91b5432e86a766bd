"""Stage curate on many texts: how long, how much memory, and whether the result is that of a plain comparison.

    python benchmarks/curation.py FOLDER [--texts 100000] [--checked 5000] [--repeats 3]

The texts are those of the published data sets in ``../shared/datasets``, real and written by LLMs, cut to 60 words,
different ones, shuffled; where that folder is absent, English sentences that anyone with this environment has: those of
the docstrings of the packages in ``requirements.lock``. Both hold near-duplicates of their own. FOLDER keeps texts and
embeddings (100,000 take ten to twenty minutes once) and a project of them: all but the real splits as generated texts
with five examples each, 288 test and 48 validation texts.

The result of ``--checked`` texts is held against every pair's Jaccard of gram sets and cosine in float64, by plain
loops. The multiplications of a comparison of all pairs are counted, for the time that the matrix product alone would
take.

``--peer`` adds, alternating with ours on the same vectors and threshold, semhash: its approximate index (usearch, its
default) and its search for the near-duplicates. ``pip install --target FOLDER semhash`` and PYTHONPATH bring it. Recall
is its share of the exact pairs. Writes ``benchmarks/results/curation.json``.
"""

import argparse
import ast
import contextlib
import gzip
import io
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from generation import machine  # noqa: E402

from standin.config import Runtime, load_params  # noqa: E402
from standin.corpus import Row, SyntheticRow, write_json_lines, write_rows  # noqa: E402
from standin.curation.cosine import Cosine  # noqa: E402
from standin.curation.duplicates import Match, deduplicate, normalise  # noqa: E402
from standin.curation.jaccard import grams  # noqa: E402
from standin.curation.pairs import ROWS, similar_pairs  # noqa: E402
from standin.measures.embeddings import Embeddings, embed, read_embeddings, write_embeddings  # noqa: E402
from standin.task import load_task  # noqa: E402

DATA = ROOT.parent / "shared/datasets"
REAL = {"shots": 64, "validation": 48, "pool": 240, "test": 288}


def sentences(root: Path) -> Iterator[str]:
    """The sentences of 4 to 60 words in docstrings below a folder, in the order of the files."""
    for path in sorted(root.rglob("*.py")):
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                for part in re.split(r"(?<=[.!?])\s+|\n\s*\n", ast.get_docstring(node) or ""):
                    words = part.split()
                    if 4 <= len(words) <= 60:
                        yield " ".join(words)


def published(root: Path) -> Iterator[str]:
    """The texts of the published data sets, in the order of the files, cut to 60 words; without those of one word."""
    for path in sorted(root.glob("*/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                words = str(json.loads(line).get("text") or "").split()[:60]
                if len(words) > 1:
                    yield " ".join(words)


def texts_and_vectors(folder: Path, count: int) -> tuple[list[str], Any]:
    """Different sentences and their embeddings, kept in the folder."""
    if not (folder / "ids.jsonl").exists():
        source = published(DATA) if DATA.exists() else sentences(Path(np.__file__).parents[1])
        found = list(dict.fromkeys(source))
        random.Random(1).shuffle(found)
        params = load_params(ROOT)
        vectors = embed(found[:count], params.embed.model, params.embed.revision, Runtime(threads=2))
        write_embeddings(folder, Embeddings(tuple(found[:count]), vectors))
    kept = read_embeddings(folder)
    if len(kept.ids) < count:
        raise SystemExit(f"{folder} holds {len(kept.ids)} texts, not {count}: name another folder")
    return list(kept.ids[:count]), kept.vectors[:count]


def project(folder: Path, texts: list[str], vectors: Any, labels: list[str]) -> int:
    """Write what stage curate reads; returns the number of generated texts."""
    rows, at = {}, 0
    for split, size in REAL.items():
        rows[split] = [Row(id=f"r{k}", text=texts[k], label=labels[k % len(labels)]) for k in range(at, at + size)]
        at += size
        write_rows(folder / f"data/real/{split}.jsonl", rows[split])
    write_embeddings(folder / "data/embeddings/real", Embeddings(tuple(f"r{k}" for k in range(at)), vectors[:at]))
    made, plan, shots = [], [], [row.id for row in rows["shots"]]
    for k in range(at, len(texts)):
        label, name = labels[k % len(labels)], f"s{k}"
        made.append(SyntheticRow(id=name, text=texts[k], label=label, plan_id=name, shots=5, engine="-", model="-"))
        plan.append({"plan_id": name, "conversation": k, "shots": [shots[(k + i) % len(shots)] for i in range(5)]})
    write_rows(folder / "data/translated/texts.jsonl", made)
    write_json_lines(folder / "data/generated/plan.jsonl", plan)
    for empty in ("data/generated/removed.jsonl", "data/judged/texts.jsonl"):
        write_json_lines(folder / empty, [])
    ids = tuple(row.id for row in made)
    write_embeddings(folder / "data/embeddings/generated", Embeddings(ids, vectors[at:]))
    return len(made)


def curated(folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of one run of the stage, beyond imports and reading the settings."""
    from standin.stages import curate

    params, task = load_params(ROOT), load_task("city-topics", ROOT)
    os.chdir(folder)
    started, said = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(said):
        curate.run(params, task, "")
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(seconds, 2), "peak_mb": round(memory), "said": said.getvalue().splitlines()[:1]}


def plainly(texts: list[str], vectors: Any, jaccard: float, cosine: float) -> list[Match]:
    """What ``deduplicate`` says, by its definition: each text against every kept one."""
    keys = [normalise(text) for text in texts]
    sets, exact = [grams(key) for key in keys], vectors.astype(np.float64)
    kept: list[int] = []
    found = []
    for row, key in enumerate(keys):
        cosines = np.minimum(np.round(exact[kept] @ exact[row], 6), 1.0) if kept else np.empty(0)
        shared = [len(sets[row] & sets[other]) / len(sets[row] | sets[other]) for other in kept]
        same = [other for other in kept if keys[other] == key]
        if same:
            found.append(Match(row, same[0], "exact", 1.0))
        elif shared and max(shared) >= jaccard:
            found.append(Match(row, kept[shared.index(max(shared))], "jaccard", max(shared)))
        elif kept and cosines.max() >= cosine:
            found.append(Match(row, kept[int(cosines.argmax())], "cosine", float(cosines.max())))
        else:
            kept.append(row)
    return found


def product_seconds(rows: int, dimensions: int) -> float:
    """What the matrix product of all pairs of ``rows`` vectors takes here, from a part of it."""
    a, b = (np.random.default_rng(1).normal(size=(size, dimensions)).astype(np.float32) for size in (2048, 8192))
    times = []
    for _ in range(5):
        started = time.perf_counter()
        _ = a @ b.T
        times.append(time.perf_counter() - started)
    return statistics.median(times) * rows * rows / 2 / (len(a) * len(b))


def against_semhash(texts: list[str], vectors: Any, threshold: float, repeats: int) -> dict[str, Any]:
    """Seconds of the exact pairs within the threshold and of semhash's search for them, and the recall of its index."""
    from semhash import SemHash

    rows = np.arange(len(vectors))
    times: dict[str, list[float]] = {"exact": [], "semhash": []}
    exact: set[tuple[int, int]] = set()
    for _ in range(repeats):
        started = time.perf_counter()
        cosine, exact = Cosine(vectors, threshold), set()
        for at in range(0, len(rows), ROWS):  # each pair once
            pairs = similar_pairs(cosine, rows[at : at + ROWS], rows[at:])
            exact |= {(int(a), int(b)) for a, b in zip(pairs.left, pairs.right, strict=True) if a < b}
        times["exact"].append(time.perf_counter() - started)
        started = time.perf_counter()
        found = SemHash.from_embeddings(vectors, texts, model=None)
        found.self_deduplicate(threshold)
        times["semhash"].append(time.perf_counter() - started)
        print({name: round(own[-1], 1) for name, own in times.items()}, f"{len(exact)} pairs")
    said = found.index.query_threshold(found.index.vectors, threshold)
    pairs = {(min(a, int(b)), max(a, int(b))) for a, (others, _) in enumerate(said) for b in others if a != int(b)}
    median = {name: statistics.median(own) for name, own in times.items()}
    return {
        "texts": len(vectors),
        "pairs": len(exact),
        "seconds": {name: round(value, 1) for name, value in median.items()},
        "runs": {name: [round(value, 1) for value in own] for name, own in times.items()},
        "semhash_over_exact": round(median["semhash"] / median["exact"], 2),
        "recall": round(len(pairs & exact) / max(len(exact), 1), 4),
        "version": version("semhash"),
    }


def main() -> None:
    """Time the stage in fresh processes, check a part against plain loops, write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--texts", type=int, default=100_000)
    options.add_argument("--checked", type=int, default=5_000)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--peer", action="store_true")
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.one:
        print(json.dumps(curated(asked.folder)))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    texts, vectors = texts_and_vectors(asked.folder, asked.texts + sum(REAL.values()))
    limits = load_params(ROOT).curate
    some, theirs = texts[: asked.checked], vectors[: asked.checked]
    bounds = {"jaccard": limits.near_duplicate_jaccard, "cosine": limits.near_duplicate_cosine}
    ours, plain = deduplicate(some, theirs, **bounds), plainly(some, theirs, **bounds)
    equal = [(m.row, m.other, m.measure) for m in ours] == [(m.row, m.other, m.measure) for m in plain]
    print(f"{len(ours)} of {len(some)} texts go; the same by plain loops: {equal}")
    made = project(asked.folder / "project", texts, vectors, load_task("city-topics", ROOT).label_names)
    runs = []
    for _ in range(asked.repeats):
        command = [sys.executable, __file__, str(asked.folder / "project"), "--one"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        print(runs[-1])
    result = {
        "machine": machine(),
        "texts": made,
        "runs": runs,
        "seconds": statistics.median(run["seconds"] for run in runs),
        "peak_mb": max(run["peak_mb"] for run in runs),
        "product_of_all_pairs_seconds": round(product_seconds(made, vectors.shape[1]), 1),
        "source": "published data sets" if DATA.exists() else "sentences of docstrings",
        "checked": {"texts": len(some), "removed": len(ours), "equal_to_plain_loops": equal},
    }
    if asked.peer:
        result["against_semhash"] = against_semhash(texts, vectors, limits.near_duplicate_cosine, asked.repeats)
    Path(ROOT / "benchmarks/results/curation.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
