"""curate: take out invalid, wrong, contaminated and duplicate texts, and say of each why."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import Params
from standin.corpus import REASONS, Removed, Row, SyntheticRow, read_json_lines, read_rows, write_rows
from standin.curation.cosine import Cosine
from standin.curation.hints import PLACE_COLUMNS, SUSPECT_COLUMNS, Hints, hints
from standin.curation.language import language_of, others
from standin.curation.lengths import unit_of, unit_of_texts
from standin.curation.off_task import Far, Yardstick, off_task
from standin.curation.pairs import similar_pairs
from standin.curation.reviews import Reviews, read_reviews
from standin.curation.rules import Curated, Removal, curate, tally
from standin.errors import StandinError, visible
from standin.language_codes import named, short_code
from standin.measures.embeddings import DESCRIPTIONS, Embeddings, read_embeddings
from standin.sheets import write_sheet
from standin.task import Task

STRANGE = 0.05
"""Share of kept texts in another language, above that of the real ones, from which a warning says so."""
SHOWN_PAIRS, SHOWN_CHARACTERS = 3, 64
"""Contaminated and copied texts shown beside what they repeat; data/synthetic/removed.jsonl names all."""
BEFORE = {"refused", "unparsable"}
"""Reasons that generation gives; the others are given here."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/synthetic/``; returns the numbers of planned, kept and removed rows."""
    plan = [row for _, row in read_json_lines(Path("data/generated/plan.jsonl"))]
    planned = len(plan)
    before = _generation_removed(Path("data/generated/removed.jsonl"))
    rows = read_rows(Path("data/translated/texts.jsonl"), SyntheticRow)
    validation, test, pool, shots = (
        read_rows(Path(f"data/real/{split}.jsonl"), Row) for split in ("validation", "test", "pool", "shots")
    )
    held_out = [*validation, *test]
    judged = _judged_labels(params, rows, Path("data/judged/texts.jsonl"))
    generated = read_embeddings(Path("data/embeddings/generated"))
    real = read_embeddings(Path("data/embeddings/real"))
    far = _far(params, task, rows, generated, shots, real)
    reviews = Reviews(read_reviews(Path("data/reviews") / f"{task.name}.jsonl"))
    unit = unit_of(task.language)
    if unit == "words" and unit_of_texts([row.text for row in (*shots, *validation)]) == "characters":
        print(  # noqa: T201
            f"curate: warning: the texts are written without spaces, but language in tasks/{task.name}.yaml is "
            f"{task.language!r}, so each counts as one word: write their language, as in ja, zh or th"
        )
    found = curate(
        rows,
        generated.of([row.id for row in rows]) if rows else None,
        held_out,
        real.of([row.id for row in held_out]) if held_out else None,
        judged,
        params.curate,
        params.verify.remove,
        _examples(plan, shots) | _seed_texts(rows, shots),
        far.texts,
        unit,
        reviews.verdicts(rows),
    )
    removed = [*before, *map(_removed, found.removed)]
    counts = tally(planned, len(found.kept), [row.reason for row in removed])
    write_rows(Path("data/synthetic/texts.jsonl"), found.kept)
    write_rows(Path("data/synthetic/removed.jsonl"), removed)
    gone = ", ".join(f"{counts[reason]} {reason}" for reason in REASONS if counts[reason]) or "none removed"
    print(f"curate: {counts['kept']} of {planned} planned texts kept ({gone})")  # noqa: T201
    for line in (*_shown_pairs(found, [*held_out, *shots]), *map(_without_bound, far.yardsticks)):
        if line:
            print(line)  # noqa: T201
    reviewed, said = reviews.outcome(rows, {removal.row.id for removal in found.removed})
    if said:
        print(f"curate: {said}")  # noqa: T201
    looked = _hints(task, found.kept, generated, [*shots, *validation])
    like = _pool_texts_like_test(pool, test, real, params.curate.contaminated_cosine)
    return {
        **counts,
        **_shares(counts),
        **_breakdown(task, rows, judged, found),
        "pool_texts_like_test": like,
        "length_unit": unit,
        **_languages(task, found.kept, [*shots, *validation, *test]),
        **_yardsticks(far),
        **reviewed,
        **looked.metrics,
    }


def _hints(task: Task, kept: Sequence[SyntheticRow], generated: Embeddings, real: Sequence[Row]) -> Hints:
    """What a person should look at, written as two tables of ids and said."""
    found = hints(kept, generated.of([row.id for row in kept]), real, task.language)
    write_sheet(Path("reports/curate/suspects.csv"), SUSPECT_COLUMNS, found.suspects)
    write_sheet(Path("reports/curate/personal.csv"), PLACE_COLUMNS, found.places)
    for line in found.lines:
        print(f"curate: {line}")  # noqa: T201
    return found


def _languages(task: Task, kept: Sequence[SyntheticRow], real: Sequence[Row]) -> dict[str, Any]:
    """How many kept texts are surely in another language than the task's, beside the real ones; nothing is removed."""
    texts = [row.text for row in real]
    ours, theirs = others([row.text for row in kept], task.language), others(texts, task.language)
    read = language_of(texts)
    if read and short_code(read) != short_code(task.language) and theirs.share > STRANGE:
        print(  # noqa: T201
            f"curate: warning: the real texts read as {named(read)}, but language in tasks/{task.name}.yaml is "
            f"{task.language!r}: write their language there"
        )
    elif ours.share > theirs.share + STRANGE:
        which = ", ".join(f"{named(language)} {count}" for language, count in ours.languages.items())
        print(  # noqa: T201
            f"curate: warning: {sum(ours.languages.values())} of {ours.texts} kept texts are not in "
            f"{named(task.language)} but in {which}; they stay. Say the language in the prompts, or take a model that "
            "writes it"
        )
    return {
        "other_language": sum(ours.languages.values()),
        "other_language_share": ours.share,
        "other_language_texts": ours.texts,
        "real_other_language_share": theirs.share,
        "other_languages": ours.languages,
    }


def _far(
    params: Params,
    task: Task,
    rows: Sequence[SyntheticRow],
    generated: Embeddings,
    shots: Sequence[Row],
    real: Embeddings,
) -> Far:
    """The texts off the task; none, and no yardstick, where ``curate.off_task`` is null or there are no real texts."""
    if params.curate.off_task is None or not rows:
        return Far({}, ())
    said = read_embeddings(Path("data/embeddings/real") / DESCRIPTIONS)
    labels = [f"label:{name}" for name in task.label_names]
    asked: list[str | None] = [question.id for question in task.questions] or [None]
    descriptions: dict[str | None, Any] = {
        question: said.of([*labels, f"question:{question}"] if question is not None else labels) for question in asked
    }
    vectors, known = generated.of([row.id for row in rows]), real.of([row.id for row in shots])
    return off_task(rows, vectors, shots, known, descriptions, params.curate.off_task)


def _without_bound(found: Yardstick) -> str | None:
    """What to say where the shots are too few to tell what is far; None where there is a bound."""
    if found.bound is not None:
        return None
    of = f" of question {found.question_id}" if found.question_id is not None else ""
    return (
        f"curate: no text is off_task{of}: {found.shots} shots are too few to say how far real texts lie, "
        f"{found.needed} are needed (prepare.shots, or a larger share in curate.off_task)"
    )


def _yardsticks(far: Far) -> dict[str, Any]:
    """The yardsticks as metrics: one, or one for each question; none where the rule is off."""
    named = {
        found.question_id: {"shots": found.shots}
        | ({"off": f"needs {found.needed} shots"} if found.bound is None else
           {"bound": found.bound, "shots_at_or_below": found.removed, "share_of_shots": found.removed / found.shots})
        for found in far.yardsticks
    }  # fmt: skip
    if not named:
        return {}
    return {"off_task_yardstick": named.get(None, named)}


def _examples(plan: Sequence[Mapping[str, Any]], shots: Sequence[Row]) -> dict[str, list[Row]]:
    """Plan id -> the examples that the row's chat showed up to its turn, each once."""
    by_id = {row.id: row for row in shots}
    shown: dict[str, dict[str, Row]] = {}
    examples = {}
    for row in plan:
        own = shown.setdefault(str(row["conversation"]), {})
        for name in row["shots"]:
            if name not in by_id:
                raise StandinError(
                    f"data/generated/plan.jsonl: row {row['plan_id']!r} shows example {name!r}, which is not in "
                    "data/real/shots.jsonl: the splits are newer than the texts; `dvc repro generate` writes them anew"
                )
            own[name] = by_id[name]
        examples[str(row["plan_id"])] = list(own.values())
    return examples


def _seed_texts(rows: Sequence[SyntheticRow], shots: Sequence[Row]) -> dict[str, list[Row]]:
    """Plan id -> the shots that a recorded text was made from, where that is known."""
    by_id = {row.id: row for row in shots}
    return {row.plan_id: [by_id[seed] for seed in row.seeds if seed in by_id] for row in rows if row.seeds is not None}


def _pool_texts_like_test(pool: Sequence[Row], test: Sequence[Row], real: Embeddings, cosine: float) -> int:
    """How many pool texts lie as near to a test text as contaminated synthetic ones do; they stay.

    The stage prepare compares by characters only: it has no embeddings. A preview embeds no pool and counts none.
    """
    embedded = set(real.ids)
    ids = [row.id for row in pool if row.id in embedded]
    if not ids or not test:
        return 0
    vectors = np.concatenate([real.of(ids), real.of([row.id for row in test])])
    ours, theirs = np.arange(len(ids)), np.arange(len(ids), len(vectors))
    return len(np.unique(similar_pairs(Cosine(vectors, cosine), ours, theirs).left))


def _generation_removed(path: Path) -> list[Removed]:
    """The rows that generation could not use. Raises StandinError for a reason that is not generation's."""
    removed = read_rows(path, Removed)
    for row in removed:
        if row.reason not in BEFORE:
            raise StandinError(f"{path}: row {row.id!r}: reason is {row.reason!r}; allowed: refused, unparsable")
    order = {reason: place for place, reason in enumerate(REASONS)}
    return sorted(removed, key=lambda row: order[row.reason])


def _judged_labels(params: Params, rows: Sequence[SyntheticRow], path: Path) -> dict[str, str]:
    """Id -> judged label; empty where nobody judges. Raises StandinError where a text was not judged."""
    judged = {str(value.get("id")): str(value.get("judged_label")) for _, value in read_json_lines(path)}
    if params.verify.by == "none":
        return {}
    for row in rows:
        if row.id not in judged:
            raise StandinError(f"{path}: no judgement of text {row.id!r}; `dvc repro verify` judges every text")
    return judged


def _shown_pairs(found: Curated, real: Sequence[Row]) -> Iterator[str]:
    """The first texts that stand too near to a real one, beside that one, as a person judges them."""
    texts = {row.id: row.text for row in real}
    for reason in ("contaminated", "copied"):
        for removal in [one for one in found.removed if one.reason == reason][:SHOWN_PAIRS]:
            how = removal.detail if removal.score is None else f"{removal.detail} {removal.score:.2f}"
            yield f"  {reason}, {how}:"
            for name, text in (
                (removal.row.id, removal.row.text),
                (removal.survivor, texts.get(str(removal.survivor))),
            ):
                line = visible(" ".join((text or "").split()))
                yield f"    {name}: {line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 4] + ' ...'}"


def _removed(removal: Removal) -> Removed:
    row = removal.row
    return Removed(
        id=row.id,
        plan_id=row.plan_id,
        label=row.label or "",
        text=row.text,
        reason=removal.reason,
        by=removal.detail,
        survivor=removal.survivor,
        score=removal.score,
    )


def _shares(counts: dict[str, int]) -> dict[str, Any]:
    """Shares of the planned rows; 0 where nothing was planned."""
    shares = {name: counts[name] / max(counts["planned"], 1) for name in ("kept", *REASONS)}
    return {"kept_share": shares.pop("kept"), "removed_share": shares}


def _breakdown(task: Task, rows: Sequence[SyntheticRow], judged: dict[str, str], found: Curated) -> dict[str, Any]:
    """Kept texts per label and question, what removed the others, and how often the judge agrees."""
    labels = Counter(row.label for row in found.kept)
    metrics: dict[str, Any] = {"kept_per_label": {name: labels[name] for name in task.label_names}}
    if task.questions:
        questions = Counter(row.question_id for row in found.kept)
        metrics["kept_per_question"] = {question.id: questions[question.id] for question in task.questions}
    for reason in ("invalid", "contaminated", "copied", "duplicate"):
        details = Counter(removal.detail for removal in found.removed if removal.reason == reason)
        metrics[f"{reason}_by"] = {str(name): number for name, number in sorted(details.items(), key=str)}
    if judged and rows:
        metrics["judged_agreement"] = sum(judged[row.id] == row.label for row in rows) / len(rows)
    return metrics
