"""The gate: what each check of the suite refuses, what it says to a person, and what never reaches the Data Docs."""

import html
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from standin.bounds import Checks, Pattern
from standin.checked import read_yaml
from standin.config import Validate, parse_params
from standin.corpus import REASONS, Removed, Row, SyntheticRow, write_json_lines, write_rows
from standin.errors import BrokenSuiteError, StandinError, visible
from standin.stages import runner, validate
from standin.task import Label, Task, load_task, parse_task
from standin.validation.columns import Tables, make_tables, match, mean_length
from standin.validation.page import render
from standin.validation.result import Check, Outcome, Verdict, describe, failure_message, table, to_result
from standin.validation.run import crash_message, evaluate
from standin.validation.suite import make_checks

ROOT = Path(__file__).parents[1]
LABELS = [
    Label(name="traffic", phrase="getting around", description="buses and trams"),
    Label(name="nature", phrase="parks and trees", description="green places"),
]
BOUNDS = Validate(min_texts_per_label=3, max_label_gap=0.3, min_words=4, max_words=12)
PLANNED = 20
REAL = [Row(id=f"r{n}", text=f"Comment number {n} speaks of another thing") for n in range(4)]


def kept_row(number: int, label: str) -> SyntheticRow:
    text = f"Text {number} complains about place {number} at length"
    return SyntheticRow(
        id=f"s{number}", text=text, label=label, plan_id=f"p{number}", shots=0, engine="e", model="m",
        judged_label=label,
    )  # fmt: skip


def removed_row(number: int, reason: str) -> Removed:
    return Removed(id=f"s{number}", plan_id=f"p{number}", label="traffic", text="gone", reason=reason)


class Data:
    """A data set in which everything is right: 16 kept texts, 4 removed ones, 4 real ones. Tests break it."""

    def __init__(self) -> None:
        self.kept = [kept_row(number, LABELS[number % 2].name) for number in range(16)]
        self.removed = [removed_row(16 + place, "duplicate") for place in range(4)]
        self.planned = PLANNED
        self.questions: list[str] = []
        self.own = Checks()
        self.bounds = BOUNDS

    def change(self, number: int, **values: Any) -> None:
        self.kept[number] = replace(self.kept[number], **values)

    def lose(self, numbers: list[int], reason: str) -> None:
        """Removed instead of kept, so that the sums still add up."""
        self.removed += [removed_row(number, reason) for number in numbers]
        self.kept = [row for row in self.kept if int(row.plan_id[1:]) not in numbers]

    def gone_for(self, reason: str, number: int = 15) -> None:
        self.removed = [
            replace(row, reason="invalid" if reason != "invalid" else "refused") for row in self.removed[:1]
        ]
        self.removed += [removed_row(100 + place, reason) for place in range(number)]
        self.planned = len(self.kept) + len(self.removed)

    def tables(self) -> Tables:
        patterns = match(self.own.patterns, [row.text for row in self.kept], "tasks/t.yaml")
        return make_tables(LABELS, self.questions, self.kept, self.removed, REAL[:2], REAL[2:], "words", patterns)

    def checks(self, tables: Tables) -> list[Check]:
        names = [label.name for label in LABELS]
        return make_checks(
            self.bounds, names, self.questions, tables, self.planned, mean_length(REAL), "words", self.own
        )

    def evaluate(self) -> Verdict:
        tables = self.tables()
        return evaluate(tables, self.checks(tables))


def two_questions(data: Data) -> None:
    """One question has both labels, the other only one: over all questions the labels look fine."""
    data.questions = ["q1", "q2"]
    data.kept = [
        replace(row, question_id="q1" if number < 9 else "q2", label="nature" if number > 4 else "traffic")
        for number, row in enumerate(data.kept)
    ]


def judge_disagrees(data: Data) -> None:
    for number in range(6):
        data.change(number, judged_label="traffic" if number % 2 else "nature")


BROKEN: list[tuple[str, Callable[[Data], object], float]] = [
    ("ids_unique", lambda data: data.change(1, id="s0"), 2),
    ("label_present", lambda data: data.change(0, label=None), 1),
    ("labels_known", lambda data: data.change(0, label="traffik"), 1),
    ("labels_complete", lambda data: data.lose(list(range(1, 16, 2)), "duplicate"), 1),
    ("questions_known", lambda data: data.change(0, question_id="q9"), 1),
    ("not_blank", lambda data: data.change(0, text=" \n"), 1),
    ("not_blank", lambda data: data.change(0, text=None), 1),
    ("no_exact_duplicates", lambda data: data.change(5, text=data.kept[2].text.upper() + "!"), 1),
    ("words", lambda data: data.change(0, text="Too few words"), 1),
    ("words", lambda data: data.change(0, text="far too many words " * 4), 1),
    ("no_contamination", lambda data: data.change(0, text=REAL[1].text.lower()), 1),
    ("copies_of_shots", lambda data: data.change(0, text=REAL[2].text + "."), 1),
    ("names_label", lambda data: data.change(0, text="Traffic: getting around, getting around town"), 1),
    ("mean_words", lambda data: [data.change(n, text=f"{n} " + "word " * 18) for n in range(16)], 19),
    ("sums_add_up", lambda data: data.removed.pop(), 19),
    ("plan_ids_unique", lambda data: data.removed.append(replace(data.removed.pop(), plan_id="p0")), 2),
    ("reasons_known", lambda data: data.removed.append(replace(data.removed.pop(), reason="dull")), 1),
    ("texts_per_label", lambda data: data.lose([1, 3, 5, 7, 9, 11], "duplicate"), 1),
    ("texts_per_label", two_questions, 1),
    ("label_gap", lambda data: data.lose([1, 3, 5, 7], "duplicate"), round(8 / 12 - 4 / 12, 6)),
    ("judged_agreement", judge_disagrees, 0.625),
    ("share_refused", lambda data: data.gone_for("refused"), 15 / 32),
    ("share_unparsable", lambda data: data.gone_for("unparsable"), 15 / 32),
    ("share_invalid", lambda data: data.gone_for("invalid"), 15 / 32),
    ("share_contaminated", lambda data: data.gone_for("contaminated"), 15 / 32),
    ("share_copied", lambda data: data.gone_for("copied"), 15 / 32),
    ("share_off_task", lambda data: data.gone_for("off_task"), 15 / 32),
    ("share_judged_wrong", lambda data: data.gone_for("judged_wrong", 20), 20 / 37),
    ("share_duplicate", lambda data: [data.gone_for("duplicate"), data.lose([0, 1, 2, 3], "duplicate")], 19 / 32),
]


def test_a_sound_data_set_passes_every_check() -> None:
    verdict = Data().evaluate()
    assert [outcome.check.name for outcome in verdict.outcomes if not outcome.success] == []
    assert verdict.worst is None


def test_every_check_has_a_case_that_breaks_it() -> None:
    data = Data()
    assert {check.name for check in data.checks(data.tables())} == {name for name, _, _ in BROKEN}


@pytest.mark.parametrize(("name", "spoil", "observed"), BROKEN, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BROKEN)])
def test_a_check_fails_where_its_subject_is_broken(name: str, spoil: Callable[[Data], object], observed: float) -> None:
    data = Data()
    spoil(data)
    verdict = data.evaluate()
    failed = {outcome.check.name: outcome for outcome in verdict.outcomes if not outcome.success}
    assert name in failed
    assert failed[name].crash is None
    assert failed[name].observed == pytest.approx(observed, abs=1e-6)
    critical = any(outcome.severity == "critical" for outcome in failed.values())
    assert verdict.worst == ("critical" if critical else "warning")


WARNINGS = {"copies_of_shots", "names_label", "mean_words", "judged_agreement", "share_copied"}


def test_warnings_are_what_a_good_data_set_may_show() -> None:
    data = Data()
    assert {check.name for check in data.checks(data.tables()) if check.severity == "warning"} == WARNINGS


def test_texts_judged_wrong_and_removed_still_count_as_disagreement() -> None:
    data = Data()
    data.removed = []
    data.lose([0, 1, 2, 3, 4, 5], "judged_wrong")
    agreement = data.tables().plan["judged_agrees"]
    assert sorted(agreement, key=str) == [0.0] * 6 + [1.0] * 10


def test_no_text_at_all_is_too_few_texts_of_every_label_and_no_crash() -> None:
    data = Data()
    data.lose(list(range(16)), "duplicate")
    verdict = data.evaluate()
    assert {outcome.check.name for outcome in verdict.failures("critical")} == {"texts_per_label", "share_duplicate"}
    assert all(outcome.crash is None for outcome in verdict.outcomes)


def test_nothing_planned_closes_the_gate_without_a_crash() -> None:
    data = Data()
    data.kept, data.removed, data.planned = [], [], 0
    verdict = data.evaluate()
    assert [outcome.check.name for outcome in verdict.failures("critical")] == ["texts_per_label"]


def test_nothing_planned_passes_where_a_person_asks_for_no_text() -> None:
    data = Data()
    data.kept, data.removed, data.planned = [], [], 0
    data.bounds = BOUNDS.model_copy(update={"min_texts_per_label": 0})
    verdict = data.evaluate()
    assert verdict.worst is None
    assert "texts_per_label" in {outcome.check.name for outcome in verdict.outcomes}


def test_a_check_that_cannot_be_evaluated_is_critical_and_told_apart_from_the_data() -> None:
    check = Check(
        name="odd", table="texts", severity="warning", says="x", advice="y",
        expectation="ExpectColumnMeanToBeBetween", arguments={"column": "nowhere", "max_value": 1},
    )  # fmt: skip
    verdict = evaluate(Data().tables(), [check])
    assert verdict.worst == "critical"
    assert verdict.outcomes[0].severity == "critical"
    assert "odd could not be evaluated" in describe(verdict.outcomes[0])
    assert "nowhere" in describe(verdict.outcomes[0])
    assert to_result(verdict)["expectations"][0]["crashed"] is True
    assert "BROKEN" in table(verdict)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"expectation": "ExpectNothingOfTheKind"},
        {"arguments": {"column": "texts", "min_value": "few"}},
        {"arguments": {"value_set": [1]}},
    ],
)
def test_no_expectation_and_no_arguments_of_a_check_end_in_a_traceback(spoilt: dict[str, Any]) -> None:
    data = Data()
    sound, other = data.checks(data.tables())[3:5]
    broken, whole = evaluate(data.tables(), [replace(sound, **spoilt), other]).outcomes[::-1]
    assert whole.success
    assert (broken.success, broken.severity) == (False, "critical")
    assert broken.crash


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (None, None),
        ({}, None),
        ({"raised_exception": False, "exception_message": None}, None),
        ({"raised_exception": True, "exception_message": "no column.\nmore"}, "no column"),
        ({"a metric": {"raised_exception": True, "exception_message": "no column"}}, "no column"),
        ({"a metric": {"raised_exception": False, "exception_message": None}}, None),
    ],
)
def test_a_crash_is_found_in_both_shapes_of_the_record(info: Mapping[str, Any] | None, message: str | None) -> None:
    assert crash_message(info) == message


def test_tables_hold_no_text_and_no_label_or_question_that_the_task_does_not_know() -> None:
    data = Data()
    data.change(0, text="<script>alert(1)</script> and some more words", label="<i>", question_id="<u>")
    table = data.tables().texts
    assert "script" not in str(data.tables())
    assert (table["label"][0], table["question"][0]) == ("(unknown)", "(unknown)")


OWN: list[tuple[dict[str, Any], Callable[[Data], object], str, str]] = [
    ({"length": {"max": 7}}, lambda _: None, "16 texts fail", "at most 7"),
    ({"length": {"min": 8, "max": 9, "severity": "warning"}}, lambda _: None, "all hold", "8 to 9"),
    ({"texts_per_label": {"min": 7, "max": 8}}, lambda data: data.lose([1, 3], "invalid"), "1 label fails", "7 to 8"),
    ({"label_shares": {"nature": {"min": 0.5}}}, lambda _: None, "all hold", "at least 50.0%"),
    ({"label_shares": {"nature": {"min": 0.5}}}, lambda data: data.lose([1], "invalid"), "1 label fails",
     "at least 50.0%"),
    ({"label_shares": {"traffic": {"max": 0.5}}}, lambda data: data.lose([1], "invalid"), "1 label fails",
     "at most 50.0%"),
    ({"patterns": {"numbers": {"pattern": "place 1", "max": 0.1}}}, lambda _: None, "43.8%", "at most 10.0%"),
    ({"patterns": {"numbers": {"pattern": r"(?i)^TEXT \d", "min": 1}}}, lambda _: None, "100.0%", "at least 100.0%"),
    ({"patterns": {"heart": {"pattern": "\u2764", "max": 0}}}, lambda data: data.change(0, text="I \u2764 my old tram so"),
     "6.2%", "at most 0.0%"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "spoil", "found", "bound"), OWN, ids=range(len(OWN)))
def test_a_task_adds_checks_of_its_own(
    own: dict[str, Any], spoil: Callable[[Data], object], found: str, bound: str
) -> None:
    data = Data()
    data.own = Checks.model_validate(own)
    spoil(data)
    (outcome,) = [one for one in data.evaluate().outcomes if one.check.name.startswith("checks.")]
    assert (outcome.said, outcome.check.bound, outcome.crash) == (found, bound, None)
    assert outcome.success == (found in ("all hold", "100.0%"))
    ((kind, values),) = own.items()
    asked = values if kind in ("length", "texts_per_label") else next(iter(values.values()))
    assert outcome.severity == asked.get("severity", "critical")
    assert outcome.check.name in f"checks.{kind}.{next(iter(values))}"


def test_of_each_question_a_label_has_its_share_and_the_place_says_which_falls_short() -> None:
    data = Data()
    two_questions(data)
    data.own = Checks.model_validate({"label_shares": {"traffic": {"min": 0.4}}})
    (outcome,) = [one for one in data.evaluate().outcomes if one.check.name == "checks.label_shares.traffic"]
    assert outcome.places == ("q2: traffic: 0.0%",)
    assert "of the texts of a question at least 40.0% must have the label traffic" in outcome.check.says


WRONG_CHECKS: list[tuple[Any, str]] = [
    ({"length": {}}, "checks.length: give min, max or both"),
    ({"length": {"min": 9, "max": 3}}, "checks.length: min is 9, max is 3: nothing lies between"),
    ({"length": {"min": -1}}, "checks.length.min is -1"),
    ({"length": {"min": "few"}}, "checks.length.min is 'few'"),
    ({"length": {"min": 1, "severity": "fatal"}}, "checks.length.severity is 'fatal': input should be 'critical' or"),
    ({"lenght": {"min": 1}}, "unknown key 'checks.lenght': did you mean 'length'?"),
    (
        {"label_shares": {"trafic": {"min": 0.1}}},
        "checks.label_shares: there is no label 'trafic': did you mean 'traffic'",
    ),
    ({"label_shares": {"traffic": {"min": 1.5}}}, "checks.label_shares.traffic.min is 1.5"),
    ({"label_shares": {"traffic": {"min": float("nan")}}}, "checks.label_shares.traffic.min is nan"),
    ({"label_shares": {"traffic": {"min": 0.6}, "nature": {"min": 0.6}}}, "all min together are 1.2, more than 1"),
    ({"label_shares": {"traffic": {"max": 0.4}, "nature": {"max": 0.4}}}, "all max together are 0.8, less than 1"),
    (
        {"patterns": {"x": {"pattern": "(", "max": 0}}},
        "checks.patterns.x.pattern: '(' is no regular expression of Python",
    ),
    ({"patterns": {"x": {"pattern": "", "max": 0}}}, "checks.patterns.x.pattern"),
    ({"patterns": {"x": {"pattern": "a" * 1001, "max": 0}}}, "checks.patterns.x.pattern"),
    ({"patterns": {"x": {"pattern": "a{99999999999}", "max": 0}}}, "is no regular expression of Python"),
    ({"patterns": {"x": {"pattern": "(" * 900 + ")" * 900, "max": 0}}}, "checks.patterns.x.pattern"),
    ({"patterns": {"x": {"pattern": "a"}}}, "checks.patterns.x: give min, max or both"),
    ({"patterns": {"No links": {"pattern": "a", "max": 0}}}, "checks.patterns.No links"),
    (None, "checks is None"),
    ([], "checks is []"),
]


@pytest.mark.parametrize(("checks", "said"), WRONG_CHECKS, ids=range(len(WRONG_CHECKS)))
def test_wrong_checks_of_a_task_are_told_by_file_and_key(checks: Any, said: str) -> None:
    values = load_task("city-topics", ROOT).model_dump()
    values["prompts"]["attributes"] = {}
    values |= {"labels": [label.model_dump() for label in LABELS], "checks": checks}
    with pytest.raises(StandinError) as caught:
        parse_task(values, Path("tasks/city-topics.yaml"))
    assert str(caught.value).startswith("tasks/city-topics.yaml: ")
    assert said in str(caught.value)


def test_a_pattern_that_never_ends_breaks_the_suite_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.validation.columns.PATTERN_SECONDS", 0.2)
    endless = {"slow": Pattern(pattern="^(a+)+$", max=0)}
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(BrokenSuiteError, match=r"^tasks/t\.yaml: checks\.patterns\.slow: .* says nothing of the texts"):
        match(endless, ["a" * 64 + "b"], "tasks/t.yaml")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert match(endless, ["aaa", "ab", ""], "tasks/t.yaml") == {"slow": [1, 0, 0]}


def one_text(data: Data) -> None:
    data.lose(list(range(1, 16)), "duplicate")


def all_equal(data: Data) -> None:
    for number in range(16):
        data.change(number, text="The same words in every single text")


def very_long(data: Data) -> None:
    data.change(0, text="word " * 200_000)


def every_script(data: Data) -> None:
    said = ["\u05e9\u05dc\u05d5\u05dd " * 6, "\u0645\u0631\u062d\u0628\u0627 " * 6, "\U0001f600 " * 6, "e\u0301 " * 6]
    for number, text in enumerate(said):
        data.change(number, text=text)


EDGES: list[tuple[Callable[[Data], object], set[str]]] = [
    (one_text, {"texts_per_label", "labels_complete", "label_gap", "share_duplicate", "mean_words"}),
    (all_equal, {"no_exact_duplicates"}),
    (lambda data: data.lose(list(range(0, 16, 2)), "invalid"), {"texts_per_label", "labels_complete", "label_gap", "share_invalid"}),
    (lambda data: data.change(0, text=""), {"not_blank", "words", "names_label"}),
    (lambda data: data.change(0, text="\u200b\u00ad"), {"words", "names_label"}),
    (very_long, {"words", "mean_words"}),
    (every_script, set()),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "failed"), EDGES, ids=range(len(EDGES)))
def test_odd_data_is_judged_without_a_crash(spoil: Callable[[Data], object], failed: set[str]) -> None:
    data = Data()
    spoil(data)
    verdict = data.evaluate()
    assert verdict.broken == []
    assert {outcome.check.name for outcome in verdict.outcomes if not outcome.success} - {"mean_words"} == failed - {
        "mean_words"
    }


def test_labels_no_text_has_still_have_a_row_in_every_question() -> None:
    kept = [replace(kept_row(n, "traffic"), question_id="q1") for n in range(3)]
    assert make_tables(LABELS, ["q1", "q2"], kept, [], [], []).labels == {
        "id": ["q1: traffic", "q1: nature", "q2: traffic", "q2: nature"],
        "question": ["q1", "q1", "q2", "q2"],
        "texts": [3, 0, 0, 0],
        "share_0": [1.0, None, 0.0, None],
        "share_1": [None, 0.0, None, 0.0],
    }


def test_a_message_names_what_must_hold_what_was_found_where_and_the_remedy() -> None:
    data = Data()
    data.lose([1, 3, 5, 7, 9, 11], "duplicate")
    message = failure_message([o for o in data.evaluate().outcomes if o.check.name == "texts_per_label"])
    assert message.splitlines()[0] == "the synthetic data failed one check, so nothing is trained on it:"
    assert "- Every label of every question must have at least 3 texts; found 1 label (nature: 2). " in message
    assert "generator.texts" in message
    assert "validate.min_texts_per_label in params.yaml" in message
    assert message.endswith("All checks: reports/validate/checks.html")


def test_every_bound_of_the_params_is_named_by_a_check() -> None:
    data = Data()
    names = [label.name for label in LABELS]
    tables = make_tables(LABELS, [], data.kept, data.removed, REAL[:2], REAL[2:], "characters")
    in_characters = make_checks(BOUNDS, names, [], tables, PLANNED, mean_length(REAL, "characters"), "characters")
    advice = " ".join(check.advice for check in [*data.checks(data.tables()), *in_characters])
    assert [key for key in Validate.model_fields if f"validate.{key}" not in advice] == []


def test_many_failing_rows_are_named_by_the_first_three() -> None:
    check = replace(Data().checks(Data().tables())[0], unit="texts", says="no x", advice="Do y.")
    assert describe(Outcome(check, False, 5, ("a", "b", "c", "d"))) == "No x; found 5 texts (a, b, c, ...). Do y."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[SyntheticRow]], None]:
    """Writes what the stage reads."""
    monkeypatch.chdir(tmp_path)

    def write(kept: list[SyntheticRow]) -> None:
        write_json_lines(Path("data/generated/plan.jsonl"), ({"plan_id": row.plan_id} for row in kept))
        write_rows(Path("data/synthetic/texts.jsonl"), kept)
        write_rows(Path("data/synthetic/removed.jsonl"), [])
        for split in ("shots", "validation", "test"):
            write_rows(Path(f"data/real/{split}.jsonl"), REAL if split == "test" else [])

    return write


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT).model_copy(update={"labels": LABELS})


def run(task: Task, **bounds: Any) -> dict[str, Any]:
    return dict(validate.run(parse_params({"validate": {"min_texts_per_label": 3, **bounds}}), task, ""))


def test_the_gate_opens_and_its_content_is_constant(project: Callable[..., None], task: Task) -> None:
    data = Data()
    data.change(0, text="A text with <script>alert('zyzzyva')</script> inside it")
    project(data.kept)
    assert run(task) == {"expectations": 25, "passed": 25, "warnings": 0, "success": 1}
    assert json.loads(Path("reports/validate/gate.json").read_text()) == {"passed": True}
    written = [Path("reports/validate") / name for name in ("result.json", "checks.html")]
    first = [path.read_bytes() for path in written]
    assert "zyzzyva" not in str(first)
    run(task)
    assert [path.read_bytes() for path in written] == first


def test_a_critical_failure_writes_the_result_and_leaves_no_gate(
    project: Callable[..., None], task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    data = Data()
    data.change(0, text="<script>alert('zyzzyva')</script>")
    data.change(1, text=REAL[0].text, judged_label=None)
    data.change(2, label="traffik", judged_label=None)
    project(data.kept)
    gate = Path("reports/validate/gate.json")
    gate.parent.mkdir(parents=True)
    gate.write_text('{"passed": true}')
    with pytest.raises(StandinError, match="failed 3 checks") as caught:
        run(task)
    assert "No text may stand in the validation or test split; found 1 text (s1). " in str(caught.value)
    assert "Every text must have 3 to 150 words; found 1 text (s0: 1). " in str(caught.value)
    assert not gate.exists()
    result = json.loads(Path("reports/validate/result.json").read_text())
    assert (result["success"], result["worst_failure"]) == (False, "critical")
    assert [row["name"] for row in result["expectations"]] == sorted(row["name"] for row in result["expectations"])
    assert "s0" not in Path("reports/validate/result.json").read_text()
    page = Path("reports/validate/checks.html").read_text(encoding="utf-8")
    assert "zyzzyva" not in page
    assert "3 of 25 checks fail" in page
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_test_texts_do_not_steer_the_lengths_that_a_person_tunes_by(project: Callable[..., None], task: Task) -> None:
    project(Data().kept)
    for split, length in (("shots", 4), ("validation", 8), ("test", 100)):
        write_rows(Path(f"data/real/{split}.jsonl"), [Row(id=split, text="word " * length)])
    run(task)
    said = {
        row["name"]: row["says"] for row in json.loads(Path("reports/validate/result.json").read_text())["expectations"]
    }
    assert said["mean_words"] == "texts should have 3 to 12 words on average (shots and validation: 6)"


def test_a_warning_is_told_and_opens_the_gate(
    project: Callable[..., None], task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Data()
    judge_disagrees(data)
    project(data.kept)
    assert run(task)["warnings"] == 1
    assert Path("reports/validate/gate.json").exists()
    assert "validate: warning: The judge should find the label asked for" in capsys.readouterr().out


def test_broken_input_leaves_nothing_of_an_earlier_success(project: Callable[..., None], task: Task) -> None:
    project(Data().kept)
    earlier = [Path("reports/validate") / name for name in ("gate.json", "result.json", "metrics.json", "checks.html")]
    for path in earlier:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"passed": true}')
    Path("data/synthetic/texts.jsonl").write_text("{")
    with pytest.raises(StandinError, match="line 1: broken JSON"):
        run(task)
    assert [path for path in earlier if path.exists()] == []


def test_every_reason_of_removal_is_a_column() -> None:
    assert {f"is_{reason}" for reason in REASONS} <= Data().tables().plan.keys()


HOSTILE = [
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "</bdi></p></li></ul></main><svg onload=window.ran=1>",
    "{{ 7 * 7 }}{% raw %}",
    "{planned}{0}{unit.__class__}",
    "\N{RIGHT-TO-LEFT OVERRIDE}%29",
    "\x1b[31m\x00" + "a" * 200,
]


def hostile(said: str) -> Verdict:
    """Every place in which words of others may reach the page: label, question, id, text, reason, pattern, crash."""
    data, labels = Data(), [LABELS[0].model_copy(update={"name": said}), LABELS[1]]
    data.own = Checks.model_validate(
        {"label_shares": {said: {"min": 0.9}}, "patterns": {"odd": {"pattern": re.escape(said), "max": 0}}}
    )
    data.kept = [replace(row, label=said if n % 2 else "nature", judged_label=said) for n, row in enumerate(data.kept)]
    data.change(
        0, id=said, text=f"{said} zyzzyva and some more words", label=f"{said} zyzzyva", question_id=f"{said} zyzzyva"
    )
    data.change(1, id=said, text=f"{said} zyzzyva and other plain words")
    data.removed.append(replace(data.removed[0], plan_id="p0", reason=f"{said} zyzzyva"))
    patterns = match(data.own.patterns, [row.text for row in data.kept], "t")
    tables = make_tables(labels, [], data.kept, data.removed, REAL[:2], REAL[2:], "words", patterns)
    checks = make_checks(BOUNDS, [said, "nature"], [], tables, 20, 6.0, "words", data.own)
    broken = Check(name=said, table="texts", severity="warning", says=said, advice=said,
                   expectation="ExpectColumnMeanToBeBetween", arguments={"column": said, "max_value": 1})  # fmt: skip
    return evaluate(tables, [*checks, broken])


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_are_words_on_the_page_and_in_the_terminal_and_no_text_is_among_them(said: str) -> None:
    page, harmless = (render(hostile(words), words) for words in (said, "A word"))
    assert "zyzzyva" not in page
    found, expected = (re.findall(r"<(/?\w+)([^>]*)>", one.partition("<body>")[2]) for one in (page, harmless))
    assert found == expected
    assert ("code", "") in found
    assert visible(said)[:20] in html.unescape(page)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page)
    lines = table(hostile(said)).splitlines()
    assert not re.search(r"[\x00-\x1f\u202e]", "".join(lines))
    assert max(map(cell_len, lines)) <= 80


@pytest.mark.parametrize(
    "pattern", [r"(?<!not )good\b", r"(?<=<b>)[/a]{2,}|\[b\]", "(?P<word>a)(?P=word)&lt;", "[{}]{1,}\\n"]
)
def test_a_pattern_stands_on_the_page_and_in_messages_as_it_is_written(pattern: str) -> None:
    plain, data = Data(), Data()
    plain.own, data.own = (
        Checks.model_validate({"patterns": {"odd": {"pattern": one, "min": 1}}}) for one in ("qqq", pattern)
    )
    verdict = data.evaluate()
    page, harmless = render(verdict, "t"), render(plain.evaluate(), "t")
    assert re.findall("<[^>]*>", page) == re.findall("<[^>]*>", harmless)
    said = f"least 100.0% of the texts must match odd ('{pattern}')"
    assert said in html.unescape(page)
    assert said in failure_message(verdict.failures("critical"))


def test_the_page_asks_nothing_of_any_server_and_no_half_character_stops_it() -> None:
    data = Data()
    data.change(0, id="\ud800", text="")
    page = render(data.evaluate(), "t")
    assert not re.search(r"https?:|src=|<link|<script|@import|url\(", page)
    assert "default-src 'none'" in page
    assert "Where: <bdi><code>?</code></bdi>" in page


AXE = os.environ.get("AXE_CORE", "")


@pytest.mark.slow
@pytest.mark.skipif(not AXE or not importlib.util.find_spec("PySide6"), reason="AXE_CORE and PySide6 are not here")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_in_a_browser_nothing_runs_and_nothing_hangs_over_the_screen(tmp_path: Path, said: str, scheme: str) -> None:
    page = render(hostile(said), said).replace('http-equiv="Content-Security-Policy"', 'name="none"')
    path = tmp_path / "checks.html"  # without its policy: escaping alone has to do
    path.write_text(page, encoding="utf-8")
    command = [sys.executable, str(ROOT / "tests/browser.py"), str(path), AXE, "390", scheme]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["axe"], found["ran"], found["scripts"]) == ([], None, 0)
    assert found["dark"] == (scheme == "dark")
    assert found["hanging"] <= 0


def test_the_terminal_shows_failures_first_with_bound_and_number_within_80_columns() -> None:
    data = Data()
    data.own = Checks.model_validate({"patterns": {"a" * 40: {"pattern": "qqq", "max": 0}}, "length": {"max": 7}})
    judge_disagrees(data)
    data.change(0, id="s1")
    lines = table(data.evaluate()).splitlines()
    assert lines[0].split() == ["severity", "check", "bound", "found"]
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["FAILS", "critical", "checks.length"],
        ["FAILS", "critical", "ids_unique"],
        ["FAILS", "warning", "judged_agreement"],
    ]
    assert lines[1].split()[3:] == ["at", "most", "7", "16", "texts", "fail"]
    assert lines[3].split()[3:] == ["at", "least", "70.0%", "62.5%"]
    assert all(line.startswith("ok ") for line in lines[4:])
    assert max(map(len, lines)) <= 80
    assert len(lines) == 1 + len(data.checks(data.tables()))


def test_a_broken_suite_has_a_message_and_an_exit_status_of_its_own(
    project: Callable[..., None], task: Task, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(Data().kept)

    def broken(*given: Any) -> list[Check]:
        checks = make_checks(*given)
        return [replace(checks[0], arguments={"value": "many"}), *checks[1:]]

    monkeypatch.setattr(validate, "make_checks", broken)
    monkeypatch.setattr(runner, "run_stage", lambda _stage, _item: run(task))
    assert runner.main(["validate"]) == 3
    said = capsys.readouterr()
    assert said.err.startswith("validate: the suite is broken: one check could not be evaluated, which says nothing of")
    assert "failed" not in said.err
    assert said.out.splitlines()[1].startswith("BROKEN")
    assert not Path("reports/validate/gate.json").exists()
    assert json.loads(Path("reports/validate/result.json").read_text())["worst_failure"] == "critical"
    assert "The suite is broken: 1 of 25 checks" in Path("reports/validate/checks.html").read_text()
    monkeypatch.undo()


def test_bad_data_ends_with_status_1(
    project: Callable[..., None], task: Task, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Data()
    data.change(1, id="s0")
    project(data.kept)
    monkeypatch.setattr(runner, "run_stage", lambda _stage, _item: run(task))
    assert runner.main(["validate"]) == 1
    assert "the synthetic data failed one check" in capsys.readouterr().err


def test_the_checks_of_the_task_file_reach_the_stage(project: Callable[..., None], task: Task) -> None:
    project(Data().kept)
    own = Checks.model_validate({"patterns": {"places": {"pattern": "complains about place", "max": 0.5}}})
    with pytest.raises(StandinError, match=r"must match places \('complains about place'\); found 100\.0%"):
        run(task.model_copy(update={"checks": own}))


def test_editing_the_checks_of_a_task_reruns_validate_and_what_shows_the_whole_task_alone() -> None:
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    whole = {name for name, stage in stages.items() for entry in stage.get("do", stage).get("params", [])
             if isinstance(entry, dict) for file, names in entry.items() if file.startswith("tasks/") and not names}  # fmt: skip
    assert whole == {"validate", "report", "track"}


def test_the_suite_asks_for_columns_that_are_there_and_bounds_that_the_params_have() -> None:
    data = Data()
    tables = data.tables()
    for check in data.checks(tables):
        if check.expectation not in ("ExpectTableRowCountToEqual", "ExpectLabelGapToBeAtMost"):
            assert check.arguments["column"] in getattr(tables, check.table), check.name
