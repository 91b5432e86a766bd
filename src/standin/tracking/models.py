"""The best arm's classifier as a version of a registered model: logged without pickle, once for equal weights."""

import hashlib
import json
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from standin.checked import parse_yaml
from standin.config import Tracking, repository_root
from standin.ingredients import UNKEPT, answerer
from standin.report.headline import learned_scores
from standin.sheets import sheet_rows
from standin.tracking import telling
from standin.tracking.runs import Store
from standin.tracking.states import State

ALIAS = "current"
"""Names the version of the newest recorded state. Versions of other data are no better or worse than it."""
MD5 = "dvc.md5"
NEEDED = ("torch", "transformers", "safetensors", "pandas")
"""What ``served.py`` imports beside MLflow."""


class Best(NamedTuple):
    """The arm with the highest macro-F1: its folder, the md5 that DVC knows it by, and the score."""

    arm: str
    folder: str
    md5: str
    macro_f1: float


def log_best(store: Store, run: Any, state: State) -> None:
    """Make the state's best classifier the current version of the model ``standin-<task>``, and name it in the run.

    Nothing happens where nothing was evaluated, ``tracking.log_model`` is none, the process works in a temporary copy
    of the project (a queued experiment), or the folder is not there as dvc.lock names it.
    """
    asked = (state.params.get("tracking") or {}).get("log_model") or Tracking().log_model
    if asked != "best" or Path.cwd().resolve() != repository_root():
        return
    best = best_arm(state)
    if best is None or folder_md5(Path(best.folder)) != best.md5:
        return
    from mlflow.entities import LoggedModelOutput
    from mlflow.entities.model_registry import ModelVersion

    client, (name, _) = store.client, telling.card(state)
    name = f"standin-{name}"
    versions = _versions(client, name)
    found: ModelVersion | None = next((one for one in versions if one.tags.get(MD5) == best.md5), None)
    if found is None:
        model_id = _log(store, run, state, best)
        said = f"Arm {best.arm}, macro-F1 {best.macro_f1:.3f} on the test texts of run {run.info.run_name}."
        tags = {MD5: best.md5, "arm": best.arm}
        found = client.create_model_version(
            name, f"models:/{model_id}", run.info.run_id, tags=tags, description=said, model_id=model_id
        )
    model_id = str(found.model_id or found.source.removeprefix("models:/"))
    outputs = store.client.get_run(run.info.run_id).outputs
    if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, 0)])
    client.set_registered_model_alias(name, ALIAS, found.version)


def best_arm(state: State) -> Best | None:
    """The arm that scored best and learned, at its largest budget, whose classifier the state holds."""
    tables = [telling.own(state, {}, path) for path in (telling.SCORES, telling.LEARNED)]
    scores, lost = (sheet_rows(found, "") if found else [] for found in tables)
    found = [
        Best(arm, f"models/{arm}", str(state.md5(f"models/{arm}")), score)
        for arm, score in learned_scores(scores, lost).items()
        if state.md5(f"models/{arm}") and answerer((state.params.get("arms") or {}).get(arm, ())) not in UNKEPT
    ]
    return max(found, key=lambda best: best.macro_f1, default=None)


def folder_md5(folder: Path) -> str:
    """The md5 that DVC gives a folder: that of the JSON list of its files with theirs. Empty where there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = sorted((path.relative_to(folder).parts, path) for path in files)
    entries = [{"md5": _md5(path), "relpath": "/".join(parts)} for parts, path in listed]
    text = json.dumps(entries, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir" if files else ""


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _versions(client: Any, name: str) -> list[Any]:
    """The versions of a registered model, which is made where it is missing."""
    if not list(client.search_registered_models(f"name = '{name}'")):
        client.create_registered_model(name, description="The best classifier of each recorded run of this task.")
    return list(client.search_model_versions(f"name = '{name}'"))


def _log(store: Store, run: Any, state: State, best: Best) -> str:
    """Log the classifier as a model of the run, and return its id."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    task = parse_yaml(state.task, state.task_file, as_dvc=True)
    labels = [str(label["name"]) for label in task["labels"]]
    questions = {str(question["id"]): str(question["text"]) for question in task.get("questions") or []}
    given = ["text", "question"] if questions else ["text"]
    answers = [ColSpec(DataType.string, "label"), *(ColSpec(DataType.double, f"p.{label}") for label in labels)]
    client = store.client
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.showwarning = lambda *_, **__: None  # MLflow wants type hints beside the signature, past any filter
        asked = Path(folder) / "questions.json"
        asked.write_text(json.dumps(questions, ensure_ascii=False), encoding="utf-8")
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            python_model=str(Path(__file__).with_name("served.py")),
            artifacts={"classifier": str(Path(best.folder).resolve()), "questions": str(asked)},
            signature=ModelSignature(Schema([ColSpec(DataType.string, name) for name in given]), Schema(answers)),
            pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", *NEEDED)],
        )
        tags = {"arm": best.arm, MD5: best.md5}
        logged = client.create_logged_model(
            store.experiment_id, best.arm, run.info.run_id, tags, model_type="classifier"
        )
        client.log_model_artifacts(logged.model_id, f"{folder}/model")
    client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id)
