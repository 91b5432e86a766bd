"""How an experiment's arms differ from the same arms of the baseline, with verdicts that allow for their number (ours).

Two kinds. Runs on the same test texts are compared text by text and training seed by training seed, from their stored
predictions: that speaks of this data set. Rows that share two base seeds or more are compared run by run: that speaks
of the method on this data set. Holm's correction is over all that is tested at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from standin.compare.answers import Answers, Said, Truth
from standin.compare.states import Run, labels_of
from standin.evaluation.base_seeds import mean
from standin.evaluation.comparisons import difference, holm
from standin.evaluation.intervals import Examined, bootstrap, mean_over_questions
from standin.evaluation.results import RESAMPLING_SEED

Over = Literal["test texts", "base seeds"]
SAME, UNLEARNED, NO_VERDICT, ONE_SELECTION = "same predictions", "not learned", "no verdict", "one selection"
CLEAR = ("higher", "lower")


@dataclass(frozen=True, slots=True)
class Contrast:
    """An arm's macro-F1 in an experiment less that in the baseline. ``p`` is None where nothing was tested."""

    arm: str
    over: Over
    difference: float
    low: float | None
    high: float | None
    p: float | None = None
    holm: float | None = None
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The baseline's ``evaluate.confidence``, ``evaluate.resamples`` and ``evaluate.scored_labels``."""

    confidence: float
    resamples: int
    scored_labels: Sequence[str] = ()


def over_base_seeds(pairs: Sequence[tuple[Run, Run]], confidence: float) -> list[Contrast]:
    """Mean differences over pairs of runs, each pair of one base seed: (experiment, baseline)."""
    arms = [arm for arm in pairs[0][1].scores if all(arm in run.scores for pair in pairs for run in pair)]
    found = []
    for arm in arms:
        one = mean([mine.scores[arm].value - other.scores[arm].value for mine, other in pairs], confidence)
        lost = any(arm in run.unlearned for pair in pairs for run in pair)
        same = all(mine.predictions.get(arm, "-") == other.predictions.get(arm) for mine, other in pairs)
        verdict = SAME if same else UNLEARNED if lost else NO_VERDICT if one.p is None else ""
        low, high = (None if bound is None else min(max(bound, -1.0), 1.0) for bound in (one.low, one.high))
        found.append(Contrast(arm, "base seeds", one.value, low, high, None if same else one.p, None, verdict))
    return found


def over_test_texts(
    pairs: Sequence[tuple[Run, Run]], answers: Answers, settings: Settings
) -> list[tuple[list[Contrast], str]]:
    """Paired differences from stored predictions, for pairs (experiment, baseline); with why there are none or fewer.

    All arms that are scored on the same texts with the same training seeds share their resamples.
    """
    found: list[tuple[list[Contrast], str]] = [([], "")] * len(pairs)
    groups: dict[tuple[str, tuple[int, ...]], list[tuple[int, list[str]]]] = {}
    for place, (mine, other) in enumerate(pairs):
        if reason := _apart(mine, other):
            found[place] = [], reason
            continue
        shared = [arm for arm in other.scores if arm in mine.scores]
        same = [arm for arm in shared if mine.predictions.get(arm, "-") == other.predictions.get(arm)]
        others = [arm for arm in shared if arm not in same]
        arms = [arm for arm in others if answers.said(mine, arm) and answers.said(other, arm)]
        seeds = _seeds([answers.said(run, arm) or {} for arm in arms for run in (mine, other)])
        missing = [arm for arm in others if arm not in arms]
        reason = "" if seeds or not arms else "no training seed in common"
        if missing:
            whose = "the baseline's" if any(not answers.said(other, arm) for arm in missing) else "its"
            reason = f"{whose} predictions of {', '.join(missing)} are not in DVC's cache here"
        elif arms and not answers.truth(other):
            reason = "the test texts are not in DVC's cache here"
        elif arms and not _labelled(answers.truth(other) or {}, labels_of(other)):
            reason, seeds = "the test texts have labels that the task does not name", ()
        found[place] = [Contrast(arm, "test texts", 0.0, 0.0, 0.0, verdict=SAME) for arm in same], reason
        if seeds and answers.truth(other):
            groups.setdefault((mine.test, seeds), []).append((place, arms))
    for (_, seeds), members in groups.items():
        for place, contrasts in _measured(pairs, members, seeds, answers, settings).items():
            order = list(pairs[place][1].scores)
            both = sorted([*found[place][0], *contrasts], key=lambda one: order.index(one.arm))
            found[place] = both, found[place][1]
    return found


def corrected(contrasts: Sequence[Sequence[Contrast]], confidence: float) -> list[list[Contrast]]:
    """The same with Holm's p-values over all that was tested, and verdicts by them."""
    places = [(row, at) for row, found in enumerate(contrasts) for at, one in enumerate(found) if one.p is not None]
    made = [list(found) for found in contrasts]
    adjusted = holm([p for row, at in places if (p := made[row][at].p) is not None])
    for (row, at), value in zip(places, adjusted, strict=True):
        one = made[row][at]
        clear = "higher" if one.difference > 0 else "lower"
        verdict = one.verdict or (clear if value < 1 - confidence else "no difference")
        made[row][at] = replace(one, holm=value, verdict=verdict)
    return made


def _apart(mine: Run, other: Run) -> str:
    """Why two runs cannot be compared text by text; empty where they can."""
    if mine.note or other.note:
        return f"of the baseline, {other.note}" if other.note else mine.note
    if mine.task_name != other.task_name or labels_of(mine) != labels_of(other):
        return f"another task, {mine.task_name}" if mine.task_name != other.task_name else "other labels"
    if mine.test != other.test:
        return f"other test texts (base seed {mine.seed})" if mine.seed != other.seed else "other test texts"
    return ""


def _labelled(truth: Truth, labels: Sequence[str]) -> bool:
    return all(label in labels for of in truth.values() for label in of.values())


def _seeds(said: Sequence[Said]) -> tuple[int, ...]:
    sets = [{seed for _, seed in one} for one in said]
    return tuple(sorted(set.intersection(*sets))) if sets else ()


def _measured(
    pairs: Sequence[tuple[Run, Run]],
    members: Sequence[tuple[int, list[str]]],
    seeds: tuple[int, ...],
    answers: Answers,
    settings: Settings,
) -> dict[int, list[Contrast]]:
    """The contrasts of all pairs on one set of test texts and seeds, each file of predictions scored once."""
    entries: dict[str, Said] = {}
    for place, arms in members:
        for run in pairs[place]:
            entries |= {run.predictions[arm]: answers.said(run, arm) or {} for arm in arms}
    first = pairs[members[0][0]][1]
    truth, labels = answers.truth(first) or {}, labels_of(first)
    scored = [labels.index(label) for label in settings.scored_labels if label in labels]
    generator = np.random.default_rng(RESAMPLING_SEED)
    resampled = (
        bootstrap(_examined(of, question, list(entries.values()), seeds, labels), len(labels), settings.resamples,
                  generator, scored)
        for question, of in truth.items()
    )  # fmt: skip
    measured = mean_over_questions(resampled)["macro_f1"]
    texts, at = sum(map(len, truth.values())), {known: place for place, known in enumerate(entries)}
    found: dict[int, list[Contrast]] = {}
    for place, arms in members:
        mine, other = pairs[place]
        for arm in arms:
            estimate = difference(measured, at[mine.predictions[arm]], at[other.predictions[arm]], texts)
            low, high = estimate.interval(settings.confidence, -1, 1)
            apart = ONE_SELECTION if mine.drawn.get(arm) != other.drawn.get(arm) else ""
            lost = UNLEARNED if arm in mine.unlearned | other.unlearned else apart
            found.setdefault(place, []).append(
                Contrast(arm, "test texts", estimate.value, low, high, estimate.p_value(), None, lost)
            )
    return found


def _examined(
    of: Mapping[str, str], question: str | None, said: Sequence[Said], seeds: Sequence[int], labels: Sequence[str]
) -> Examined:
    """True and predicted classes of one question; an answer that is missing or no label of the task is wrong."""
    codes = {label: code for code, label in enumerate(labels)}
    predicted = np.full((len(said), len(seeds), len(of)), len(labels), dtype=np.intp)
    for entry, one in enumerate(said):
        for slot, seed in enumerate(seeds):
            answers = one.get((question, seed), {})
            predicted[entry, slot] = [codes.get(answers.get(text, ""), len(labels)) for text in of]
    return Examined(np.array([codes[label] for label in of.values()], dtype=np.intp), predicted)
