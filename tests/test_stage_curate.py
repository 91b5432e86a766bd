"""The stage curate: files in, files out, numbers that add up."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from standin.config import Params, parse_params
from standin.corpus import Removed, Row, SyntheticRow, read_rows, write_json_lines, write_rows
from standin.errors import StandinError
from standin.measures.embeddings import Embeddings, write_embeddings
from standin.stages import curate
from standin.task import Task, load_task

ROOT = Path(__file__).parents[1]
TEXTS = [
    "The bus on line seven is late every single morning",
    "Please plant more trees along the river bank",
    "My landlord raised the rent twice within a year",
    "tram",
    "Our youth club has no heating since November",
    "please plant more trees along the river bank!!!",  # the label of text 1 again: four labels take turns
]


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT)


def synthetic(number: int, text: str, label: str) -> SyntheticRow:
    return SyntheticRow(
        id=f"s{number}", text=text, label=label, plan_id=f"p{number}", shots=0, engine="transformers", model="tiny"
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: Task) -> Callable[..., None]:
    """Writes what the stage reads: texts, two rows that generation removed, one test text, a vector for each."""
    monkeypatch.chdir(tmp_path)

    def write(
        texts: list[str], test: list[str], planned: int | None = None, removed: bool = True, split: str = "test"
    ) -> None:
        labels = [task.label_names[number % len(task.label_names)] for number in range(len(texts))]
        rows = [synthetic(number, text, labels[number]) for number, text in enumerate(texts)]
        gone = [
            Removed(id="s90", plan_id="p90", label=task.label_names[0], text="???", reason="unparsable"),
            Removed(
                id="s91", plan_id="p91", label=task.label_names[0], text="I cannot help with that.", reason="refused"
            ),
        ] * removed
        total = len(rows) + len(gone) if planned is None else planned
        held_out = [Row(id=f"t{number}", text=text, label=task.label_names[0]) for number, text in enumerate(test)]
        write_json_lines(
            Path("data/generated/plan.jsonl"),
            ({"plan_id": f"p{n}", "conversation": "a", "shots": []} for n in range(total)),
        )
        write_rows(Path("data/generated/removed.jsonl"), gone)
        write_rows(Path("data/translated/texts.jsonl"), rows)
        for name in ("shots", "pool", "validation", "test"):
            write_rows(Path(f"data/real/{name}.jsonl"), held_out if name == split else [])
        write_json_lines(Path("data/judged/texts.jsonl"), [])
        for name, found in (("generated", rows), ("real", held_out)):
            vectors = np.eye(max(len(texts) + len(test), 1), dtype=np.float32)
            own = vectors[: len(rows)] if name == "generated" else vectors[len(rows) : len(rows) + len(held_out)]
            write_embeddings(Path("data/embeddings") / name, Embeddings(tuple(row.id for row in found), own))

    return write


def run(task: Task, **groups: Any) -> dict[str, Any]:
    params: Params = parse_params(groups)
    return dict(curate.run(params, task, ""))


def test_planned_is_kept_plus_removed_and_every_removed_row_says_why(
    project: Callable[..., None], task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    project(TEXTS, ["My landlord raised the rent twice within one year"])
    metrics = run(task)
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    removed = read_rows(Path("data/synthetic/removed.jsonl"), Removed)
    assert [row.id for row in kept] == ["s0", "s1", "s4"]
    assert [(row.id, row.reason, row.survivor) for row in removed] == [
        ("s91", "refused", None),
        ("s90", "unparsable", None),
        ("s3", "invalid", None),
        ("s2", "contaminated", "t0"),
        ("s5", "duplicate", "s1"),
    ]
    assert metrics["planned"] == 8
    assert metrics["kept"] == 3
    assert metrics["kept_per_label"] == dict(zip(task.label_names, [2, 1, 0, 0], strict=True))
    assert metrics["removed_share"]["duplicate"] == 1 / 8
    assert metrics["kept_share"] + sum(metrics["removed_share"].values()) == 1
    assert (metrics["invalid_by"], metrics["contaminated_by"], metrics["duplicate_by"]) == (
        {"too_short": 1},
        {"jaccard": 1},
        {"exact": 1},
    )
    assert capsys.readouterr().out == (
        "curate: 3 of 8 planned texts kept (1 refused, 1 unparsable, 1 invalid, 1 contaminated, 1 duplicate)\n"
    )


def test_texts_of_the_validation_split_are_kept_out_too(project: Callable[..., None], task: Task) -> None:
    project(TEXTS, ["My landlord raised the rent twice within one year"], split="validation")
    assert run(task)["contaminated"] == 1


def test_the_same_inputs_give_the_same_bytes(project: Callable[..., None], task: Task) -> None:
    project(TEXTS, [])
    files = [Path("data/synthetic/texts.jsonl"), Path("data/synthetic/removed.jsonl")]
    first = (run(task), [file.read_bytes() for file in files])
    assert (run(task), [file.read_bytes() for file in files]) == first


def test_the_cosine_of_the_embeddings_counts(project: Callable[..., None], task: Task) -> None:
    project(TEXTS[:3], ["Nothing in common with the others"], removed=False)
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    write_embeddings(Path("data/embeddings/generated"), Embeddings(("s0", "s1", "s2"), vectors))
    write_embeddings(Path("data/embeddings/real"), Embeddings(("t0",), np.eye(3, dtype=np.float32)[[1]]))
    metrics = run(task)
    assert (metrics["kept"], metrics["duplicate_by"], metrics["contaminated_by"]) == (1, {"cosine": 1}, {"cosine": 1})


def test_empty_inputs_keep_nothing_and_raise_nothing(project: Callable[..., None], task: Task) -> None:
    project([], [], removed=False)
    metrics = run(task)
    assert metrics["planned"] == metrics["kept"] == metrics["kept_share"] == 0
    assert Path("data/synthetic/texts.jsonl").read_bytes() == b""


def test_a_lost_row_is_an_error_that_names_the_numbers(project: Callable[..., None], task: Task) -> None:
    project(TEXTS, [], planned=9)
    with pytest.raises(StandinError, match="9 rows were planned, but 4 kept and 4 removed"):
        run(task)


def judge(labels: dict[str, str]) -> None:
    path = Path("data/judged/texts.jsonl")
    rows = read_rows(Path("data/translated/texts.jsonl"), SyntheticRow)
    write_json_lines(path, ({"id": row.id, "label": row.label, "judged_label": labels.get(row.id, row.label), "p": {}}
                            for row in rows if labels.get(row.id) != ""))  # fmt: skip


def test_judged_labels_go_into_the_kept_rows(project: Callable[..., None], task: Task) -> None:
    project(TEXTS[:3], [], removed=False)
    judge({"s1": task.label_names[0]})
    metrics = run(task, verify={"by": "llm"})
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    assert [row.judged_label == row.label for row in kept] == [True, False, True]
    assert metrics["judged_wrong"] == 0
    assert metrics["judged_agreement"] == 2 / 3


def test_texts_judged_wrong_go_only_where_params_say_so(project: Callable[..., None], task: Task) -> None:
    project(TEXTS[:3], [], removed=False)
    judge({"s1": task.label_names[0]})
    assert run(task, verify={"by": "llm", "remove": True})["judged_wrong"] == 1
    assert run(task, verify={"by": "none", "remove": True})["judged_wrong"] == 0


def test_a_text_without_a_judgement_is_an_error_where_there_is_a_judge(
    project: Callable[..., None], task: Task
) -> None:
    project(TEXTS[:2], [], removed=False)
    judge({"s1": ""})
    with pytest.raises(StandinError, match=r"data/judged/texts.jsonl: no judgement of text 's1'"):
        run(task, verify={"by": "classifier"})


def test_generation_may_not_give_the_reasons_of_curation(project: Callable[..., None], task: Task) -> None:
    project(TEXTS, [])
    path = Path("data/generated/removed.jsonl")
    path.write_text(path.read_text().replace("refused", "duplicate"))
    with pytest.raises(StandinError, match=r"data/generated/removed.jsonl: row 's91': reason is 'duplicate'"):
        run(task)


def test_the_files_are_plain_json_lines(project: Callable[..., None], task: Task) -> None:
    project(["Die Straßenbahn fährt viel zu selten 🚋"], [], removed=False)
    run(task)
    line = Path("data/synthetic/texts.jsonl").read_text(encoding="utf-8")
    assert "fährt viel zu selten 🚋" in line
    assert list(json.loads(line)) == ["id", "text", "label", "plan_id", "shots", "engine", "model"]


def test_pool_texts_as_near_to_a_test_text_as_contaminated_ones_are_counted_and_stay(
    project: Callable[..., None], task: Task
) -> None:
    project(TEXTS[:1], [TEXTS[4]], removed=False)
    pool = [Row(id="near", text="No heating in the youth club"), Row(id="far", text=TEXTS[1])]
    write_rows(Path("data/real/pool.jsonl"), pool)
    vectors = np.array([[0, 1, 0], [0, 0.96, 0.28], [0, 0.28, 0.96]], dtype=np.float32)  # cosines with t0: 0.96, 0.28
    write_embeddings(Path("data/embeddings/real"), Embeddings(("t0", "near", "far"), vectors))
    write_embeddings(Path("data/embeddings/generated"), Embeddings(("s0",), np.eye(3, dtype=np.float32)[:1]))
    assert run(task)["pool_texts_like_test"] == 1
    assert run(task, curate={"contaminated_cosine": 0.97})["pool_texts_like_test"] == 0


def test_a_copy_of_an_example_that_the_chat_had_shown_is_taken_out(project: Callable[..., None], task: Task) -> None:
    """Chat a shows shot x1 in its first turn, chat b shows x2: each text is compared with its own chat's examples."""
    changed = TEXTS[0].replace("late", "full")
    project([TEXTS[4], changed, changed + " too", TEXTS[1]], [], removed=False)
    shots = [Row(id="x1", text=TEXTS[0], label="transport"), Row(id="x2", text=TEXTS[1], label="environment")]
    write_rows(Path("data/real/shots.jsonl"), shots)
    shown = [("b", ["x2"]), ("a", ["x1"]), ("a", []), ("a", [])]
    plan = ({"plan_id": f"p{n}", "conversation": chat, "shots": ids} for n, (chat, ids) in enumerate(shown))
    write_json_lines(Path("data/generated/plan.jsonl"), plan)
    metrics = run(task, curate={"near_duplicate_jaccard": 1.0, "near_duplicate_cosine": 1.0})
    removed = read_rows(Path("data/synthetic/removed.jsonl"), Removed)
    # 10 words, one changed: 0.9; one more added: 2 edits of 11 words. TEXTS[1] is an example, but chat a never saw it.
    assert [(row.id, row.reason, row.survivor, row.score) for row in removed] == [
        ("s1", "copied", "x1", 0.9),
        ("s2", "copied", "x1", pytest.approx(9 / 11, abs=1e-6)),
    ]
    assert (metrics["copied"], metrics["copied_by"], metrics["contaminated"]) == (2, {"example": 2}, 0)
    assert metrics["planned"] == metrics["kept"] + 2


def test_a_recorded_text_that_copies_one_it_was_made_from_is_taken_out(
    project: Callable[..., None], task: Task
) -> None:
    project(["The bus on line seven is late every single morning now", TEXTS[1]], [])
    shot = Row(id="x1", text="the bus on line seven is late every single morning", label=task.label_names[0])
    write_rows(Path("data/real/shots.jsonl"), [shot])
    write_embeddings(Path("data/embeddings/real"), Embeddings(("x1",), np.eye(1, 2, dtype=np.float32)))
    rows = read_rows(Path("data/translated/texts.jsonl"), SyntheticRow)
    made = [replace(rows[0], seeds=("x1", "unknown")), rows[1]]
    write_rows(Path("data/translated/texts.jsonl"), made)
    metrics = run(task, curate={"off_task": None})
    removed = {row.id: row for row in read_rows(Path("data/synthetic/removed.jsonl"), Removed)}
    assert (removed["s0"].reason, removed["s0"].survivor) == ("copied", "x1")
    assert metrics["copied"] == 1


def test_an_example_that_is_no_shot_any_more_is_named(project: Callable[..., None], task: Task) -> None:
    project(TEXTS[:1], [], removed=False)
    write_json_lines(Path("data/generated/plan.jsonl"), [{"plan_id": "p0", "conversation": "a", "shots": ["x9"]}])
    with pytest.raises(StandinError, match=r"row 'p0' shows example 'x9', which is not in data/real/shots.jsonl"):
        run(task)
