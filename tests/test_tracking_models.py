"""The best arm's classifier in MLflow's registry: which one, how often, and whether it answers as the stage's did."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_classifier import CODES, CPU, NO_QUESTIONS, TEXTS, chosen
from tiny_encoder import write_tiny_encoder
from toy_project import ToyProject

from standin.classifier.encoders import Classifier, begin, save
from standin.classifier.inputs import inputs_of
from standin.classifier.prediction import predict
from standin.classifier.training import fine_tune
from standin.tracking import models, recording, runs, trees
from standin.tracking.states import State, read_state
from standin.tracking.trees import Workspace

LABELS = ["pro", "con"]
Both = dict[str, Classifier]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """One whose head reads the mean of the tokens, and one with a head of its encoder's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(tmp_path_factory.mktemp("root")))
        encoder = write_tiny_encoder(tmp_path_factory.mktemp("encoder"))
        made = {}
        for pooling in ("mean", "cls"):
            start = begin(chosen(encoder, steps=10, pooling=pooling), LABELS, CPU)
            inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
            made[pooling] = fine_tune(start, inputs, CODES, 1, lambda _: None).classifier
        return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, request: pytest.FixtureRequest) -> ToyProject:
    """A project whose task, and so its registered model, is named after the test."""
    toy = ToyProject(tmp_path)
    toy.edit("tasks/toy.yaml", "name: toy", f"name: t{abs(hash(request.node.name)) % 10**6}")
    toy.init_git()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    trees._blob.cache_clear()
    toy.fake_results()
    toy.fake_evaluation()
    return toy


def keep(project: ToyProject, classifier: Classifier, arm: str = "synthetic", below: str = "", **more: Any) -> None:
    """Save a classifier as the arm's and let dvc.lock name it as DVC does."""
    folder = project.root / "models" / arm
    (folder / "model.txt").unlink(missing_ok=True)
    (folder / below).mkdir(parents=True, exist_ok=True)
    save(classifier, folder / below, chosen("encoder", **more), {}, "A card.")
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    for stage in lock["stages"].values():
        for entry in [*stage["deps"], *stage["outs"]]:
            if entry["path"] == f"models/{arm}":
                entry["md5"] = models.folder_md5(folder)
    project.write("dvc.lock", yaml.safe_dump(lock))


def now() -> State:
    state = read_state(Workspace())
    assert state is not None
    return state


def versions() -> tuple[str, list[Any]]:
    name = f"standin-{yaml.safe_load(now().task)['name']}"
    with runs.opened("toy") as opened:
        return name, list(opened.client.search_model_versions(f"name = '{name}'"))


def loaded(store: str, uri: str) -> Any:
    import mlflow

    mlflow.set_tracking_uri(store)
    return mlflow.pyfunc.load_model(uri)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_registered_model_answers_as_the_classifier_does(
    project: ToyProject,
    store: str,
    classifiers: Both,
    pooling: str,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    import mlflow

    keep(project, classifiers[pooling])
    capfd.readouterr()
    recording.record_pipeline()
    said = capfd.readouterr()
    assert said.out + said.err == ""
    assert not [warning for warning in recwarn if "type hints" in str(warning.message)]
    name, (version,) = versions()
    assert version.tags == {"arm": "synthetic", models.MD5: now().md5("models/synthetic")}
    assert "macro-F1 0.750" in version.description
    found = loaded(store, f"models:/{name}@{models.ALIAS}").predict([{"text": text} for text in TEXTS])
    expected = predict(classifiers[pooling], TEXTS, NO_QUESTIONS)
    np.testing.assert_allclose(found[["p.pro", "p.con"]].to_numpy(), expected, atol=1e-6)
    assert found["label"].tolist() == [LABELS[code] for code in expected.argmax(axis=1)]
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1"))
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".bin", ".pt"}]
    (run,) = mlflow.MlflowClient(store).search_runs([version_experiment(store)], f"run_id = '{version.run_id}'")
    assert [output.model_id for output in run.outputs.model_outputs] == [version.source.removeprefix("models:/")]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_model_trained_in_bfloat16_is_served_in_it(
    project: ToyProject, store: str, classifiers: Both, pooling: str
) -> None:
    classifier = replace(classifiers[pooling], dtype="bfloat16")
    keep(project, classifier, dtype="bfloat16")
    recording.record_pipeline()
    name, _ = versions()
    found = loaded(store, f"models:/{name}@{models.ALIAS}").predict([{"text": text} for text in TEXTS])
    expected = predict(classifier, TEXTS, NO_QUESTIONS)
    np.testing.assert_allclose(found[["p.pro", "p.con"]].to_numpy(), expected, atol=1e-6)


def version_experiment(store: str) -> str:
    import mlflow

    return str(mlflow.MlflowClient(store).get_experiment_by_name("toy").experiment_id)


def test_equal_weights_are_kept_once_and_other_weights_are_the_next_version(
    project: ToyProject, classifiers: Both
) -> None:
    keep(project, classifiers["mean"])
    recording.record_pipeline()
    recording.record_pipeline()
    project.edit("params.yaml", "seed: 1", "seed: 2")  # another state with the same classifier
    recording.record_pipeline()
    assert len(versions()[1]) == 1
    keep(project, classifiers["cls"])
    recording.record_pipeline()
    name, found = versions()
    assert sorted(int(one.version) for one in found) == [1, 2]
    with runs.opened("toy") as opened:
        assert int(opened.client.get_model_version_by_alias(name, models.ALIAS).version) == 2
    keep(project, classifiers["mean"])
    recording.record_pipeline()
    with runs.opened("toy") as opened:
        assert int(opened.client.get_model_version_by_alias(name, models.ALIAS).version) == 1


def test_no_model_is_logged_where_it_is_not_wanted_or_not_the_state_s_own(
    project: ToyProject, classifiers: Both, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keep(project, classifiers["mean"])
    project.edit("params.yaml", "tracking:", "tracking:\n  log_model: none")
    recording.record_pipeline()
    project.edit("params.yaml", "  log_model: none\n", "")
    with monkeypatch.context() as queued:
        project.edit("params.yaml", "seed: 1", "seed: 3")
        (tmp_path / "root").mkdir()
        queued.setenv("DVC_ROOT", str(tmp_path / "root"))
        recording.record_pipeline()
    project.edit("params.yaml", "seed: 3", "seed: 4")
    project.edit("models/synthetic/README.md", "A card.", "Another one.")
    recording.record_pipeline()
    assert versions()[1] == []


def test_the_best_arm_is_the_one_that_scored_best_at_its_largest_budget_and_learned(project: ToyProject) -> None:
    best = models.best_arm(now())
    assert best is not None
    assert (best.arm, best.folder, best.macro_f1) == ("synthetic", "models/synthetic", 0.75)
    project.write("reports/evaluate/learned.csv", "arm,budget,question_id,reason,share,label\nsynthetic,,,chance,,\n")
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    lock["stages"]["evaluate"]["outs"] = [
        project._hashed(entry["path"]) for entry in lock["stages"]["evaluate"]["outs"]
    ]
    project.write("dvc.lock", yaml.safe_dump(lock))
    other = models.best_arm(now())
    assert other is not None
    assert (other.arm, other.macro_f1) == ("real", 0.5)
    project.write("dvc.lock", yaml.safe_dump(lock | {"stages": {"prepare": lock["stages"]["prepare"]}}))
    assert models.best_arm(now()) is None


@pytest.mark.parametrize("who", ["llm", "warmstart", "ngrams"])
def test_an_arm_without_a_classifier_of_its_own_is_not_the_best(project: ToyProject, who: str) -> None:
    project.edit("params.yaml", "  synthetic:\n  - synthetic\n", f"  synthetic:\n  - {who}\n")
    best = models.best_arm(now())
    assert best is not None
    assert best.arm == "real"


def test_a_task_with_questions_serves_the_classifier_of_each(
    project: ToyProject, store: str, classifiers: Both
) -> None:
    project.edit("tasks/toy.yaml", "questions: []", "questions: [{id: road, text: close road}, {id: rent, text: rent}]")
    keep(project, classifiers["mean"], below="road")
    keep(project, classifiers["cls"], below="rent")
    recording.record_pipeline()
    name, _ = versions()
    model = loaded(store, f"models:/{name}@{models.ALIAS}")
    asked = ["road", "rent"] * 5
    found = model.predict([{"text": text, "question": own} for text, own in zip(TEXTS, asked, strict=True)])
    for question, classifier in (("road", classifiers["mean"]), ("rent", classifiers["cls"])):
        places = [place for place, own in enumerate(asked) if own == question]
        words = "close road" if question == "road" else "rent"
        expected = predict(classifier, [TEXTS[place] for place in places], [words] * len(places))
        np.testing.assert_allclose(found.loc[places, ["p.pro", "p.con"]].to_numpy(), expected, atol=1e-6)
    with pytest.raises(ValueError, match="no question 'parking': the column 'question' takes road, rent"):
        model.predict([{"text": "a bus", "question": "parking"}])


def test_a_run_whose_model_could_not_be_logged_is_finished_by_sync(
    project: ToyProject, classifiers: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def full(*_: Any, **__: Any) -> None:
        raise MlflowException("no space left")

    keep(project, classifiers["mean"])
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifacts", full)
        with pytest.raises(runs.TrackingError, match="no space left"):
            recording.record_pipeline()
    assert [one.outcome for one in recording.sync(everything=False)] == ["added"]
    assert len(versions()[1]) == 1


@pytest.mark.slow
def test_mlflow_serves_the_model_to_a_real_request(project: ToyProject, store: str, classifiers: Both) -> None:
    keep(project, classifiers["mean"])
    recording.record_pipeline()
    name, _ = versions()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}@{models.ALIAS}"]
    words += ["--env-manager", "local", "--port", str(port)]
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}  # served without this project
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    with (project.root / "serve.log").open("wb") as log:
        server = subprocess.Popen(words, env=kept, stdout=log, stderr=log, cwd=project.root.parent)
    try:
        deadline = time.monotonic() + 180
        while not answers(f"http://127.0.0.1:{port}/ping"):
            assert server.poll() is None, (project.root / "serve.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        body = json.dumps({"dataframe_records": [{"text": text} for text in TEXTS]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            rows = json.load(response)["predictions"]
    finally:
        server.terminate()
        server.wait(60)
    expected = predict(classifiers["mean"], TEXTS, NO_QUESTIONS)
    np.testing.assert_allclose([[row["p.pro"], row["p.con"]] for row in rows], expected, atol=1e-6)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
