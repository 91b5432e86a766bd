"""Answers of people in every form that a spreadsheet or a tool gives them: whose they are, and of which text."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_labelling import FILE, TEXTS, fill, label, labels, project, sheet, studio, use_question

from standin.corpus import Row, SelectedRow, read_rows, write_json_lines, write_rows
from standin.errors import StandinError
from standin.labelling.answers import agreement_said, read_answers
from standin.labelling.labels import Labelled, digest, read_labels, write_labels
from standin.labelling.store import Store, Vote
from standin.sources.opening import Options

__all__ = ["project"]  # a fixture


def came_back(*rows: dict[str, Any]) -> dict[str, Any]:
    """The votes after an import of some lines."""
    write_json_lines(Path("a.jsonl"), rows)
    label("import", "a.jsonl")
    return {name: each.votes for name, each in read_labels(FILE).items()}


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"text_id": "p1", "text": TEXTS["p4"]}, "p4"),  # ids were sorted apart from their texts
        ({"text_id": "gone", "digest": f"#{digest(TEXTS['p4'])}"}, "p4"),
        ({"text_id": "gone", "digest": digest(TEXTS["p4"])}, "p4"),
        ({"text_id": "p4", "id": "p1"}, "p4"),  # a tool's own number beside ours
        ({"id": "p4"}, "p4"),
        ({"text": f"'{TEXTS['p2']}"}, "p2"),  # as a spreadsheet has it
        ({"text_id": "p4", "data": {"any": 1}}, "p4"),
    ],
)
def test_a_text_is_found_by_what_is_left_of_it(row: dict[str, Any], text: str) -> None:
    assert came_back(row | {"label": "housing"}) == {text: {"me": "housing"}}


def test_a_row_twice_with_one_answer_counts_once_and_is_said() -> None:
    rows = [{"text_id": "p1", "label": "housing"}] * 2
    write_json_lines(Path("a.jsonl"), rows)
    said = label("import", "a.jsonl")
    assert "2 answers read: 1 new, 0 changed" in said
    assert "1 answer repeats what the file says twice" in said


@pytest.mark.parametrize(
    ("names", "given", "meant"),
    [
        (["No", "NO"], "No", "No"),
        (["No", "NO"], "NO", "NO"),
        (["pro", "con"], " pro ", "pro"),
        (["+pro", "con"], "'+pro", "+pro"),
    ],
)
def test_a_label_is_the_one_that_was_written_before_it_is_any_other(names: list[str], given: str, meant: str) -> None:
    write_json_lines(Path("a.jsonl"), [{"text_id": "p1", "label": given}])
    pool = read_rows(Path("data/real/pool.jsonl"), Row)
    votes, _ = read_answers(Path("a.jsonl"), pool, names, {}, Store(FILE, names), "me", Options())
    assert [vote.label for vote in votes] == [meant]


def test_the_task_s_own_words_for_labels_hold_beside_those_of_the_command() -> None:
    known = yaml.safe_load(Path("tasks/city-topics.yaml").read_text())
    known["source"]["values"] = {"Verkehr": "transport", "HOUSING": "environment"}
    Path("tasks/city-topics.yaml").write_text(yaml.safe_dump(known, sort_keys=False))
    given = {"p1": "Verkehr", "p2": "Miete", "p3": "HOUSING", "p4": "Housing"}
    write_json_lines(Path("a.jsonl"), [{"id": name, "label": word} for name, word in given.items()])
    label("import", "a.jsonl", "--value", "Miete=housing")
    assert labels() == {"p1": "transport", "p2": "housing", "p3": "environment", "p4": "housing"}, (
        "a word that is given a label is none of a label spelt otherwise"
    )


# Label Studio


def test_a_skipped_task_s_choice_is_no_answer_and_other_marks_beside_a_choice_are_none() -> None:
    skipped, marked = studio("p1", (1, "transport")), studio("p2", (1, "housing"))
    skipped["annotations"][0]["was_cancelled"] = True
    marked["annotations"][0]["result"].append({"type": "textarea", "value": {"text": ["a note"], "choices": ["other"]}})
    Path("a.json").write_text(json.dumps([skipped, marked]))
    label("import", "a.json")
    assert labels() == {"p2": "housing"}


@pytest.mark.parametrize(
    ("person", "name"), [(7, "7"), ({"id": 7, "email": "a@b.org"}, "7"), ({"email": "a@b.org"}, "a@b.org"), (None, "1")]
)
def test_who_annotated_is_a_number_an_address_or_the_place(person: Any, name: str) -> None:
    task = studio("p1", (1, "transport"))
    task["annotations"][0]["completed_by"] = person
    Path("a.json").write_text(json.dumps([task]))
    label("import", "a.json")
    assert read_labels(FILE)["p1"].votes == {name: "transport"}


def test_a_broken_annotation_is_named_as_the_tool_s() -> None:
    task = studio("p1", (1, "transport"))
    task["annotations"][0]["result"] = [{"type": "choices"}]
    Path("a.json").write_text(json.dumps([task]))
    assert "no record as Label Studio exports it" in label("import", "a.json", fails=True)


@pytest.mark.parametrize("cell", ['{"choices": ["transport"]}', {"choices": ["transport"]}, ["transport"]])
def test_choices_in_a_cell_are_a_label(cell: Any) -> None:
    assert came_back({"text_id": "p1", "label": cell}) == {"p1": {"me": "transport"}}


def test_choices_that_are_no_json_are_said() -> None:
    write_json_lines(Path("a.jsonl"), [{"text_id": "p1", "label": '{"choices": ['}])
    assert "column 'label' is no JSON of choices" in label("import", "a.jsonl", fails=True)


# Argilla


def test_argilla_s_records_are_found_by_the_id_that_went_there_and_empty_ones_counted() -> None:
    response = {"value": "housing", "user_id": "u", "status": "submitted"}
    blanks = response | {"value": " housing\n"}
    record: dict[str, Any] = {"fields": {"text": "as shown there"}, "metadata": {}, "responses": {"label": [response]}}
    write = [
        record | {"id": "11", "external_id": "p1", "fields": {}},
        record | {"id": "12", "metadata": {"text_id": "p2"}, "fields": {}, "responses": {"label": [blanks]}},
        record | {"id": "p3", "fields": {}, "responses": {}},
    ]
    Path("a.json").write_text(json.dumps(write))
    said = label("import", "a.json")
    assert labels() == {"p1": "housing", "p2": "housing"}
    assert "1 row has no label yet" in said


# What is said of several people


def test_texts_that_nobody_could_say_are_not_taken_for_divided_ones_and_only_some_ids_are_listed() -> None:
    unsure = [Labelled(id=f"p{place}", digest="d", votes={"me": None}) for place in range(9)]
    (said,) = agreement_said(unsure)
    assert said.startswith("9 texts stay without a label, as nobody could say: p0, ")
    assert said.endswith("p7, ...")
    (said,) = agreement_said(unsure[:8])
    assert said.endswith("p7")


# Files that go out


def test_a_second_sheet_shows_nobody_s_answers_and_asks_again_about_a_text_that_changed() -> None:
    write_labels(FILE, [
        Labelled(id="p3", digest=digest(TEXTS["p3"]), votes={"anna": "housing", "ben": "housing"}),
        Labelled(id="p2", digest="another", votes={"anna": "housing"}),
    ])  # fmt: skip
    label("export", "cy.csv", "--again", "--annotator", "cy")
    assert {row["text_id"]: row["label"] for row in sheet("cy.csv")} == dict.fromkeys(("p1", "p2", "p3"), "")
    label("export", "anna.csv", "--again", "--annotator", "anna")
    assert {row["text_id"]: row["label"] for row in sheet("anna.csv")} == dict.fromkeys(("p1", "p2"), ""), (
        "p2 was another text when it was labelled"
    )
    fill({"p2": "transport"}, "anna.csv")
    label("import", "anna.csv")
    assert read_labels(FILE)["p2"].votes == {"anna": "transport"}, "what was said of the other text is gone"


def test_no_file_beside_the_texts_is_written_over_and_endings_may_be_capitals() -> None:
    Path("tasks.xml").write_text("mine")
    assert "tasks.xml exists, and is not written over" in label("export", "tasks.json", fails=True)
    assert not Path("tasks.json").exists()
    label("export", "TEXTS.CSV")
    assert len(sheet("TEXTS.CSV")) == 3


def test_a_tool_shows_the_question_above_the_text_and_wants_an_answer() -> None:
    use_question()
    label("export", "a.json")
    label("export", "b.jsonl")
    shown = Path("a.xml").read_text()
    assert shown.index('<Header value="$question"/>') < shown.index('<Text name="text" value="$text"/>')
    assert 'required="true"' in shown
    settings = json.loads(Path("b.settings.json").read_text())
    assert [field["name"] for field in settings["fields"]] == ["question", "text"]


# The round


def test_questions_are_asked_one_after_the_other_whatever_the_ranks() -> None:
    """In the order in which the pool has them first: b, which is neither the alphabet's first nor the pool's last."""
    of = {"p1": "b", "p2": "a", "p3": "b", "p4": "a", "p5": "a"}
    write_rows(Path("data/real/pool.jsonl"), [Row(id=name, text=TEXTS[name], question_id=q) for name, q in of.items()])
    ranked = {"a": ["p4", "p2"], "b": ["p1", "p3"]}
    rows = [
        SelectedRow(seed=1, budget=2, rank=rank, id=ranked[q][rank - 1], score=0.0, question_id=q)
        for rank in (1, 2) for q in "ab"
    ]  # fmt: skip
    for name in ("random", "sqbc"):
        write_rows(Path(f"data/selected/{name}.jsonl"), rows)
    label("export", "a.csv")
    assert [row["text_id"] for row in sheet("a.csv")] == ["p1", "p3", "p4", "p2"]


def test_a_selection_of_another_pool_and_none_at_all_are_said() -> None:
    write_rows(Path("data/real/pool.jsonl"), [Row(id="p1", text=TEXTS["p1"])])
    assert "is not in data/real/pool.jsonl. Run `standin run`" in label("status", fails=True)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["select"]["strategies"], params["arms"] = {}, {"real": ["real"]}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert "there is none, so no text was chosen" in label("status", fails=True)


def test_the_file_that_params_yaml_names_is_the_one_that_is_filled() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["select"]["labels"] = "data/labels/ours.jsonl"
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    said = label(typed="1\nq\n")
    assert {each.label for each in read_labels(Path("data/labels/ours.jsonl")).values()} == {"transport"}
    assert not FILE.exists()
    assert "train on them: standin run\n" in said


def test_status_counts_labels_rounds_and_what_is_left() -> None:
    assert "train on them" not in label("status"), "nothing is labelled yet"
    write_labels(FILE, [
        Labelled(id="p4", digest=digest(TEXTS["p4"]), votes={"me": "housing"}, round=1),
        Labelled(id="p3", digest=digest(TEXTS["p3"]), votes={"me": None}),
        Labelled(id="p2", digest=digest(TEXTS["p2"]), votes={"anna": "housing", "ben": "transport"}),
        Labelled(id="p5", digest=digest(TEXTS["p5"]), votes={"me": "housing"}),  # no strategy chose it
    ])  # fmt: skip
    found = json.loads(label("status", "--json"))
    assert found["closed_rounds"] == {"1": 1}
    assert found["labels"] == {"transport": 0, "environment": 0, "housing": 2, "community": 0}
    assert found["without_label"] == 2, "nobody could say, and people are divided"
    assert (found["to_label"], found["left"]) == (3, 1), "a text without a label was answered all the same"
    said = label("status")
    assert "1 left\nlabels: transport 0, environment 0, housing 2, community 0\nround 1: 1 text, closed\n" in said
    assert "1 text stays without a label, as people are divided equally: p2\n" in said
    assert "1 text stays without a label, as nobody could say: p3\n" in said


def test_outside_a_project_it_says_so() -> None:
    Path("dvc.yaml").rename("elsewhere.yaml")
    assert "no dvc.yaml here. Run from the project's root" in label("status", fails=True)


# The file of labels


def test_the_digest_is_the_start_of_sha_256_and_there_is_one_of_any_text() -> None:
    assert digest("abc") == "ba7816bf8f01cfea"  # FIPS 180-2, appendix B.1
    assert len(digest("half a character: \ud83d")) == 16


@pytest.mark.parametrize("number", [True, "1", 1.0])
def test_a_round_is_a_whole_number(number: Any) -> None:
    write_json_lines(FILE, [{"id": "p", "label": "a", "digest": "d", "votes": {"me": "a"}, "round": number}])
    with pytest.raises(StandinError, match="'round' is"):
        read_labels(FILE)


def test_answers_of_two_at_the_same_time_are_all_kept() -> None:
    rows = [Row(id=f"t{place}", text=f"Text {place}") for place in range(15)]

    def answer(name: str) -> None:
        own = Store(FILE, ["a", "b"])
        for row in rows:
            own.change([Vote(row, name, "a")])

    people = [threading.Thread(target=answer, args=(name,)) for name in ("anna", "ben")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert {len(each.votes) for each in read_labels(FILE).values()} == {2}


def test_names_of_labels_and_questions_are_shown_as_they_are_and_steer_no_terminal() -> None:
    use_question()
    pool = read_rows(Path("data/real/pool.jsonl"), Row)
    asked = [Row(id=row.id, text=row.text, question_id=row.question_id, question="Cars \x1b[2J out?") for row in pool]
    write_rows(Path("data/real/pool.jsonl"), asked)
    said = label(typed="[b]x[/b]\nq\n")
    assert "question Cars \\x1b[2J out?" in said
    assert "'[b]x[/b]' is no label" in said
