"""How many texts and labels stand behind the figures, and what chance and the seed decided of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from standin.errors import counted
from standin.report.naming import chosen

Key = tuple[str, str]
"""Arm and budget, as ``reports/arms/texts.csv`` writes them; the budget is "" where no selected text is in the arm."""
Counted = Mapping[str, str]
SAID = {
    "margin": "Margin sampling selects the texts whose two likeliest labels a trained learner finds nearly as likely.",
    "coverage": (
        "Coverage (k-centre greedy, Sener and Savarese 2018) selects texts one by one, always the one farthest from "
        "all that are labelled or selected."
    ),
    "sqbc_diverse": (
        "SQBC with diversity (ours) selects texts one by one by the disagreement of their committee times the distance "
        "to what is selected already."
    ),
}


def arm_counts(rows: Sequence[Counted]) -> dict[Key, dict[str, str | None]]:
    """Texts and real labels per classifier of each arm and budget: one number, or "310 to 342" where they differ.

    rows: one per arm, budget, seed, question and label. A classifier is trained per seed and question.
    """
    sums: dict[Key, dict[str, dict[tuple[str, str], int]]] = {}
    for row in rows:
        own = sums.setdefault((row["arm"], row["budget"]), {"texts": {}, "real_labels": {}})
        classifier = (row["seed"], row["question_id"])
        for name, found in own.items():
            found[classifier] = found.get(classifier, 0) + int(row[name])
    return {key: {name: _range(list(found.values())) for name, found in own.items()} for key, own in sums.items()}


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def label_cost(behind: Mapping[Key, Mapping[str, str | None]], real_texts: Mapping[str, int]) -> tuple[str, str]:
    """Labels that people gave for one classifier, from the fewest to the most, and what they were for in words.

    Args:
        behind: texts and real labels by arm and budget, as ``arm_counts`` gives them.
        real_texts: number of texts per split.
    """
    found = [int(part.replace(",", "")) for own in behind.values() for part in str(own["real_labels"]).split(" to ")]
    held = real_texts.get("validation", 0) + real_texts.get("test", 0)
    more = f"; {held:,} more to validate and test all of them" if held else ""
    return (_range(found), f"for a classifier's training{more}") if found else ("0", f"for training{more}")


def rows_read(metrics: Mapping[str, Any], budget: str) -> str | None:
    """Rows that an arm's training read and how often each text, as "960 (4.0 times)"; None where it was skipped.

    metrics: of the arm's stage finetune, means over seeds and questions; with several budgets one group for each.
    """
    found = metrics.get(f"budget_{budget}", metrics)
    return f"{found['rows_seen']:,.0f} ({found['passes']:.1f} times)" if "passes" in found else None


def labels_of(rows: Sequence[Counted], arm: str | None, budget: str) -> str:
    """Labels of an arm's texts, each with its mean number over seeds and questions: "housing 12, transport 11.7"."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if (row["arm"], row["budget"]) == (arm, budget):
            found.setdefault(row["label"], []).append(int(row["texts"]))
    means = {label: round(sum(numbers) / len(numbers), 1) for label, numbers in found.items()}
    return ", ".join(f"{label} {mean:g}" for label, mean in means.items())


def selection_rows(
    strategy: str, metrics: Mapping[str, Any], behind: Sequence[Counted], arms: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """One row per budget of a strategy; labels are those of the arm that trains on its texts alone."""
    arm = next((name for name, sources in arms.items() if list(sources) == [strategy]), None)
    return [
        {
            "strategy": f"chosen {chosen(strategy)}",
            "ranked": metrics["texts_ranked"],
            "budget": budget,
            "seed": metrics.get("seed_share", {}).get(budget),
            "chance": metrics.get("seed_share_of_chance", {}).get(budget),
            "ties": ties,
            "labels": labels_of(behind, arm, budget),
        }
        for budget, ties in metrics["tie_share"].items()
    ]


def selection_notes(strategies: Mapping[str, Mapping[str, Any]], seeds: int, *, synthetic: bool = False) -> list[str]:
    """What a reader must know of the strategies used.

    strategies: name -> metrics of its stage. synthetic: whether they chose among the synthetic texts.
    """
    notes = []
    if synthetic:
        notes.append("Texts were chosen among the synthetic ones (select.pool): no label was paid for them.")
    if before := max((int(metrics.get("labelled_before", 0)) for metrics in strategies.values()), default=0):
        notes.append(
            f"{counted(before, 'text was', 'texts were')} labelled in earlier rounds and count in each budget."
        )
    one_selection = any(metrics.get("one_selection") for metrics in strategies.values())
    if one_selection:
        notes.append(
            "Where people label, all training seeds share one selection: each strategy is one draw, and what another "
            "draw would change is in no interval. Classifiers whose texts were chosen differently have no verdict."
        )
    elif seeds > 1:
        notes.append(
            "Changes with the seed: the share of the selected texts that another seed would not select, for ties, "
            "redrawn committee and learner together. Random draws share texts by accident alone: they change by "
            "1 - budget / pool."
        )
    else:
        notes.append("One seed shows ties alone: what a redrawn committee or learner changes takes several seeds.")
    if any(name.startswith("sqbc") for name in strategies):
        notes.append(
            "SQBC (Wagner et al. 2025) asks the nearest synthetic texts to vote with their prompted labels and selects "
            "the texts they disagree on; equal votes are broken at random."
        )
    notes += [said for name, said in SAID.items() if name in strategies]
    if any(name.endswith("_sampled") for name in strategies):
        notes.append("Sampled: texts are drawn, each with a chance proportional to its score (Kirsch et al. 2023).")
    if any(name.startswith("cal") for name in strategies):
        notes.append(
            "CAL (Margatina et al. 2021) selects the texts that a trained learner judges unlike their nearest labelled "
            "neighbours."
        )
    if seeds > 1 and not one_selection and any(metrics.get("learners") == 1 for metrics in strategies.values()):
        notes.append(
            "CAL's learner is the warm start as it is, one for all seeds: beyond ties, CAL's interval holds no "
            "variance of selection."
        )
    return notes


def curation_notes(curate: Mapping[str, Any]) -> list[str]:
    """What people decided and should look at, what texts were measured in, and what decided which are off the task."""
    notes = [*_looked_at(curate)]
    if curate.get("length_unit") == "characters":
        notes.append("The task's language is written without spaces, so lengths are counted in characters, not words.")
    found = curate.get("off_task_yardstick", {})
    for question, own in ({"": found} if "shots" in found else found).items():
        of = f" of {question}" if question else ""
        if "bound" in own:
            notes.append(
                f"Off task{of}: a similarity of {own['bound']:.2f} or less to the task (the mean cosine of the five "
                f"nearest shots, or that of a label's description if it is higher). {own['shots_at_or_below']} of the "
                f"{counted(own['shots'], 'shot')} ({own['share_of_shots']:.1%}), each left out once, lie so far away."
            )
        else:
            notes.append(
                f"Off task{of}: not sought, {counted(own['shots'], 'shot is', 'shots are')} too few ({own['off']})."
            )
    return notes


def _looked_at(curate: Mapping[str, Any]) -> Iterator[str]:
    """Reviews and hints, a sentence each, where they were counted."""
    if found := curate.get("reviewed"):
        gone = found["accepted_removed"]
        vain = f", {gone:,} accepted in vain (invalid, contaminated, copied or equal)" if gone else ""
        yield (
            f"People read some of the texts: {found['accepted']:,} accepted, {found['rejected']:,} rejected, "
            f"{found['edited']:,} edited{vain}."
        )
    kept = curate.get("kept", 0)
    if found := curate.get("label_suspects"):
        yield (
            f"Of {counted(kept, 'kept text')} {found:,} {'looks' if found == 1 else 'look'} mislabelled to a "
            "classifier of the others (confident learning); nothing was removed for that."
        )
    said = {
        "personal_data": "the form of personal data (addresses, numbers, handles)",
        "insults": "words of insult or threat, by a short list",
    }
    for name, what in said.items():
        if name in curate:
            real = curate[f"real_{name}"]["share"]
            beside = f", as {real:.1%} of the real ones" if real is not None else ""
            yield f"{curate[name]['texts']:,} of {counted(kept, 'kept text')} hold {what}{beside}: a hint, no finding."


def held_out_notes(prepare: Mapping[str, Any], curate: Mapping[str, Any]) -> list[str]:
    """What was left out of the real texts for being like held-out ones, and who reads the test texts."""
    if not (prepare["real_texts"].get("test") or prepare["real_texts"].get("validation")):
        return ["There are no test texts yet, so no text was compared with them."]
    test, validation, warm = (
        int(prepare.get(f"dropped_near_duplicates_{name}", 0)) for name in ("of_test", "of_validation", "in_warmstart")
    )
    out = test + validation
    notes = [
        f"{counted(out, 'real text was', 'real texts were')} left out of the splits because nearly the same text "
        f"is in test ({test:,}) or validation ({validation:,})"
        + (f", and {counted(warm, 'warm-start text')} likewise." if warm else ".")
        if out or warm
        else "No real text had to be left out of the splits for being nearly the same as one of test or validation."
    ]
    if not prepare["real_texts"].get("test"):
        return notes
    if "pool_texts_like_test" in curate:
        near, pool = curate["pool_texts_like_test"], f"the pool's {counted(prepare['real_texts']['pool'], 'text')}"
        notes.append(
            f"By embedding, {near:,} of {pool} still {'lies' if near == 1 else 'lie'} as near to a test text as a "
            f"synthetic text may not; {'it stays' if near == 1 else 'they stay'}."
            if near
            else f"By embedding, none of {pool} lies as near to a test text as a synthetic text may not."
        )
    notes.append(
        "Two filters read test texts: the one above, and the one that takes out synthetic texts like them. Nothing "
        "else that a person tunes depends on test texts."
    )
    return notes
