"""``standin label``: texts go out, answers come back, and nothing that people said is lost or guessed."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from openpyxl import Workbook
from typer.testing import CliRunner

from standin import cli
from standin.config import load_params
from standin.corpus import Row, SelectedRow, read_rows, write_json_lines, write_rows
from standin.errors import StandinError
from standin.labelling.labels import Labelled, digest, read_labels, write_labels
from standin.labelling.store import Store, Vote
from standin.stages.report import gather_labelling
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
FILE = Path("data/labels/city-topics.jsonl")
TEXTS = {
    "p1": "The bus is late every morning",
    "p2": "=SUM is what my rent feels like",
    "p3": 'Bäume, "quoted",\nand a second line',
    "p4": "More benches at the river",
    "p5": "Nobody answers the phone of the office",
}
CHOSEN = {"random": ["p3", "p1", "p5", "p2", "p4"], "sqbc": ["p2", "p3", "p4", "p1", "p5"]}  # the first two


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after a run on unlabelled texts: two strategies chose two texts each, one of them both."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["select"]["budgets"] = [1, 2]
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    write_rows(Path("data/real/pool.jsonl"), [Row(id=name, text=text) for name, text in TEXTS.items()])
    for name, order in CHOSEN.items():
        rows = [
            SelectedRow(seed=seed, budget=budget, rank=rank, id=text, score=0.0)
            for seed in (1, 2)
            for budget in (1, 2)
            for rank, text in enumerate(order, 1)
        ]
        write_rows(Path(f"data/selected/{name}.jsonl"), rows)
    return tmp_path


def label(*words: str, typed: str = "", fails: bool = False, width: int = 80) -> str:
    done = CliRunner().invoke(cli.app, ["label", *words], input=typed, env={"COLUMNS": str(width), "TERM": "dumb"})
    if isinstance(done.exception, StandinError):
        assert fails, str(done.exception)
        return str(done.exception)
    assert not fails, done.output
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def labels() -> dict[str, str | None]:
    return {name: each.label for name, each in read_labels(FILE).items()}


def sheet(path: str = "texts.csv") -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def fill(answers: dict[str, str], path: str = "texts.csv", **more: str) -> None:
    rows = [row | {"label": answers.get(row["text_id"], "")} | more for row in sheet(path)]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def use_question() -> None:
    asked = {"question_id": "close_centre", "question": "Should cars be kept out?"}
    write_rows(Path("data/real/pool.jsonl"), [Row(id=name, text=text, **asked) for name, text in TEXTS.items()])
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["base"]["task"] = "city-stance"
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


# Out


def test_the_sheet_holds_what_all_strategies_chose_once_and_runs_no_formula() -> None:
    said = label("export", "texts.csv")
    assert "a budget of 2 means 3 texts to label (random 2, sqbc 2)" in said
    assert "standin label import texts.csv" in said
    rows = sheet()
    assert [row["text_id"] for row in rows] == ["p3", "p2", "p1"], "the first ranks first"
    assert [row["text"] for row in rows] == [TEXTS["p3"], f"'{TEXTS['p2']}", TEXTS["p1"]]
    assert {row["labels"] for row in rows} == {"transport | environment | housing | community"}
    assert Path("texts.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "exists, and is not written over" in label("export", "texts.csv", fails=True)
    assert "the ending says for whom the file is: .csv (a spreadsheet)" in label("export", "a.txt", fails=True)


def test_a_strategy_and_a_budget_of_their_own_can_be_asked_for() -> None:
    label("export", "one.csv", "--strategy", "sqbc", "--budget", "1")
    assert [row["text_id"] for row in sheet("one.csv")] == ["p2"]
    assert "did you mean 'sqbc'" in label("export", "two.csv", "--strategy", "sqcb", fails=True)
    assert "--budget 7: texts were selected for 1, 2" in label("export", "two.csv", "--budget", "7", fails=True)


def test_label_studio_gets_tasks_and_a_configuration_with_one_choice_of_the_labels() -> None:
    use_question()
    label("export", "tasks.json")
    tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
    assert [list(task) for task in tasks] == [["data"]] * 3
    assert tasks[0]["data"] == {
        "text_id": "p3",
        "text": TEXTS["p3"],
        "digest": f"#{digest(TEXTS['p3'])}",
        "question": "Should cars be kept out?",
    }
    view = ElementTree.fromstring(Path("tasks.xml").read_text(encoding="utf-8"))
    (choices,) = view.findall("Choices")
    assert view.tag == "View"
    assert (choices.get("toName"), choices.get("choice")) == ("text", "single")
    assert view.find("Text").attrib == {"name": "text", "value": "$text"}  # type: ignore[union-attr]
    assert "$question" in [header.get("value") for header in view.findall("Header")]
    assert [choice.get("value") for choice in choices] == ["against", "favour"]


def test_argilla_gets_records_with_the_names_of_its_settings() -> None:
    use_question()
    label("export", "records.jsonl")
    records = [json.loads(line) for line in Path("records.jsonl").read_text(encoding="utf-8").splitlines()]
    settings = json.loads(Path("records.settings.json").read_text(encoding="utf-8"))
    assert [record["id"] for record in records] == ["p3", "p2", "p1"]
    names = [part["name"] for kind in ("fields", "metadata") for part in settings[kind]]
    assert set(records[0]) == {"id", *names}
    (question,) = settings["questions"]
    assert question["settings"]["type"] == "label_selection"
    assert [option["value"] for option in question["settings"]["options"]] == ["against", "favour"]
    assert "visible_options" not in question["settings"], "Argilla refuses fewer than three"


# And back


def test_a_filled_in_sheet_becomes_labels_and_what_is_labelled_is_not_asked_again() -> None:
    label("export", "texts.csv")
    fill({"p3": "Environment", "p2": "housing "})
    said = label("import", "texts.csv")
    assert "2 answers read: 2 new, 0 changed" in said
    assert "1 row has no label yet" in said
    assert "left in this round: 1" in said
    assert "train on those of random, sqbc: standin run -S select.labels=data/labels/city-topics.jsonl" in said
    assert labels() == {"p3": "environment", "p2": "housing"}
    assert read_labels(FILE)["p2"] == Labelled(id="p2", digest=digest(TEXTS["p2"]), votes={"me": "housing"})
    label("export", "rest.csv")
    assert [row["text_id"] for row in sheet("rest.csv")] == ["p1"]
    assert "2 answers repeat what was said already" in label("import", "texts.csv")
    fill({"p1": "?"}, "rest.csv")
    assert "1 text stays without a label, as nobody could say: p1" in label("import", "rest.csv")
    assert "nothing to export: all are answered" in label("export", "none.csv")


def test_a_workbook_is_read_and_spreadsheets_may_change_blanks_and_ids() -> None:
    label("export", "texts.csv")
    book = Workbook()
    rows = sheet()
    book.active.append(list(rows[0]))
    for row in rows:
        mangled = row | {"label": "transport", "text_id": "1E+5", "text": row["text"].replace("\n", " ")}
        book.active.append(list(mangled.values()))
    book.save("texts.xlsx")
    label("import", "texts.xlsx")
    assert labels() == dict.fromkeys(["p1", "p2", "p3"], "transport"), "the digest finds them"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text_id": "p9", "label": "housing"}], "column 'text_id' holds 'p9', which is no text of the pool"),
        ([{"text_id": "p1", "label": "hosing"}], "column 'label' holds 'hosing': did you mean 'housing'"),
        (
            [{"text_id": "p1", "label": "housing"}, {"text_id": "p1", "label": "transport"}],
            "text 'p1' has two answers by 'me', 'housing' and 'transport': leave one of the rows",
        ),
        ([{"text_id": "p1", "label": "housing", "digest": "#0"}], "text 'p1' is another one in the pool now"),
        ([{"text_id": "", "label": "housing"}], "neither id nor text say which text"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(rows: list[dict[str, str]], said: str) -> None:
    write_json_lines(Path("a.jsonl"), [{"text_id": "p2", "label": "housing"}, *rows])
    message = label("import", "a.jsonl", fails=True)
    assert message.startswith(f"a.jsonl, line {len(rows) + 1}: ")
    assert said in message
    assert message.endswith("Nothing was taken from the file.")
    assert not FILE.exists()


def test_no_table_of_answers_is_said_with_the_columns_found() -> None:
    Path("a.csv").write_text("a,b\n1,2\n")
    assert "no column 'label' beside 'text_id'" in label("import", "a.csv", fails=True)


def studio(text: str, *votes: tuple[int, str | None], **data: str) -> dict[str, Any]:
    """A task as Label Studio exports it; None is a skipped one."""
    annotations = [
        {
            "id": place,
            "completed_by": person,
            "was_cancelled": choice is None,
            "result": [] if choice is None else [
                {"id": "x", "type": "choices", "from_name": "label", "to_name": "text", "origin": "manual",
                 "value": {"choices": [choice]}}
            ],
        }
        for place, (person, choice) in enumerate(votes)
    ]  # fmt: skip
    return {"id": 41, "data": {"text_id": text, "text": TEXTS[text], **data}, "annotations": annotations,
            "predictions": [], "project": 3}  # fmt: skip


def test_label_studio_s_export_keeps_who_said_what_and_most_of_them_decide() -> None:
    tasks = [
        studio("p1", (1, "transport"), (2, "transport"), (3, "housing")),
        studio("p2", (1, "housing"), (2, "transport")),
        studio("p3", (1, None)),
    ]
    Path("project.json").write_text(json.dumps(tasks), encoding="utf-8")
    said = label("import", "project.json")
    assert labels() == {"p1": "transport", "p2": None}
    assert read_labels(FILE)["p1"].votes == {"1": "transport", "2": "transport", "3": "housing"}
    assert "2 texts with several answers: on average 58% of them agree on a label; Krippendorff's alpha -0.33" in said
    assert "1 text stays without a label, as people are divided equally: p2" in said
    assert "1 row has no label yet" in said


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_label_studio_s_smaller_exports_are_read(ending: str) -> None:
    rows = [
        {"text_id": "p1", "text": TEXTS["p1"], "id": 41, "label": "transport", "annotator": 2, "annotation_id": 7},
        {"text_id": "p3", "text": TEXTS["p3"], "id": 42, "label": "community", "annotator": 2, "annotation_id": 8},
    ]
    if ending == "json":
        Path("min.json").write_text(json.dumps(rows), encoding="utf-8")
    else:
        with Path("min.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    label("import", f"min.{ending}")
    assert labels() == {"p1": "transport", "p3": "community"}
    assert read_labels(FILE)["p1"].votes == {"2": "transport"}


def test_doccano_s_texts_are_found_by_their_words_and_argilla_s_responses_by_their_id() -> None:
    write_json_lines(Path("doccano.jsonl"), [{"id": 1, "text": TEXTS["p1"], "label": ["transport"], "Comments": []}])
    label("import", "doccano.jsonl", "--annotator", "dora")
    response = {"value": "housing", "user_id": "u-7", "status": "submitted"}
    record = {"id": "p2", "fields": {"text": TEXTS["p2"]}, "metadata": {}, "suggestions": {}, "vectors": {},
              "responses": {"label": [response, response | {"status": "draft", "user_id": "u-8"}]}}  # fmt: skip
    Path("argilla.json").write_text(json.dumps([record]), encoding="utf-8")
    label("import", "argilla.json")
    assert read_labels(FILE)["p1"].votes == {"dora": "transport"}
    assert read_labels(FILE)["p2"].votes == {"u-7": "housing"}


def test_a_label_that_was_rejected_in_prodigy_is_no_answer() -> None:
    marks = {"_input_hash": 1, "_task_hash": 2}
    rows = [
        {"text": TEXTS["p1"], "label": "transport", "answer": "accept", **marks},
        {"text": TEXTS["p2"], "label": "transport", "answer": "reject", **marks},
        {"text": TEXTS["p3"], "label": "housing", "answer": "accept", **marks},
    ]
    write_json_lines(Path("prodigy.jsonl"), rows)
    label("import", "prodigy.jsonl")
    assert labels() == {"p1": "transport", "p3": "housing"}


def test_other_words_for_labels_are_mapped() -> None:
    write_json_lines(Path("a.jsonl"), [{"id": "p1", "label": "Verkehr"}])
    label("import", "a.jsonl", "--value", "Verkehr=transport")
    assert labels() == {"p1": "transport"}


def test_whose_sheet_it_is_says_the_sheet_or_else_the_import() -> None:
    label("export", "anna.csv", "--annotator", "anna")
    label("export", "texts.csv")
    fill({"p1": "transport"}, "anna.csv")
    fill({"p1": "housing"})
    label("import", "anna.csv", "--annotator", "ben")
    label("import", "texts.csv", "--annotator", "ben")
    assert read_labels(FILE)["p1"].votes == {"anna": "transport", "ben": "housing"}


# In the terminal


def test_answers_are_saved_one_by_one_with_undo_and_the_next_sitting_goes_on() -> None:
    said = label(typed="2\nu\nenvironment\nfoo\ns\nq\n")
    assert "a budget of 2 means 3 texts to label (random 2, sqbc 2); 0 texts are answered" in said
    assert "taken back" in said
    assert "'foo' is no label" in said
    assert "answered now: 1; left: 2 texts" in said
    assert labels() == {"p3": "environment"}
    said = label(typed="?\n1\n")
    assert "text 1 of 2" in said
    assert labels() == {"p3": "environment", "p2": None, "p1": "transport"}
    assert "new texts: standin label next" in said
    assert "3 texts are answered" in label()


def test_a_second_person_is_asked_about_the_same_texts_where_that_is_wished() -> None:
    label(typed="1\n1\n1\n")
    said = label("--again", "--annotator", "ben", typed="2\n1\nq\n")
    assert "answered now: 2; left: 1 text\n" in said
    assert read_labels(FILE)["p3"].votes == {"ben": "environment", "me": "transport"}
    assert labels()["p3"] is None
    assert "on average 75%" in label("status")


def test_undo_of_an_answer_given_before_brings_that_back() -> None:
    write_labels(FILE, [Labelled(id="p3", digest=digest(TEXTS["p3"]), votes={"anna": "housing"})])
    label("--again", "--annotator", "ben", typed="1\nu\nq\n")
    assert read_labels(FILE)["p3"].votes == {"anna": "housing"}


def test_the_end_of_input_leaves_what_was_said() -> None:
    label(typed="1\n")
    assert labels() == {"p3": "transport"}


def test_two_people_do_not_overwrite_each_other() -> None:
    rows = {row.id: row for row in read_rows(Path("data/real/pool.jsonl"), Row)}
    one, other = (Store(FILE, ["housing", "transport"]) for _ in range(2))
    one.change([Vote(rows["p1"], "anna", "housing")])
    other.change([Vote(rows["p1"], "ben", "transport"), Vote(rows["p2"], "ben", "housing")])
    one.change([Vote(rows["p2"], "anna", "housing")])
    assert {name: each.votes for name, each in read_labels(FILE).items()} == {
        "p1": {"anna": "housing", "ben": "transport"},
        "p2": {"anna": "housing", "ben": "housing"},
    }


# Rounds


def test_a_closed_round_stays_and_its_texts_are_asked_no_more() -> None:
    assert "nothing was labelled in round 1" in label("next", fails=True)
    label(typed="1\n2\n3\n")
    said = label("next")
    assert "round 1 is closed with 3 answered texts" in said
    assert "git add data/labels/city-topics.jsonl" in said
    assert {each.round for each in read_labels(FILE).values()} == {1}
    assert json.loads(label("status", "--json"))["closed_rounds"] == {"1": 3}
    assert json.loads(label("status", "--json"))["to_label"] == 0
    write_json_lines(Path("a.jsonl"), [{"id": "p4", "label": "housing"}])
    label("import", "a.jsonl")
    assert "round 2 is closed with 1 answered text;" in label("next")
    assert {name: each.round for name, each in read_labels(FILE).items()} == {"p1": 1, "p2": 1, "p3": 1, "p4": 2}


def reword(**texts: str) -> None:
    """The pool after `data add --replace`: other texts under the same ids."""
    write_rows(Path("data/real/pool.jsonl"), [Row(id=name, text=text) for name, text in {**TEXTS, **texts}.items()])


def test_a_text_of_a_closed_round_that_is_another_one_now_is_asked_anew() -> None:
    label(typed="1\n2\n3\n")
    label("next")
    assert "nothing to export" in label("export", "none.csv")
    reword(p3="Another text under the same id")
    assert json.loads(label("status", "--json"))["to_label"] == 1
    label("export", "texts.csv")
    assert [row["text_id"] for row in sheet()] == ["p3"]
    fill({"p3": "community"})
    label("import", "texts.csv")
    found = read_labels(FILE)["p3"]
    assert (found.label, found.round, found.digest) == ("community", None, digest("Another text under the same id"))
    assert json.loads(label("status", "--json"))["to_label"] == 1, "it is of the open round"


def test_the_report_lists_a_text_that_changed_since_among_those_to_label() -> None:
    write_labels(FILE, [Labelled(id=name, digest=digest(TEXTS[name]), votes={"me": "housing"}) for name in TEXTS])
    params, task = load_params(), load_task("city-topics")
    params = params.model_copy(update={"select": params.select.model_copy(update={"labels": FILE.as_posix()})})
    found = gather_labelling(params, task, [])
    assert found is not None
    assert (found["labelled"], found["answered"]) == (2, 3)
    reword(p3="Another text under the same id")
    found = gather_labelling(params, task, [])
    assert found is not None
    assert (found["labelled"], found["answered"]) == (1, 2)
    assert [row["id"] for row in found["rows"]] == ["p3"]


def test_a_text_that_changed_since_counts_as_one_that_is_left_to_choose_from() -> None:
    write_json_lines(Path("a.jsonl"), [{"id": name, "label": "housing"} for name in TEXTS])
    label("import", "a.jsonl")
    reword(p5="Another text under the same id")
    assert "1 text is left to choose from" in label("next")


def test_next_says_what_is_left_and_closes_no_round_after_which_nothing_would_be() -> None:
    label(typed="1\n2\n3\n")
    assert "(selects new texts; 2 texts are left to choose from)" in label("next")
    write_json_lines(Path("a.jsonl"), [{"id": name, "label": "housing"} for name in ("p4", "p5")])
    label("import", "a.jsonl")
    said = label("next", fails=True)
    assert said.startswith("data/labels/city-topics.jsonl answers every text of the pool")
    assert "Train on them: `standin run -S select.labels=data/labels/city-topics.jsonl`" in said
    assert "`standin data add city-topics FILE --unlabelled --replace`" in said
    assert {name: each.round for name, each in read_labels(FILE).items() if each.round is None} == {
        "p4": None,
        "p5": None,
    }


def test_what_was_selected_is_asked_for_whatever_params_yaml_says_since() -> None:
    """The last round of a pool has a smaller budget than params.yaml; one changed since the run was not selected."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["select"]["budgets"] = [24]
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert json.loads(label("status", "--json"))["budget"] == 2
    assert "a budget of 1 means 2 texts to label (random 1, sqbc 1)" in label("export", "a.csv", "--budget", "1")
    rows = read_rows(Path("data/selected/sqbc.jsonl"), SelectedRow)
    write_rows(Path("data/selected/sqbc.jsonl"), [row for row in rows if row.budget == 1])
    assert json.loads(label("status", "--json"))["budget"] == 1, "the largest that all have"
    write_rows(Path("data/selected/random.jsonl"), [row for row in rows if row.budget == 2])
    assert "the strategies share no budget: `standin run` selects anew" in label("export", "b.csv", fails=True)


def test_before_a_run_the_command_that_is_missing_is_said() -> None:
    shutil.rmtree("data/selected")
    assert "`standin run` chooses texts, then they can be labelled" in label(fails=True)


def after_a_run() -> list[str]:
    """What `standin next` says to try."""
    done = CliRunner().invoke(cli.app, ["next"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.exception
    lines = done.output.splitlines()
    first, last = (next(n for n, line in enumerate(lines) if word in line) for word in ("Try now:", "standin compare"))
    return [line[10:] for line in lines[first:last]]


def test_after_a_run_on_texts_without_labels_people_are_told_to_label_them() -> None:
    for name in ("oracle", "shots"):
        Path(f"data/real/{name}.jsonl").touch()
    assert after_a_run() == ["standin label   (3 texts to label, chosen for a budget of 2)"]
    label("--annotator", "anna", typed="housing\nq\n")
    said = after_a_run()
    assert said[0] == "standin label   (2 texts to label, chosen for a budget of 2)"
    run = "standin run -S select.labels=data/labels/city-topics.jsonl"
    assert said[2] == f"train on those of random: {run}; or go on: standin label"
    label("--annotator", "anna", typed="housing\nhousing\nq\n")
    assert after_a_run()[1:] == [f"train on them: {run}", "new texts: standin label next"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [({}, "dvc exp run -S generator.shots=5"), ({"prepare": {"shots": 9}}, "dvc exp run -S generator.shots=2"),
     ({"generator": {"shots": 5}}, "dvc exp run -S base.seed=2"), ({"prepare": {"shots": 3}}, "dvc exp run -S base.seed=2")],
)  # fmt: skip
def test_after_a_run_on_labelled_texts_an_experiment_is_named_that_works(
    changed: dict[str, dict[str, int]], said: str
) -> None:
    for name in ("oracle", "shots"):
        Path(f"data/real/{name}.jsonl").write_text("{}\n")
    params = yaml.safe_load(Path("params.yaml").read_text())
    for group, values in changed.items():
        params[group] |= values
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert after_a_run() == [said]


def test_where_no_text_is_selected_and_none_labelled_no_examples_are_proposed() -> None:
    for name in ("oracle", "shots"):
        Path(f"data/real/{name}.jsonl").touch()
    Path("data/selected/sqbc.jsonl").rename("gone.jsonl")
    assert after_a_run() == ["dvc exp run -S base.seed=2"]
