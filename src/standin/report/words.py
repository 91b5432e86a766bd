"""The report's sentences, made from the numbers and from nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.errors import counted
from standin.evaluation.family import Sources, as_many, random_instead, without_shots, without_synthetic
from standin.report.naming import arm_words

UNLEARNED, ONE_SELECTION = "not learned", "one selection"
WITHHELD = (UNLEARNED, ONE_SELECTION)
"""Verdicts that conclude nothing."""
MOST = 3  # comparisons that one sentence tells one by one
ADDED = "With synthetic texts added"
SHOTS_ADDED = "With the labelled examples to train on too"
ALONE = {
    "higher": "The synthetic texts alone are worth more than the real ones",
    "lower": "The synthetic texts alone are worth less than the real ones",
    "no difference": "Whether the synthetic texts alone are worth less than the real ones cannot be told",
    "several": "With synthetic texts alone",
}

Rows = Sequence[Mapping[str, Any]]
"""Comparisons in macro-F1: arm_a, arm_b, budget, difference, low, high, verdict_holm."""
Findings = Sequence[tuple[str, Sequence[Sequence[dict[str, Any]]]]]


def decimal(value: float, digits: int = 3, sign: str = "") -> str:
    """A number with so many digits; one that rounds to zero has no sign. ``sign`` is "+" to write that of others."""
    said = f"{value:{sign}.{digits}f}"
    return said if float(said) else said.lstrip("+-")


def difference(row: Mapping[str, Any], arms: Sources) -> str:
    """One comparison in words, by the verdict that allows for the number of comparisons."""
    a, b = (arm_words(row[name], row["budget"], arms) for name in ("arm_a", "arm_b"))
    verdict = row["verdict_holm"]
    if verdict in {"higher", "lower"}:
        return f"{a} scored {verdict} than {b} by {decimal(abs(row['difference']))} macro-F1 ({_interval(row)})"
    alone_clear = ", not clear once all comparisons are counted" if row["low"] > 0 or row["high"] < 0 else ""
    signed = decimal(row["difference"], sign="+")
    return f"no difference beyond the noise between {a} and {b} ({signed}, {_interval(row)}{alone_clear})"


def answer(comparisons: Rows, arms: Sources, strategies: Sequence[str]) -> list[str]:
    """What the synthetic texts were worth, at the largest budget: one sentence for each question that can be asked.

    In this order, where the arms exist: synthetic texts alone against the real ones; as many texts of one source as of
    another against those; synthetic texts added to an arm; the labelled examples added to an arm; each strategy against
    random; the same beside synthetic texts. Then one sentence on other budgets, where they read otherwise. Where no
    question can be asked, what was compared is told. Verdicts are those after Holm's correction; comparisons with an
    arm that has not learned say nothing. Last, where it is so, why there is no verdict on others.

    Args:
        comparisons: of macro-F1.
        arms: sources of every arm, in the order of params.yaml.
        strategies: of selection; ``random`` is what the others are measured by.
    """
    found = findings(comparisons, arms, strategies)
    sentences = []
    for lead, pairs in found:
        if told := largest(pairs):
            worth = ALONE[told[0]["verdict_holm"]] if lead == ALONE["several"] and len(told) == 1 else lead
            sentences.append(f"{worth}: {_told(told, arms)}.")
    rest = other_budgets(found, comparisons, arms)
    if not sentences and not rest:
        others = unasked(comparisons)
        budgets = _budgets(comparisons)
        at = f" with {budgets[-1]} selected texts" if len(budgets) > 1 else ""
        compared = [f"What was compared{at}: {_told(others, arms)}."] if others else []
        return compared + one_selection(comparisons)
    rest = rest or ("At other budgets nothing reads otherwise." if len(_budgets(comparisons)) > 1 else "")
    if rest:
        budget = _budgets(comparisons)[-1]
        sentences.append(f"{f'This is with {budget} selected texts. ' if sentences else ''}{rest}")
    return sentences + one_selection(comparisons)


def one_selection(comparisons: Rows) -> list[str]:
    """Why arms that differ in how their texts were chosen have no verdict; empty where they have."""
    if not any(row["verdict_holm"] == ONE_SELECTION for row in comparisons):
        return []
    return [
        "People label one selection for all training seeds, so nothing is concluded between classifiers whose texts "
        "were chosen differently: another selection might turn the difference round."
    ]


def findings(comparisons: Rows, arms: Sources, strategies: Sequence[str]) -> Findings:
    """For each question, how it begins and the pairs of arms that answer it: comparisons by budget, budgets rising."""
    asked = _asked(arms, strategies)
    return [(lead, [rows for a, b in pairs if (rows := by_budget(comparisons, a, b))]) for lead, pairs in asked]


def largest(pairs: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Each pair at its largest budget, without those of which nothing is concluded there."""
    return [rows[-1] for rows in pairs if rows[-1]["verdict_holm"] not in WITHHELD]


def unasked(comparisons: Rows) -> list[Mapping[str, Any]]:
    """What was compared at the largest budget, for arms of the user's own that raise none of the questions."""
    budgets = {"", *map(str, _budgets(comparisons)[-1:])}
    return [row for row in comparisons if row["verdict_holm"] not in WITHHELD and row["budget"] in budgets]


def other_budgets(found: Findings, comparisons: Rows, arms: Sources) -> str:
    """A sentence on what reads otherwise at other budgets than the largest; empty where nothing does."""
    if len(_budgets(comparisons)) < 2:
        return ""
    said = [
        f"at {row['budget']}, {difference(row, arms)}"
        for _, pairs in found
        for *rows, last in pairs
        for row in rows
        if row["verdict_holm"] not in {last["verdict_holm"], *WITHHELD}
    ]
    smaller = [row for _, pairs in found for *rows, _ in pairs for row in rows]
    withheld = sorted({int(row["budget"]) for row in smaller if row["verdict_holm"] == UNLEARNED})
    if withheld and (said or any(largest(pairs) for _, pairs in found)):
        said.append(f"at {', '.join(map(str, withheld))}, nothing is said of arms that have not learned there")
    return f"At other budgets: {_listed(said)}." if said else ""


def _budgets(comparisons: Rows) -> list[int]:
    return sorted({int(row["budget"]) for row in comparisons if row["budget"]})


def reasoned(generated: Mapping[str, Any]) -> str:
    """On the model's reasoning: tokens that were written for it, answers that ended inside it; empty without any."""
    tokens, unfinished = generated.get("reasoning_tokens", 0), generated.get("unfinished_reasoning", 0)
    said = (
        f" {tokens:,} of the written tokens were the model's reasoning, which is no part of a text." if tokens else ""
    )
    if unfinished:
        said += (
            f" {counted(unfinished, 'answer')} ended inside the model's reasoning: raise generator.max_tokens, or "
            "turn it off by generator.template."
        )
    return said


def unseeded(generated: Mapping[str, Any]) -> str:
    """A sentence on rows whose seed was not sent to the server; empty where all were."""
    rows = generated.get("without_seed", 0)
    if not rows:
        return ""
    said = counted(rows, "answer has", "answers have")
    return f" {said} no seed of their own, as the server was given none: asked anew, they would differ."


def _asked(arms: Sources, strategies: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The questions in order: how each begins, and the pairs of arms that answer it."""
    alone = [arm for arm, sources in arms.items() if set(sources) == {"synthetic"}]
    real = [arm for arm, sources in arms.items() if set(sources) == {"real"}]
    with_others = [arm for arm, sources in arms.items() if "synthetic" in sources and arm not in alone]
    selected = [arm for arm, sources in arms.items() if set(sources) & (set(strategies) - {"random"})]
    return [
        (ALONE["several"], [(arm, other) for arm in alone for other in real]),
        ("Of equally many texts", [(arm, other) for arm in arms for other in as_many(arm, arms)]),
        (ADDED, [(arm, other) for arm in with_others for other in without_synthetic(arm, arms)]),
        (SHOTS_ADDED, [(arm, other) for arm in arms for other in without_shots(arm, arms)]),
        (
            "Selecting texts",
            [(arm, other) for arm in selected if arm not in with_others for other in random_instead(arm, arms)],
        ),
        (
            "Selecting texts beside synthetic ones",
            [(arm, other) for arm in selected if arm in with_others for other in random_instead(arm, arms)],
        ),
    ]


def by_budget(comparisons: Rows, a: str, b: str) -> list[dict[str, Any]]:
    """The comparisons of two arms, budgets rising, a first: turned round where they are stored as b, a."""
    turned = {"higher": "lower", "lower": "higher"}
    found: list[dict[str, Any]] = []
    for row in comparisons:
        if (row["arm_a"], row["arm_b"]) == (a, b):
            found.append(dict(row))
        elif (row["arm_a"], row["arm_b"]) == (b, a):
            mirrored = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
            verdict = turned.get(row["verdict_holm"], row["verdict_holm"])
            found.append({**row, "arm_a": a, "arm_b": b, **mirrored, "verdict_holm": verdict})
    return sorted(found, key=lambda row: int(row["budget"] or 0))


def not_learned(rows: Rows, scores: Rows, names: Sequence[str]) -> list[str]:
    """What stands at the top of the page where arms have not learned; empty where all have.

    Args:
        rows: of ``reports/evaluate/learned.csv``, each with the ``name`` of its arm on the page.
        scores: macro-F1 per name, the row ``majority`` among them: name, value.
        names: of all arms that were scored.
    """
    reasons: dict[str, str] = {}
    for row in rows:  # "one label" comes before "chance"
        reasons.setdefault(row["name"], _reason(row, {score["name"]: score["value"] for score in scores}))
    if not reasons:
        return []
    if set(names) <= set(reasons):
        hint = (
            "No classifier has learned, so nothing can be concluded. Try more texts, longer training (params.yaml, "
            "finetune) or another encoder (finetune.encoder)."
        )
        return [hint, f"Why: {_listed([f'{name} {reason}' for name, reason in reasons.items()])}."]
    if len(reasons) == 1:
        ((name, reason),) = reasons.items()
        return [f"The classifier trained on {name} has not learned: it {reason}. Nothing is concluded from it."]
    said = _listed([f"{name} ({reason})" for name, reason in reasons.items()])
    return [f"Not learned, so nothing is concluded from them: {said}."]


def _reason(row: Mapping[str, Any], values: Mapping[str, float]) -> str:
    if row["reason"] == "one label":
        of = f" on question {row['question_id']}" if row["question_id"] else ""
        return f"answers {row['label']!r} to {float(row['share']):.0%} of the texts{of}"
    return (
        f"has a macro-F1 of {decimal(values[row['name']])}, not surely above what its answers would reach if they were "
        "dealt out at random"
    )


def _told(rows: Rows, arms: Sources) -> str:
    """Comparisons in one sentence: each by itself, or, where they are many, those without a difference by name only."""
    if len(rows) <= MOST:
        return "; ".join(difference(row, arms) for row in rows)
    clear = [difference(row, arms) for row in rows if row["verdict_holm"] in {"higher", "lower"}]
    none = [
        " and ".join(arm_words(row[name], row["budget"], arms) for name in ("arm_a", "arm_b"))
        for row in rows
        if row["verdict_holm"] == "no difference"
    ]
    return _listed([*clear, *([f"no difference beyond the noise between {', '.join(none)}"] if none else [])])


def _listed(parts: Sequence[str]) -> str:
    more = len(parts) - MOST - 1
    return "; ".join(parts[: MOST + 1]) + (f"; and {more} more, see the tables" if more > 0 else "")


def _interval(row: Mapping[str, Any]) -> str:
    return f"interval {decimal(row['low'], sign='+')} to {decimal(row['high'], sign='+')}"
