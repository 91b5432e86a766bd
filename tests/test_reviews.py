"""What people decided: a file that fits its texts for good, and what the stages edit and curate make of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from standin.config import Curate, parse_params
from standin.corpus import REASONS, Removed, Row, SyntheticRow, read_rows, write_json_lines, write_rows
from standin.curation.accepted import deduplicated
from standin.curation.duplicates import deduplicate
from standin.curation.reviews import (
    Decision,
    Reviews,
    check_labels,
    decide,
    digest,
    key_of,
    read_reviews,
    write_reviews,
)
from standin.curation.rules import Curated, curate
from standin.errors import StandinError
from standin.measures.embeddings import Embeddings, write_embeddings
from standin.report import content
from standin.stages import curate as stage
from standin.stages import edit
from standin.stages.runner import restrict_task
from standin.task import Task, load_task

ROOT = Path(__file__).parents[1]
BUS = "The bus on line seven is late every single morning"
PARK = "Please plant more trees along the river bank"
RENT = "My landlord raised the rent twice within a year"
CLUB = "Our youth club has no heating since November"


def row(name: str, text: str, label: str = "transport", **more: Any) -> SyntheticRow:
    return SyntheticRow(
        id=name, text=text, label=label, plan_id=f"plan-{name}", shots=0, engine="transformers", model="tiny", **more
    )


def reviews(*decisions: Decision) -> Reviews:
    return Reviews({each.key: each for each in decisions})


def outcome(found: Curated) -> dict[str, tuple[str, str | None]]:
    kept = {each.id: ("kept", each.reviewed) for each in found.kept}
    return kept | {each.row.id: (each.reason, each.detail) for each in found.removed}


# The file


def test_the_file_is_sorted_a_line_each_and_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "reviews/toy.jsonl"
    one = Decision("b", "0" * 16, "edit", "neu \u2028 und gut", "housing", "so", digest("housing", "neu"))
    two = Decision("a", "f" * 16, "reject")
    write_reviews(path, [one, two])
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines[0] == '{"id": "a", "digest": "ffffffffffffffff", "decision": "reject"}'
    assert len(lines) == 3
    assert lines[2] == ""
    assert read_reviews(path) == {one.key: one, two.key: two}
    before = path.read_bytes()
    write_reviews(path, read_reviews(path).values())
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["toy.jsonl"], "nothing unfinished is left"


def test_no_file_is_no_decision(tmp_path: Path) -> None:
    assert read_reviews(tmp_path / "none.jsonl") == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "digest": "00", "decision": "maybe"}', "line 1: decision is 'maybe'; allowed: accept, reject, edit"),
        ('{"id": "a", "decision": "accept"}', "line 1: digest is missing"),
        ('{"id": "a", "digest": "00", "decision": "edit", "text": "x"}', "line 1: edited is missing"),
        ('{"id": "a", "digest": "00", "decision": "edit", "edited": "11"}', "neither"),
        ('{"id": "a", "digest": "00", "decision": "accept", "text": "x"}', "belongs to an edit"),
        ('{"id": "a", "digest": "00", "decision": "accept", "notes": "x"}', "unknown key 'notes': did you mean 'note'"),
        ('{"id": 7, "digest": "00", "decision": "accept"}', "id holds a int, expected text"),
        ("<<<<<<< HEAD", "line 1: broken JSON"),
        ('{"id": "a", "digest": "00", "decision": "accept"}\n' * 2, "line 2: text 'a' is decided twice"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "toy.jsonl"
    path.write_text(line)
    with pytest.raises(StandinError, match=said):
        read_reviews(path)


def test_a_decision_never_falls_on_another_text_or_label() -> None:
    made = decide(row("a", BUS), None, "reject")
    found = reviews(made)
    assert found.of(row("a", BUS)) == made
    others = [row("a", PARK), row("a", BUS, "housing"), row("b", BUS)]
    assert [found.of(each) for each in others] == [None, None, None]
    assert found.stale(others) == 1
    assert found.stale([*others, row("a", BUS)]) == 0
    assert key_of(Removed(id="a", plan_id="p", label="transport", text=BUS, reason="duplicate")) == made.key


# Edits


def test_an_edit_takes_text_and_label_and_is_known_again_afterwards() -> None:
    before = row("a", BUS)
    made = decide(before, None, "edit", "The rent is late", "housing", "was about rent")
    found = reviews(made)
    after = found.edited([before, row("b", PARK)])
    assert [(each.id, each.text, each.label) for each in after] == [
        ("a", "The rent is late", "housing"),
        ("b", PARK, "transport"),
    ]
    assert found.of(after[0]) == made
    assert found.edited(after) == after, "an edit is made once"
    assert found.verdicts(after) == {"a": "edit"}


def test_an_edit_of_an_edited_text_stands_for_both_and_keeps_what_it_does_not_change() -> None:
    before = row("a", BUS)
    first = decide(before, None, "edit", None, "housing")
    (once,) = reviews(first).edited([before])
    second = decide(once, first, "edit", "The rent is late", None)
    assert (second.key, second.text, second.label) == (key_of(before), "The rent is late", "housing")
    (twice,) = reviews(second).edited([before])
    assert (twice.text, twice.label) == ("The rent is late", "housing")
    assert reviews(second).of(twice) == second


def test_rejecting_an_edited_text_drops_the_edit_and_accepting_it_leaves_it() -> None:
    before = row("a", BUS)
    made = decide(before, None, "edit", PARK, None, "why")
    (after,) = reviews(made).edited([before])
    gone = decide(after, made, "reject")
    assert gone == Decision("a", made.digest, "reject", note="why")
    assert reviews(gone).edited([before]) == [before]
    assert decide(after, made, "accept") == made
    assert decide(before, made, "accept").decision == "accept"


def test_an_edit_s_unknown_label_is_named_with_the_file() -> None:
    with pytest.raises(
        StandinError, match=r"toy.jsonl: text 'a': label 'huosing' is none of the task: did you mean 'hous"
    ):
        check_labels([row("a", BUS, "huosing")], ["housing", "transport"], Path("data/reviews/toy.jsonl"))


# Rules


def decided(**verdicts: Any) -> dict[str, Any]:
    return verdicts


def test_rejected_texts_go_first_and_with_a_reason_of_their_own() -> None:
    rows = [row("a", "tram"), row("b", BUS), row("c", PARK), row("d", "bus")]
    found = curate(
        rows, None, [Row(id="t", text=BUS)], None, {}, Curate(), False, reviewed=decided(a="reject", b="reject")
    )
    assert outcome(found) == {
        "a": ("rejected", None),
        "b": ("rejected", None),
        "c": ("kept", None),
        "d": ("invalid", "too_short"),
    }
    assert [each.reason for each in found.removed] == sorted((each.reason for each in found.removed), key=REASONS.index)


def test_a_text_whose_twin_under_another_label_was_rejected_stays() -> None:
    rows = [row("a", BUS), row("b", BUS, "housing")]
    assert outcome(curate(rows, None, [], None, {}, Curate(), False))["a"] == ("invalid", "two_labels")
    found = curate(rows, None, [], None, {}, Curate(), False, reviewed=decided(b="reject"))
    assert outcome(found) == {"a": ("kept", None), "b": ("rejected", None)}


def test_accepted_texts_survive_the_rules_that_judge() -> None:
    rows = [
        row("a", BUS),
        row("b", PARK),
        row("c", RENT),
        row("d", RENT + " again"),
        row("e", CLUB),
        row("f", BUS + "s"),
    ]
    judged = {each.id: "transport" for each in rows} | {"a": "housing", "f": "housing"}
    more: dict[str, Any] = {"far": {"b": 0.1, "e": 0.1}}
    soft = outcome(curate(rows, None, [], None, judged, Curate(), True, **more))
    assert {name: why for name, (why, _) in soft.items()} == {
        "a": "judged_wrong", "b": "off_task", "c": "kept", "d": "duplicate", "e": "off_task", "f": "judged_wrong"
    }  # fmt: skip
    found = curate(rows, None, [], None, judged, Curate(), True, **more, reviewed=decided(a="accept", b="accept", d="accept"))  # fmt: skip
    assert outcome(found) == {
        "a": ("kept", "accepted"), "b": ("kept", "accepted"), "d": ("kept", "accepted"),
        "c": ("duplicate", "jaccard"), "e": ("off_task", None), "f": ("judged_wrong", "housing"),
    }  # fmt: skip
    (gone,) = [each for each in found.removed if each.reason == "duplicate"]
    assert gone.survivor == "d", "the accepted text stands for the other"


def test_accepted_texts_never_survive_faults_of_the_data() -> None:
    rows = [row("a", "tram"), row("b", BUS), row("c", PARK), row("d", PARK.upper()), row("e", RENT), row("f", CLUB),
            row("g", CLUB, "housing")]  # fmt: skip
    verdicts = {each.id: "accept" for each in rows}
    found = curate(rows, None, [Row(id="t", text=BUS)], None, {}, Curate(), True,
                   {"plan-e": [Row(id="x", text=RENT)]}, reviewed=verdicts)  # fmt: skip
    assert {name: why for name, (why, _) in outcome(found).items()} == {
        "a": "invalid", "b": "contaminated", "c": "kept", "d": "duplicate", "e": "copied", "f": "invalid", "g": "invalid"
    }  # fmt: skip


def test_edited_texts_are_judged_as_any_text() -> None:
    rows = [row("a", BUS), row("b", PARK)]
    found = curate(rows, None, [], None, {"a": "housing"}, Curate(), True, reviewed=decided(a="edit", b="edit"))
    assert outcome(found) == {"a": ("judged_wrong", "housing"), "b": ("kept", "edited")}


# Duplicates beside accepted texts


def angles(*degrees: float) -> np.ndarray:
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def test_accepted_texts_stand_for_their_likes_and_no_other_two_kept_texts_are_alike() -> None:
    texts = [f"{letter * 9} {letter * 7}" for letter in "abcdef"]
    vectors = angles(0, 10, 20, 30, 40, 80)
    limits = {"jaccard": 0.7, "cosine": float(np.cos(np.radians(12)))}
    plainly = deduplicate(texts, vectors, **limits)
    assert deduplicated(texts, vectors, [], **limits) == plainly
    assert [(match.row, match.other) for match in plainly] == [(1, 0), (3, 2)]
    found = deduplicated(texts, vectors, [1, 2], **limits)
    assert [(match.row, match.other, match.measure) for match in found] == [(0, 1, "cosine"), (3, 2, "cosine")]


def test_of_equal_accepted_texts_the_first_stays() -> None:
    found = deduplicated([BUS, PARK, BUS.upper(), BUS + "!"], None, [2, 3], jaccard=0.7, cosine=0.95)
    assert [(match.row, match.other, match.measure) for match in found] == [(0, 2, "exact"), (3, 2, "exact")]


# Stages


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes drafts and decisions, runs the stage edit, and gives curate what it needs."""
    monkeypatch.chdir(tmp_path)

    def write(rows: list[SyntheticRow], *decisions: Decision) -> None:
        write_rows(edit.DRAFTS, rows)
        if decisions:
            write_reviews(Path("data/reviews/city-topics.jsonl"), decisions)
        plan = ({"plan_id": each.plan_id, "conversation": "a", "shots": [], "label": each.label} for each in rows)
        write_json_lines(Path("data/generated/plan.jsonl"), plan)
        write_rows(Path("data/generated/removed.jsonl"), [])
        for name in ("shots", "pool", "validation", "test"):
            write_rows(Path(f"data/real/{name}.jsonl"), [])
        write_json_lines(Path("data/judged/texts.jsonl"), [])
        write_embeddings(Path("data/embeddings/real"), Embeddings((), np.eye(9, dtype=np.float32)[:0]))
        vectors = np.eye(9, dtype=np.float32)[: len(rows)]
        write_embeddings(Path("data/embeddings/generated"), Embeddings(tuple(each.id for each in rows), vectors))

    return write


def test_without_edits_the_drafts_are_copied_to_the_byte(project: Callable[..., None], task: Task) -> None:
    rows = [row("a", BUS), row("b", PARK, "environment")]
    project(rows)
    assert edit.run(parse_params({}), task, "") == {"edited_texts": 0, "relabelled_texts": 0}
    assert edit.TEXTS.read_bytes() == edit.DRAFTS.read_bytes()
    project(rows, decide(rows[0], None, "accept"), decide(rows[1], None, "reject"))
    edit.run(parse_params({}), task, "")
    assert edit.TEXTS.read_bytes() == edit.DRAFTS.read_bytes(), "nothing after it but curate runs again"


def test_drafts_that_are_missing_are_named(project: Callable[..., None], task: Task) -> None:
    with pytest.raises(StandinError, match=r"data/drafts/texts.jsonl: there is no such file"):
        edit.run(parse_params({}), task, "")


def test_both_stages_obey_and_say_what_people_decided(
    project: Callable[..., None], task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row("a", BUS), row("b", PARK), row("c", RENT), row("d", "tram")]
    project(
        rows,
        decide(rows[0], None, "reject"),
        decide(rows[1], None, "edit", None, "environment"),
        decide(rows[3], None, "accept"),
        Decision("e", "0" * 16, "accept"),
    )
    assert edit.run(parse_params({}), task, "") == {"edited_texts": 1, "relabelled_texts": 1}
    metrics = stage.run(parse_params({}), task, "")
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    assert [(each.id, each.label, each.reviewed) for each in kept] == [
        ("b", "environment", "edited"),
        ("c", "transport", None),
    ]
    assert (metrics["planned"], metrics["kept"], metrics["rejected"], metrics["invalid"]) == (4, 2, 1, 1)
    assert metrics["reviewed"] == {
        "accepted": 0, "rejected": 1, "edited": 1, "accepted_removed": 1, "of_other_texts": 1
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "edit: 1 text edited by people, 1 of them with another label\n" in said
    assert (
        "curate: reviewed by people: 0 accepted, 1 rejected, 1 edited; 1 more accepted, but gone all the same: invalid, "
        "contaminated, copied or equal to another; 1 decision is of texts that this run does not have\n"
    ) in said


def test_where_nobody_decided_anything_nothing_is_said(
    project: Callable[..., None], task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    project([row("a", BUS)])
    edit.run(parse_params({}), task, "")
    assert "reviewed" not in stage.run(parse_params({}), task, "")
    assert "people" not in capsys.readouterr().out.replace("nobody edited a text", "")


def test_edit_is_given_what_it_reads_of_the_task(project: Callable[..., None]) -> None:
    """As the runner calls it: with the parts of the task file alone that dvc.yaml lists for the stage."""
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["edit"]
    listed = {key for one in stage.get("params", []) if isinstance(one, dict) for keys in one.values() for key in keys}
    rows = [row("a", BUS)]
    project(rows, decide(rows[0], None, "edit", None, "housing"))
    assert (
        edit.run(parse_params({}), restrict_task(load_task("city-topics", ROOT), listed), "")["relabelled_texts"] == 1
    )


def test_an_edit_to_a_label_that_the_task_does_not_have_stops_edit(project: Callable[..., None], task: Task) -> None:
    rows = [row("a", BUS)]
    project(rows, decide(rows[0], None, "edit", None, "sport"))
    with pytest.raises(StandinError, match=r"data/reviews/city-topics.jsonl: text 'a': label 'sport' is none"):
        edit.run(parse_params({}), task, "")


def test_the_report_counts_a_relabelled_text_under_the_label_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from standin.stages import report

    monkeypatch.chdir(tmp_path)
    rows = [row("a", BUS, "environment"), row("b", PARK)]
    write_rows(Path("data/synthetic/texts.jsonl"), rows)
    gone = Removed(id="c", plan_id="plan-c", label="housing", text=RENT, reason="rejected")
    write_rows(Path("data/synthetic/removed.jsonl"), [gone])
    plan = [{"plan_id": f"plan-{name}", "label": "transport"} for name in "abc"]
    write_json_lines(Path("data/generated/plan.jsonl"), plan)
    found = report.gather_texts()
    assert found["flow"]["rows"] == [
        {"label": "transport", "cells": [3, 2, 1]}, {"label": "all", "cells": [3, 2, 1]}
    ]  # fmt: skip
    assert [each["label"] for each in found["kept"]] == ["environment", "transport"]
    assert found["removed"][0]["label"] == "housing"
    assert content.MEANINGS["rejected"] == "a person took it out"


def test_the_folder_that_dvc_watches_is_there_for_every_task() -> None:
    assert (ROOT / "data/reviews/README.md").exists()
