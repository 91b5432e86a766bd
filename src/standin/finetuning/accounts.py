"""What is told of an arm's trainings: metrics, loss curves, a line for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from standin.errors import counted
from standin.evaluation.tables import csv_text, rounded
from standin.finetuning.work import Kept, Key

HISTORY = ("question_id", "budget", "seed", "step", "loss", "learning_rate")


def write_history(arm: str, trained: Mapping[Key, Kept]) -> None:
    """Write the loss curves of an arm: ``reports/finetune/<arm>/history.csv``."""
    path = Path(f"reports/finetune/{arm}/history.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        (key.question, key.budget, key.seed, point.step, point.loss, point.learning_rate)
        for key, found in trained.items()
        for point in found.history
    ]
    path.write_text(csv_text(HISTORY, rows), encoding="utf-8", newline="\n")


def metrics(trained: Mapping[Key, Kept]) -> dict[str, Any]:
    """Counts, and means over seeds and questions: flat, or per ``budget_<n>`` where there are several budgets."""
    found = {budget: _means(own) for budget, own in _by_budget(trained).items()}
    scores = (
        next(iter(found.values())) if len(found) == 1 else {f"budget_{budget}": own for budget, own in found.items()}
    )
    return {"classifiers": len(trained), "skipped": False, **scores}


def _by_budget(trained: Mapping[Key, Kept]) -> dict[int | None, list[Kept]]:
    budgets = dict.fromkeys(key.budget for key in trained)
    return {budget: [one for key, one in trained.items() if key.budget == budget] for budget in budgets}


def _means(trained: Sequence[Kept]) -> dict[str, float]:
    """``passes``: how often a text was read, the mean over the texts."""
    means = {
        "train_rows": rounded(fmean(one.texts for one in trained)),
        "rows_seen": rounded(fmean(one.seen for one in trained)),
        "passes": rounded(sum(one.seen for one in trained) / sum(one.texts for one in trained)),
        "steps": rounded(fmean(one.steps for one in trained)),
    }
    if validated := [one.validation for one in trained if one.validation]:
        means["validation_macro_f1"] = rounded(fmean(macro_f1 for macro_f1, _, _ in validated))
        means["validation_accuracy"] = rounded(fmean(accuracy for _, accuracy, _ in validated))
    return means


def said(trained: Mapping[Key, Kept]) -> str:
    """What the classifiers of each budget read, and how good they are on validation texts."""
    groups = _by_budget(trained)
    return "; ".join((f"at budget {key}, " if len(groups) > 1 else "") + _of_budget(own) for key, own in groups.items())


def _of_budget(trained: Sequence[Kept]) -> str:
    least, most = min(one.texts for one in trained), max(one.texts for one in trained)
    texts = counted(most if least == most else f"{least:,} to {most:,}", "text")
    means = _means(trained)
    told = f"{counted(len(trained), 'classifier')} on {texts} each, every text {means['passes']:.1f} times"
    if "validation_macro_f1" in means:
        mean = "mean " if len(trained) > 1 else ""
        told += f", {mean}validation macro-F1 {means['validation_macro_f1']:.3f}"
    return told
