"""Every model that a run leaves is applied by ``standin predict`` with the inputs that it was trained with."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_predicting import rows, run, scores, write_task, wrong
from tiny_classifier import BUS, LABELS, PARK, TEXTS
from tiny_encoder import write_tiny_encoder

from standin.config import Params, parse_params
from standin.corpus import ArmRow, Prediction, Row, read_json, read_rows, write_json, write_rows
from standin.predicting.classifiers import best_arm, readers
from standin.stages import finetune, warmstart
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
ROAD, RENT, OTHER = "should we close the road", "is the rent dear", "is the park green"
QUESTIONS = {"road": ROAD, "rent": RENT}
WARMSTART = ("--model", "models/warmstart")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stance task of two labels and two questions, prepared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, name)
    asks(QUESTIONS)
    prepared(QUESTIONS)
    return tmp_path


def asks(questions: Mapping[str, str]) -> None:
    said = yaml.safe_load((ROOT / "tasks/city-topics.yaml").read_text())
    said["labels"] = [label for label in said["labels"] if label["name"] in LABELS]
    said["prompts"]["attributes"] = {}
    write_task(said | {"questions": [{"id": name, "text": words} for name, words in questions.items()]})


def prepared(questions: Mapping[str, str] | Mapping[None, None]) -> None:
    """Labelled texts of every question: of the last one the other way round, so that one text has two answers."""
    last = list(questions)[-1] if len(questions) > 1 else ""
    both: list[dict[str, Any]] = [
        {"id": f"{name}{place}", "text": text, "label": LABELS[(place >= 5) ^ (name == last)],
         "question_id": name, "question": words}
        for name, words in questions.items() for place, text in enumerate(TEXTS)
    ]  # fmt: skip
    for split in ("validation", "test"):
        write_rows(Path(f"data/real/{split}.jsonl"), [Row(**row) for row in both])
    write_rows(Path("data/arms/real.jsonl"), [ArmRow(seed=1, budget=None, **row) for row in both])
    write_rows(Path("data/real/warmstart.jsonl"), [
        Row(id=f"w{place}", text=text, label=LABELS[(place >= 5) ^ (words == OTHER)], question_id=words, question=words)
        for words in ("close the bus", OTHER) for place, text in enumerate(TEXTS)
    ])  # fmt: skip


def params(encoder: Path, arm: list[str], **chosen: Any) -> Params:
    length = {"epochs": 1.0, "min_steps": 30, "max_steps": 30}
    usual = {"batch": 10, "learning_rate": 5e-3, "frozen_layers": 0, "max_tokens": 16, "seeds": [1]}
    return parse_params({
        "finetune": {"encoder": str(encoder)} | usual | length | chosen, "warmstart": length,
        "runtime": {"threads": 1, "device": "cpu"}, "arms": {"real": arm}, "evaluate": {"references": ["real"]},
    })  # fmt: skip


def finish(encoder: Path, arm: list[str], **chosen: Any) -> None:
    """Run the stages that leave models."""
    task = load_task("city-topics")
    warmstart.run(params(encoder, arm, **chosen), task, "")
    finetune.run(params(encoder, arm, **chosen), task, "real")


def of_run() -> list[float]:
    return [one.p[LABELS[0]] for one in read_rows(Path("data/predictions/real.jsonl"), Prediction)]


def of_predict(*words: str) -> list[float]:
    run("predict", *words, "--probabilities", "--overwrite", "--to", "said.csv")
    return [float(row[f"p.{LABELS[0]}"]) for row in rows("said.csv")]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("arm", [["real"], ["real", "probe"], ["warmstart"]], ids="+".join)
def test_an_arm_says_of_the_test_texts_what_the_run_said(
    project: Path, encoder: Path, arm: list[str], pooling: str
) -> None:
    finish(encoder, arm, pooling=pooling)
    said = of_predict("data/real/test.jsonl", "--model", "models/real")
    assert said == pytest.approx(of_run(), abs=2e-4)
    assert max(abs(one - other) for one, other in zip(said[:10], said[10:], strict=True)) > 1e-3, "questions matter"


@pytest.mark.parametrize("arm", [["real"], ["real", "probe"]], ids="+".join)
def test_an_arm_of_a_task_without_questions_reads_texts_alone(project: Path, encoder: Path, arm: list[str]) -> None:
    asks({})
    prepared({None: None})
    write_rows(Path("data/real/warmstart.jsonl"), [])
    finish(encoder, arm)
    assert of_predict("data/real/test.jsonl", "--model", "models/real") == pytest.approx(of_run(), abs=2e-4)
    assert "holds no classifier: data/real/warmstart.jsonl is empty" in wrong(
        "predict", "data/real/test.jsonl", *WARMSTART
    )


@pytest.mark.parametrize("pairs", ["noted", "of before"])
def test_the_warm_start_reads_every_text_with_its_question(project: Path, encoder: Path, pairs: str) -> None:
    finish(encoder, ["warmstart"])
    noted = read_json(Path("models/warmstart/training.json"))
    assert (noted["pairs"], noted["question_id"]) == (True, None)
    if pairs == "of before":
        gone = ("pairs", "question")
        write_json(Path("models/warmstart/training.json"), {name: noted[name] for name in noted if name not in gone})
    assert of_predict("data/real/test.jsonl", *WARMSTART) == pytest.approx(of_run(), abs=2e-4)
    assert "Pairs of a question, in words, and a text." in Path("models/warmstart/README.md").read_text()


def test_any_question_in_words_is_one_for_the_warm_start(project: Path, encoder: Path) -> None:
    finish(encoder, ["warmstart"])
    Path("a.csv").write_text("text,topic\n" + "".join(f"{text},{words}\n" for words in ("road", OTHER) for text in BUS))
    said = of_predict("a.csv", *WARMSTART, "--question-column", "topic")
    assert said[:5] == pytest.approx(of_run()[:5], abs=2e-4)
    assert said[5:] == of_predict("a.csv", *WARMSTART, "--question", OTHER)[:5]
    assert said[:5] == of_predict("a.csv", *WARMSTART, "--question", ROAD)[:5]
    assert {row["model"].split("@")[0] for row in rows("said.csv")} == {"models/warmstart"}


def test_the_words_of_a_question_go_before_its_id_for_the_warm_start(project: Path, encoder: Path) -> None:
    finish(encoder, ["warmstart"])
    Path("a.csv").write_text(f"text,question_id,question\n{BUS[0]},q17,{OTHER}\n")
    assert of_predict("a.csv", *WARMSTART) == of_predict("a.csv", *WARMSTART, "--question", OTHER)


def test_a_file_without_the_question_it_needs_is_told_what_mends_it(project: Path, encoder: Path) -> None:
    finish(encoder, ["warmstart"])
    Path("a.csv").write_text(f"text,topic,question\n{BUS[0]},raod,\n")
    Path("b.csv").write_text("text\nbus\n")
    assert wrong("predict", "b.csv", *WARMSTART) == (
        "b.csv: models/warmstart reads every text together with the question it answers, and there is no column "
        "'question' or 'question_id': name the column that holds it, in words or by id (road, rent), with "
        "--question-column, or the question of all texts with --question"
    )
    assert wrong("predict", "a.csv", *WARMSTART, "--question-column", "topic") == (
        "a.csv, row 2: column 'topic' holds 'raod': did you mean 'road'? Known: rent, road; or write the question in "
        "words, as models/warmstart reads it"
    )
    assert "a.csv, row 2: column 'question' holds '': " in wrong("predict", "a.csv", *WARMSTART)
    assert "--question 'raod': did you mean 'road'?" in wrong("predict", "a.csv", *WARMSTART, "--question", "raod")
    assert "there is no column 'topc': did you mean 'topic'?" in wrong(
        "predict", "a.csv", *WARMSTART, "--question-column", "topc"
    )


def test_the_only_question_of_a_task_needs_no_naming(project: Path, encoder: Path) -> None:
    asks({"road": ROAD})
    prepared({"road": ROAD})
    finish(encoder, ["warmstart"])
    Path("a.csv").write_text("text\n" + "".join(f"{text}\n" for text in TEXTS))
    assert of_predict("a.csv", *WARMSTART) == pytest.approx(of_run(), abs=2e-4)


def test_an_arm_reads_its_question_in_the_words_it_learned(project: Path, encoder: Path) -> None:
    finish(encoder, ["real"])
    before = of_predict("data/real/test.jsonl", "--model", "models/real")
    asks({"road": "no bus yes no", "rent": RENT})
    assert of_predict("data/real/test.jsonl", "--model", "models/real") == before
    Path("a.csv").write_text(f"text,question\n{BUS[0]},{ROAD}\n{BUS[0]},no bus yes no\n{BUS[0]},road\n")
    assert of_predict("a.csv", "--model", "models/real") == [before[0]] * 3
    asks({})
    assert readers(Path("models/real/road"), {})["road"].words == ROAD


def test_opinions_of_the_warm_start_are_corrected_where_the_question_is_the_task_s(
    project: Path, encoder: Path
) -> None:
    finish(encoder, ["warmstart"])
    Path("a.csv").write_text(
        "text,question\n" + "".join(f"{text},{words}\n" for words in ("road", OTHER) for text in [*BUS, *PARK])
    )
    found = json.loads(run("opinions", "a.csv", *WARMSTART, "--json"))
    assert [(row["question"], row["texts"], row["test_texts"]) for row in found["shares"]] == [
        ("road", 10, 5), ("road", 10, 5), (OTHER, 10, 0), (OTHER, 10, 0)
    ]  # fmt: skip
    assert f"question {OTHER}: counted only" in found["notes"][0]


def test_the_arm_of_the_warm_start_may_be_the_best(project: Path, encoder: Path) -> None:
    finish(encoder, ["warmstart"])
    write_json(Path("models/synthetic/none.json"), {"reason": "the arm has no rows"})
    scores(real=0.6, synthetic=0.9)
    assert best_arm() == "real"
    assert of_predict("data/real/test.jsonl") == pytest.approx(of_run(), abs=2e-4)
    shutil.move("models/warmstart", "elsewhere")
    assert "no arm of reports/evaluate/scores.csv learned and has its classifier here" in wrong("predict", "said.csv")
    assert "models/warmstart: there is no such folder" in wrong("predict", "said.csv", "--model", "models/real")


def test_what_the_learner_keeps_is_no_classifier(project: Path) -> None:
    Path("models/learner/1").mkdir(parents=True)
    Path("models/learner/1/pool.npz").touch()
    Path("a.csv").write_text("text\nbus\n")
    assert "models/learner: keeps what classifiers said" in wrong("predict", "a.csv", "--model", "models/learner")
