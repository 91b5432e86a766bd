"""The replay engine: texts generated elsewhere go through the same pipeline."""

import json
from pathlib import Path

import pytest

from standin.config import Generator, Params
from standin.corpus import SyntheticRow, read_rows
from standin.engines import registry
from standin.errors import StandinError
from standin.stages import generate
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
TASK = load_task("city-topics", ROOT)


def record(path: Path, number: int, labels: list[str]) -> Path:
    rows = [{"text": f"Recorded {label} {n}.", "label": label} for n in range(number) for label in labels]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def params(path: Path, texts: int = 4) -> Params:
    return Params(generator=Generator(engine="replay", model=str(path), texts=texts, conversation=3))


def drawn(path: Path, label: str, texts: int, seed: int = 1) -> list[str]:
    chosen = params(path, texts)
    generate.run(chosen.model_copy(update={"base": chosen.base.model_copy(update={"seed": seed})}), TASK, "")
    return [row.text for row in read_rows(Path("data/generated/texts.jsonl"), SyntheticRow) if row.label == label]


def test_each_planned_text_gets_a_record_of_its_label(project: Path) -> None:
    path = record(project / "texts.jsonl", 6, TASK.label_names)
    found = generate.run(params(path), TASK, "")
    assert (found["planned"], found["parsed"], found["tokens_out"]) == (16, 16, 0)
    texts = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    housing = [row.text for row in texts if row.label == "housing"]
    assert len(set(housing)) == 4
    assert set(housing) <= {f"Recorded housing {n}." for n in range(6)}
    assert {row.engine for row in texts} == {"replay"}


def test_records_are_drawn_by_the_runs_seed_whatever_their_order(project: Path) -> None:
    path = record(project / "texts.jsonl", 40, TASK.label_names)
    first = drawn(path, "housing", 8)
    assert first == drawn(path, "housing", 8)
    assert first != drawn(path, "housing", 8, seed=2)
    assert drawn(path, "housing", 20)[:8] == first, "more texts hold those of fewer"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(reversed(lines)), encoding="utf-8")
    assert drawn(path, "housing", 8) == first


def test_a_changed_file_is_read_anew(project: Path) -> None:
    path = record(project / "texts.jsonl", 4, TASK.label_names)
    generate.run(params(path), TASK, "")
    path.write_text(path.read_text().replace("Recorded", "Newly recorded"), encoding="utf-8")
    generate.run(params(path), TASK, "")
    texts = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    assert all(row.text.startswith("Newly recorded") for row in texts)


def test_no_records_of_a_label_name_the_nearest(project: Path) -> None:
    path = record(project / "texts.jsonl", 3, ["Transport", "housing", "environment", "community"])
    with pytest.raises(StandinError, match=r"no recorded text of label 'transport': did you mean 'Transport'"):
        generate.run(params(path), TASK, "")


def test_too_few_records_say_how_many_there_are(project: Path) -> None:
    path = record(project / "texts.jsonl", 3, TASK.label_names)
    with pytest.raises(
        StandinError, match=r"texts.jsonl: 3 recorded texts of label 'transport'.*set generator.texts to 3"
    ):
        generate.run(params(path), TASK, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"generator.model is '.*', and there is no such file"),
        ('{"texts": "a", "label": "housing"}', r"no column 'text': did you mean 'texts'"),
        ('{"text": "a \\ud83d b", "label": "housing"}', r"line 1: the text holds half a character"),
        ('{"text": "a", "label": "housing"}\n{"text": "b", "label": null}', r"line 2: column 'label' is empty"),
    ],
)
def test_a_file_that_does_not_serve_is_explained(project: Path, content: str | None, message: str) -> None:
    path = project / "texts.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(StandinError, match=message):
        generate.run(params(path), TASK, "")


def test_records_do_not_judge(project: Path) -> None:
    path = record(project / "texts.jsonl", 1, TASK.label_names)
    engine = registry.load("replay", str(path), "main", "float32", Params().runtime)
    with pytest.raises(StandinError, match="set verify.by to classifier".replace(".", r"\.")):
        engine.choose([(("user", "Which?"),)], TASK.label_names)
