"""All rules, in the order of ``REASONS``: what is kept, and what was removed by which rule."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from standin.config import Curate
from standin.corpus import REASONS, Row, SyntheticRow, by_question
from standin.curation.accepted import deduplicated
from standin.curation.contamination import contaminated
from standin.curation.copies import copied
from standin.curation.duplicates import normalise
from standin.curation.lengths import Unit
from standin.curation.pairs import Vectors
from standin.curation.reasons import invalidity
from standin.curation.reviews import DONE, Verdict
from standin.errors import StandinError


@dataclass(frozen=True, slots=True)
class Removal:
    """A text taken out. ``detail`` says what made it invalid, or which measure found its likeness."""

    row: SyntheticRow
    reason: str
    detail: str | None = None
    survivor: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Curated:
    """Kept rows in plan order; removals in the order of ``REASONS``, each reason in plan order."""

    kept: list[SyntheticRow]
    removed: list[Removal]


def curate(
    rows: Sequence[SyntheticRow],
    vectors: Vectors | None,
    held_out: Sequence[Row],
    held_out_vectors: Vectors | None,
    judged: Mapping[str, str],
    limits: Curate,
    remove_judged_wrong: bool,
    examples: Mapping[str, Sequence[Row]] | None = None,
    far: Mapping[str, float] | None = None,
    unit: Unit = "words",
    reviewed: Mapping[str, Verdict] | None = None,
) -> Curated:
    """Apply the rules to parsed texts.

    A text that stands under two labels of a question says nothing of either, so it goes under both. Duplicates are
    sought within a question, because each question has its own classifier; contamination is sought in all held-out
    texts; copies among the examples that a text's chat had shown.

    Args:
        rows: parsed texts in plan order.
        vectors: their embeddings, unit rows, shape (rows, dimensions), or None to compare by characters only.
        held_out: rows of the validation and test splits.
        held_out_vectors: their embeddings, or None as above.
        judged: id -> judged label, for the rows that a judge saw; written into the kept rows.
        limits: thresholds and lengths.
        remove_judged_wrong: whether a text judged to have another label is removed.
        examples: plan id -> the examples that the text's chat had shown, where prompts show any.
        far: id -> similarity to the task, of the texts that are too far from it.
        unit: what lengths are counted in.
        reviewed: id -> what people decided. A rejected text goes before any rule; an accepted one survives those that
            judge (off task, judged wrong, near duplicates), never those that tell a fault of the data (invalid,
            contaminated, copied, exact duplicates).
    """
    reviewed = reviewed or {}
    accepted = {name for name, verdict in reviewed.items() if verdict == "accept"}
    order = {row.id: place for place, row in enumerate(rows)}
    rejected = [place for place, row in enumerate(rows) if reviewed.get(row.id) == "reject"]
    removed = []
    places = []
    for place in _without(range(len(rows)), rejected):
        row = rows[place]
        if detail := invalidity(row.text, *limits.lengths(unit), unit):
            removed.append(Removal(row, "invalid", detail))
        else:
            places.append(place)
    ambiguous = _under_two_labels([rows[place] for place in places])
    removed += [Removal(rows[places[at]], "invalid", "two_labels") for at in ambiguous]
    removed.sort(key=lambda removal: order[removal.row.id])
    removed = [*(Removal(rows[place], "rejected") for place in rejected), *removed]
    places = _without(places, [places[at] for at in ambiguous])
    away = [place for place in places if rows[place].id in (far or {}) and rows[place].id not in accepted]
    removed += [Removal(rows[place], "off_task", score=(far or {})[rows[place].id]) for place in away]
    places = _without(places, away)
    if remove_judged_wrong:
        asked = [place for place in places if rows[place].id not in accepted]
        wrong = [place for place in asked if judged.get(rows[place].id, rows[place].label) != rows[place].label]
        removed += [Removal(rows[place], "judged_wrong", judged[rows[place].id]) for place in wrong]
        places = _without(places, wrong)
    leaked = _made_from(rows, places, held_out)
    removed += [Removal(rows[place], "contaminated", "seed", survivor) for place, survivor in leaked.items()]
    places = _without(places, list(leaked))
    found = contaminated(
        [rows[place].text for place in places],
        None if vectors is None else vectors[places],
        [row.text for row in held_out],
        held_out_vectors,
        jaccard=limits.contaminated_jaccard,
        cosine=limits.contaminated_cosine,
    )
    removed += [
        Removal(rows[places[match.row]], "contaminated", match.measure, held_out[match.other].id, match.score)
        for match in found
    ]
    places = _without(places, [places[match.row] for match in found])
    shown = [(examples or {}).get(rows[place].plan_id, ()) for place in places]
    copies = copied(
        [rows[place].text for place in places], [[row.text for row in own] for own in shown], limits.copied_words, unit
    )
    removed += [Removal(rows[places[at]], "copied", "example", shown[at][own].id, like) for at, own, like in copies]
    places = _without(places, [places[at] for at, _, _ in copies])
    duplicates = _duplicates(rows, vectors, places, limits, accepted)
    removed += [duplicates[place] for place in sorted(duplicates)]
    kept = [rows[place] for place in _without(places, duplicates)]
    done = {name: DONE[verdict] for name, verdict in reviewed.items()}
    return Curated([replace(row, judged_label=judged.get(row.id), reviewed=done.get(row.id)) for row in kept], removed)


def _made_from(rows: Sequence[SyntheticRow], places: Sequence[int], held_out: Sequence[Row]) -> dict[int, str]:
    """Place -> id of the held-out text that a recorded text was made from, by whomever, as far as that is known."""
    ids = {row.id for row in held_out}
    found = {}
    for place in places:
        if known := [seed for seed in rows[place].seeds or () if seed in ids]:
            found[place] = known[0]
    return found


def _under_two_labels(rows: Sequence[SyntheticRow]) -> list[int]:
    """Places of the texts that are equal, after normalisation, to a text of another label of their question."""
    keys = [(row.question_id, normalise(row.text)) for row in rows]
    labels: dict[tuple[str | None, str], set[str | None]] = {}
    for key, row in zip(keys, rows, strict=True):
        labels.setdefault(key, set()).add(row.label)
    return [place for place, key in enumerate(keys) if len(labels[key]) > 1]


def _without(places: Sequence[int], gone: Sequence[int] | Mapping[int, Removal]) -> list[int]:
    out = set(gone)
    return [place for place in places if place not in out]


def _duplicates(
    rows: Sequence[SyntheticRow],
    vectors: Vectors | None,
    places: Sequence[int],
    limits: Curate,
    accepted: Collection[str] = (),
) -> dict[int, Removal]:
    """Place -> removal of the duplicates within each question."""
    place_of = {rows[place].id: place for place in places}
    removals = {}
    for group in by_question([rows[place] for place in places]).values():
        members = [place_of[row.id] for row in group]
        for match in deduplicated(
            [row.text for row in group],
            None if vectors is None else vectors[members],
            [at for at, row in enumerate(group) if row.id in accepted],
            jaccard=limits.near_duplicate_jaccard,
            cosine=limits.near_duplicate_cosine,
        ):
            removals[members[match.row]] = Removal(
                group[match.row], "duplicate", match.measure, group[match.other].id, match.score
            )
    return removals


def tally(planned: int, kept: int, reasons: Sequence[str]) -> dict[str, int]:
    """Count the planned rows by what became of them.

    Args:
        planned: number of planned rows.
        kept: number of kept rows.
        reasons: the reason of every removed row.

    Returns:
        ``planned``, ``kept`` and one number for each of ``REASONS``.

    Raises:
        StandinError: the numbers do not add up, or a reason is unknown.
    """
    counts = Counter(reasons)
    if unknown := sorted(set(counts) - set(REASONS)):
        raise StandinError(f"a row was removed for {unknown[0]!r}; known reasons: {', '.join(REASONS)}")
    if planned != kept + len(reasons):
        parts = ", ".join(f"{counts[reason]} {reason}" for reason in REASONS)
        raise StandinError(
            f"{planned} rows were planned, but {kept} kept and {len(reasons)} removed ({parts}) make "
            f"{kept + len(reasons)}: data/generated/plan.jsonl, texts.jsonl, removed.jsonl and "
            "data/translated/texts.jsonl do not belong together; `dvc repro --force generate` writes them anew"
        )
    return {"planned": planned, "kept": kept, **{reason: counts[reason] for reason in REASONS}}
