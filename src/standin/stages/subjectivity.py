"""Stage subjectivity: agreement per test text, and the task's place among tasks.

Where test rows carry annotations these are used; a text with one annotation has no agreement. Where no text has two,
lower bounds of the agreement are used, where rows carry those; else an LLM panel stands in. Every output says which.
The task's place among the ten tasks of Li et al. (2023) is that which people gave it (``standin subjectivity pairs``),
else the panel's. The panel ranks all tasks beside people who compared some pairs, none where they compared every pair.
``subjectivity.texts: 0`` asks no panel.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Row, by_question, read_rows, write_json_lines
from standin.engines import registry
from standin.engines.protocol import Engine
from standin.errors import counted
from standin.measures.agreement import (
    Scale,
    agreement,
    exact_interval,
    krippendorff_alpha,
    majority_accuracy,
    majority_share,
)
from standin.measures.judgements import Answer, all_pairs_answered, counted_wins, read_answers
from standin.measures.panel import ask_panel, stratified_subset
from standin.measures.rankings import Ranking, kendall, kendall_by_chance, ranking, spearman, spearman_by_chance
from standin.measures.subjectivity import (
    DescribedTask,
    against_stars,
    compare_tasks,
    compared_tasks,
    rank_tasks,
)
from standin.sheets import write_sheet
from standin.task import Task

OUT = Path("data/agreement")
SCALE = Path("reports/subjectivity/tasks.csv")
JUDGEMENTS = Path("tasks/judgements")
DIGITS = 6
SCALE_COLUMNS = ("task", "place", "subjectivity", "low", "high", "win_rate", "paper_stars", "source")
BANDS = "agreement_bands"
"""The source of agreement where a file says only how many annotators agree at least."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A test text and its votes, at least two; ``raw`` are a panel's votes before calibration, else empty."""

    row: Row
    votes: tuple[str, ...]
    raw: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranked:
    """Tasks in a ranking, this task the last of them; whose it is, and by how many answers of how many judges."""

    tasks: Sequence[DescribedTask]
    order: Ranking
    source: str
    answers: int | None = None
    judges: int | None = None

    def lines(self) -> list[dict[str, Any]]:
        """A line a task, the most objective first."""
        order = self.order
        lines = [
            {
                "place": order.places[i],
                "task": one.name,
                "bradley_terry": order.scores[i],
                "low": order.lows[i],
                "high": order.highs[i],
                "win_rate": round(order.win_rates[i], DIGITS),
                "paper_stars": one.stars,
                "source": self.source,
            }
            for i, one in enumerate(self.tasks)
        ]
        return sorted(lines, key=lambda line: int(str(line["place"])))

    def scale(self) -> Iterator[tuple[str | int | float | None, ...]]:
        """The rows of the figure, the most objective task first: how subjective it is, its score turned round."""
        for row in self.lines():
            turned = (round(-row[name], 4) + 0.0 for name in ("bradley_terry", "high", "low"))
            stars = row["paper_stars"]
            yield row["task"], row["place"], *turned, row["win_rate"], stars, self.source

    def metrics(self) -> dict[str, Any]:
        """The place of the task at hand, and what the ranking is worth."""
        order = self.order
        subjective, stars = against_stars(self.tasks, order.scores)
        return {
            "place": order.places[-1],
            "place_source": self.source,
            "tasks_compared": len(self.tasks),
            "bradley_terry": order.scores[-1],
            "bradley_terry_low": order.lows[-1],
            "bradley_terry_high": order.highs[-1],
            "win_rate": order.win_rates[-1],
            "position_bias": order.position_bias,
            "spearman_with_paper": spearman(subjective, stars),
            "spearman_random_95": spearman_by_chance(stars),
            "kendall_with_paper": kendall(subjective, stars),
            "kendall_random_95": kendall_by_chance(stars),
            "answers": self.answers,
            "judges": self.judges,
        }


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/agreement``: agreement.jsonl (texts), panel.jsonl (each judge's vote), tasks.jsonl (the ranking)."""
    settings = params.subjectivity
    test = read_rows(Path("data/real/test.jsonl"), Row)
    judged = [Judged(row, row.annotations) for row in test if row.annotations and len(row.annotations) > 1]
    bounded = [] if judged else [row for row in test if row.agreement is not None]
    source = "annotators" if judged else BANDS if bounded else "llm_panel"
    tasks = compared_tasks(task.name, task.description, task.label_names)
    names = [one.name for one in tasks]
    answers = read_answers(JUDGEMENTS / f"{task.name}.csv", names)
    rankings = list(_judged_ranking(tasks, answers))
    by_people = all_pairs_answered([one for one in answers if not one.by_model], names)
    subset = stratified_subset(test, settings.texts) if source == "llm_panel" else []
    metrics: dict[str, Any] = {}
    annotated = sum(bool(row.annotations) for row in test)
    if settings.texts and by_people:
        print("subjectivity: people compared every pair of tasks: the panel is not asked about them")  # noqa: T201
    if settings.texts and (subset or not by_people):
        engine = registry.load(settings.engine, settings.model, settings.revision, settings.dtype, params.runtime)
        if not by_people:
            order = rank_tasks(compare_tasks(engine, tasks, params.runtime.batch), len(tasks))
            rankings.append(Ranked(tasks, order, "llm_panel"))
        if source == "llm_panel":
            judged = list(_ask(engine, subset, task, settings.judges, params.runtime.batch))
            metrics |= _worth(judged)
    metrics |= _places(rankings)
    scale = Scale(task.source.measurement, task.label_values)
    metrics |= _least_agreement(bounded) if bounded else _agreement(judged, source, scale)
    metrics |= {"texts_annotated": annotated} if annotated else {}
    lines = _bound_lines(bounded) if bounded else _agreement_lines(judged, source)
    write_json_lines(OUT / "agreement.jsonl", lines)
    write_json_lines(OUT / "panel.jsonl", _panel_lines(judged))
    write_json_lines(OUT / "tasks.jsonl", (line for one in rankings for line in one.lines()))
    write_sheet(SCALE, SCALE_COLUMNS, rankings[0].scale() if rankings else ())
    _say(metrics, source)
    return {name: _rounded(value) for name, value in metrics.items() if value is not None}


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value


def _judged_ranking(tasks: Sequence[DescribedTask], answers: Sequence[Answer]) -> Iterator[Ranked]:
    """The ranking by people's answers, else by models'; none where no answer concerns this task, the last."""
    people = [one for one in answers if not one.by_model]
    counted_ones = people or answers
    if not counted_ones:
        return
    names, wins, position_bias = counted_wins(counted_ones, [one.name for one in tasks])
    if tasks[-1].name not in names:
        print(f"subjectivity: no answer in {JUDGEMENTS} concerns {tasks[-1].name}: it has no place by them")  # noqa: T201
        return
    compared = [one for one in tasks if one.name in names]
    source = "people" if people else "llm_judgements"
    judges = len({one.judge for one in counted_ones})
    yield Ranked(compared, ranking(wins, position_bias), source, len(counted_ones), judges)


def _places(rankings: Sequence[Ranked]) -> dict[str, Any]:
    """The task's place by the first ranking, and how far the others and the paper's stars agree with it."""
    if not rankings:
        return {}
    first, *others = rankings
    found = first.metrics()
    for other in others:
        own = dict(zip((one.name for one in other.tasks), other.order.scores, strict=True))
        shared = [own[one.name] for one in first.tasks]
        against = other.metrics()
        kept = ("place", "position_bias", "spearman_with_paper", "kendall_with_paper")
        found |= {f"panel_{name}": against[name] for name in kept}
        found["kendall_with_panel"] = kendall(first.order.scores, shared)
        found["kendall_with_panel_random_95"] = kendall_by_chance(range(len(shared)))
    return found


def _ask(engine: Engine, rows: Sequence[Row], task: Task, judges: int, batch: int) -> Iterator[Judged]:
    for group in by_question(rows).values():
        texts, question = [row.text for row in group], group[0].question or ""
        found = ask_panel(engine, texts, task.label_names, task.prompts.judge, question, judges, batch)
        for row, votes, raw in zip(group, found.votes(found.calibrated), found.votes(found.raw), strict=True):
            yield Judged(row, votes, raw)


def _worth(judged: Sequence[Judged]) -> dict[str, Any]:
    """What the panel's word is worth, after and before calibration.

    Accuracy: how often its majority is the gold label, with its exact 95 % interval over these texts;
    ``baseline_accuracy`` is that of naming the most frequent gold label each time. The panel beats it where the whole
    interval lies above (ours); of a panel that does not, nothing shows that it read the texts. Lean: the share of a
    judge's votes that go to its favourite label, mean over the judges. Near 1 the judges do not read the texts:
    SmolLM2-135M gave 298 of 300 raw votes to the label listed first.
    """
    if not judged:
        return {}
    labelled = [(one, one.row.label) for one in judged if one.row.label is not None]
    gold = [label for _, label in labelled]
    accuracy = majority_accuracy([one.votes for one, _ in labelled], gold)
    found: dict[str, Any] = {
        "panel_accuracy": accuracy,
        "panel_accuracy_uncalibrated": majority_accuracy([one.raw for one, _ in labelled], gold),
        "panel_lean": _lean([one.votes for one in judged]),
        "panel_lean_uncalibrated": _lean([one.raw for one in judged]),
    }
    if accuracy is not None:
        baseline, (low, high) = majority_share(gold), exact_interval(accuracy, len(gold))
        found |= {"panel_accuracy_low": low, "panel_accuracy_high": high}
        found |= {"baseline_accuracy": baseline, "panel_beats_baseline": low > baseline}
    return found


def _lean(votes: Sequence[tuple[str, ...]]) -> float:
    shares = [majority_share(of_one_judge) for of_one_judge in zip(*votes, strict=True)]
    return sum(shares) / len(shares)


def _agreement(judged: Sequence[Judged], source: str, scale: Scale) -> dict[str, Any]:
    if not judged:
        return {"texts": 0}
    shares = [share for one in judged if (share := agreement(one.votes)) is not None]
    return {
        "texts": len(judged),
        "source": source,
        "mean_agreement": sum(shares) / len(shares),
        "votes_per_text": sum(len(one.votes) for one in judged) / len(judged),
        "krippendorff_alpha": krippendorff_alpha([one.votes for one in judged], scale),
        "measurement": scale.level if scale.level != "nominal" else None,
    }


def _least_agreement(rows: Sequence[Row]) -> dict[str, Any]:
    """Of lower bounds: their mean, which the mean agreement reaches or exceeds. Without votes there is no alpha."""
    bounds = [row.agreement for row in rows if row.agreement is not None]
    return {"texts": len(bounds), "source": BANDS, "mean_agreement_at_least": sum(bounds) / len(bounds)}


def _bound_lines(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"id": row.id, "agreement": round(row.agreement or 0.0, DIGITS), "bound": "lower", "source": BANDS}


def _agreement_lines(judged: Sequence[Judged], source: str) -> Iterator[dict[str, Any]]:
    for one in judged:
        if (share := agreement(one.votes)) is not None:
            yield {"id": one.row.id, "agreement": round(share, DIGITS), "votes": list(one.votes), "source": source}


def _panel_lines(judged: Sequence[Judged]) -> Iterator[dict[str, Any]]:
    """One line per text and judge; none where annotators voted."""
    for one in judged:
        for judge, (raw, vote) in enumerate(zip(one.raw, one.votes if one.raw else (), strict=True), 1):
            yield {"id": one.row.id, "judge": judge, "uncalibrated": raw, "vote": vote, "source": "llm_panel"}


def _say(metrics: Mapping[str, Any], source: str) -> None:
    texts = counted(metrics["texts"], "text")
    said = []
    if source == BANDS:
        at_least = metrics["mean_agreement_at_least"]
        said.append(f"agreement at least {at_least:.2f} on {texts} (annotators; only lower bounds are known, no votes)")
    elif metrics["texts"]:
        who = "annotators" if source == "annotators" else "an LLM panel, no annotators"
        said.append(f"agreement {metrics['mean_agreement']:.2f} on {texts} ({who})")
    if "place" in metrics:
        by = {"people": "people", "llm_judgements": "models' answers, no people"}.get(
            metrics["place_source"], "LLM panel"
        )
        if metrics["answers"]:
            by += f": {counted(metrics['answers'], 'answer')} of {counted(metrics['judges'], 'judge')}"
        said.append(f"place {metrics['place']} of {metrics['tasks_compared']} tasks, 1 the most objective ({by})")
    print(f"subjectivity: {'; '.join(said) or 'no annotations and no panel asked (subjectivity.texts: 0)'}")  # noqa: T201
