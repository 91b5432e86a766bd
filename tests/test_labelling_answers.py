"""Answers of people in every form that a spreadsheet or a tool gives them: whose they are, and of which text."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_labelling import CHOSEN, FILE, TEXTS, fill, label, labels, project, sheet, studio, use_question

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
    task_file_says(Verkehr="transport", HOUSING="environment")
    given = {"p1": "Verkehr", "p2": "Miete", "p3": "HOUSING", "p4": "Housing"}
    write_json_lines(Path("a.jsonl"), [{"id": name, "label": word} for name, word in given.items()])
    label("import", "a.jsonl", "--value", "Miete=housing")
    assert labels() == {"p1": "transport", "p2": "housing", "p3": "environment", "p4": "housing"}, (
        "a word that is given a label is none of a label spelt otherwise"
    )


def task_file_says(**values: str) -> None:
    known = yaml.safe_load(Path("tasks/city-topics.yaml").read_text())
    known["source"]["values"] = values
    Path("tasks/city-topics.yaml").write_text(yaml.safe_dump(known, sort_keys=False))


@pytest.mark.parametrize("whose", ["command", "task file"])
def test_a_word_that_stands_for_no_label_of_the_task_is_refused_and_nothing_is_written(whose: str) -> None:
    write_json_lines(Path("a.jsonl"), [{"id": "p1", "label": "housing"}, {"id": "p2", "label": "YES"}])
    if whose == "task file":
        task_file_says(YES="hosing")
    said = label("import", "a.jsonl", *(["--value", "YES=hosing"] if whose == "command" else []), fails=True)
    assert "a.jsonl, line 2: column 'label' holds 'YES', which --value or source.values calls 'hosing'" in said
    assert "did you mean 'housing'" in said
    assert not FILE.exists()


@pytest.mark.parametrize("said", ["maybe", "?", "Maybe"])
def test_a_word_that_stands_for_a_question_mark_says_that_none_can_be_said(said: str) -> None:
    task_file_says(**{"maybe": "?", "Maybe": "?", "?": ""})  # the last leaves such rows of the real data out
    assert came_back({"id": "p1", "label": said}) == {"p1": {"me": None}}


def test_a_word_whose_rows_the_task_file_leaves_out_is_no_label_in_any_spelling() -> None:
    task_file_says(Housing="")
    write_json_lines(Path("a.jsonl"), [{"id": "p1", "label": "Housing"}])
    assert "column 'label' holds 'Housing': did you mean 'housing'" in label("import", "a.jsonl", fails=True)


def test_a_spelling_that_may_be_either_of_two_labels_is_refused() -> None:
    write_json_lines(Path("a.jsonl"), [{"text_id": "p1", "label": "no"}])
    pool, names = read_rows(Path("data/real/pool.jsonl"), Row), ["No", "NO", "Yes"]
    with pytest.raises(StandinError, match="column 'label' holds 'no'"):
        read_answers(Path("a.jsonl"), pool, names, {}, Store(FILE, names), "me", Options())


# Texts that are alike but for blanks

ALIKE = {"a": "we are now here", "b": "we are nowhere", "c": "something else"}


def use_alike(**more: str) -> None:
    write_rows(Path("data/real/pool.jsonl"), [Row(id=name, text=text) for name, text in {**ALIKE, **more}.items()])
    for name in CHOSEN:
        rows = [SelectedRow(seed=1, budget=1, rank=rank, id=text, score=0.0) for rank, text in enumerate(ALIKE, 1)]
        write_rows(Path(f"data/selected/{name}.jsonl"), rows)


@pytest.mark.parametrize("given", [{}, {"id": "7"}, {"text_id": "b"}, {"text_id": "a"}])
@pytest.mark.parametrize("text", ["a", "b"])
def test_the_text_as_it_stands_comes_before_its_words_without_blanks(given: dict[str, str], text: str) -> None:
    """Other ids are a tool's own numbers, or were sorted apart from their texts."""
    use_alike()
    assert came_back({**given, "text": ALIKE[text], "label": "housing"}) == {text: {"me": "housing"}}


def test_words_that_several_texts_share_are_refused_unless_the_id_says_which() -> None:
    use_alike()
    write_json_lines(Path("a.jsonl"), [{"text": "we are  now here", "label": "housing"}])
    said = label("import", "a.jsonl", fails=True)
    assert "a.jsonl, line 1: 2 texts of the pool have these words ('a', 'b'): put the column 'text_id' back" in said
    assert not FILE.exists()
    assert came_back({"text_id": "b", "text": "we are no\nwhere", "label": "housing"}) == {"b": {"me": "housing"}}


@pytest.mark.parametrize("left", [{"text": ALIKE["a"]}, {"digest": digest(ALIKE["a"]), "text_id": "gone"}])
def test_a_text_that_stands_in_the_pool_twice_as_under_two_questions_is_not_guessed(left: dict[str, str]) -> None:
    use_alike(d=ALIKE["a"])
    write_json_lines(Path("a.jsonl"), [left | {"label": "housing"}])
    assert "2 texts of the pool have these words ('a', 'd')" in label("import", "a.jsonl", fails=True)
    assert came_back(left | {"label": "housing", "text_id": "d"}) == {"d": {"me": "housing"}}


# What is no label and no name


@pytest.mark.parametrize(
    "cell", [{"a": 1}, {"choices": "transport"}, {"choices": 7}, {"choices": None}, [{"a": 1}], [["transport"]]]
)
def test_an_object_in_place_of_a_label_is_refused_and_not_taken_for_no_label_yet(cell: Any) -> None:
    write_json_lines(Path("a.jsonl"), [{"id": "p1", "label": "housing"}, {"text_id": "p2", "label": cell}])
    said = label("import", "a.jsonl", fails=True)
    assert said.startswith("a.jsonl, line 2: the label is a ")
    assert "expected a text or a number. Write the part" in said
    assert not FILE.exists()


@pytest.mark.parametrize("cell", [{"choices": []}, [], [None], "", None])
def test_an_empty_choice_is_no_label_yet(cell: Any) -> None:
    write_json_lines(Path("a.jsonl"), [{"id": "p1", "label": "housing"}, {"text_id": "p2", "label": cell}])
    assert "1 row has no label yet" in label("import", "a.jsonl")


@pytest.mark.parametrize(
    ("person", "said"), [(["x"], "is a list"), ({"name": "x"}, "is a dict"), ("x\ud83d", "holds half a character")]
)
def test_what_is_no_name_of_a_person_is_refused(person: Any, said: str) -> None:
    row = json.dumps({"text_id": "p1", "label": "housing", "annotator": person})
    Path("a.jsonl").write_text(f"{row}\n", encoding="utf-8")
    found = label("import", "a.jsonl", fails=True)
    assert found.startswith("a.jsonl, line 1: ")
    assert said in found
    assert not FILE.exists()


@pytest.mark.parametrize("tool", ["Label Studio", "Argilla"])
def test_a_tool_s_list_of_names_is_no_person_either(tool: str) -> None:
    task = studio("p1", (1, "transport"))
    task["annotations"][0]["completed_by"] = [1, 2]
    response = {"value": "housing", "user_id": ["u"], "status": "submitted"}
    record = {"id": "p1", "fields": {"text": TEXTS["p1"]}, "metadata": {}, "responses": {"label": [response]}}
    Path("a.json").write_text(json.dumps([task if tool == "Label Studio" else record]))
    said = label("import", "a.json", fails=True)
    assert said.startswith("a.json, record 1: the annotator is a list")


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
    assert "is not in data/real/pool.jsonl. Run `standin run`" in label("export", "a.csv", fails=True)
    choose_nothing()
    assert "there is none, so no text was chosen" in label("export", "a.csv", fails=True)


def change_select(arms: dict[str, list[str]] | None = None, **select: Any) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["select"] |= select
    params["arms"] = arms or params["arms"]
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def choose_nothing() -> None:
    change_select({"labelled": ["labelled"]}, strategies={})


def choose_another_pool() -> None:
    rows = [SelectedRow(seed=1, budget=1, rank=1, id="of another pool", score=0.0)]
    for name in CHOSEN:
        write_rows(Path(f"data/selected/{name}.jsonl"), rows)


def choose_synthetic() -> None:
    change_select(pool="synthetic")


NO_SELECTION = {
    "none yet": (lambda: shutil.rmtree("data/selected"), "`standin run` chooses texts, then they can be labelled"),
    "no strategy": (choose_nothing, "select.strategies: there is none, so no text was chosen"),
    "another pool": (choose_another_pool, "id 'of another pool' is not in data/real/pool.jsonl"),
    "synthetic": (choose_synthetic, "which have labels already"),
}


@pytest.mark.parametrize("why", NO_SELECTION)
def test_answers_are_read_and_counted_where_no_texts_are_chosen(why: str) -> None:
    make, said = NO_SELECTION[why]
    make()
    Path("a.csv").write_text("text_id,label\np1,housing\n")
    imported = label("import", "a.csv")
    assert labels() == {"p1": "housing"}
    assert "answers 1 text of the pool. Commit the file." in imported
    assert "train on them: standin run -S select.labels=data/labels/city-topics.jsonl" in imported
    assert "left in this round" not in imported
    assert "standin label next" not in imported
    status = label("status")
    assert said in status
    assert "labels: transport 0, environment 0, housing 1" in status
    found = json.loads(label("status", "--json"))
    assert found["labels"]["housing"] == 1
    assert (found["budget"], found["to_label"], found["left"]) == (None, None, None)


@pytest.mark.parametrize("words", [(), ("export", "a.csv")])
def test_of_a_synthetic_pool_it_is_said_that_its_texts_have_labels_already(words: tuple[str, ...]) -> None:
    choose_another_pool()
    choose_synthetic()
    said = label(*words, fails=True)
    assert said.startswith("params.yaml, select.pool: synthetic: the strategies choose among generated texts")
    assert "which have labels already" in said
    assert "`standin run -S select.pool=real`" in said


def test_the_file_that_params_yaml_names_is_the_one_that_is_filled() -> None:
    change_select(labels="data/labels/ours.jsonl")
    said = label(typed="1\nq\n")
    assert {each.label for each in read_labels(Path("data/labels/ours.jsonl")).values()} == {"transport"}
    assert not FILE.exists()
    assert "train on those of random: standin run; or go on" in said


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
