"""The whole pipeline in a small copy of the project, with real models: what a person does, and what they find."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from chat_server import serving
from vllm_server import MODEL, vllm_server

from standin.corpus import read_json
from standin.tracking.writing import read_stages

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]

SMALL = {
    "prepare": {"shots": 24, "validation": 16, "pool": 48, "test": 40},
    "generator": {"texts": 6, "conversation": 2, "max_tokens": 24, "chunk": 8},
    "validate": {"min_texts_per_label": 1, "max_label_gap": 1.0, "max_unparsable": 1.0, "max_duplicates": 1.0},
    "subjectivity": {"texts": 4, "judges": 2},
    "warmstart": {"min_steps": 3, "max_steps": 3},
    "finetune": {"min_steps": 3, "max_steps": 3, "seeds": [1, 2]},
    "evaluate": {"resamples": 200},
    "select": {"budgets": [8], "neighbours": 3},
}
ARMS = {"real": ["real"], "random": ["random"], "sqbc_synthetic": ["sqbc", "synthetic"]}


class Project:
    """A copy of the project with small parameters, in a folder whose name holds a space."""

    def __init__(self, root: Path) -> None:
        self.root = root
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
        self.env = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def run(self, *command: str, fails: bool = False, seconds: float = 1200) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=self.env, capture_output=True, text=True, timeout=seconds, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said[-4000:]
        return said

    def dvc(self, *words: str, fails: bool = False) -> str:
        return self.run("dvc", *words, fails=fails)

    def rows(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / path).read_text(encoding="utf-8").splitlines()]

    def change(self, **groups: dict[str, Any]) -> None:
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for group, values in groups.items():
            params[group] |= values
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def mlflow_runs(self) -> list[Any]:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{self.root / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("standin")
        return list(client.search_runs([experiment.experiment_id])) if experiment else []

    def lock(self) -> dict[str, str]:
        stages = yaml.safe_load((self.root / "dvc.lock").read_text())["stages"]
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


def small_project(root: Path) -> Project:
    """A copy of the project with small parameters and three arms, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in listed:
        written = name.startswith(("reports/", "dvcstore/", "dvc.lock")) and not name.startswith("reports/seeds/")
        if not written and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    if (ROOT / ".standin/models").exists():  # the converted generator: 20 seconds saved
        shutil.copytree(ROOT / ".standin/models", root / ".standin/models")
    made = Project(root)
    made.change(**SMALL)
    params = yaml.safe_load((root / "params.yaml").read_text())
    (root / "params.yaml").write_text(yaml.safe_dump(params | {"arms": ARMS}, sort_keys=False))
    made.run("git", "init", "-q", "-b", "main")
    made.run("git", "config", "user.name", "T")
    made.run("git", "config", "user.email", "t@example.org")
    made.run("git", "add", "-A")
    made.run("git", "commit", "-qm", "start")
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("pipeline") / "a project"
    made = small_project(root)
    made.dvc("repro")
    made.run("git", "add", "-A")
    made.run("git", "commit", "-qm", "results")
    yield made
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(autouse=True)
def restored(project: Project) -> Iterator[None]:
    yield
    project.run("git", "checkout", "-q", "-f", "main")
    project.run("git", "reset", "-q", "--hard")
    project.dvc("checkout", "-q", "-f")


def test_every_stage_leaves_what_it_promises_and_the_sums_add_up(project: Project) -> None:
    for path in project.lock():
        assert (project.root / path).exists(), path
    splits = {name: {row["text"] for row in project.rows(f"data/real/{name}.jsonl")} for name in ("shots", "validation", "pool", "test")}  # fmt: skip
    assert [len(texts) for texts in splits.values()] == [24, 16, 48, 40]
    assert len(set.union(*splits.values())) == 128, "no text in two splits"
    assert all(row["label"] is None for row in project.rows("data/real/pool.jsonl"))

    curated = read_json(project.root / "reports/curate/metrics.json")
    reasons = (
        "refused",
        "unparsable",
        "rejected",
        "invalid",
        "off_task",
        "judged_wrong",
        "contaminated",
        "copied",
        "duplicate",
    )
    assert curated["planned"] == 24 == curated["kept"] + sum(curated[reason] for reason in reasons)
    kept, removed = project.rows("data/synthetic/texts.jsonl"), project.rows("data/synthetic/removed.jsonl")
    assert {row["plan_id"] for row in kept + removed} == {
        row["plan_id"] for row in project.rows("data/generated/plan.jsonl")
    }

    for strategy in ("random", "sqbc"):
        ranks = Counter((row["seed"], row["budget"]) for row in project.rows(f"data/selected/{strategy}.jsonl"))
        assert ranks == {(1, 8): 48, (2, 8): 48}
    for arm in ARMS:
        predictions = project.rows(f"data/predictions/{arm}.jsonl")
        assert Counter(row["seed"] for row in predictions) == {1: 40, 2: 40}
        assert all(sum(row["p"].values()) == pytest.approx(1, abs=1e-4) for row in predictions)
        assert (project.root / f"models/{arm}/model.safetensors").exists()
    assert "Demonstration data" in (project.root / "reports/report.html").read_text()


def test_an_unchanged_pipeline_runs_no_stage(project: Project) -> None:
    assert "Running stage" not in project.dvc("repro")
    assert "up to date" in project.dvc("status")


def test_one_run_in_mlflow_holds_params_metrics_and_data_of_every_stage(project: Project) -> None:
    assert "0 added" in project.run("standin", "sync", "--current")
    (run,) = [run for run in project.mlflow_runs() if run.data.params["generator.shots"] == "0"]
    assert run.info.status == "FINISHED"
    assert {name.split(".")[0] for name in run.data.metrics} >= {
        "prepare", "generate", "curate", "validate", "diversity", "subjectivity", "select", "arms", "finetune", "evaluate",
    }  # fmt: skip
    assert "data/synthetic" in {entry.dataset.name for entry in run.inputs.dataset_inputs}


def test_more_shots_rerun_what_depends_on_them_and_nothing_else(project: Project) -> None:
    said = project.dvc("exp", "run", "-n", "shots", "-S", "generator.shots=2")
    for stage in ("generate", "curate", "finetune@sqbc_synthetic", "evaluate", "track"):
        assert f"Running stage '{stage}'" in said
    for stage in ("prepare", "embed@real", "subjectivity", "finetune@real", "finetune@random"):
        assert f"Running stage '{stage}'" not in said
    shown = list(csv.DictReader(project.dvc("exp", "show", "--csv").splitlines()))
    assert "shots" in {row["Experiment"] for row in shown}
    (run,) = [run for run in project.mlflow_runs() if run.info.run_name == "shots"]
    assert run.data.params["generator.shots"] == "2"
    assert read_stages(run)["finetune.real"] == "cached"
    assert "finetune.real.validation_macro_f1" in run.data.metrics


def test_the_readme_s_own_task_runs_as_it_is_written(project: Project) -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("## Your own task")[1].split("```")[1]
    commands = [shlex.split(line) for line in block.splitlines()[1:]]
    assert [command[1] for command in commands] == ["data", "run", "run"]
    lines = [f"The {('soup', 'waiter')[n % 2]} at table {n} was {n * 37 % 101} times late,{'food' if n % 2 else 'staff'}"
             for n in range(160)]  # fmt: skip
    (project.root / "texts.csv").write_text("\n".join(["comment,topic", *lines]) + "\n", encoding="utf-8")
    added, shown, ran = (project.run(*command) for command in commands)
    assert "160 texts, labels: staff 80, food 80" in added
    assert "of 10 texts kept" in shown
    assert "warning: prompts.context" in shown, "the starter's words still wait"
    assert "report: reports/report.html" in ran
    assert "my-task" in (project.root / "reports/report.html").read_text(encoding="utf-8")
    assert "`git checkout params.yaml` takes them back" in ran


def test_the_tutorial_runs_as_it_is_written(project: Project) -> None:
    page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    project.run("git", "checkout", "-q", "-b", "tutorial")
    said = {}
    for kind, block in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL):
        if kind == "python":
            (project.root / "notes.py").write_text(block, encoding="utf-8")
        for line in block.splitlines() if kind == "console" else []:
            if not line.startswith("source "):
                said[line] = project.run(*shlex.split(line))
    assert "nothing stops a run" in said["standin doctor"]
    (new,) = [words for line, words in said.items() if line.startswith("standin task new")]
    assert "128 texts, labels: loan 64, room 64" in new
    sizes = re.findall(r"-S 'select.*?'|-S prepare\S+", new.partition("run: ")[2])
    (run,) = [line for line in said if line.startswith("standin run -S")]
    assert all(size in run for size in sizes)
    assert "report: reports/report.html" in said[run]
    assert "two-examples" in said["standin compare"]
    assert not (project.root / "data/raw/library").exists()


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here: make test-vllm")
def test_the_whole_pipeline_runs_through_vllm_and_through_its_server(project: Project) -> None:
    project.dvc("exp", "run", "-n", "in-process", "-S", "generator.engine=vllm")
    with vllm_server() as url:
        server = ["-S", "generator.engine=openai", "-S", f"generator.model={MODEL}", "-S", f"runtime.base_url={url}"]
        project.dvc("exp", "run", "-n", "served", *server)
    for name, engine in (("in-process", "vllm"), ("served", "openai")):
        (run,) = [run for run in project.mlflow_runs() if run.info.run_name == name]
        assert run.info.status == "FINISHED"
        assert run.data.params["generator.engine"] == engine
        assert read_stages(run)["finetune.sqbc_synthetic"].startswith("executed")
        made = {name: value for name, value in run.data.metrics.items() if name.startswith("generate.")}
        assert made["generate.planned"] == 24
        assert made["generate.tokens_per_second"] > 0
    assert {row["engine"] for row in project.rows("data/generated/texts.jsonl")} == {"openai"}


def test_queued_experiments_each_have_one_complete_run(project: Project) -> None:
    project.dvc("exp", "run", "--queue", "-S", "generator.shots=1", "-S", "base.seed=1,2")
    # the worker keeps the streams of the command that started it
    subprocess.run(["dvc", "queue", "start", "-j", "1"], cwd=project.root, env=project.env, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + 1800
    while (status := project.dvc("queue", "status")).count("Success") < 2 and "Failed" not in status:
        assert time.monotonic() < deadline, status
        time.sleep(3)
    assert status.count("Success") == 2, status
    runs = [run for run in project.mlflow_runs() if run.data.params["generator.shots"] == "1"]
    assert sorted(run.data.params["base.seed"] for run in runs) == ["1", "2"]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert {"prepare.real_texts.pool", "evaluate.real.macro_f1", "subjectivity.place"} <= set(run.data.metrics)
    before = len(project.mlflow_runs())
    assert "0 added" in project.run("standin", "sync")
    assert len(project.mlflow_runs()) == before


def test_the_pipeline_obeys_what_people_decided_of_texts(project: Project) -> None:
    before = {row["id"]: row for row in project.rows("data/synthetic/texts.jsonl")}
    edited, rejected, accepted = list(before)[:3]
    project.run("standin", "review", "--write", "to-review.csv")
    with (project.root / "to-review.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    said = {
        edited: {"new text": "Ein Satz, den ein Mensch geschrieben hat", "new label": "community"},
        rejected: {"decision": "reject"},
        accepted: {"decision": "accept"},
    }
    with (project.root / "to-review.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, **said.get(row["id"], {})} for row in rows)
    project.run("standin", "review", "--read", "to-review.csv")
    (project.root / "to-review.csv").unlink()
    found = project.dvc("repro", "validate")
    ran = re.findall(r"Running stage '([^']+)'", found)
    assert ran == ["edit", "embed@generated", "verify", "curate", "validate"], (
        "a change of reviews asks no model to write"
    )
    assert "curate: reviewed by people: 1 accepted, 1 rejected, 1 edited" in found
    after = {row["id"]: row for row in project.rows("data/synthetic/texts.jsonl")}
    assert rejected not in after
    assert after[accepted] == before[accepted] | {"reviewed": "accepted"}
    assert (after[edited]["text"], after[edited]["label"]) == (said[edited]["new text"], "community")
    assert after[edited]["plan_id"] == before[edited]["plan_id"]
    assert [row["reason"] for row in project.rows("data/synthetic/removed.jsonl") if row["id"] == rejected] == [
        "rejected"
    ]
    project.dvc("repro", "--downstream", "report", "--dry")
    (project.root / "data/reviews/city-topics.jsonl").unlink()
    project.dvc("repro", "validate")
    assert {row["id"]: row for row in project.rows("data/synthetic/texts.jsonl")} == before, "nothing was lost"


def test_a_failing_gate_stops_everything_after_it_and_says_what_to_change(project: Project) -> None:
    project.change(validate={"min_texts_per_label": 1000})
    said = project.dvc("repro", fails=True)
    assert "min_texts_per_label" in said
    assert "Traceback" not in said
    assert not (project.root / "reports/validate/gate.json").exists()
    for stage in ("diversity", "arms", "finetune@real", "evaluate", "track"):
        assert f"Running stage '{stage}'" not in said
    (failed,) = [run for run in project.mlflow_runs() if run.info.status == "FAILED"]
    assert read_stages(failed)["validate"].startswith("failed: the synthetic data failed one check")
    assert "min_texts_per_label" in failed.data.tags["mlflow.note.content"]


def test_contrastive_active_learning_joins_as_the_readme_shows(project: Project) -> None:
    project.dvc("exp", "run", "-S", "+select.strategies.cal.evidence=models/learner", "-S", "+arms.cal=[cal]")
    assert Counter(row["seed"] for row in project.rows("data/selected/cal.jsonl")) == {1: 48, 2: 48}
    with (project.root / "reports/evaluate/scores.csv").open(newline="") as file:
        assert "cal" in {row["arm"] for row in csv.DictReader(file)}


def test_a_killed_generation_goes_on_and_ends_with_the_same_bytes(project: Project) -> None:
    whole = {path.name: path.read_bytes() for path in (project.root / "data/generated").iterdir()}
    store = project.root / ".standin/answers.db"
    for path in store.parent.glob("answers.db*"):
        path.unlink()
    command = [sys.executable, "src/pipeline.py", "generate"]
    with subprocess.Popen(command, cwd=project.root, env=project.env, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and stored(store) == 0:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert 0 < stored(store) < 24, "killed between two chunks"
    project.run(*command)
    assert {path.name: path.read_bytes() for path in (project.root / "data/generated").iterdir()} == whole


def stored(store: Path) -> int:
    if not store.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=1) as database:
            return int(database.execute("SELECT count(*) FROM answers").fetchone()[0])
    except sqlite3.OperationalError:  # the file is there before its table
        return 0


def test_a_stance_task_has_a_classifier_a_selection_and_a_score_for_each_question(project: Project) -> None:
    project.change(base={"task": "city-stance"})
    project.dvc("repro")
    questions = {"close_centre", "remove_parking"}
    for split, size in (("shots", 24), ("validation", 16), ("pool", 48), ("test", 40)):
        counts = Counter(row["question_id"] for row in project.rows(f"data/real/{split}.jsonl"))
        assert counts == dict.fromkeys(questions, size), split
    assert {row["question_id"] for row in project.rows("data/synthetic/texts.jsonl")} == questions
    for name, texts in (("real", "data/real/pool.jsonl"), ("generated", "data/translated/texts.jsonl")):
        pairs = {row["id"] for row in project.rows(f"data/embeddings/{name}/pairs/ids.jsonl")}
        assert pairs == {row["id"] for row in project.rows(texts)}, "SQBC reads question and text together"
    pool = {row["id"]: row["question_id"] for row in project.rows("data/real/pool.jsonl")}
    budget = yaml.safe_load((project.root / "params.yaml").read_text())["select"]["budgets"][-1]
    for strategy in ("random", "sqbc"):
        chosen = [row for row in project.rows(f"data/selected/{strategy}.jsonl") if row["rank"] <= row["budget"]]
        assert all(pool[row["id"]] == row["question_id"] for row in chosen)
        counts = Counter((row["seed"], row["question_id"]) for row in chosen if row["budget"] == budget)
        assert set(counts.values()) == {budget}
        assert {question for _, question in counts} == questions
    tested = {row["id"]: row["question_id"] for row in project.rows("data/real/test.jsonl")}
    for row in project.rows("data/predictions/sqbc_synthetic.jsonl"):
        assert tested[row["id"]] == row["question_id"]
    prompts = {row["question"] for row in project.rows("data/generated/plan.jsonl")}
    assert {prompt.split()[0] for prompt in prompts} == {"Should"}
    with (project.root / "reports/evaluate/questions.csv").open(newline="", encoding="utf-8") as file:
        assert {row["question_id"] for row in csv.DictReader(file)} == questions


def test_a_task_of_unlabelled_texts_runs_as_far_as_it_can_and_says_what_is_skipped(project: Project) -> None:
    task = (project.root / "tasks/city-topics.yaml").read_text().replace("city-topics", "city-plain")
    (project.root / "tasks/city-plain.yaml").write_text(task.replace("    label: label\n", "    label: null\n"))
    raw = project.root / "data/raw/city-plain/texts.jsonl"
    raw.parent.mkdir(parents=True)
    lines = (project.root / "data/raw/city-topics/texts.jsonl").read_text(encoding="utf-8").splitlines()
    texts = ({"id": row["id"], "text": row["text"]} for row in map(json.loads, lines))
    raw.write_text("".join(json.dumps(row) + "\n" for row in texts), encoding="utf-8")
    project.change(base={"task": "city-plain"})
    said = project.dvc("repro")
    assert len(project.rows("data/selected/sqbc.jsonl")) == 2 * len(project.rows("data/real/pool.jsonl"))
    assert len(project.rows("data/real/pool.jsonl")) > 48, "nothing is labelled: every text is in the pool"
    assert "skipped" in said
    assert "no predictions on labelled test texts" in said
    assert "No scores" in (project.root / "reports/report.html").read_text()


SECRETS = {name: f"the-secret-of-{name}" for name in ("api", "tracking", "remote", "address")}


def holding(project: Project, said: str) -> list[str]:
    """Where a secret stands: files of the project, what git keeps packed, and what was printed."""
    git = ["git", "cat-file", "--batch-all-objects", "--batch"]
    packed = subprocess.run(git, cwd=project.root, capture_output=True, check=True).stdout
    own = project.root / ".dvc/config.local"  # where a person writes it
    files = [path for path in project.root.rglob("*") if path.is_file() and path != own]
    contents = [("printed", said.encode()), ("git", packed), *((str(path), path.read_bytes()) for path in files)]
    return [place for place, content in contents if any(secret.encode() in content for secret in SECRETS.values())]


def test_no_secret_is_written_or_printed_by_good_and_failing_runs(project: Project) -> None:
    environment = dict(project.env)
    key = SECRETS["api"]
    with serving() as server:
        project.env |= {
            "OPENAI_API_KEY": key,
            "MLFLOW_TRACKING_URI": f"http://me:{SECRETS['tracking']}@127.0.0.1:9",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "2",
        }
        hosted = ("-S", "generator.engine=openai", "-S", "generator.model=m", "-S", f"runtime.base_url={server.url}")
        said = project.dvc("remote", "add", "--local", "far", f"http://me:{SECRETS['remote']}@127.0.0.1:9/store")
        said += project.dvc("exp", "run", "-n", "hosted", *hosted)
        assert "tracking: the events are kept" in said or "nothing is lost" in said
        assert server.keys == {f"Bearer {key}"}
        server.refuse = lambda _: (401, {"error": {"message": f"Incorrect API key provided: {key}."}})
        said += project.dvc("exp", "run", *hosted, "-S", "generator.temperature=0.5", fails=True)
        assert "Incorrect API key provided: [key]" in said
        address = f"http://me:{SECRETS['address']}@127.0.0.1:9/v1"
        said += project.run("standin", "generate", "--dry-run", "-S", f"runtime.base_url={address}", fails=True)
        said += project.dvc("push", "-r", "far", fails=True)
        said += project.run("standin", "sync", fails=True)
    project.env = environment
    said += project.run("standin", "sync")
    assert holding(project, "") == []
    assert holding(project, said) == []
    (project.root / "leak.txt").write_text(key)
    assert holding(project, key) == ["printed", str(project.root / "leak.txt")]
    (project.root / "leak.txt").unlink()
    project.dvc("remote", "remove", "--local", "far")
