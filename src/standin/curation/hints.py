"""What of the kept texts a person should look at: label suspects, personal data, insults. Nothing is removed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.corpus import Row, SyntheticRow
from standin.curation.insults import insults
from standin.curation.insults import kinds as kinds_of_insults
from standin.curation.personal import KINDS, personal
from standin.curation.suspects import Suspects, suspects
from standin.errors import counted

SUSPECT_COLUMNS = ("id", "question_id", "label", "suggested_label", "score", "self_confidence")
PLACE_COLUMNS = ("id", "kind", "count")


@dataclass(frozen=True, slots=True)
class Hints:
    """As metrics, as sentences for the terminal, and as rows of two tables, which hold ids and no text."""

    metrics: Mapping[str, Any]
    lines: Sequence[str]
    suspects: Sequence[tuple[str | float | None, ...]]
    places: Sequence[tuple[str, str, int]]


def hints(kept: Sequence[SyntheticRow], vectors: npt.NDArray[np.float32], real: Sequence[Row], language: str) -> Hints:
    """Count the hints in kept texts, and those of words in real ones, which are the yardstick.

    Args:
        kept: curated texts.
        vectors: their embeddings, unit rows, shape (kept, dimensions).
        real: real texts.
        language: of the task.
    """
    found = suspects(kept, vectors)
    ours, theirs = _words(kept, language), _words(real, language)
    groups = {"personal_data": KINDS, "insults": kinds_of_insults(language)}
    metrics: dict[str, Any] = {"label_suspects": len(found.ranked)}
    if found.off:
        metrics["label_suspects_off"] = {question or "all": why for question, why in found.off.items()}
    for name, kinds in groups.items():
        if kinds:
            metrics[name] = _counts(ours, len(kept), kinds)
            metrics[f"real_{name}"] = _counts(theirs, len(real), kinds)
    return Hints(
        metrics,
        [*_of_suspects(found, len(kept)), *_of_words(metrics, len(kept))],
        [
            (each.id, each.question_id, each.label, each.suggested, each.score, each.self_confidence)
            for each in found.ranked
        ],
        [(name, kind, count) for name, counts in ours.items() for kind, count in counts.items()],
    )


def _words(rows: Sequence[Row], language: str) -> dict[str, dict[str, int]]:
    """Id -> kind -> how many, of the texts that hold any."""
    found = {row.id: personal(row.text) | insults(row.text, language) for row in rows}
    return {name: counts for name, counts in found.items() if counts}


def _counts(found: Mapping[str, Mapping[str, int]], texts: int, kinds: Sequence[str]) -> dict[str, Any]:
    """Texts that hold any of the kinds, their share (null without texts), and the texts that hold each."""
    holding = sum(any(kind in counts for kind in kinds) for counts in found.values())
    each = {kind: sum(kind in counts for counts in found.values()) for kind in kinds}
    return {"texts": holding, "share": holding / texts if texts else None} | each


def _of_suspects(found: Suspects, kept: int) -> Iterator[str]:
    if found.ranked:
        yield (
            f"the labels of {len(found.ranked)} of {counted(kept, 'kept text')} look wrong to a classifier of the "
            "others (reports/curate/suspects.csv); they stay, `standin review` shows them first"
        )
    for question, why in found.off.items():
        yield f"label suspects were not sought{f' of question {question}' if question else ''}: {why}"


def _of_words(metrics: Mapping[str, Any], kept: int) -> Iterator[str]:
    said = {"personal_data": "look like they hold personal data", "insults": "hold words of insult or threat"}
    for name, what in said.items():
        ours = metrics.get(name, {})
        if ours.get("texts"):
            share = metrics[f"real_{name}"]["share"]
            beside = f", {ours['share']:.1%} against {share:.1%} of real texts" if share is not None else ""
            kinds = ", ".join(
                f"{kind.replace('_', ' ')} {count}"
                for kind, count in ours.items()
                if kind not in ("texts", "share") and count
            )
            yield (
                f"{ours['texts']} of {counted(kept, 'kept text')} {what} ({kinds}){beside}; they stay, places are in "
                "reports/curate/personal.csv"
            )
