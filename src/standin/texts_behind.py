"""How many texts, and labels given by people, stand behind every classifier."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from standin.config import STRATEGY_EVIDENCE, Params
from standin.corpus import Row, SyntheticRow, by_question
from standin.ingredients import GENERATED, part, strategy

COLUMNS = ("arm", "budget", "seed", "question_id", "label", "texts", "generated", "real_labels")


def costs_shots(sources: Iterable[str], params: Params) -> bool:
    """Whether an arm costs the labels of shots without training on them: they made or sorted its synthetic texts.

    Few-shot prompts show them, and a classifier judge that removes texts learned from them. SQBC and CAL select by
    synthetic texts. All shots count, shown or not: all were labelled for it.
    """
    used = params.generator.shots > 0 or (params.verify.by == "classifier" and params.verify.remove)
    generated = params.select.pool == "synthetic"
    return used and any(
        part(source).source in GENERATED
        or (generated and strategy(source))
        or STRATEGY_EVIDENCE.get(source, STRATEGY_EVIDENCE["random"]) != STRATEGY_EVIDENCE["random"]
        for source in sources
    )


def counted_rows(
    rows: Sequence[Row], behind: Sequence[Row], key: tuple[int, int | None], names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """One count per question and label of one seed's and budget's rows. A label counts once, whatever it serves."""
    seed, budget = key
    for question, own in by_question(rows).items():
        human = {row.id: row for row in own if not isinstance(row, SyntheticRow)}
        human |= {row.id: row for row in behind if row.question_id == question}
        texts = Counter(row.label for row in own)
        generated = Counter(row.label for row in own if isinstance(row, SyntheticRow))
        labels = Counter(row.label for row in human.values())
        for name in names:
            of = {"label": name, "texts": texts[name], "generated": generated[name], "real_labels": labels[name]}
            yield {"budget": budget, "seed": seed, "question_id": question, **of}


def no_texts(
    arm: str, seeds: Sequence[int], questions: Iterable[str | None], names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The counts of an arm that learns from no text: nothing behind it, for every classifier and label."""
    none = {"texts": 0, "generated": 0, "real_labels": 0}
    for seed in seeds:
        for question in questions:
            for name in names:
                yield {"arm": arm, "budget": None, "seed": seed, "question_id": question, "label": name, **none}


def summary(counts: Sequence[Mapping[str, Any]], arms: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Per classifier at the arm's largest budget, means over seeds and questions; 0 for an arm that was skipped."""
    told: dict[str, dict[str, Any]] = {
        name: {} for name in ("arm_texts", "arm_synthetic_texts", "arm_real_labels", "arm_labels")
    }
    for arm in arms:
        own = [row for row in counts if row["arm"] == arm]
        largest = [row for row in own if row["budget"] == own[-1]["budget"]]
        classifiers = max(1, len({(row["seed"], row["question_id"]) for row in largest}))
        for name, column in (
            ("arm_texts", "texts"),
            ("arm_synthetic_texts", "generated"),
            ("arm_real_labels", "real_labels"),
        ):
            told[name][arm] = _mean(sum(row[column] for row in largest), classifiers)
        told["arm_labels"][arm] = {
            label: _mean(sum(row["texts"] for row in largest if row["label"] == label), classifiers) for label in names
        }
    return told


def _mean(total: int, number: int) -> int | float:
    """A whole number where it is one."""
    return total // number if total % number == 0 else round(total / number, 2)
