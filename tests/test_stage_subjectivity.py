import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_measures_panel import FakeEngine

from standin.config import Params, parse_params
from standin.corpus import Row, write_rows
from standin.engines import registry
from standin.measures.judgements import Answer, write_answers
from standin.measures.subjectivity import reference_tasks
from standin.sheets import sheet_rows
from standin.stages import subjectivity as stage
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]
POPQUORN = ROOT.parent / "shared/datasets/popquorn_offensiveness/test.jsonl.gz"
WORDS = {"transport": "tram", "environment": "tree", "housing": "flat", "community": "school"}


def knows(prompt: str, choice: str) -> float:
    """Chooses the label whose word the text holds; calls the shorter first task the more objective one."""
    if choice in ("1", "2"):
        first, second = prompt.split("Task 2:")
        return float(len(second) > len(first)) if choice == "1" else 0.0
    return 3.0 if WORDS[choice] in prompt.split('"')[1] else 0.0


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    fake = FakeEngine(knows)
    monkeypatch.setattr(registry, "load", lambda *_: fake)
    return lambda: [chat[-1][1] for batch in fake.batches for chat in batch]


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda *_: pytest.fail("loaded an engine"))


def lay(n: int = 40, wrong: int = 0, annotations: tuple[str, ...] | None = None) -> None:
    labels = list(WORDS)
    write_rows(
        Path("data/real/test.jsonl"),
        [
            Row(
                id=f"t{i}",
                text=f"a {WORDS[labels[(i + (i < wrong)) % 4]]}",
                label=labels[i % 4],
                annotations=annotations,
            )
            for i in range(n)
        ],
    )


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(f"data/agreement/{name}.jsonl").read_text().splitlines()]


def small(texts: int, judges: int = 3) -> Params:
    return parse_params({"subjectivity": {"texts": texts, "judges": judges}})


def test_a_panel_that_agrees_is_labelled_as_a_panel(task: Task, engine: object) -> None:
    lay()
    metrics = stage.run(small(12), task, "")
    assert metrics["texts"] == 12
    assert metrics["source"] == "llm_panel"
    assert metrics["mean_agreement"] == 1
    assert metrics["krippendorff_alpha"] == 1
    assert metrics["panel_accuracy"] == 1
    written = lines("agreement")
    assert len(written) == 12
    assert written[0] == {"id": "t4", "agreement": 1.0, "votes": ["transport"] * 3, "source": "llm_panel"}
    assert len(lines("panel")) == 36
    assert lines("panel")[1] == {
        "id": "t4",
        "judge": 2,
        "uncalibrated": "transport",
        "vote": "transport",
        "source": "llm_panel",
    }


def test_panel_accuracy_is_held_against_the_gold_labels(task: Task, engine: object) -> None:
    lay(n=8, wrong=2)
    metrics = stage.run(small(8), task, "")
    assert metrics["panel_accuracy"] == pytest.approx(6 / 8)
    assert metrics["baseline_accuracy"] == pytest.approx(2 / 8)


def test_calibrated_votes_count_and_raw_ones_stand_beside_them(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    leaning = FakeEngine(lambda prompt, choice: knows(prompt, choice) + 5 * (choice == "community"))
    monkeypatch.setattr(registry, "load", lambda *_: leaning)
    lay(n=8)
    metrics = stage.run(small(8), task, "")
    assert (metrics["panel_accuracy"], metrics["panel_accuracy_uncalibrated"]) == (1, 0.25)
    assert (metrics["panel_lean"], metrics["panel_lean_uncalibrated"]) == (0.25, 1)
    assert lines("agreement")[0]["votes"] == ["transport"] * 3
    assert lines("panel")[0] == {
        "id": "t0",
        "judge": 1,
        "uncalibrated": "community",
        "vote": "transport",
        "source": "llm_panel",
    }


def test_judges_that_name_what_is_listed_first_are_found_out(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each judge says one label only; all votes together look spread out, because judges have orders of their own."""

    def first(prompt: str, choice: str) -> float:
        return float(prompt.endswith(f"act: {choice}?") or f"act: {choice}," in prompt)

    monkeypatch.setattr(registry, "load", lambda *_: FakeEngine(first))
    lay(n=8)
    metrics = stage.run(small(8, judges=4), task, "")
    assert metrics["panel_lean_uncalibrated"] == 1
    assert {line["uncalibrated"] for line in lines("panel")} == set(WORDS)
    assert metrics["panel_accuracy_uncalibrated"] == metrics["baseline_accuracy"] == pytest.approx(2 / 8)


def test_annotations_are_used_whole_and_the_panel_only_ranks_the_task(
    task: Task, engine: Callable[[], list[str]]
) -> None:
    lay(n=40, annotations=("transport", "transport", "housing", "transport"))
    metrics = stage.run(small(12), task, "")
    assert metrics["texts"] == 40
    assert metrics["source"] == "annotators"
    assert metrics["mean_agreement"] == 0.75
    assert metrics["votes_per_text"] == 4
    assert "panel_accuracy" not in metrics
    assert len(engine()) == 110
    assert {line["source"] for line in lines("agreement")} == {"annotators"}
    assert lines("panel") == []
    assert metrics["tasks_compared"] == 11


def test_zero_texts_ask_no_panel_at_all(task: Task, no_engine: None, capsys: pytest.CaptureFixture[str]) -> None:
    lay()
    assert stage.run(small(0), task, "") == {"texts": 0}
    assert lines("agreement") == lines("panel") == lines("tasks") == []
    assert "no panel asked" in capsys.readouterr().out


def test_annotations_count_without_any_engine(task: Task, no_engine: None) -> None:
    lay(annotations=("transport", "housing"))
    metrics = stage.run(small(0), task, "")
    assert metrics["mean_agreement"] == 0.5
    assert "place" not in metrics


def annotate(*votes: tuple[str, ...] | None) -> None:
    rows = [
        Row(id=f"t{i}", text="a tram", label="transport", annotations=given or None) for i, given in enumerate(votes)
    ]
    write_rows(Path("data/real/test.jsonl"), rows)


def test_texts_with_a_single_annotation_have_no_agreement(task: Task, no_engine: None) -> None:
    annotate(*[("transport", "transport", "housing")] * 50, *[("transport",)] * 50, None)
    metrics = stage.run(small(0), task, "")
    assert metrics["mean_agreement"] == pytest.approx(0.6667, abs=5e-5)
    assert (metrics["texts_annotated"], metrics["texts"], metrics["votes_per_text"]) == (100, 50, 3)
    assert [line["id"] for line in lines("agreement")] == [f"t{i}" for i in range(50)]


def test_votes_for_a_label_that_the_task_leaves_out_lower_agreement(task: Task, no_engine: None) -> None:
    annotate(("transport", "transport", "NONE", "NONE"), ("transport", "transport"))
    metrics = stage.run(small(0), task, "")
    assert [line["agreement"] for line in lines("agreement")] == [0.5, 1.0]
    assert metrics["krippendorff_alpha"] < 1


def test_annotators_who_never_meet_on_a_text_leave_the_word_to_the_panel(task: Task, engine: object) -> None:
    lay(n=8, annotations=("transport",))
    metrics = stage.run(small(8), task, "")
    assert metrics["source"] == "llm_panel"
    assert metrics["texts_annotated"] == 8


def test_a_panel_beats_the_baseline_only_beyond_the_noise(task: Task, engine: object) -> None:
    lay(n=40)
    good = stage.run(small(40), task, "")
    assert good["panel_beats_baseline"] is True
    assert good["panel_accuracy_low"] == pytest.approx(0.025 ** (1 / 40), abs=1e-5)  # all of 40 right
    lay(n=8, wrong=5)  # 3 of 8 right is more than the baseline's 2, and no evidence
    weak = stage.run(small(8), task, "")
    assert weak["panel_accuracy"] > weak["baseline_accuracy"]
    assert weak["panel_beats_baseline"] is False
    assert weak["panel_accuracy_low"] < weak["baseline_accuracy"] < weak["panel_accuracy_high"]


def rated(task: Task, measurement: str) -> Task:
    """Offensiveness from 1 to 5, as a task."""
    values = task.model_dump()
    values["labels"] = [{"name": str(n), "phrase": str(n), "description": f"grade {n}"} for n in range(1, 6)]
    values["source"]["measurement"] = measurement
    values["prompts"]["attributes"] = {}
    return Task.model_validate(values)


@pytest.mark.parametrize(("measurement", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_ratings_of_several_annotators_have_alpha_by_the_tasks_level(
    task: Task, no_engine: None, measurement: str, alpha: float
) -> None:
    """Twelve texts, two to four ratings from 1 to 5 each: the example of Krippendorff (2011)."""
    ratings = ["111", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"]
    annotate(*(tuple(text) for text in ratings))
    metrics = stage.run(small(0), rated(task, measurement), "")
    assert metrics["krippendorff_alpha"] == pytest.approx(alpha, abs=5e-4)
    assert metrics.get("measurement", "nominal") == measurement
    assert (metrics["texts"], metrics["texts_annotated"]) == (11, 12)


def test_bounds_of_the_agreement_give_a_bound_of_the_mean_and_no_alpha(
    task: Task, engine: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = [0.5, 0.66, 0.75, 1.0, None]
    rows = [Row(id=f"t{i}", text="a tram", label="transport", agreement=bound) for i, bound in enumerate(bounds)]
    write_rows(Path("data/real/test.jsonl"), rows)
    metrics = stage.run(small(4), task, "")
    assert (metrics["source"], metrics["texts"]) == ("agreement_bands", 4)
    assert metrics["mean_agreement_at_least"] == pytest.approx(0.7275)
    assert not {"mean_agreement", "krippendorff_alpha", "panel_accuracy", "votes_per_text"} & metrics.keys()
    assert lines("agreement")[1] == {"id": "t1", "agreement": 0.66, "bound": "lower", "source": "agreement_bands"}
    assert len(lines("agreement")) == 4
    assert lines("panel") == []
    assert len(engine()) == 110  # the panel is asked for the task's place alone
    assert "agreement at least 0.73 on 4 texts (annotators; only lower bounds are known" in capsys.readouterr().out


def test_votes_count_before_bounds(task: Task, no_engine: None) -> None:
    row = Row(id="a", text="a tram", label="transport", annotations=("transport", "housing"), agreement=0.5)
    write_rows(Path("data/real/test.jsonl"), [row])
    assert stage.run(small(0), task, "")["source"] == "annotators"


@pytest.mark.skipif(not POPQUORN.exists(), reason="real data sets with annotations are not here")
def test_agreement_of_real_annotators_is_that_which_the_data_set_gives(task: Task, no_engine: None) -> None:
    with gzip.open(POPQUORN, "rt", encoding="utf-8") as file:
        given = [json.loads(line) for line in file]
    annotate(*(tuple(str(vote) for vote in row["annotations"]) for row in given))
    metrics = stage.run(small(0), task, "")
    assert metrics["texts"] == len(given) == 302
    expected = [row["agreement"] for row in given]
    assert [line["agreement"] for line in lines("agreement")] == pytest.approx(expected, abs=5e-5)


def test_the_tasks_place_is_told_among_the_papers_ten(task: Task, engine: object) -> None:
    lay(n=4)
    metrics = stage.run(small(4), task, "")
    ranking = lines("tasks")
    assert len(ranking) == metrics["tasks_compared"] == 11
    assert [line["place"] for line in ranking] == sorted(line["place"] for line in ranking)
    mine = next(line for line in ranking if line["task"] == "city-topics")
    assert mine["paper_stars"] is None
    assert mine["place"] == metrics["place"] == 11  # this judge likes short descriptions; ours is the longest
    assert mine["bradley_terry"] == metrics["bradley_terry"]
    assert {line["source"] for line in ranking} == {"llm_panel"}
    assert -1 <= metrics["spearman_with_paper"] <= 1
    assert metrics["spearman_random_95"] == pytest.approx(0.642, abs=5e-4)
    assert -1 <= metrics["kendall_with_paper"] <= 1
    assert metrics["kendall_random_95"] == pytest.approx(0.515, abs=5e-4)
    assert metrics["place_source"] == "llm_panel"
    assert all(line["low"] < line["bradley_terry"] < line["high"] for line in ranking)
    assert (metrics["bradley_terry_low"], metrics["bradley_terry_high"]) == (mine["low"], mine["high"])
    assert 0 <= metrics["position_bias"] <= 1


def judge(answers: dict[tuple[str, str], str], *judges: str) -> None:
    given = [Answer(who, first, second, said) for who in judges for (first, second), said in answers.items()]
    write_answers(Path("tasks/judgements/city-topics.csv"), given)


def by_stars(mine: float) -> dict[tuple[str, str], str]:
    """What people say who agree with the paper and put the task where ``mine`` says."""
    stars = {one.name: float(one.stars or 0) for one in reference_tasks()} | {"city-topics": mine}
    return {
        (a, b): "same" if stars[a] == stars[b] else "1" if stars[a] < stars[b] else "2"
        for a, b in itertools.combinations(stars, 2)
    }


def test_peoples_answers_to_some_pairs_place_the_task_and_the_panel_stands_beside_them(
    task: Task, engine: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    lay(n=4)
    answers = by_stars(3.5)
    del answers["humor", "city-topics"]
    judge(answers, "ann", "bo")
    metrics = stage.run(small(4), task, "")
    assert (metrics["place"], metrics["place_source"], metrics["tasks_compared"]) == (9, "people", 11)
    assert (metrics["answers"], metrics["judges"]) == (108, 2)
    assert len([asked for asked in engine() if "Task 2:" in asked]) == 110  # its ranking is of all tasks, by itself
    assert metrics["kendall_with_paper"] == pytest.approx(1)
    assert metrics["panel_place"] == 11
    assert -1 <= metrics["kendall_with_panel"] < 1
    assert metrics["kendall_with_panel_random_95"] == pytest.approx(25 / 55, abs=1e-6)
    assert [line["source"] for line in lines("tasks")] == ["people"] * 11 + ["llm_panel"] * 11
    assert "place 9 of 11 tasks, 1 the most objective (people: 108 answers of 2 judges)" in capsys.readouterr().out


def test_where_people_compared_every_pair_the_panel_judges_texts_alone(
    task: Task, engine: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    lay(n=4)
    pairs = list(by_stars(3.5).items())
    given = [Answer("ann", *pair, said) for pair, said in pairs[:30]]
    given += [Answer("bo", second, first, "same") for (first, second), _ in pairs[30:]]  # the other way round
    write_answers(Path("tasks/judgements/city-topics.csv"), given)
    metrics = stage.run(small(4), task, "")
    assert not [asked for asked in engine() if "Task 2:" in asked]
    assert (metrics["place_source"], metrics["source"], metrics["texts"]) == ("people", "llm_panel", 4)
    assert not [name for name in metrics if name.startswith(("panel_place", "kendall_with_panel"))]
    assert {line["source"] for line in lines("tasks")} == {"people"}
    assert "people compared every pair of tasks: the panel is not asked" in capsys.readouterr().out


def test_where_people_answered_everything_no_engine_is_loaded(task: Task, no_engine: None) -> None:
    lay(annotations=("transport", "housing"))
    judge(by_stars(3.5), "ann")
    metrics = stage.run(small(12), task, "")
    assert (metrics["source"], metrics["place_source"], metrics["place"]) == ("annotators", "people", 9)


def test_models_answers_do_not_silence_the_panel(task: Task, engine: Callable[[], list[str]]) -> None:
    lay(annotations=("transport", "housing"))
    judge(by_stars(3.5), "llm:one")
    assert stage.run(small(12), task, "")["panel_place"] == 11
    assert len(engine()) == 110


def test_the_figure_has_a_row_a_task_with_the_score_turned_round(task: Task, engine: object) -> None:
    lay(n=4)
    metrics = stage.run(small(4), task, "")
    rows = sheet_rows(stage.SCALE.read_bytes(), stage.SCALE)
    assert [row["place"] for row in rows] == sorted((row["place"] for row in rows), key=int)
    (mine,) = [row for row in rows if not row["paper_stars"]]
    assert mine["task"] == "city-topics"
    assert float(mine["subjectivity"]) == -metrics["bradley_terry"]
    assert (float(mine["low"]), float(mine["high"])) == (-metrics["bradley_terry_high"], -metrics["bradley_terry_low"])
    assert {row["source"] for row in rows} == {"llm_panel"}
    stage.run(small(0), task, "")
    assert sheet_rows(stage.SCALE.read_bytes(), stage.SCALE) == []


def test_peoples_answers_count_without_any_engine(task: Task, no_engine: None) -> None:
    lay(n=4)
    judge(by_stars(0), "ann")
    metrics = stage.run(small(0), task, "")
    assert (metrics["place"], metrics["place_source"], metrics["texts"]) == (1, "people", 0)
    assert not [name for name in metrics if name.startswith(("panel", "kendall_with_panel"))]


def test_models_in_the_file_count_where_no_person_answered_and_are_called_models(
    task: Task, no_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(n=4)
    judge(by_stars(0), "llm:one")
    assert stage.run(small(0), task, "")["place_source"] == "llm_judgements"
    assert "(models' answers, no people: 55 answers of 1 judge)" in capsys.readouterr().out
    given = [Answer("llm:one", *pair, said) for pair, said in by_stars(0).items()]
    people = [Answer("ann", *pair, said) for pair, said in by_stars(6).items()]
    write_answers(Path("tasks/judgements/city-topics.csv"), given + people)
    metrics = stage.run(small(0), task, "")
    assert (metrics["place"], metrics["place_source"], metrics["judges"]) == (11, "people", 1)


def test_answers_about_other_tasks_alone_leave_the_place_to_the_panel(
    task: Task, engine: object, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(n=4)
    judge({("humor", "news_topic"): "2"}, "ann")
    metrics = stage.run(small(4), task, "")
    assert metrics["place_source"] == "llm_panel"
    assert "no answer in tasks/judgements concerns city-topics" in capsys.readouterr().out


def test_a_few_answers_rank_the_tasks_that_they_concern(task: Task, no_engine: None) -> None:
    lay(n=4)
    judge({("humor", "city-topics"): "2", ("city-topics", "news_topic"): "same"}, "ann")
    metrics = stage.run(small(0), task, "")
    assert metrics["tasks_compared"] == 3
    assert {line["task"] for line in lines("tasks")} == {"humor", "news_topic", "city-topics"}


def test_a_task_without_labelled_test_texts_still_has_a_place(task: Task, engine: object) -> None:
    write_rows(Path("data/real/test.jsonl"), [])
    metrics = stage.run(small(4), task, "")
    assert metrics["texts"] == 0
    assert "mean_agreement" not in metrics
    assert metrics["place"] == 11


def test_unlabelled_texts_have_agreement_and_no_accuracy(task: Task, engine: object) -> None:
    write_rows(Path("data/real/test.jsonl"), [Row(id=str(i), text="a tram") for i in range(5)])
    metrics = stage.run(small(4), task, "")
    assert metrics["mean_agreement"] == 1
    assert "panel_accuracy" not in metrics


def test_each_question_is_asked_with_its_own_wording(task: Task, engine: Callable[[], list[str]]) -> None:
    prompts = task.prompts.model_copy(update={"judge": '{question} "{text}"'})
    write_rows(
        Path("data/real/test.jsonl"),
        [Row(id=f"{q}{i}", text="a tram", question_id=q, question=f"On {q}:") for i in range(3) for q in ("x", "y")],
    )
    stage.run(small(6, judges=2), task.model_copy(update={"prompts": prompts}), "")
    asked = engine()[110:]
    assert asked.count('On x: "a tram"') == asked.count('On y: "a tram"') == 2 * 3
    assert asked.count('On x: "N/A"') == 2
    assert {line["id"] for line in lines("agreement")} == {f"{q}{i}" for i in range(3) for q in "xy"}


def test_equal_runs_write_equal_bytes(task: Task, engine: object) -> None:
    lay()
    first = stage.run(small(12), task, "")
    bytes_of = {path.name: path.read_bytes() for path in Path("data/agreement").iterdir()}
    assert stage.run(small(12), task, "") == first
    assert {path.name: path.read_bytes() for path in Path("data/agreement").iterdir()} == bytes_of


@pytest.mark.slow
def test_the_embedded_model_sits_on_the_panel(task: Task) -> None:
    lay(n=8)
    metrics = stage.run(small(4, judges=2), task, "")
    assert metrics["votes_per_text"] == 2
    assert 1 <= metrics["place"] <= 11
