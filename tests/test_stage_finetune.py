import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score
from tiny_encoder import write_tiny_encoder

from standin.classifier import ngrams
from standin.classifier.encoders import begin, load
from standin.classifier.inputs import inputs_of
from standin.classifier.prediction import features, predict
from standin.classifier.probe import linear_probe
from standin.classifier.training import fine_tune
from standin.config import Params, Runtime, parse_params
from standin.corpus import ArmRow, Prediction, Row, read_rows, write_rows
from standin.errors import StandinError
from standin.finetuning import material, work
from standin.finetuning.work import Kept, Key
from standin.predicting.classifiers import readers
from standin.stages import finetune, warmstart
from standin.stages.runner import restrict, restrict_task
from standin.task import Task, load_task

DECLARED = {"arms", "finetune", "warmstart", "base.task", "runtime"}
LABELS = ["transport", "environment", "housing", "community"]
TRAIN = [
    ("the bus is late", "transport"),
    ("tram late again", "transport"),
    ("a late bus", "transport"),
    ("the park is green", "environment"),
    ("a dead tree", "environment"),
    ("green tree", "environment"),
]
HELD = [("the bus is late", "transport"), ("a dead tree", "environment"), ("tram late again", "transport")]
SINGLE: dict[str, str | None] = {"question_id": None, "question": None}
QUESTIONS: list[dict[str, str | None]] = [
    {"question_id": "road", "question": "should we close the road"},
    {"question_id": "rent", "question": "is the rent dear"},
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_held(SINGLE)
    write_rows(Path("data/real/warmstart.jsonl"), [])


def params(encoder: Path, steps: int = 40, warm: dict[str, Any] | None = None, **chosen: Any) -> Params:
    """A training of exactly ``steps`` steps; the warm start has the length ``warm``."""
    usual = {"batch": 6, "learning_rate": 5e-3, "frozen_layers": 0, "max_tokens": 16, "seeds": [1, 2]}
    length = {"epochs": 1.0, "min_steps": steps, "max_steps": steps}
    raw = {"finetune": {"encoder": str(encoder)} | usual | length | chosen, "warmstart": warm or length}
    raw["runtime"] = {"threads": 1, "device": "cpu"}
    return restrict(parse_params(raw), DECLARED)


def task() -> Task:
    return restrict_task(load_task("city-topics", Path(__file__).parents[1]), {"labels"})


def run(encoder: Path, **chosen: Any) -> Any:
    return finetune.run(params(encoder, **chosen), task(), "real")


def write_held(*questions: dict[str, str | None]) -> None:
    for split in ("validation", "test"):
        rows = [Row(id=f"{split}{n}{q['question_id'] or ''}", text=text, label=label, **q)
                for q in questions for n, (text, label) in enumerate(HELD)]  # fmt: skip
        write_rows(Path(f"data/real/{split}.jsonl"), rows)


def write_arm(
    *questions: dict[str, str | None],
    seeds: tuple[int, ...] = (1, 2),
    budgets: tuple[int | None, ...] = (None,),
    texts: list[tuple[str, str]] = TRAIN,
) -> None:
    rows = [ArmRow(seed=seed, budget=budget, id=f"r{n}", text=text, label=label, **q)
            for seed in seeds for budget in budgets for q in questions
            for n, (text, label) in enumerate(texts[:budget])]  # fmt: skip
    write_rows(Path("data/arms/real.jsonl"), rows)


def predictions() -> list[Prediction]:
    return read_rows(Path("data/predictions/real.jsonl"), Prediction)


def history() -> list[dict[str, str]]:
    with Path("reports/finetune/real/history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def outputs() -> dict[str, bytes]:
    folders = ("models/real", "data/predictions", "reports/finetune/real")
    return {
        path.as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_every_seed_predicts_every_test_text_with_probabilities_in_label_order(encoder: Path, pooling: str) -> None:
    write_arm(SINGLE)
    metrics = run(encoder, pooling=pooling)
    found = predictions()
    assert [(one.arm, one.budget, one.seed, one.id) for one in found] == [
        ("real", None, seed, f"test{n}") for seed in (1, 2) for n in range(3)
    ]
    for one in found:
        assert list(one.p) == LABELS
        assert one.label == max(one.p, key=one.p.__getitem__)
        assert sum(one.p.values()) == pytest.approx(1, abs=5e-6)
        assert all(share == round(share, 6) for share in one.p.values())
    assert [one.label for one in found if one.seed == 1] == [label for _, label in HELD]
    assert (metrics["classifiers"], metrics["steps"], metrics["train_rows"], metrics["skipped"]) == (2, 40, 6, False)


def test_validation_scores_are_means_over_seeds(encoder: Path) -> None:
    """The validation texts are the test texts, so the predictions tell what the scores must be."""
    write_arm(SINGLE)
    metrics = run(encoder, steps=2)
    gold = [label for _, label in HELD]
    by_seed = [[one.label for one in predictions() if one.seed == seed] for seed in (1, 2)]
    f1 = [f1_score(gold, said, labels=LABELS, average="macro", zero_division=0) for said in by_seed]
    assert metrics["validation_macro_f1"] == pytest.approx(np.mean(f1), abs=1e-6)
    accuracies = [accuracy_score(gold, said) for said in by_seed]
    assert metrics["validation_accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-6)


def test_the_saved_model_is_that_of_the_first_seed_and_the_largest_budget(encoder: Path) -> None:
    write_arm(SINGLE, budgets=(4, 6))
    metrics = run(encoder, steps=2)
    assert json.loads(Path("models/real/training.json").read_text()) == {
        "arm": "real", "batch": 6, "budget": 6, "class_weights": False, "dtype": "float32", "encoder": str(encoder),
        "epochs": 1.0, "frozen_layers": 0, "learning_rate": 0.005, "max_steps": 2, "max_tokens": 16, "min_steps": 2,
        "pairs": False, "pooling": "mean", "probe": True, "question": None, "question_id": None, "revision": "main",
        "rows": 6, "rows_seen": 12, "seed": 1, "steps": 2, "warmup": 0.1, "weight_decay": 0.01,
    }  # fmt: skip
    classifier = load(Path("models/real"), Runtime(threads=1, device="cpu"))
    shares = predict(classifier, [text for text, _ in HELD], [None] * 3)
    said = [one for one in predictions() if (one.seed, one.budget) == (1, 6)]
    assert np.array([list(one.p.values()) for one in said]) == pytest.approx(shares, abs=1e-6)
    assert "arm real" in Path("models/real/README.md").read_text()
    assert {metrics["budget_4"]["train_rows"], metrics["budget_6"]["train_rows"]} == {4, 6}
    assert {path.name for path in Path("models/real").iterdir() if path.is_dir()} == {"1_Pooling", "2_Dense"}


def test_all_models_can_be_kept(encoder: Path) -> None:
    write_arm(SINGLE, budgets=(4, 6))
    run(encoder, steps=1, keep="all")
    folders = {path.parent.as_posix() for path in Path("models/real").rglob("config.json")}
    folders = {folder for folder in folders if not folder.endswith(("1_Pooling", "2_Dense"))}
    below = ("budget_4_seed_1", "budget_4_seed_2", "budget_6_seed_2")
    assert folders == {"models/real", *(f"models/real/{name}" for name in below)}


def test_the_best_seed_on_validation_texts_can_be_kept(encoder: Path) -> None:
    write_arm(SINGLE, seeds=(1, 2, 3))
    run(encoder, steps=2, keep="all")
    scores = {}
    for seed, folder in ((1, "models/real"), (2, "models/real/seed_2"), (3, "models/real/seed_3")):
        shares = predict(load(Path(folder), Runtime(threads=1, device="cpu")), [text for text, _ in HELD], [None] * 3)
        said = [LABELS[code] for code in shares.argmax(axis=1)]
        scores[seed] = f1_score([label for _, label in HELD], said, labels=LABELS, average="macro", zero_division=0)
    run(encoder, steps=2, keep="best")
    best = max(scores, key=lambda seed: (scores[seed], -seed))
    assert json.loads(Path("models/real/training.json").read_text())["seed"] == best
    assert {path.name for path in Path("models/real").iterdir() if path.is_dir()} == {"1_Pooling", "2_Dense"}


@pytest.mark.parametrize(
    ("values", "kept"), [([0.5, 0.5, 0.7, 0.6], 3), ([0.5, 0.4], 1), ([None, 0.1], 2), ([0.3, None], 1)]
)
def test_a_seed_takes_the_place_of_those_before_it_only_where_it_is_better(
    values: list[float | None], kept: int
) -> None:
    trained: dict[Key, Any] = {}
    groups = {Key("q", 6, seed): [] for seed in range(1, len(values) + 1)}
    saved = 0
    for key, value in zip(groups, values, strict=True):
        trained[key] = Kept([], 1, 1, 1, None if value is None else (value, 0.5, 3))
        saved = key.seed if finetune._folder(Path("m"), key, groups, "best", trained) else saved
    assert saved == kept


def test_models_are_kept_in_half_precision_and_say_what_was_predicted(encoder: Path) -> None:
    from safetensors.numpy import load_file

    write_arm(SINGLE)
    run(encoder)
    kept = load_file("models/real/model.safetensors")
    assert {str(values.dtype) for values in kept.values()} == {"float16"}
    classifier = load(Path("models/real"), Runtime(threads=1, device="cpu"))
    assert {str(weight.dtype) for weight in classifier.model.parameters()} == {"torch.float32"}
    shares = predict(classifier, [text for text, _ in HELD], [None] * 3)
    said = [list(one.p.values()) for one in predictions() if one.seed == 1]
    assert np.array(said) == pytest.approx(shares, abs=1e-6)


def test_each_question_has_its_own_classifier_of_pairs(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flipped = {"transport": "environment", "environment": "transport"}
    write_held(*QUESTIONS)
    write_arm(*QUESTIONS, seeds=(1,))
    rows = read_rows(Path("data/arms/real.jsonl"), ArmRow)
    asked = [replace(row, label=flipped[row.label]) if row.question_id == "rent" else row for row in rows]
    write_rows(Path("data/arms/real.jsonl"), asked)
    read = []

    def recorded(start: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        read.append({start.tokenizer.decode(one["input_ids"]).split(" [SEP] ")[0] for one in inputs.encodings})
        return fine_tune(start, inputs, *rest, **named)

    monkeypatch.setattr(work, "fine_tune", recorded)
    assert run(encoder, seeds=[1])["classifiers"] == 2
    assert read == [{f"[CLS] {question['question']}"} for question in QUESTIONS]
    gold = [label for _, label in HELD]
    assert [one.label for one in predictions() if one.question_id == "road"] == gold
    assert [one.label for one in predictions() if one.question_id == "rent"] == [flipped[label] for label in gold]
    for question in QUESTIONS:
        folder = Path(f"models/real/{question['question_id']}")
        assert (folder / "model.safetensors").exists()
        assert str(question["question"]) in (folder / "README.md").read_text()


def test_the_loss_curve_has_every_step_of_every_training(encoder: Path) -> None:
    write_arm(SINGLE, budgets=(4, 6))
    run(encoder, steps=3)
    rows = history()
    assert [(row["budget"], row["seed"], row["step"]) for row in rows] == [
        (budget, seed, step) for budget in ("4", "6") for seed in ("1", "2") for step in ("1", "2", "3")
    ]
    assert list(rows[0]) == ["question_id", "budget", "seed", "step", "loss", "learning_rate"]
    assert float(rows[0]["loss"]) > 0


def test_a_second_run_writes_the_same_bytes_and_leaves_nothing_of_the_first(encoder: Path) -> None:
    write_arm(SINGLE)
    run(encoder, steps=3)
    first = outputs()
    Path("models/real/left over.bin").touch()
    run(encoder, steps=3)
    assert outputs() == first
    assert "models/real/model.safetensors" in first


@pytest.mark.parametrize(
    ("texts", "reason"), [([], "the arm has no rows"), (TRAIN[:3], "all 6 rows have the label 'transport'")]
)
def test_an_arm_without_rows_or_with_one_label_is_skipped_with_the_reason(
    texts: list[tuple[str, str]], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_arm(SINGLE, texts=texts)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert run(Path("nowhere")) == {"classifiers": 0, "skipped": True}
    assert reason in capsys.readouterr().out
    assert predictions() == []
    assert history() == []
    assert [path.name for path in Path("models/real").iterdir()] == ["none.json"]
    assert reason in Path("models/real/none.json").read_text()


def test_without_test_and_validation_texts_the_model_is_trained_all_the_same(encoder: Path) -> None:
    write_held()
    write_arm(SINGLE)
    assert set(run(encoder, steps=1)) == {"classifiers", "skipped", "steps", "train_rows", "rows_seen", "passes"}
    assert predictions() == []
    assert Path("models/real/model.safetensors").exists()


# What is read, and how often


def test_the_metrics_say_for_every_budget_how_many_rows_were_read_and_how_often(encoder: Path) -> None:
    """4 and 6 texts, 2.5 epochs of batches of 4: 10 and 15 rows in 3 and 4 steps; a floor of 3 steps is 12 rows."""
    write_arm(SINGLE, budgets=(4, 6))
    metrics = run(encoder, batch=4, epochs=2.5, min_steps=3, max_steps=9)
    said = {
        budget: tuple(metrics[budget][name] for name in ("train_rows", "rows_seen", "passes", "steps"))
        for budget in ("budget_4", "budget_6")
    }
    assert said == {"budget_4": (4, 12, 3.0, 3), "budget_6": (6, 15, 2.5, 4)}
    metrics = run(encoder, batch=4, epochs=2.5, min_steps=1, max_steps=2)
    assert (metrics["budget_4"]["passes"], metrics["budget_6"]["passes"]) == (2.0, round(8 / 6, 6))


def test_what_was_trained_is_said_budget_by_budget(encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2 steps of 4 texts are 8: twice each of 4 texts, 1.3 times each of 6."""
    write_arm(SINGLE, budgets=(4, 6))
    metrics = run(encoder, steps=2, batch=4)
    scores = [f"{metrics[budget]['validation_macro_f1']:.3f}" for budget in ("budget_4", "budget_6")]
    assert capsys.readouterr().out == (
        "finetune real: "
        f"at budget 4, 2 classifiers on 4 texts each, every text 2.0 times, mean validation macro-F1 {scores[0]}; "
        f"at budget 6, 2 classifiers on 6 texts each, every text 1.3 times, mean validation macro-F1 {scores[1]}\n"
    )


def test_classifiers_of_one_budget_that_read_unequal_numbers_say_the_range(
    encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_held(*QUESTIONS)
    write_arm(*QUESTIONS, seeds=(1,))
    rows = read_rows(Path("data/arms/real.jsonl"), ArmRow)
    write_rows(Path("data/arms/real.jsonl"), [row for row in rows if (row.id, row.question_id) != ("r5", "rent")])
    run(encoder, steps=2, seeds=[1])
    assert "finetune real: 2 classifiers on 5 to 6 texts each, every text" in capsys.readouterr().out


@pytest.mark.parametrize("questions", [[SINGLE], QUESTIONS])
def test_frozen_layers_and_what_the_probe_reads_are_computed_once_for_all_budgets_and_seeds(
    encoder: Path, monkeypatch: pytest.MonkeyPatch, questions: list[dict[str, str | None]]
) -> None:
    """6 texts to train on and the 3 held ones, two of which are among them: "a dead tree" and both buses."""
    seen: dict[str, list[int]] = {"inputs": [], "features": []}
    for name, own in (("inputs_of", inputs_of), ("features", features)):

        def counted(start: Any, given: Any, *rest: Any, own: Any = own, name: str = name) -> Any:
            seen["inputs" if name == "inputs_of" else name].append(len(given))
            return own(start, given, *rest)

        monkeypatch.setattr(material, name, counted)
    write_held(*questions)
    write_arm(*questions, budgets=(4, 6))
    assert run(encoder, steps=1, frozen_layers=2)["classifiers"] == 4 * len(questions)
    assert seen == {"inputs": [6 * len(questions)], "features": [6 * len(questions)]}
    assert Path(".standin/states.db").exists()


def test_the_results_are_the_same_bytes_whether_the_states_were_kept_or_not(encoder: Path) -> None:
    write_arm(SINGLE)
    run(encoder, steps=3, frozen_layers=2)
    first = outputs()
    run(encoder, steps=3, frozen_layers=2)
    assert outputs() == first
    Path(".standin/states.db").unlink()
    run(encoder, steps=3, frozen_layers=2)
    assert outputs() == first


def test_a_probe_reads_the_network_that_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RoBERTa's own head draws a layer under the last one from the seed: a probe on another seed's would be noise."""
    from transformers import RobertaConfig, RobertaModel

    write_tiny_encoder(tmp_path / "roberta")
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    RobertaModel(RobertaConfig(vocab_size=40, pad_token_id=0, initializer_range=0.3, **shape)).save_pretrained(
        tmp_path / "roberta"
    )
    write_arm(SINGLE)
    given = []

    def recorded(start: Any, inputs: Any, classes: Any, seed: int, done: Any, read: Any = None) -> Any:
        used = features(start.classifier(seed), inputs) if read is None else read
        given.append(bool(np.allclose(used, features(start.classifier(seed), inputs), atol=1e-5)))
        return fine_tune(start, inputs, classes, seed, done, read=read)

    monkeypatch.setattr(work, "fine_tune", recorded)
    for pooling in ("cls", "mean"):
        run(tmp_path / "roberta", pooling=pooling, probe=True, min_steps=1, max_steps=1)
    assert given == [True] * 4


# Warm start


def run_warmstart(encoder: Path, **chosen: Any) -> Any:
    return warmstart.run(params(encoder, **chosen), task(), "")


def test_without_rows_of_other_questions_there_is_no_warm_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run_warmstart(Path("nowhere")) == {"train_rows": 0}
    assert [path.name for path in Path("models/warmstart").iterdir()] == ["none.json"]
    assert "every arm starts from the encoder" in capsys.readouterr().out


def test_arms_start_from_the_classifier_of_other_questions(encoder: Path) -> None:
    rows = [Row(id=f"w{n}", text=text, label=label, question_id="old", question="close the road")
            for n, (text, label) in enumerate(TRAIN)]  # fmt: skip
    write_rows(Path("data/real/warmstart.jsonl"), rows)
    write_held(*QUESTIONS)
    metrics = run_warmstart(encoder, steps=60)
    assert (metrics["train_rows"], metrics["validation_accuracy"]) == (6, 1)
    assert "the questions in the warm-start rows" in Path("models/warmstart/README.md").read_text()
    write_arm(*QUESTIONS, texts=[("yes", "transport"), ("no", "environment")])
    run(Path("nowhere"), steps=1, learning_rate=1e-9)
    said = [one.label for one in predictions()]
    assert said == [label for _, label in HELD] * 4  # two questions, two seeds: what the warm start had learned


def test_the_warm_start_has_a_length_of_its_own(encoder: Path) -> None:
    """6 rows, 2.5 epochs: 15 rows in 3 batches of 6, while an arm trains 40 steps."""
    rows = [Row(id=f"w{n}", text=text, label=label, question_id="old", question="close the road")
            for n, (text, label) in enumerate(TRAIN)]  # fmt: skip
    write_rows(Path("data/real/warmstart.jsonl"), rows)
    metrics = run_warmstart(encoder, warm={"epochs": 2.5, "min_steps": 1, "max_steps": 9})
    assert metrics["steps"] == 3
    told = json.loads(Path("models/warmstart/training.json").read_text())
    assert {name: told[name] for name in ("epochs", "min_steps", "max_steps", "steps", "rows")} == {
        "epochs": 2.5, "min_steps": 1, "max_steps": 9, "steps": 3, "rows": 6
    }  # fmt: skip


# Arms that are no fine-tuned encoder


def run_arm(encoder: Path, names: list[str], **chosen: Any) -> Any:
    raw = params(encoder, **chosen).model_copy(update={"arms": {"real": names}})
    return finetune.run(raw, task(), "real")


def unchanged(encoder: Path) -> set[bool]:
    """Whether the arm's layers hold the weights that the encoder's hold, in half precision."""
    given = {name.removeprefix("bert."): one for name, one in load_file(encoder / "model.safetensors").items()}
    kept = {name.removeprefix("bert."): one for name, one in load_file(Path("models/real/model.safetensors")).items()}
    return {torch.equal(given[name].half(), kept[name]) for name in given.keys() & kept.keys() if "layer" in name}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_probe_learns_a_head_and_leaves_the_encoder_as_it_is(encoder: Path, pooling: str) -> None:
    write_arm(SINGLE)
    metrics = run_arm(encoder, ["real", "probe"], pooling=pooling, steps=40)
    assert (metrics["steps"], metrics["passes"], metrics["classifiers"]) == (0, 1, 2)
    assert history() == []
    assert "A linear probe on " in Path("models/real/README.md").read_text()
    assert unchanged(encoder) == {True}
    if pooling == "mean":  # a head of the encoder's own has layers that every seed draws anew
        by_seed = [[one.p for one in predictions() if one.seed == seed] for seed in (1, 2)]
        assert by_seed[0] == by_seed[1]
    run_arm(encoder, ["real"], pooling=pooling, steps=40)
    assert False in unchanged(encoder)


def test_a_probe_says_what_a_logistic_regression_on_the_features_says(encoder: Path) -> None:
    write_arm(SINGLE)
    run_arm(encoder, ["real", "probe"], probe=False)
    start = begin(params(encoder).finetune, LABELS, Runtime(threads=1, device="cpu"))
    read = features(start.classifier(1), inputs_of(start, [text for text, _ in TRAIN], [None] * 6))
    weights, biases = linear_probe(read, np.array([0, 0, 0, 1, 1, 1]), 4, balanced=False) or (0, 0)
    held = features(start.classifier(1), inputs_of(start, [text for text, _ in HELD], [None] * 3))
    logits = held @ weights.T + biases
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    said = np.array([[one.p[label] for label in LABELS] for one in predictions()[:3]])
    np.testing.assert_allclose(said, shares, atol=2e-3)  # kept in half precision


def test_a_probe_whose_seed_drew_one_label_alone_answers_with_it(encoder: Path) -> None:
    """Seed 1 drew two labels, seed 2 the same one twice."""
    drawn = {1: [TRAIN[0], TRAIN[3]], 2: TRAIN[:2]}
    rows = [ArmRow(seed=seed, budget=2, id=f"r{n}", text=text, label=label, **SINGLE)
            for seed, texts in drawn.items() for n, (text, label) in enumerate(texts)]  # fmt: skip
    write_rows(Path("data/arms/real.jsonl"), rows)
    assert run_arm(encoder, ["random", "probe"], keep="all")["classifiers"] == 2
    assert {one.label for one in predictions() if one.seed == 2} == {"transport"}
    assert min(one.p["transport"] for one in predictions() if one.seed == 2) > 0.999


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """An encoder that is nowhere, where torch and transformers cannot be imported."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    return Path("nowhere")


def test_ngrams_answer_without_an_encoder_and_are_not_kept(no_encoder: Path) -> None:
    write_arm(SINGLE, budgets=(4, 6))
    metrics = run_arm(no_encoder, ["real", "ngrams"], keep="all")
    found = predictions()
    assert [(one.arm, one.budget, one.seed, one.id) for one in found] == [
        ("real", budget, seed, f"test{n}") for budget in (4, 6) for seed in (1, 2) for n in range(3)
    ]
    expected = ngrams.learned([text for text, _ in TRAIN], np.array([0, 0, 0, 1, 1, 1]), 4, balanced=False)
    said = np.array([[one.p[label] for label in LABELS] for one in found[6:9]])
    np.testing.assert_allclose(said, expected.probabilities([text for text, _ in HELD]), atol=5.1e-7)
    assert [one.label for one in found[6:9]] == [label for _, label in HELD]
    assert all(list(one.p) == LABELS and one.label == max(one.p, key=one.p.__getitem__) for one in found)
    assert history() == []
    assert (metrics["classifiers"], metrics["skipped"], metrics["budget_4"]["train_rows"]) == (4, False, 4)
    assert (metrics["budget_6"]["validation_accuracy"], metrics["budget_6"]["steps"]) == (1, 0)
    assert [path.name for path in Path("models/real").iterdir()] == ["none.json"]
    with pytest.raises(StandinError, match="models/real: holds no classifier: its classifiers are on character"):
        readers(Path("models/real"), {})
    first = outputs()
    run_arm(no_encoder, ["real", "ngrams"], keep="all")
    assert outputs() == first


def test_each_question_has_its_own_ngrams(no_encoder: Path) -> None:
    write_held(*QUESTIONS)
    write_arm(*QUESTIONS, seeds=(1,))
    rows = read_rows(Path("data/arms/real.jsonl"), ArmRow)
    flipped = {"transport": "housing", "environment": "transport"}
    asked = [replace(row, label=flipped[row.label]) if row.question_id == "rent" else row for row in rows]
    write_rows(Path("data/arms/real.jsonl"), asked)
    assert run_arm(no_encoder, ["real", "ngrams"], seeds=[1])["classifiers"] == 2
    gold = [label for _, label in HELD]
    assert [one.label for one in predictions()] == [*gold, *(flipped[label] for label in gold)]
    assert [one.id for one in predictions()] == [f"test{n}{q['question_id']}" for q in QUESTIONS for n in range(3)]


def test_ngrams_weigh_labels_as_finetune_says(no_encoder: Path) -> None:
    """One text of five is green: a text that says nothing is answered by the shares, unless labels weigh the same."""
    write_arm(SINGLE, texts=[*TRAIN[:3], ("bus", "transport"), TRAIN[3]])
    write_rows(Path("data/real/test.jsonl"), [Row(id="odd", text="xyz", label="transport")])
    shares = []
    for balanced in (False, True):
        run_arm(no_encoder, ["real", "ngrams"], class_weights=balanced)
        shares.append(predictions()[0].p["environment"])
    assert shares[0] < shares[1]


@pytest.mark.parametrize(
    ("texts", "reason"), [([], "the arm has no rows"), (TRAIN[:3], "all 6 rows have the label 'transport'")]
)
def test_ngrams_without_rows_or_with_one_label_are_skipped_as_other_arms_are(
    no_encoder: Path, texts: list[tuple[str, str]], reason: str
) -> None:
    write_arm(SINGLE, texts=texts)
    assert run_arm(no_encoder, ["real", "ngrams"]) == {"classifiers": 0, "skipped": True}
    assert reason in Path("models/real/none.json").read_text()
    assert predictions() == []


def test_ngrams_whose_seed_drew_one_label_alone_answer_with_it(no_encoder: Path) -> None:
    """Seed 1 drew two labels, seed 2 the same one twice."""
    write_held()
    write_rows(Path("data/real/test.jsonl"), [Row(id="t", text="a dead tree", label="environment")])
    drawn = {1: [TRAIN[0], TRAIN[3]], 2: TRAIN[:2]}
    rows = [ArmRow(seed=seed, budget=2, id=f"r{n}", text=text, label=label, **SINGLE)
            for seed, texts in drawn.items() for n, (text, label) in enumerate(texts)]  # fmt: skip
    write_rows(Path("data/arms/real.jsonl"), rows)
    metrics = run_arm(no_encoder, ["random", "ngrams"])
    assert [one.label for one in predictions()] == ["environment", "transport"]
    assert "validation_macro_f1" not in metrics


def test_the_warm_start_as_it_is_predicts_the_same_for_every_seed(encoder: Path) -> None:
    rows = [Row(id=f"w{n}", text=text, label=label, question_id="old", question="close the road")
            for n, (text, label) in enumerate(TRAIN)]  # fmt: skip
    write_rows(Path("data/real/warmstart.jsonl"), rows)
    write_held(*QUESTIONS)
    run_warmstart(encoder, steps=60)
    write_rows(Path("data/arms/real.jsonl"), [])
    metrics = run_arm(Path("nowhere"), ["warmstart"])
    assert metrics == {"classifiers": 0, "skipped": False}
    found = predictions()
    assert [one.label for one in found] == [label for _, label in HELD] * 4
    assert [(one.seed, one.question_id) for one in found[::3]] == [(1, "road"), (1, "rent"), (2, "road"), (2, "rent")]
    assert json.loads(Path("models/real/none.json").read_text())["reason"].endswith("models/warmstart, as it is")


@pytest.mark.parametrize(("who", "reason"), [("warmstart", "no rows of other questions"), ("llm", "the LLM answers")])
def test_arms_without_a_classifier_of_their_own_say_why(encoder: Path, who: str, reason: str) -> None:
    write_rows(Path("data/arms/real.jsonl"), [])
    run_arm(encoder, [who])
    assert reason in json.loads(Path("models/real/none.json").read_text())["reason"]
    assert predictions() == []
