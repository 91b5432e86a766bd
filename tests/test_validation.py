"""The gate: what each check of the suite refuses, what it says to a person, and what never reaches the Data Docs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from standin.config import Validate, parse_params
from standin.corpus import REASONS, Removed, Row, SyntheticRow, write_json_lines, write_rows
from standin.errors import StandinError
from standin.stages import validate
from standin.task import Label, Task, load_task
from standin.validation.columns import Tables, make_tables, mean_length
from standin.validation.result import Check, Outcome, Verdict, describe, failure_message, to_result
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

    def change(self, number: int, **values: Any) -> None:
        self.kept[number] = replace(self.kept[number], **values)

    def lose(self, numbers: list[int], reason: str) -> None:
        """Removed instead of kept, so that the sums still add up."""
        self.removed += [removed_row(number, reason) for number in numbers]
        self.kept = [row for row in self.kept if int(row.plan_id[1:]) not in numbers]

    def gone_for(self, reason: str) -> None:
        self.removed = [
            replace(row, reason="invalid" if reason != "invalid" else "refused") for row in self.removed[:1]
        ]
        self.removed += [removed_row(100 + place, reason) for place in range(15)]
        self.planned = len(self.kept) + len(self.removed)

    def tables(self) -> Tables:
        return make_tables(LABELS, self.questions, self.kept, self.removed, REAL[:2], REAL[2:])

    def checks(self, tables: Tables) -> list[Check]:
        names = [label.name for label in LABELS]
        return make_checks(BOUNDS, names, self.questions, tables, self.planned, mean_length(REAL))

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


WARNINGS = {"copies_of_shots", "names_label", "mean_words", "judged_agreement", "share_copied", "share_off_task"}


def test_warnings_are_what_a_good_data_set_may_show() -> None:
    data = Data()
    assert {check.name for check in data.checks(data.tables()) if check.severity == "warning"} == WARNINGS


def test_texts_judged_wrong_and_removed_still_count_as_disagreement() -> None:
    data = Data()
    data.removed = []
    data.lose([0, 1, 2, 3, 4, 5], "judged_wrong")
    agreement = [row["judged_agrees"] for row in data.tables().plan]
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


def test_tables_hold_no_text_and_escape_ids_and_labels() -> None:
    data = Data()
    data.change(0, id="<b>", text="<script>alert(1)</script> and some more words", label="<i>", question_id="<u>")
    row = data.tables().texts[0]
    assert "script" not in str(data.tables())
    assert (row["id"], row["label"], row["question"]) == ("&lt;b&gt;", "(unknown)", "(unknown)")


def test_labels_no_text_has_still_have_a_row_in_every_question() -> None:
    kept = [replace(kept_row(n, "traffic"), question_id="q1") for n in range(3)]
    table = make_tables(LABELS, ["q1", "q2"], kept, [], [], []).labels
    assert [(row["id"], row["texts"], row["label_gap"]) for row in table] == [
        ("q1: traffic", 3, 1.0),
        ("q1: nature", 0, 1.0),
        ("q2: traffic", 0, 0.0),
        ("q2: nature", 0, 0.0),
    ]


def test_a_message_names_what_must_hold_what_was_found_where_and_the_remedy() -> None:
    data = Data()
    data.lose([1, 3, 5, 7, 9, 11], "duplicate")
    message = failure_message([o for o in data.evaluate().outcomes if o.check.name == "texts_per_label"])
    assert message.splitlines()[0] == "the synthetic data failed one check, so nothing is trained on it:"
    assert "- Every label of every question must have at least 3 texts; found 1 label (nature: 2). " in message
    assert "generator.texts" in message
    assert "validate.min_texts_per_label in params.yaml" in message
    assert "reports/validate/result.json" in message


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
    assert run(task) == {"expectations": 24, "passed": 24, "warnings": 0, "success": 1}
    assert json.loads(Path("reports/validate/gate.json").read_text()) == {"passed": True}
    first = Path("reports/validate/result.json").read_bytes()
    pages = list(Path("reports/validate/data_docs").rglob("*.html"))
    assert {"index.html", "curated-texts.html", "curated-plan.html", "curated-labels.html"} <= {p.name for p in pages}
    assert not [page for page in pages if "zyzzyva" in page.read_text(encoding="utf-8")]
    run(task)
    assert Path("reports/validate/result.json").read_bytes() == first
    assert len(list(Path("reports/validate/data_docs").rglob("*.html"))) == len(pages)


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
    pages = Path("reports/validate/data_docs").rglob("*.html")
    assert not [page for page in pages if "zyzzyva" in page.read_text(encoding="utf-8")]
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
    earlier = [Path("reports/validate") / name for name in ("gate.json", "result.json", "metrics.json")]
    for path in earlier:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"passed": true}')
    Path("data/synthetic/texts.jsonl").write_text("{")
    with pytest.raises(StandinError, match="line 1: broken JSON"):
        run(task)
    assert [path for path in earlier if path.exists()] == []


def test_every_reason_of_removal_is_a_column() -> None:
    assert {f"is_{reason}" for reason in REASONS} <= Data().tables().plan[0].keys()
