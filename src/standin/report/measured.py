"""What the page shows of diversity and subjectivity, as plain values from the stages' metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.errors import counted
from standin.report.words import decimal

KINDS = ("real", "real_distinct", "generated", "synthetic")
"""Columns of the table of diversity: the pool, the pool without near-duplicates, all generated texts, curated texts."""

PAIRS = ("real_halves", "synthetic_against_real")
"""Columns of the table of two sets each."""
RANGED = 10
"""From here on a value is shown with one decimal: an effective number of texts."""

MEASURED = {
    "remote_clique": "Spread (remote clique): mean distance to the others",
    "chamfer": "Variety (Chamfer): mean distance to the nearest other",
}

FURTHER = {
    "remote_clique_angular": "Spread: mean angle to the others (radians)",
    "chamfer_angular": "Variety: angle to the nearest other (radians)",
    "remote_clique_euclidean": "Spread: mean Euclidean distance to the others",
    "chamfer_euclidean": "Variety: Euclidean distance to the nearest other",
    "vendi": "Vendi score: effective number of different texts",
    "distinct_1": "Distinct words among all words",
    "distinct_2": "Distinct pairs of words among all pairs",
    "distinct_3": "Distinct runs of three words among all",
    "self_bleu": "Self-BLEU: likeness of a text's wording to all others (1 the same)",
}
AGAINST = {
    "two_sample_accuracy": "A classifier tells the two apart (share right; 0.5 is chance)",
    "precision": "Precision: share of the second set's texts that lie in the region of the first",
    "recall": "Recall: share of the first set's texts that lie in the region of the second",
}
RANKED_BY = {"people": "people", "llm_judgements": "models that answered in people's stead"}
"""Source of a ranking of tasks -> who that is; any other is the LLM panel."""

BOUNDS = "agreement_bands"
"""The source of agreement of which only lower bounds are known."""

Rows = list[tuple[str, Any]]


def diversity(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Remote clique and Chamfer under cosine distance over all texts and per label, and similarity with its yardstick.

    ``rows``, ``labels`` and ``further`` hold name, number of texts a set, one cell per kind, a range in brackets;
    ``similar`` and ``against`` hold name and values. ``further`` and ``against`` are empty without ``diversity.more``.
    """
    more = metrics.get("more", {})
    rows: list[dict[str, Any]] = [
        {"name": name, "texts": metrics.get("texts_compared"), "cells": _cells(metrics, f"{measure}_cosine")}
        for measure, name in MEASURED.items()
    ]
    labels = [
        {"name": f"{label}, {short}", "texts": found.get("texts_compared"), "cells": _cells(found, f"{measure}_cosine")}
        for label, found in metrics.get("per_label", {}).items()
        for measure, short in (("remote_clique", "spread"), ("chamfer", "variety"))
    ]
    names = {
        "similarity_of_real_halves": "Half of the real texts to the other half: the yardstick",
        "similarity_coverage": "Real texts to kept synthetic ones (coverage)",
        "similarity_fidelity": "Kept synthetic texts to real ones (realism, or fidelity)",
    }
    return {
        "rows": rows,
        "labels": labels,
        "similar": [(name, _ranged(metrics, key)) for key, name in names.items() if key in metrics],
        "draws": metrics.get("draws"),
        "further": [
            {"name": name, "texts": more.get("texts_compared"), "cells": _cells(more, measure)}
            for measure, name in FURTHER.items()
            if any(measure in more.get(kind, {}) for kind in KINDS)
        ],
        "against": [
            {"name": name, "cells": [_ranged(more.get(pair, {}), measure) for pair in PAIRS]}
            for measure, name in AGAINST.items()
            if any(measure in more.get(pair, {}) for pair in PAIRS)
        ],
        "further_draws": more.get("draws"),
        "others": metrics.get("similarity_others"),
        "shares": _shares(metrics),
        "measured": any(cell is not None for row in rows for cell in row["cells"]),
    }


def _shares(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each measure of the curated texts over its yardstick: real texts without near-duplicates, or halves of them."""
    real = {name: metrics.get("real_distinct", metrics.get("real", {})).get(f"{name}_cosine") for name in MEASURED}
    own = {name: metrics.get("synthetic", {}).get(f"{name}_cosine") for name in MEASURED}
    halves = metrics.get("similarity_of_real_halves")
    asked = [
        ("Spread", "how far apart the texts lie", own["remote_clique"], real["remote_clique"]),
        ("Variety", "how far the nearest other text is", own["chamfer"], real["chamfer"]),
        ("Coverage", "how near real texts have a synthetic one", metrics.get("similarity_coverage"), halves),
        ("Realism", "how near synthetic texts have a real one", metrics.get("similarity_fidelity"), halves),
    ]
    return [
        {"name": name, "note": note, "share": round(value / base, 4)}
        for name, note, value, base in asked
        if base and value is not None
    ]


def weakest(shares: Sequence[Mapping[str, Any]]) -> str:
    """Which measure falls short of real texts the most, in a sentence; empty where none was taken."""
    if not shares:
        return ""
    least = min(shares, key=lambda row: float(row["share"]))
    if least["share"] >= 1:
        return "By all measures they come up to real texts."
    return f"Compared with real texts they fall short the most in {least['name'].lower()}: {least['share']:.0%}."


def _cells(found: Mapping[str, Any], measure: str) -> list[Any]:
    return [_ranged(found.get(kind, {}), measure) for kind in KINDS]


def _ranged(found: Mapping[str, Any], measure: str) -> Any:
    """A measure, with the range of its draws in brackets, kept on one line; None where it was not taken."""
    low, high = found.get(f"{measure}_low"), found.get(f"{measure}_high")
    if measure not in found or low is None or high is None:
        return found.get(measure)
    digits = 3 if abs(high) < RANGED else 1
    between = f"({decimal(low, digits)} to {decimal(high, digits)})".replace(" ", "\N{NO-BREAK SPACE}")
    return f"{decimal(found[measure], digits)} {between}"


def subjectivity(metrics: Mapping[str, Any], slopes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was asked of whom and what it is worth, the figures to decide by, and the rest.

    Args:
        metrics: of the stage subjectivity.
        slopes: of each arm, name, value, low and high, as the stage evaluate left them.

    Returns:
        ``said``: sentences; ``rows`` and ``rest``: names with values; ``slopes``: empty where the panel is worth
        nothing; ``worthless``: whether it is.
    """
    panel, bounds = metrics.get("source") == "llm_panel", metrics.get("source") == BOUNDS
    worthless = panel and metrics.get("panel_beats_baseline") is False
    first = {
        "mean_agreement": "Mean agreement (share of the majority label)",
        "mean_agreement_at_least": "Mean agreement, at least (a lower bound)",
        "krippendorff_alpha": f"Krippendorff's alpha{_level(metrics)} (1 is agreement, 0 is chance)",
        "texts": "Texts judged by the LLM panel"
        if panel
        else "Texts with a bound of their agreement"
        if bounds
        else "Texts with two annotations or more",
        "panel_accuracy": "Panel: share of texts on which its majority is right",
        "baseline_accuracy": "Always naming the most common label: share right",
        "place": f"Place among the tasks compared, 1 the most objective ({_ranked_by(metrics)})",
    }
    rest = {
        "texts_annotated": "Texts with annotations; those with a single one have no agreement",
        "votes_per_text": "Votes per text",
        "panel_lean": "Panel: share of votes on each judge's favourite label",
        "tasks_compared": "Tasks compared",
        "answers": "Answers to which of two tasks is more objective",
        "judges": "Judges who gave them",
        "position_bias": "Ranking: share of answers that name the task shown first (0.5 no bias, 1 always the first, "
        "0 always the second)",
        "spearman_with_paper": "The ranking against the paper's stars (Spearman; stars recalled)",
        "spearman_random_95": "What 95% of random rankings stay within, on either side of 0",
        "kendall_with_paper": "The same by Kendall's tau-b",
        "kendall_random_95": "What 95% of random rankings stay within by Kendall's tau-b",
        "panel_place": "Place by the LLM panel",
        "panel_kendall_with_paper": "LLM panel's ranking against the paper's stars (Kendall's tau-b)",
        "kendall_with_panel": "This ranking against the LLM panel's (Kendall's tau-b)",
        "kendall_with_panel_random_95": "What 95% of random rankings stay within of another",
    }
    return {
        "said": [
            *_source(metrics, panel, slopes),
            *(_worthless(metrics, slopes) if worthless else []),
            *_place(metrics),
        ],
        "rows": _named(metrics, first),
        "rest": _named(metrics, rest),
        "slopes": [] if worthless else list(slopes),
        "worthless": worthless,
    }


def _ranked_by(metrics: Mapping[str, Any]) -> str:
    return RANKED_BY.get(str(metrics.get("place_source")), "LLM panel")


def ranked_by(source: str) -> str:
    """Who ranked the tasks, for a figure."""
    return RANKED_BY.get(source, "an LLM panel (a stand-in for people)")


def _level(metrics: Mapping[str, Any]) -> str:
    return f" of {metrics['measurement']} labels" if "measurement" in metrics else ""


def _named(metrics: Mapping[str, Any], names: Mapping[str, str]) -> Rows:
    return [(name, metrics[key]) for key, name in names.items() if key in metrics]


def _source(metrics: Mapping[str, Any], panel: bool, slopes: Sequence[Mapping[str, Any]]) -> list[str]:
    """How large the agreement is, whose it is, and whether classifiers are right more often with it."""
    if not metrics.get("texts"):
        return []
    texts = counted(metrics["texts"], "test text")
    if "mean_agreement_at_least" in metrics:
        return [
            f"At least {metrics['mean_agreement_at_least']:.0%} of the people give a text the same label, on average.",
            f"Of {texts} the file says only how many of their annotators agree at least, not how they voted. So this "
            "is a lower bound; there is no Krippendorff's alpha, and more texts than are drawn may reach an agreement.",
            *_worth(slopes, "people surely"),
        ]
    whose = (
        f"Nobody labelled these texts several times, so a panel of judges played by a language model stands in: it "
        f"labelled {texts}. Its figures speak of the panel as much as of the texts."
        if panel
        else f"Several people labelled {texts} each."
    )
    if metrics.get("panel_beats_baseline") is False:
        return ["It cannot be told here.", whose]
    who, alpha = "judges" if panel else "people", metrics.get("krippendorff_alpha")
    of = (
        f" (Krippendorff's alpha{_level(metrics)} {decimal(alpha, 2)}: 0 is chance, 1 full agreement)"
        if alpha is not None
        else ""
    )
    agree = f"On average {metrics['mean_agreement']:.0%} of the {who} give a text the same label{of}."
    alone = (
        f"So one of them alone gives the majority's label on {metrics['mean_agreement']:.0%} of the texts: a "
        "classifier's accuracy is to be read against that."
    )
    return [agree, whose, *([] if panel else [alone]), *_worth(slopes, who)]


def _worth(slopes: Sequence[Mapping[str, Any]], who: str) -> list[str]:
    """What the agreement tells of the classifiers, by the signs of slopes and of their intervals."""
    if not slopes:
        return []
    rising = sum(float(row["value"]) > 0 for row in slopes)
    clear = sum(float(row["low"]) > 0 for row in slopes)
    counts = f"{rising} of {counted(len(slopes), 'classifier')}"
    if clear:
        return [f"Where {who} agree, {counts} {_are(rising)} right more often, {clear} of them clearly."]
    return [
        f"That says little of which texts classifiers get right: where {who} agree, {counts} {_are(rising)} right more "
        "often, none of them clearly."
    ]


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _worthless(metrics: Mapping[str, Any], slopes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why the panel's agreement is no result, and where its use would mislead."""
    low, high = metrics["panel_accuracy_low"], metrics["panel_accuracy_high"]
    said = (
        f"The panel is worth nothing: it is right on {metrics['panel_accuracy']:.0%} of the "
        f"texts (95% interval {low:.0%} to {high:.0%}), and always naming the most common label on "
        f"{metrics['baseline_accuracy']:.0%}. Its agreement says nothing about how subjective the texts are, so no "
        "accuracy is drawn over it."
    )
    falling = sum(float(row["value"]) < 0 for row in slopes)
    if falling > len(slopes) / 2:
        of = counted(len(slopes), "classifier")
        said += f" Where it agrees, {falling} of {of} {_are(falling)} even right less often."
    return [said]


def _place(metrics: Mapping[str, Any]) -> list[str]:
    """Whether the panel's ranking of tasks can be told from a random one."""
    rho, reach = metrics.get("spearman_with_paper"), metrics.get("spearman_random_95")
    if rho is None or reach is None or "place" not in metrics:
        return []
    judged = metrics.get("place_source") in RANKED_BY
    who = "Models that answered in people's stead" if judged and metrics["place_source"] != "people" else "People"
    who, verb = (who, "rank") if judged else ("The panel", "ranks")
    measured = f"rank correlation {decimal(rho, 2)}; 95% of random rankings stay within {reach:.2f} of 0"
    if rho > reach:
        of = f"{metrics['place']} of {metrics.get('tasks_compared', '?')}"
        puts = f"{'put' if judged else 'puts'} this task at place {of}"
        return [
            f"{who} {verb} the paper's tasks by subjectivity much as the paper's crowd workers do ({measured}), and "
            f"{puts}, 1 the most objective."
        ]
    if judged:
        return [
            f"This task's place among the paper's tasks is no evidence: {who[0].lower()}{who[1:]} {verb} those no more "
            f"like the paper's crowd workers than a random order might ({measured})."
        ]
    return [
        "Nor is this task's place among the paper's tasks evidence: the panel ranks those no more like the paper's "
        f"crowd workers than a random order might ({measured})."
    ]


def placed(rows: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, Any]], str] | None:
    """The rows of ``reports/subjectivity/tasks.csv`` as numbers, and who ranked the tasks; None where nobody did."""
    numbers = ("subjectivity", "low", "high")
    found = [
        {
            **row,
            **{name: float(row[name]) for name in numbers},
            "paper_stars": int(row["paper_stars"]) if row["paper_stars"] else None,
        }
        for row in rows
    ]
    return (found, ranked_by(rows[0]["source"])) if found else None
