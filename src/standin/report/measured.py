"""What the page shows of diversity and subjectivity, as plain values from the stages' metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

KINDS = ("real", "real_distinct", "generated", "synthetic")
"""Columns of the table of diversity: the pool, the pool without near-duplicates, all generated texts, curated texts."""

MEASURED = {
    "remote_clique": "Spread (remote clique): mean distance to the others",
    "chamfer": "Redundancy (Chamfer): mean distance to the nearest other",
}

Rows = list[tuple[str, Any]]


def diversity(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Remote clique and Chamfer under cosine distance over all texts and per label, and similarity with its yardstick.

    ``rows`` and ``labels`` hold name, number of texts a set, one cell per kind; ``similar`` holds name and value.
    """
    rows = [
        {"name": name, "texts": metrics.get("texts_compared"), "cells": _cells(metrics, measure)}
        for measure, name in MEASURED.items()
    ]
    labels = [
        {"name": f"{label}, {short}", "texts": found.get("texts_compared"), "cells": _cells(found, measure)}
        for label, found in metrics.get("per_label", {}).items()
        for measure, short in (("remote_clique", "spread"), ("chamfer", "redundancy"))
    ]
    names = {
        "similarity_of_real_halves": "Half of the real texts to the other half: the yardstick",
        "similarity_coverage": "Real texts to curated ones (coverage)",
        "similarity_fidelity": "Curated texts to real ones (fidelity)",
    }
    return {
        "rows": rows,
        "labels": labels,
        "similar": [(name, metrics[key]) for key, name in names.items() if key in metrics],
        "others": metrics.get("similarity_others"),
        "shares": _shares(metrics),
    }


def _shares(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each measure of the curated texts over its yardstick: real texts without near-duplicates, or halves of them."""
    real = {name: metrics.get("real_distinct", metrics.get("real", {})).get(f"{name}_cosine") for name in MEASURED}
    own = {name: metrics.get("synthetic", {}).get(f"{name}_cosine") for name in MEASURED}
    halves = metrics.get("similarity_of_real_halves")
    pairs = [
        ("Spread: how far apart the texts lie", own["remote_clique"], real["remote_clique"]),
        ("Variety: how far the nearest other text is", own["chamfer"], real["chamfer"]),
        ("Coverage: real texts that are met", metrics.get("similarity_coverage"), halves),
        ("Realism: texts that are like real ones", metrics.get("similarity_fidelity"), halves),
    ]
    return [
        {"name": name, "share": round(value / base, 4)} for name, value, base in pairs if base and value is not None
    ]


def _cells(found: Mapping[str, Any], measure: str) -> list[Any]:
    return [found.get(kind, {}).get(f"{measure}_cosine") for kind in KINDS]


def subjectivity(metrics: Mapping[str, Any], slopes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was asked of whom and what it is worth, the figures to decide by, and the rest.

    Args:
        metrics: of the stage subjectivity.
        slopes: of each arm, name, value, low and high, as the stage evaluate left them.

    Returns:
        ``said``: sentences; ``rows`` and ``rest``: names with values; ``slopes``: empty where the panel is worth
        nothing; ``worthless``: whether it is.
    """
    panel = metrics.get("source") == "llm_panel"
    worthless = panel and metrics.get("panel_beats_baseline") is False
    first = {
        "mean_agreement": "Mean agreement (share of the majority label)",
        "krippendorff_alpha": "Krippendorff's alpha (1 is agreement, 0 is chance)",
        "texts": "Texts judged" if panel else "Texts with two annotations or more",
        "panel_accuracy": "Panel: its majority is the given label",
        "baseline_accuracy": "Always the most common label",
        "place": "Place among the tasks compared, 1 the most objective (LLM panel)",
    }
    rest = {
        "texts_annotated": "Texts with annotations; those with a single one have no agreement",
        "votes_per_text": "Votes per text",
        "panel_lean": "Panel: share of votes on each judge's favourite label",
        "tasks_compared": "Tasks compared",
        "position_bias": "Panel: share of answers that name the task shown first (0.5 no bias, 1 always the first, "
        "0 always the second)",
        "spearman_with_paper": "Panel's ranking against the paper's stars (Spearman; stars recalled)",
        "spearman_random_95": "What 95 % of random rankings stay within, on either side of 0",
    }
    return {
        "said": [*_source(metrics, panel), *(_worthless(metrics, slopes) if worthless else []), *_place(metrics)],
        "rows": _named(metrics, first),
        "rest": _named(metrics, rest),
        "slopes": [] if worthless else list(slopes),
        "worthless": worthless,
    }


def _named(metrics: Mapping[str, Any], names: Mapping[str, str]) -> Rows:
    return [(name, metrics[key]) for key, name in names.items() if key in metrics]


def _source(metrics: Mapping[str, Any], panel: bool) -> list[str]:
    if not metrics.get("texts"):
        return []
    if not panel:
        return ["Agreement of the annotators of the test texts."]
    return [
        "Nobody annotated these texts several times: an LLM panel stands in, so these figures speak of the panel as "
        "much as of the texts."
    ]


def _worthless(metrics: Mapping[str, Any], slopes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why the panel's agreement is no result, and where its use would mislead."""
    low, high = metrics["panel_accuracy_low"], metrics["panel_accuracy_high"]
    said = (
        f"The panel is worth nothing here: it is right on {metrics['panel_accuracy']:.0%} of the texts (95 % interval "
        f"{low:.0%} to {high:.0%}), and always naming the most common label on {metrics['baseline_accuracy']:.0%}. Its "
        "agreement says nothing about how subjective the texts are, so no accuracy is drawn over it."
    )
    falling = sum(float(row["value"]) < 0 for row in slopes)
    if falling:
        said += f" Accuracy even falls as its agreement rises for {falling} of {len(slopes)} arms."
    return [said]


def _place(metrics: Mapping[str, Any]) -> list[str]:
    """Whether the panel's ranking of tasks can be told from a random one."""
    rho, reach = metrics.get("spearman_with_paper"), metrics.get("spearman_random_95")
    if rho is None or reach is None or "place" not in metrics:
        return []
    if rho > reach:
        return [
            f"The panel ranks the paper's tasks much as its crowd workers do: Spearman {rho:.2f}, where 95 % of random "
            f"rankings stay within {reach:.2f} of 0."
        ]
    return [
        "The place among the tasks is no evidence: the panel's ranking of the paper's tasks reaches Spearman "
        f"{rho:.2f} with the paper's stars, and 95 % of random rankings stay within {reach:.2f} of 0."
    ]
