"""Stage diversity: how diverse real and synthetic texts are at equal number, and how close they lie.

Both kinds stand before and after the removal of near-duplicates by the rule of curation, because that removal alone
raises Chamfer (docs/science.md has figures). Sets are compared at half the number of the smallest, so that the subsets
of all of them differ from draw to draw.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import Curate, Params
from standin.corpus import Row, SyntheticRow, by_question, read_rows
from standin.curation.duplicates import deduplicate
from standin.curation.lengths import Unit, length, unit_of
from standin.errors import counted
from standin.measures.distributions import binned, nearest_cosines
from standin.measures.diversity import Indices, Spread, Vectors, at_size, over_draws
from standin.measures.embeddings import Embeddings, read_embeddings
from standin.measures.fidelity import principal_plane, similarity_at_size, similarity_of_halves
from standin.measures.further import other_distances, precision_and_recall, two_sample_accuracy, vendi
from standin.measures.wording import distinct, self_bleu, tokens
from standin.sheets import write_sheet
from standin.task import Task

FOLDER = Path("reports/diversity")
DIGITS = 6
"""Of a metric; more of them differ between machines."""
MORE_DRAWS = 20
"""Subsets by which ``diversity.more`` is measured at most: each takes many times what the headline measures do."""
MOST_NAMED, LONGEST_NAME = 10, 40
"""Labels in a line of the terminal, and characters of one."""

Set = tuple[Sequence[Row], Vectors]
"""Texts, and the unit vector of each in the same order, shape (n, d)."""
Sets = Mapping[str, Set]
"""Kind -> texts: ``real`` (the pool as drawn), ``real_distinct`` (without its near-duplicates), ``generated`` (every
text that parsed), ``synthetic`` (what curation kept)."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Compare synthetic texts with the pool; write the metrics and what is drawn into ``reports/diversity``."""
    sets = _read(params.curate)
    rng = np.random.default_rng(params.base.seed)
    metrics = {**_similar(sets, params, rng), **_compare(sets, params, rng)}
    metrics["draws"] = params.diversity.draws
    metrics["texts"] = {kind: len(rows) for kind, (rows, _) in sets.items()}
    metrics["per_label"] = _per_label(sets, task, params, rng)
    if task.questions:
        metrics["per_question"] = _per_question(sets, task, params, rng)
    if params.diversity.more:
        metrics["more"] = _more(sets, params, unit_of(task.language))
    _write_projection(FOLDER / "projection.csv", sets["real"], sets["synthetic"])
    _write_distributions(sets["real"], sets["synthetic"], task)
    for line in _said(metrics):
        print(line)  # noqa: T201
    return metrics


def _said(metrics: Mapping[str, Any]) -> Sequence[str]:
    """What was compared with what, the headline measures, and what has too few texts for them."""
    counts, size = metrics["texts"], metrics["texts_compared"]
    found = [
        f"diversity: {counted(counts['real'], 'real text')} ({counts['real_distinct']:,} distinct), "
        f"{counts['generated']:,} generated, {counts['synthetic']:,} of them kept"
    ]
    if size < 2:
        return [*found, "  too few to compare: every set needs 4 texts, as halves of the smallest are compared"]
    found += [
        f"  means over {counted(metrics['draws'], 'subset')} of {size:,} texts, in brackets where 95 % of them lie:",
        f"  {'':<22}  {'synthetic':<22}  real",
    ]
    for measure, name in (("remote_clique_cosine", "remote clique (cosine)"), ("chamfer_cosine", "Chamfer (cosine)")):
        sides = (
            "{:.3f} ({:.3f} to {:.3f})".format(*(metrics[kind][measure + end] for end in ("", "_low", "_high")))
            for kind in ("synthetic", "real")
        )
        found.append(f"  {name:<22}  {'  '.join(sides)}")
    few = [label for label, own in metrics["per_label"].items() if own["texts_compared"] < 2]
    if few:
        more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
        names = (name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..." for name in few[:MOST_NAMED])
        found.append(f"  too few texts of: {', '.join(names)}{more}")
    return found


def _read(limits: Curate) -> dict[str, Set]:
    labels = {row.id: row.label for row in read_rows(Path("data/real/oracle.jsonl"), Row)}
    pool = [replace(row, label=labels.get(row.id)) for row in read_rows(Path("data/real/pool.jsonl"), Row)]
    real = read_embeddings(Path("data/embeddings/real"))
    made = read_embeddings(Path("data/embeddings/generated"))
    kinds: dict[str, tuple[Sequence[Row], Embeddings]] = {
        "real": (pool, real),
        "real_distinct": (_distinct(pool, real, limits), real),
        "generated": (read_rows(Path("data/translated/texts.jsonl"), SyntheticRow), made),
        "synthetic": (read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow), made),
    }
    return {kind: (rows, own.of([row.id for row in rows])) for kind, (rows, own) in kinds.items()}


def _distinct(rows: Sequence[Row], embeddings: Embeddings, limits: Curate) -> list[Row]:
    """The rows that curation would keep as no near-duplicates, within each question, the earlier text surviving."""
    gone: set[str] = set()
    for group in by_question(rows).values():
        vectors = embeddings.of([row.id for row in group]).astype(np.float32)
        cosine, jaccard = limits.near_duplicate_cosine, limits.near_duplicate_jaccard
        found = deduplicate([row.text for row in group], vectors, jaccard=jaccard, cosine=cosine)
        gone |= {group[match.row].id for match in found}
    return [row for row in rows if row.id not in gone]


def _parts(sets: Sets, key: Callable[[Row], str | None], values: Sequence[str]) -> Iterator[tuple[str, dict[str, Set]]]:
    """For each of the values the rows of every set that have it under ``key``, with their vectors."""
    places: dict[str, dict[str | None, list[int]]] = {}
    for kind, (rows, _) in sets.items():
        own = places[kind] = {}
        for place, row in enumerate(rows):
            own.setdefault(key(row), []).append(place)
    for value in values:
        mine = {kind: np.array(own.get(value, []), dtype=np.intp) for kind, own in places.items()}
        yield value, {kind: ([sets[kind][0][at] for at in own], sets[kind][1][own]) for kind, own in mine.items()}


def _per_label(sets: Sets, task: Task, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    parts = _parts(sets, lambda row: row.label, task.label_names)
    return {label: _compare(mine, params, rng) for label, mine in parts}


def _per_question(sets: Sets, task: Task, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    return {
        question: {
            **_similar(mine, params, rng),
            **_compare(mine, params, rng),
            "per_label": _per_label(mine, task, params, rng),
        }
        for question, mine in _parts(sets, lambda row: row.question_id, [each.id for each in task.questions])
    }


def _common_size(sets: Sets, params: Params) -> int:
    """Texts in a subset: half the smallest set's, and ``diversity.max_texts`` at most."""
    return min(min(len(rows) for rows, _ in sets.values()) // 2, params.diversity.max_texts)


def _compare(sets: Sets, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    """The headline measures of all sets at their common size; none where that is below two texts."""
    size = _common_size(sets, params)
    found: dict[str, Any] = {"texts_compared": size}
    for kind, (_, vectors) in sets.items():
        spreads = at_size(vectors, size, params.diversity.draws, rng)
        if spreads is not None:
            found[kind] = _named(spreads)
    return found


def _named(spreads: Mapping[str, Spread]) -> dict[str, float]:
    """Mean and range of each measure under its name; -0.0 becomes 0.0."""
    return {
        name: round(value, DIGITS) + 0.0
        for measure, spread in spreads.items()
        for name, value in ((measure, spread.mean), (f"{measure}_low", spread.low), (f"{measure}_high", spread.high))
    }


def _similar(sets: Sets, params: Params, rng: np.random.Generator) -> dict[str, Any]:
    """Coverage, fidelity and their yardstick, each to the same number of others; nothing where a side is empty.

    The number is that of half the pool, or of the synthetic texts where they are fewer.
    """
    (_, real), (_, synthetic), settings = sets["real"], sets["synthetic"], params.diversity
    nearest, draws, most = settings.nearest, settings.draws, settings.max_texts
    size = min(len(real) // 2, len(synthetic), most)
    spreads = {
        "similarity_coverage": similarity_at_size(real, synthetic, nearest, size, draws, rng, most),
        "similarity_fidelity": similarity_at_size(synthetic, real, nearest, size, draws, rng, most),
        "similarity_of_real_halves": similarity_of_halves(real, nearest, size, draws, rng, most),
    }
    named = _named({name: spread for name, spread in spreads.items() if spread})
    return named | ({"similarity_others": size} if named else {})


def _more(sets: Sets, params: Params, unit: Unit) -> dict[str, Any]:
    """The measures of ``diversity.more``: of each set, and of synthetic texts against real ones beside a yardstick.

    The yardstick takes the second half of the pool for synthetic. All at the common size of the headline measures, over
    draws of their own; the two-sample test on the first of them.
    """
    size, draws = _common_size(sets, params), min(params.diversity.draws, MORE_DRAWS)
    found: dict[str, Any] = {"texts_compared": size, "draws": draws}
    if size < 2:
        return found
    rng = np.random.default_rng(params.base.seed)
    for kind, (rows, vectors) in sets.items():
        words = [tokens(row.text, unit) for row in rows]

        def measure(places: Indices, vectors: Vectors = vectors, words: list[list[str]] = words) -> dict[str, float]:
            drawn = [words[place] for place in places]
            of_words = {f"distinct_{order}": distinct(drawn, order) for order in (1, 2, 3)} | {
                "self_bleu": self_bleu(drawn)
            }
            known = {name: value for name, value in of_words.items() if value is not None}
            return {**other_distances(vectors[places]), "vendi": vendi(vectors[places]), **known}

        found[kind] = _named(over_draws(len(rows), size, draws, rng, measure))
    (_, real), (_, synthetic) = sets["real"], sets["synthetic"]
    sides = [_sides(real, synthetic, size, rng) for _ in range(draws)]
    halves = [_sides(real, None, size, rng) for _ in range(draws)]
    found["synthetic_against_real"] = _against(sides, params.base.seed)
    found["real_halves"] = _against(halves, params.base.seed)
    return found


def _sides(real: Vectors, synthetic: Vectors | None, size: int, rng: np.random.Generator) -> tuple[Vectors, Vectors]:
    """``size`` real vectors, and as many synthetic ones or, without these, other real ones."""
    order = rng.permutation(len(real))
    if synthetic is None:
        return real[order[:size]], real[order[size : 2 * size]]
    return real[order[:size]], synthetic[rng.choice(len(synthetic), size, replace=False)]


def _against(sides: Sequence[tuple[Vectors, Vectors]], seed: int) -> dict[str, float]:
    """Precision and recall over all draws, and the two-sample test on the first."""
    pairs = [pair for pair in (precision_and_recall(*drawn) for drawn in sides) if pair]
    accuracy = Spread(*two_sample_accuracy(*sides[0], seed=seed % 2**32))
    spreads = {"two_sample_accuracy": accuracy}
    if pairs:
        spreads |= {name: Spread.of([pair[i] for pair in pairs]) for i, name in enumerate(("precision", "recall"))}
    return _named(spreads) | {"two_sample_chance": 0.5}


def _write_projection(path: Path, real: Set, synthetic: Set) -> None:
    """Real and synthetic texts on one plane, for the report's picture."""
    rows = [("real", row) for row in real[0]] + [("synthetic", row) for row in synthetic[0]]
    plane = principal_plane(np.concatenate([real[1], synthetic[1]])).round(4) + 0.0  # -0.0 becomes 0.0
    cells = (
        (row.id, kind, row.label or "", f"{x:.4f}", f"{y:.4f}") for (kind, row), (x, y) in zip(rows, plane, strict=True)
    )
    write_sheet(path, ["id", "kind", "label", "x", "y"], cells)


def _write_distributions(real: Set, synthetic: Set, task: Task) -> None:
    """Lengths, labels and cosines with the nearest text of both kinds, as shares of each kind's texts."""
    kinds, unit = {"real": real, "synthetic": synthetic}, unit_of(task.language)
    lengths = {kind: [length(row.text, unit) for row in rows] for kind, (rows, _) in kinds.items()}
    near = {
        "real texts to other real ones": nearest_cosines(real[1]),
        "synthetic texts to real ones": nearest_cosines(synthetic[1], real[1]),
        "real texts to synthetic ones": nearest_cosines(real[1], synthetic[1]),
    }
    for name, bins in (("lengths", binned(lengths, whole=True)), ("nearest", binned(near))):
        cells = ((one.kind, f"{one.low:.7g}", f"{one.high:.7g}", f"{one.share:.4f}") for one in bins)
        write_sheet(FOLDER / f"{name}.csv", ["kind", "low", "high", "share"], cells)
    shares = []
    for kind, (rows, _) in kinds.items():
        counts = Counter(row.label for row in rows if row.label is not None)
        shares += [
            (kind, label, str(counts[label]), f"{counts[label] / counts.total():.4f}")
            for label in (task.label_names if counts else ())
        ]
    write_sheet(FOLDER / "labels.csv", ["kind", "label", "texts", "share"], shares)
