"""How many planted label errors the label suspects hold, on real texts of the last run, whose labels are known.

    python benchmarks/label_suspects.py [SHARE ...]

Takes the labelled real texts (pool with the oracle's labels, validation and test) and their embeddings from `data/`,
gives a share of them (default 0.05 and 0.1) another label at random, ten times over, and prints how many of those are
among as many first suspects, how many among all suspects, and how many suspects there are.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from standin.corpus import Row, read_rows
from standin.curation.suspects import suspects
from standin.measures.embeddings import read_embeddings

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


def main(shares: list[float]) -> None:
    """Print one line for each share of planted errors."""
    rows = labelled()
    vectors = read_embeddings(Path("data/embeddings/real")).of([row.id for row in rows])
    names = sorted({str(row.label) for row in rows})
    print(
        f"{len(rows)} texts, {len(names)} labels; without planted errors {len(suspects(rows, vectors).ranked)} suspects"
    )
    for share in shares:
        planted = round(share * len(rows))
        first, among, size = [], [], []
        for seed in range(DRAWS):
            rng = np.random.default_rng(seed)
            wrong = set(rng.choice(len(rows), planted, replace=False).tolist())
            turned = [
                replace(row, label=str(rng.choice([name for name in names if name != row.label])))
                if at in wrong
                else row
                for at, row in enumerate(rows)
            ]
            ids = {rows[at].id for at in wrong}
            ranked = [each.id for each in suspects(turned, vectors).ranked]
            first.append(len(ids & set(ranked[:planted])) / planted)
            among.append(len(ids & set(ranked)) / planted)
            size.append(len(ranked))
        print(
            f"{share:.0%} ({planted}) planted: {np.mean(first):.0%} among the first {planted} suspects, "
            f"{np.mean(among):.0%} among all {np.mean(size):.0f}"
        )


if __name__ == "__main__":
    main([float(word) for word in sys.argv[1:]] or [0.05, 0.1])
