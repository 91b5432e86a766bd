"""``standin review``: what people are asked, in which order, and that nothing they decide is lost."""

import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from rich.console import Console
from typer.testing import CliRunner

from standin import cli
from standin.config import Curate
from standin.corpus import Removed, SyntheticRow, write_json_lines, write_rows
from standin.curation.reviews import Decision, key_of, read_reviews
from standin.errors import StandinError
from standin.reviewing.candidates import candidates
from standin.reviewing.sheet import read_sheet, write_sheet_of
from standin.reviewing.store import OvertakenError, Store, wanted
from standin.reviewing.terminal import Session, in_lines, in_one_line
from standin.sheets import sheet_rows, write_sheet
from standin.task import Question, Task, load_task

ROOT = Path(__file__).resolve().parents[1]
FILE = Path("data/reviews/city-topics.jsonl")
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


def row(number: int, text: str | None = None, label: str = "transport", **more: Any) -> SyntheticRow:
    text = text or f"The {WORDS[number % 6]} bus of line {number} is late again this morning"
    return SyntheticRow(
        id=f"s{number}", text=text, label=label, plan_id=f"p{number}", shots=0, engine="e", model="m", **more
    )


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after a run: six kept texts, and one removed for each of several reasons."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks")
    results([row(number) for number in range(6)])
    return tmp_path


def results(kept: list[SyntheticRow], *gone: tuple[int, str, str | None, float | None]) -> None:
    write_rows(Path("data/synthetic/texts.jsonl"), kept)
    removed = [
        Removed(
            id=f"s{number}", plan_id=f"p{number}", label="transport", text=f"Removed text {number}", reason=reason,
            survivor=survivor, score=score,
        )
        for number, reason, survivor, score in gone
    ]  # fmt: skip
    write_rows(Path("data/synthetic/removed.jsonl"), removed)


def review(*words: str, typed: str = "", width: int = 80) -> tuple[int, str]:
    environment = {"COLUMNS": str(width), "TERM": "dumb"}
    done = CliRunner().invoke(cli.app, ["review", *words], input=typed, env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def decisions() -> dict[str, str]:
    return {each.id: each.decision for each in read_reviews(FILE).values()}


# In the terminal


@pytest.mark.parametrize("typed", ["a\nr\ns\nq\n", "accept\nReject\n skip \nexit\n", "yes\nno\ns\n"])
def test_keys_and_words_decide_and_the_end_of_input_quits(project: Path, typed: str) -> None:
    status, said = review(typed=typed)
    assert status == 0
    assert decisions() == {"s0": "accept", "s1": "reject"}
    assert "decided now: 1 accepted, 1 rejected; left: 4 texts\n" in said
    assert "data/reviews/city-topics.jsonl holds 2; `standin run` applies them. Commit the file.\n" in said


def test_a_session_goes_on_where_the_last_one_ended(project: Path) -> None:
    review(typed="a\nr\n")
    _, said = review(typed="r\nq\n")
    assert "text 1 of 4, 2 decided" in said
    assert "text 2 of 4, 3 decided" in said
    assert decisions() == {"s0": "accept", "s1": "reject", "s2": "reject"}
    review(typed="a\na\na\n")
    assert review()[1] == "nothing to review: all 6 texts are decided; --again shows them\n"
    _, said = review("--again", typed="a\nq\n")
    assert "text 1 of 6" in said
    assert re.search(r"^decided  accepted$", said, re.MULTILINE)


def test_what_follows_the_word_is_a_note(project: Path) -> None:
    review(typed="r speaks of  trams\n")
    assert [each.note for each in read_reviews(FILE).values()] == ["speaks of  trams"]
    assert "decided  rejected; note: speaks of  trams" in review("--again", typed="q\n")[1]


def test_an_edit_gives_another_text_another_label_or_both(project: Path) -> None:
    _, said = review(typed="e\nThe rent is late\\nagain\n\ne\n\nhousing\ne\nA park\nenvironment\nq\n")
    found = {each.id: (each.text, each.label) for each in read_reviews(FILE).values()}
    assert found == {"s0": ("The rent is late\nagain", None), "s1": (None, "housing"), "s2": ("A park", "environment")}
    assert "label (empty keeps transport; transport, environment, housing, community): " in said
    assert "decided now: 3 edited" in said


def test_a_backslash_before_an_n_is_no_line_break_where_it_is_doubled(project: Path) -> None:
    review(typed="e\nKept in C:\\\\new\\nand \\d\n\nq\n")
    assert [each.text for each in read_reviews(FILE).values()] == ["Kept in C:\\new\nand \\d"]


@given(st.text(st.sampled_from("\\n\nx"), max_size=9))
def test_every_text_comes_back_from_one_line(text: str) -> None:
    assert "\n" not in in_one_line(text)
    assert in_lines(in_one_line(text)) == text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("e\n\n\n", "the edit changes nothing, so nothing was decided"),
        ("e\n\nhousnig\n", "label 'housnig': did you mean 'housing'? Known:"),
        ("e\nnew words here\n", ""),  # the input ends before the label
        ("x\n", "'x' is none of these: accept, reject"),
        ("u\n", "nothing was decided in this session yet"),
        ("?\n", "accept  the text and its label are right"),
    ],
)
def test_what_decides_nothing_says_why_and_asks_again(project: Path, typed: str, words: str) -> None:
    status, said = review(typed=typed)
    assert status == 0
    assert words in " ".join(said.split()) or words in said
    assert decisions() == {}
    assert not FILE.exists()
    assert "decided now: nothing; left: 6 texts" in said


def test_undo_goes_back_one_decision_at_a_time_also_to_an_earlier_session_s(project: Path) -> None:
    review(typed="r\nq\n")
    _, said = review("--again", typed="a\nr\nu\nu\nq\n")
    assert decisions() == {"s0": "reject"}, "what was decided before this session stands again"
    assert said.count("taken back: ") == 2
    assert "decided now: nothing" in said


def test_a_decision_is_on_disk_before_the_next_text_is_shown(project: Path) -> None:
    seen = []
    store = Store(FILE)

    def ask(_: str) -> str | None:
        seen.append(len(read_reviews(FILE)))
        return "a" if len(seen) < 4 else None

    texts = candidates(load_task("city-topics"), Curate())
    session = Session(texts, store, {"transport": ""}, Console(file=io.StringIO()), ask, lambda *_: None, ask)
    assert session.run() is False
    assert seen == [0, 1, 2, 3]


def test_two_reviews_at_once_keep_each_other_s_decisions(project: Path) -> None:
    one, other = Store(FILE), Store(FILE)
    one.decide(row(0), "accept", None, None, None)
    other.decide(row(1), "reject", None, None, None)
    assert decisions() == {"s0": "accept", "s1": "reject"}


def test_what_somebody_else_decided_meanwhile_is_shown_and_not_written_over(project: Path, task: Task) -> None:
    store = Store(FILE)
    Store(FILE).decide(row(0), "edit", "A text of somebody else", None, None)
    typed, told = iter(["r", "a", "u", None]), io.StringIO()

    def ask(_: str) -> str | None:
        return next(typed)

    Session(candidates(task, Curate()), store, {}, Console(file=told), ask, lambda *_: None, ask).run()
    said = " ".join(told.getvalue().split())
    assert "text 's0' was decided by somebody else meanwhile: nothing was written. Look at it again." in said
    assert "decided edited; text A text of somebody else" in said
    assert decisions() == {"s0": "edit"}, "accepted knowingly, then taken back"


def test_two_who_decide_alike_do_not_stop_each_other(project: Path) -> None:
    one, other = Store(FILE), Store(FILE)
    one.decide(row(0), "accept", None, None, None)
    other.decide(row(0), "accept", None, None, None)
    assert decisions() == {"s0": "accept"}


def test_a_change_of_what_somebody_else_decided_is_not_taken_back(project: Path) -> None:
    one = Store(FILE)
    key, known = one.decide(row(0), "accept", None, None, None)
    Store(FILE).decide(row(0), "reject", None, None, None)
    with pytest.raises(OvertakenError):
        one.change([(key, known)])
    assert decisions() == {"s0": "reject"}


def test_a_link_beside_the_file_is_not_written_through(project: Path, tmp_path: Path) -> None:
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    FILE.parent.mkdir(parents=True)
    (FILE.parent / f".{FILE.name}").symlink_to(kept)
    Store(FILE).decide(row(0), "accept", None, None, None)
    assert kept.read_text() == "mine"
    assert decisions() == {"s0": "accept"}


def test_hostile_texts_and_file_contents_are_shown_as_escapes(project: Path) -> None:
    hostile = "Good \x1b]0;owned\x07\x1b[31m text \u202e backwards [red]no markup[/red] \x9b1m"
    results([row(0, hostile), row(1)])
    _, said = review(typed="r \x1b[31mred\nq\n")
    _, again = review("--again", typed="q\n")
    for shown in (said.replace("\x1b[31mred", ""), again):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert "\\x1b]0;owned\\x07" in said
    assert "[red]no markup[/red]" in " ".join(said.split())
    assert "\\x1b[31mred" in again


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal(project: Path, width: int) -> None:
    results([row(0, "Long words " * 60 + "\u4e16\u754c" * 90 + "x" * 200), row(1, "short\n\nlines of text")])
    for line in review(typed="?\ns\nq\n", width=width)[1].splitlines():
        assert len(line.encode("utf-8")) - len(line) <= 2 * width
        assert sum(2 if "\u4e00" <= sign <= "\u9fff" else 1 for sign in line) <= width


def test_a_very_long_text_says_how_much_is_left_out(project: Path) -> None:
    results([row(0, "word " * 2000)])
    assert "(6,000 more characters: w shows all)" in " ".join(review(typed="q\n")[1].split())


@pytest.mark.parametrize("typed", ["w", "whole"])
def test_all_of_a_long_text_and_of_its_like_is_shown_on_demand_and_then_decided(project: Path, typed: str) -> None:
    long, other = (f"{name} " + "word " * 2000 + f"the end of {name}" for name in ("one", "two"))
    results([row(0, long), row(1)], (7, "duplicate", "s0", 0.9))
    said = review(typed="q\n")[1]
    assert "the end of one" not in " ".join(said.split())
    said = review("--removed", typed=f"?\n{typed}\nr\nq\n")[1]
    first, whole = said.split("whole", 1)[0], said.rsplit("text 1 of 1", 1)[1]
    assert "is like:" in first
    assert "the end of one" in " ".join(whole.split())
    assert "more characters" not in whole
    assert "whole   show all of a text of which only the beginning is shown" in said
    assert decisions() == {"s7": "reject"}
    results([row(0, other), row(1)])
    said = " ".join(review(typed=f"{typed}\na\ns\n")[1].split())
    assert "the end of two" in said
    assert decisions() == {"s7": "reject", "s0": "accept"}
    assert "w shows all" not in review("--again", typed="s\nq\n")[1].rsplit("text 2 of 2", 1)[1], "it is shown already"


def test_the_file_takes_no_name_of_a_person_and_no_text_that_nobody_wrote(project: Path) -> None:
    review(typed="a\nr\nq\n")
    assert "bus" not in FILE.read_text(encoding="utf-8")
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert {key for line in lines for key in json.loads(line)} == {"id", "digest", "decision"}


def test_a_broken_file_stops_the_review_and_stays(project: Path) -> None:
    FILE.parent.mkdir(parents=True)
    FILE.write_text("{broken\n")
    with pytest.raises(StandinError, match=r"data/reviews/city-topics.jsonl, line 1: broken JSON"):
        review(typed="a\n")
    assert FILE.read_text() == "{broken\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--encoding", "cp1252"], "--encoding is of the file that --read names"),
        (["--label", "huosing"], "--label 'huosing': did you mean 'housing'"),
        (["--question", "q1"], "--question 'q1': the task has no questions"),
        (["--write", "a.csv", "--read", "a.csv"], "give one of the two"),
        (["--read", "a.csv", "--removed"], "--read takes the whole file"),
        (["--read", "none.csv"], "none.csv: there is no such file"),
        (["--write", "a.xlsx"], "a.xlsx: the sheet is a CSV file"),
    ],
)
def test_wrong_words_are_explained(project: Path, words: list[str], said: str) -> None:
    with pytest.raises(StandinError, match=re.escape(said)):
        review(*words)


def test_without_a_run_it_says_what_brings_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(StandinError, match=r"data/synthetic/texts.jsonl: there is no such file; `dvc repro`"):
        review()


def test_no_text_of_a_label_is_said(project: Path) -> None:
    assert review("--label", "housing") == (0, "nothing to review: no such text\n")


# Order


def test_texts_most_worth_a_look_come_first_and_say_why(project: Path, task: Task) -> None:
    long = " ".join(["word"] * 150)
    rows = [row(0), row(1, long), row(2), row(3), row(4), row(5), row(6, judged_label="transport")]
    rows = [replace(each, judged_label="housing") if each.id in ("s3", "s4", "s5") else each for each in rows]
    results(rows)
    write_json_lines(
        Path("data/judged/texts.jsonl"),
        [
            {"id": "s4", "p": {"transport": 0.1}},
            {"id": "s3", "p": {"transport": 0.3}},
            {"id": "s5", "p": {"transport": 0.2}},
        ],
    )
    write_sheet(Path("reports/curate/suspects.csv"), ["id", "label", "suggested_label", "score"],
                [("s6", "transport", "community", 0.05), ("s3", "transport", "housing", 0.2)])  # fmt: skip
    write_sheet(Path("reports/curate/personal.csv"), ["id", "kind", "count"], [("s2", "email", 1), ("s2", "insult", 2)])
    found = candidates(task, Curate())
    assert [each.row.id for each in found] == ["s6", "s3", "s4", "s5", "s2", "s1", "s0"]
    assert [each.said for each in found] == [
        "its words read as community (score 0.05)",
        "its words read as housing (score 0.20); the judge says housing (this label: 0.30)",
        "the judge says housing (this label: 0.10)",
        "the judge says housing (this label: 0.20)",
        "looks like email, insult",
        "150 words, 3 to 150 are allowed",
        "",
    ]


def test_removed_texts_come_with_what_removed_them_and_their_survivor(project: Path, task: Task) -> None:
    gone = [(7, "refused", None, None), (8, "unparsable", None, None), (9, "invalid", None, None)]
    results([row(0), row(1)], *gone, (10, "duplicate", "s0", 0.97), (11, "duplicate", "s1", 0.71), (12, "contaminated", "t3", 0.9))  # fmt: skip
    found = candidates(task, Curate(), removed=True)
    assert [each.row.id for each in found] == ["s11", "s10", "s9", "s12"]
    assert found[0].said == "removed: duplicate of s1, similarity 0.71"
    assert found[0].like == row(1).text
    assert found[3].said == "removed: contaminated, similarity 0.90; accepting it does not bring it back, an edit may"
    assert found[3].like is None, "a held-out text is not shown"
    _, said = review("--removed", typed="a\nq\n")
    assert "is like:\n  The beta bus of line 1" in said
    assert decisions() == {"s11": "accept"}


def test_what_found_a_removed_text_is_said(project: Path, task: Task) -> None:
    gone = Removed(id="s9", plan_id="p9", label="transport", text="Gone", reason="invalid", by="too_short")
    like = replace(gone, id="s8", reason="duplicate", by="cosine", survivor="s0", score=0.96)
    write_rows(Path("data/synthetic/removed.jsonl"), [gone, like])
    assert [each.said for each in candidates(task, Curate(), removed=True)] == [
        "removed: duplicate (cosine) of s0, similarity 0.96",
        "removed: invalid (too short); accepting it does not bring it back, an edit may",
    ]


GONE = Removed(id="s9", plan_id="p9", label="transport", text="Gone", reason="invalid", by="too_short")


def test_a_text_that_cannot_come_back_is_not_accepted(project: Path) -> None:
    leaked = replace(GONE, id="s8", reason="contaminated", by="cosine", survivor="t3", score=0.96)
    like = replace(GONE, id="s7", reason="duplicate", by="cosine", survivor="s0", score=0.97)
    write_rows(Path("data/synthetic/removed.jsonl"), [GONE, leaked, like])
    said = " ".join(review("--removed", typed="a\na\ns\na\nr\n")[1].split())
    assert "cannot come back, so nothing was decided: invalid (too short), a fault that accepting does not" in said
    assert "so nothing was decided: contaminated (cosine), a fault" in said
    assert "decided now: 1 accepted, 1 rejected; left: 1 text" in said
    assert decisions() == {"s7": "accept", "s8": "reject"}


def test_of_equal_texts_one_stays_whoever_is_accepted(project: Path) -> None:
    write_rows(Path("data/synthetic/removed.jsonl"), [replace(GONE, reason="duplicate", by="exact", survivor="s0")])
    review("--removed", typed="a\n")
    assert decisions() == {"s9": "accept"}  # it stands in the other's place
    FILE.unlink()
    review(typed="a\nq\n")
    said = review("--removed", typed="a\nq\n")[1]
    assert "nothing was decided: equal to s0, which was accepted: of equal" in " ".join(said.split())
    assert decisions() == {"s0": "accept"}


def test_a_sheet_says_what_cannot_come_back_and_takes_the_rest(project: Path) -> None:
    write_rows(
        Path("data/synthetic/removed.jsonl"), [GONE, replace(GONE, id="s8", reason="judged_wrong", by="housing")]
    )
    review("--write", "gone.csv", "--removed")
    filled_in(Path("gone.csv"), {"s9": {"decision": "accept"}, "s8": {"decision": "accept"}})
    said = review("--read", "gone.csv")[1]
    assert "2 rows read: 1 accepted, 0 rejected, 0 edited\n" in said
    assert "1 row accepts a text that cannot come back, so nothing was taken from there; an edit may help:\n" in said
    assert "\n  s9: invalid (too short), a fault that accepting does not overrule\n" in said
    assert decisions() == {"s8": "accept"}
    write_rows(Path("data/synthetic/removed.jsonl"), [replace(GONE, reason="duplicate", by="exact", survivor="s0")])
    review("--write", "equal.csv", "--removed")
    review("--write", "kept.csv")
    both = [*sheet_rows(Path("kept.csv").read_bytes().removeprefix(b"\xef\xbb\xbf"), "kept"),
            *sheet_rows(Path("equal.csv").read_bytes().removeprefix(b"\xef\xbb\xbf"), "equal")]  # fmt: skip
    write_sheet(Path("both.csv"), list(both[0]), [list(each.values()) for each in both])
    filled_in(Path("both.csv"), {"s9": {"decision": "accept"}, "s0": {"decision": "accept"}})
    assert "s9: equal to s0, which was accepted: of equal texts one stays" in review("--read", "both.csv")[1]
    assert decisions() == {"s8": "accept", "s0": "accept"}


def test_a_sample_is_drawn_the_same_every_time_and_goes_on(project: Path, task: Task) -> None:
    results([row(number) for number in range(200)])
    drawn = [each.row.id for each in candidates(task, Curate(), sample=20)]
    assert drawn == [each.row.id for each in candidates(task, Curate(), sample=30)][:20]
    assert drawn != [f"s{number}" for number in range(20)]
    review("--sample", "20", typed="a\na\nq\n")
    assert list(decisions()) == sorted(drawn[:2])
    assert "text 1 of 18, 2 decided" in review("--sample", "20", typed="q\n")[1]


def test_a_question_s_texts_alone_kept_and_removed(project: Path, task: Task) -> None:
    asked = task.model_copy(update={"questions": [Question(id="q1", text="One?"), Question(id="q2", text="Two?")]})
    rows = [row(0, question_id="q1", question="One?"), row(1, question_id="q2", question="Two?")]
    results(rows, (8, "duplicate", "s0", 0.8), (9, "duplicate", "s1", 0.8))
    plan = [{"plan_id": f"p{number}", "question_id": f"q{1 + number % 2}"} for number in (0, 1, 8, 9)]
    write_json_lines(Path("data/generated/plan.jsonl"), plan)
    assert [(each.row.id, each.question) for each in candidates(asked, Curate(), question="q2")] == [("s1", "Two?")]
    assert [each.row.id for each in candidates(asked, Curate(), question="q1", removed=True)] == ["s8"]


# Sheets


def filled_in(path: Path, changes: dict[str, dict[str, str]]) -> None:
    """Fill a sheet in as a person would, in a spreadsheet that saves every cell anew."""
    rows = sheet_rows(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), path)
    for each in rows:
        each |= changes.get(each["id"], {})
    write_sheet(path, list(rows[0]), [list(each.values()) for each in rows])


def test_a_sheet_goes_out_and_comes_back(project: Path) -> None:
    results([row(0), row(1, '=HYPERLINK("http://x")\n"quoted", caf\u00e9'), *(row(number) for number in range(2, 6))])
    _, said = review("--write", "out/texts.csv")
    assert said.startswith("out/texts.csv: 6 texts. Write accept, reject or edit into 'decision'")
    sheet = Path("out/texts.csv")
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbfid,label,text,curation,decision,new text,new label,note,"), "for Excel"  # fmt: skip
    assert "'=HYPERLINK" in sheet.read_text(encoding="utf-8-sig")
    filled_in(sheet, {
        "s0": {"decision": "Accept "}, "s1": {"decision": "rejected", "note": "runs"},
        "s2": {"new label": "housing"}, "s3": {"decision": "edit", "new text": "-A new text", "new label": "housing"},
    })  # fmt: skip
    status, said = review("--read", str(sheet))
    assert status == 0
    assert said.splitlines()[:2] == [
        "6 rows read: 1 accepted, 1 rejected, 2 edited",
        "2 rows have no decision, and nothing changed for them",
    ]
    found = {each.id: (each.decision, each.text, each.label, each.note) for each in read_reviews(FILE).values()}
    assert found == {
        "s0": ("accept", None, None, None), "s1": ("reject", None, None, "runs"),
        "s2": ("edit", None, "housing", None), "s3": ("edit", "-A new text", "housing", None),
    }  # fmt: skip
    before = FILE.read_bytes()
    assert "4 rows say what was decided already" in review("--read", str(sheet))[1]
    assert FILE.read_bytes() == before
    review("--write", "again.csv", "--again")
    assert "4 rows say what was decided already" in review("--read", "again.csv")[1]
    assert FILE.read_bytes() == before, "a sheet that says what is decided changes nothing"
    filled_in(Path("again.csv"), {"s0": {"decision": "clear"}})
    assert "1 taken back" in review("--read", "again.csv")[1]
    assert "s0" not in decisions()


def test_a_note_without_a_decision_is_said_not_to_be_taken(project: Path) -> None:
    review("--write", "a.csv")
    filled_in(Path("a.csv"), {"s0": {"note": "hm"}, "s1": {"decision": "accept", "note": "good"}})
    said = review("--read", "a.csv")[1]
    assert "1 note stands beside no decision and was not taken: a note belongs to accept, reject or edit" in said


def test_an_unknown_label_is_asked_for_again_and_the_text_is_not_lost(project: Path) -> None:
    review(typed="e\nThe rent is late\nhousnig\nhousing\nq\n")
    assert [(each.text, each.label) for each in read_reviews(FILE).values()] == [("The rent is late", "housing")]


def of_labels(names: list[str]) -> None:
    """The task with these labels, and a kept text of each."""
    given = yaml.safe_load(Path("tasks/city-topics.yaml").read_text(encoding="utf-8"))
    given["labels"] = [{"name": name, "phrase": name, "description": f"on {name}"} for name in names]
    given["prompts"]["attributes"] = {}
    Path("tasks/city-topics.yaml").write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    results([row(number, f"[bold]A text[/] :heart: on {name}", label=name) for number, name in enumerate(names)])


@pytest.mark.parametrize(
    "names", [["[b]", "[/b]"], [":heart:", "a\\"], ["\u0633\u0624\u0627\u0644", "\U0001f44d\U0001f3fd"]]
)
def test_labels_and_texts_in_brackets_other_scripts_or_codes_of_emoji_are_shown_as_they_are(
    project: Path, names: list[str]
) -> None:
    of_labels(names)
    _, said = review(typed=f"a\ne\n\n{names[0]}\n")
    for name in names:
        assert f"label    {name} (on {name})" in said
        assert f"  [bold]A text[/] :heart: on {name}" in said
    assert [(each.decision, each.label) for each in read_reviews(FILE).values()] == [
        ("accept", None),
        ("edit", names[0]),
    ]
    results([row(0, label=names[1])])
    assert "decided now: 1 rejected; left: 0 texts" in review("--label", names[1], typed="r\n")[1]


def test_of_many_labels_the_question_names_none_and_shows_them_when_asked(project: Path) -> None:
    names = [f"a label with the number {number:02}" for number in range(60)]
    of_labels(names)
    _, said = review(typed=f"e\n\n?\n{names[59]}\n")
    assert f"label (empty keeps {names[0]}; one of 60, ? shows them): " in said
    asked, listed = " ".join(said.split()).split("? shows them): ")[:2]
    assert names[30] not in asked
    assert all(name in listed for name in names)
    assert [each.label for each in read_reviews(FILE).values()] == [names[59]]


def test_an_edit_that_is_in_place_comes_back_unchanged(project: Path, task: Task) -> None:
    store = Store(FILE)
    store.decide(row(0), "edit", "The rent is late", "housing", None)
    results([row(0, "The rent is late", "housing"), row(1)])
    review("--write", "a.csv", "--again")
    assert "1 row says what was decided already" in review("--read", "a.csv")[1]
    filled_in(Path("a.csv"), {"s0": {"new text": "The rent is early", "new label": ""}})
    review("--read", "a.csv")
    (found,) = read_reviews(FILE).values()
    assert (found.key, found.text, found.label) == (key_of(row(0)), "The rent is early", "housing")


def test_a_half_filled_sheet_is_read_again_after_the_run_that_applied_its_edits(project: Path) -> None:
    review("--write", "a.csv")
    filled_in(Path("a.csv"), {"s0": {"new text": "The rent is late", "new label": "housing"}})
    review("--read", "a.csv")
    results([row(0, "The rent is late", "housing"), *(row(number) for number in range(1, 6))])
    filled_in(Path("a.csv"), {"s1": {"decision": "reject"}})
    status, said = review("--read", "a.csv")
    assert (status, said.splitlines()[:2]) == (
        0,
        ["6 rows read: 0 accepted, 1 rejected, 0 edited", "1 row says what was decided already"],
    )
    assert decisions() == {"s0": "edit", "s1": "reject"}
    filled_in(Path("a.csv"), {"s0": {"text": "Written over in the wrong column"}})
    with pytest.raises(StandinError, match="the column 'text' was changed"):
        review("--read", "a.csv")


def test_a_sheet_in_an_old_code_page_is_read_with_the_advice_that_is_given(project: Path) -> None:
    review("--write", "a.csv")
    filled_in(Path("a.csv"), {"s0": {"new text": "Caf\u00e9s close early"}})
    Path("a.csv").write_bytes(Path("a.csv").read_text(encoding="utf-8-sig").encode("cp1252"))
    with pytest.raises(StandinError, match="--encoding cp1252 reads"):
        review("--read", "a.csv")
    review("--read", "a.csv", "--encoding", "cp1252")
    assert [each.text for each in read_reviews(FILE).values()] == ["Caf\u00e9s close early"]


def test_what_a_spreadsheet_does_to_a_file_does_no_harm(project: Path) -> None:
    results([row(0, "One line\nand another, caf\u00e9"), row(1)])
    review("--write", "a.csv")
    filled_in(Path("a.csv"), {"s0": {"decision": "r", "new text": ""}, "s1": {"decision": "a"}})
    text = Path("a.csv").read_text(encoding="utf-8")
    rows = sheet_rows(text.encode(), "a.csv")
    semicolons = "\r\n".join(
        ";".join('"' + cell.replace('"', '""') + '"' for cell in line)
        for line in [list(rows[0]), *(list(each.values()) for each in rows)]
    )
    Path("b.csv").write_bytes(b"\xef\xbb\xbf" + semicolons.encode())
    assert "2 rows read: 1 accepted, 1 rejected, 0 edited" in review("--read", "b.csv")[1]
    book = Workbook()
    for line in [list(rows[0]), *(list(each.values()) for each in rows)]:
        book.active.append([cell.replace("\n", "\r\n") or None for cell in line])
    book.save("c.xlsx")
    assert "2 rows say what was decided already" in review("--read", "c.xlsx")[1]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"decision": "maybe"}, "a.csv, row 2: decision 'maybe' is unknown; allowed: accept, reject, edit, clear"),
        ({"decision": "edit"}, "neither 'new text' nor 'new label' says another one"),
        ({"decision": "accept", "new text": "other"}, "decision is accept: write edit, or empty those cells"),
        ({"new label": "huosing"}, "new label 'huosing': did you mean 'housing'"),
        ({"new text": "#NAME?"}, "a.csv, row 2: column 'new text' holds #NAME?, a spreadsheet's word for a formula"),
        ({"id": "", "decision": "reject"}, "a.csv, row 2: column 'id' is empty beside a decision: put the text's id"),
        ({"label": "housing", "decision": "accept"}, "the column 'label' was changed: put it back, and write the new"),
        ({"text": "I changed this", "decision": "accept"}, "the column 'text' was changed"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(project: Path, cells: dict[str, str], said: str) -> None:
    review("--write", "a.csv")
    filled_in(Path("a.csv"), {"s0": cells, "s1": {"decision": "accept"}})
    with pytest.raises(StandinError) as error:
        review("--read", "a.csv")
    assert said in str(error.value)
    assert str(error.value).endswith("Nothing was taken from the file.")
    assert not FILE.exists()


def test_rows_of_other_texts_are_counted_and_not_taken(project: Path) -> None:
    review("--write", "a.csv")
    filled_in(Path("a.csv"), {name: {"decision": "reject"} for name in ("s0", "s1")})
    results([row(0, "Generated anew under the old id"), row(2)])
    _, said = review("--read", "a.csv")
    assert "0 accepted, 0 rejected, 0 edited" in said
    assert "5 rows are of texts that this run does not have: nothing was taken from them" in said
    assert decisions() == {}


def test_a_row_twice_and_a_missing_column_are_errors(project: Path, task: Task) -> None:
    write_sheet_of(Path("a.csv"), candidates(task, Curate()), Store(FILE).reviews)
    filled_in(Path("a.csv"), {"s0": {"decision": "accept"}, "s1": {"id": "s0", "text": row(0).text, "digest": f"#{key_of(row(0))[1]}", "decision": "reject"}})  # fmt: skip
    with pytest.raises(StandinError, match="row 3: text 's0' stands twice"):
        read_sheet(Path("a.csv"), [row(0), row(1)], Store(FILE).reviews, task.label_names)
    Path("b.csv").write_text("id,text\ns0,x\n")
    with pytest.raises(StandinError, match=r"b.csv: column 'decision' is missing; found: id, text"):
        read_sheet(Path("b.csv"), [row(0)], Store(FILE).reviews, task.label_names)


def test_a_sheet_is_not_written_over(project: Path) -> None:
    Path("a.csv").write_text("a reviewer's work")
    with pytest.raises(StandinError, match=r"a.csv exists, and is not written over"):
        review("--write", "a.csv")
    assert Path("a.csv").read_text() == "a reviewer's work"


def test_a_text_that_no_file_can_hold_is_refused() -> None:
    with pytest.raises(StandinError, match="characters that are no text"):
        wanted(row(0), "a\udc80b", "", ["transport"])
    assert wanted(row(0), row(0).text, "transport", ["transport"]) == (None, None)


# A real terminal, and a kill


@pytest.fixture
def terminal(project: Path) -> Iterator[Any]:
    """`standin review` in a pseudo-terminal: what is typed, and what has been shown so far."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": str(ROOT / "src")}
    code = "from standin.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "review"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=project,
        env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = ""

    def until(words: str, typed: str = "") -> str:
        nonlocal shown
        end = time.monotonic() + 60
        if typed:
            shown = ""
            while typed in "areq\x03" and termios.tcgetattr(ours)[3] & termios.ICANON and time.monotonic() < end:
                time.sleep(0.01)  # what is typed before the question counts for nothing
            os.write(ours, typed.encode())
        while words not in shown and time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    shown += os.read(ours, 65536).decode(errors="replace")
                except OSError:
                    break
        assert words in shown, shown
        return shown

    yield process, until
    process.kill()
    process.wait()
    os.close(ours)


ASKED = "(first letter does): "


@pytest.mark.slow
def test_in_a_terminal_one_key_decides_and_an_edit_begins_with_the_text(terminal: Any, project: Path) -> None:
    process, until = terminal
    assert "text 1 of 6" in until(ASKED)
    assert "text 2 of 6" in until(ASKED, "a")
    assert "text 3 of 6" in until(ASKED, "r")
    until("new text", "e")
    until(row(2).text)
    until("label (empty keeps", " indeed\n")
    assert "text 4 of 6" in until(ASKED, "\n")
    until("Commit the file.", "q")
    assert process.wait(60) == 0
    assert decisions() == {"s0": "accept", "s1": "reject", "s2": "edit"}
    (edited,) = [each for each in read_reviews(FILE).values() if each.decision == "edit"]
    assert edited.text == f"{row(2).text} indeed"


@pytest.mark.slow
def test_ctrl_c_loses_nothing(terminal: Any, project: Path) -> None:
    process, until = terminal
    until(ASKED)
    until(ASKED, "a")
    assert "left: 5 texts" in until("interrupted; run again to go on", "\x03")
    assert process.wait(60) == 130
    assert decisions() == {"s0": "accept"}


@pytest.mark.slow
def test_a_kill_between_two_keys_loses_nothing(terminal: Any, project: Path) -> None:
    process, until = terminal
    until(ASKED)
    until(ASKED, "a")
    until(ASKED, "r")
    process.kill()
    process.wait()
    assert decisions() == {"s0": "accept", "s1": "reject"}
    assert Decision("s0", key_of(row(0))[1], "accept") in read_reviews(FILE).values()
