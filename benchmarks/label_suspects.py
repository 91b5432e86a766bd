"""How many planted label errors the label suspects hold, on real texts whose labels are known.

    python benchmarks/label_suspects.py [SHARE ...]
    python benchmarks/label_suspects.py --published FOLDER [SHARE ...]

Takes the labelled real texts of the last run (pool with the oracle's labels, validation and test) and their embeddings
from `data/`, gives a share of them (default 0.05 and 0.1) another label at random, ten times over, and prints how many
of those are among as many first suspects, how many among all suspects, and how many suspects there are.

``--published`` does so with published data sets in ``../shared/datasets``, of each the first 3,000 texts that stand in
FOLDER (texts and embeddings, as `benchmarks/curation.py` keeps them), three times over, and writes
``benchmarks/results/label-suspects.json``. Their own label errors count as right: the shares are rather too low.
Where cleanlab is installed (``pip install --target FOLDER cleanlab``, and PYTHONPATH) the suspects are held against its
own for the same probabilities.
"""

import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from generation import machine  # noqa: E402

from standin.corpus import Row, read_rows  # noqa: E402
from standin.curation.suspects import out_of_fold, suspects  # noqa: E402
from standin.measures.embeddings import read_embeddings  # noqa: E402

DATA = ROOT.parent / "shared/datasets"
SETS = ("agnews", "sms_spam", "tweeteval_emotion", "imdb")
TEXTS = 3_000
DRAWS = 10


def labelled() -> list[Row]:
    """The real texts of the run with their labels."""
    found = {row.id: row for name in ("oracle", "validation", "test") for row in real(name)}
    labels = {name: row.label for name, row in found.items()}
    rows = [*real("pool"), *real("validation"), *real("test")]
    return [replace(row, label=labels[row.id]) for row in rows if labels.get(row.id) is not None]


def real(name: str) -> list[Row]:
    """One split of the run's real texts."""
    return read_rows(Path(f"data/real/{name}.jsonl"), Row)


def published(folder: Path, name: str) -> tuple[list[Row], Any]:
    """Labelled texts of a published data set that stand in the folder, each once, and their embeddings."""
    kept = read_embeddings(folder)
    known = set(kept.ids)
    rows: dict[str, Row] = {}
    for path in sorted((DATA / name).glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                text = " ".join(str(row.get("text") or "").split()[:60])
                if text in known and row.get("label") is not None:
                    rows.setdefault(text, Row(id=text, text=text, label=str(row["label"])))
    found = list(rows.values())[:TEXTS]
    return found, kept.of([row.id for row in found])


def beside_cleanlab(rows: Sequence[Row], vectors: Any, ids: set[str]) -> int | None:
    """How many texts are suspects of ours or of cleanlab's alone; None where cleanlab is not installed."""
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        return None
    names = sorted({str(row.label) for row in rows})
    given = np.array([names.index(str(row.label)) for row in rows])
    p = out_of_fold(np.asarray(vectors), given)
    found = find_label_issues(given, p, filter_by="confident_learning", min_examples_per_class=0, n_jobs=1)
    return len({rows[at].id for at in np.flatnonzero(found)} ^ ids)


def planted_errors(rows: Sequence[Row], vectors: Any, share: float, draws: int) -> dict[str, Any]:
    """What the suspects hold of errors planted in a share of the texts: means over the draws, shares of the planted."""
    names = sorted({str(row.label) for row in rows})
    planted = round(share * len(rows))
    first, among, size, other = [], [], [], []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        wrong = set(rng.choice(len(rows), planted, replace=False).tolist())
        turned = [
            replace(row, label=str(rng.choice([name for name in names if name != row.label]))) if at in wrong else row
            for at, row in enumerate(rows)
        ]
        ids = {rows[at].id for at in wrong}
        ranked = [each.id for each in suspects(turned, vectors).ranked]
        first.append(len(ids & set(ranked[:planted])) / planted)
        among.append(len(ids & set(ranked)) / planted)
        size.append(len(ranked))
        other.append(beside_cleanlab(turned, vectors, set(ranked)))
    found = {
        "share": share,
        "planted": planted,
        "among_as_many_first": round(float(np.mean(first)), 3),
        "among_all": round(float(np.mean(among)), 3),
        "suspects": round(float(np.mean(size))),
        "other_than_cleanlab": None if None in other else sum(other),
    }
    print(
        f"{share:.0%} ({planted}) planted: {found['among_as_many_first']:.0%} among the first {planted} suspects, "
        f"{found['among_all']:.0%} among all {found['suspects']}"
    )
    return found


def measured(rows: Sequence[Row], vectors: Any, shares: Sequence[float], draws: int) -> dict[str, Any]:
    """The figures of one set of labelled texts, printed too."""
    labels, without = len({row.label for row in rows}), len(suspects(rows, vectors).ranked)
    print(f"{len(rows)} texts, {labels} labels; without planted errors {without} suspects")
    found = [planted_errors(rows, vectors, share, draws) for share in shares]
    return {"texts": len(rows), "labels": labels, "suspects_without_planted": without, "draws": draws, "planted": found}


def main(words: list[str]) -> None:
    """Print a line for each share of planted errors; of published sets write them."""
    folder = Path(words[1]) if words[:1] == ["--published"] else None
    shares = [float(word) for word in words[2 if folder else 0 :]] or [0.05, 0.1]
    if folder is None:
        rows = labelled()
        measured(rows, read_embeddings(Path("data/embeddings/real")).of([row.id for row in rows]), shares, DRAWS)
        return
    sets = {}
    for name in SETS:
        print(name)
        sets[name] = measured(*published(folder, name), shares, 3)
    result = {"machine": machine(), "model": "all-MiniLM-L6-v2, texts cut to 60 words", "sets": sets}
    (ROOT / "benchmarks/results/label-suspects.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
