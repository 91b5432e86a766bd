"""``standin clean``: what takes room, what of it can go, and that nothing else ever goes."""

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
import typer
import yaml
from toy_project import ToyProject
from typer.testing import CliRunner

from standin.cleaning import cache, commands, experiments, sizes
from standin.errors import StandinError

CACHE = Path(".dvc/cache")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def git(*words: str) -> str:
    who = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def store(content: bytes, suffix: str = "") -> str:
    name = md5(content) + suffix
    path = CACHE / "files/md5" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def folder(text: str) -> str:
    """A folder with one file in the cache; its name there."""
    entry = [{"md5": store(text.encode()), "relpath": "rows.jsonl"}]
    return store(json.dumps(entry).encode(), ".dir")


def ran(text: str) -> str:
    """What DVC keeps of a stage that made a folder: the folder, and an entry of the run cache."""
    name = folder(text)
    entry = {"cmd": "x", "deps": [{"path": "data/raw/t", "md5": md5(b"raw " + text.encode())}],
             "outs": [{"path": "data/real", "md5": name}]}  # fmt: skip
    path = CACHE / "runs" / md5(text.encode())[:2] / md5(text.encode()) / "one"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(entry))
    return name


def lock(name: str) -> None:
    stages = {"prepare": {"cmd": "x", "outs": [{"path": "data/real", "hash": "md5", "md5": name}]}}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def commit(name: str) -> str:
    lock(name)
    git("add", "-A")
    git("commit", "-q", "-m", "a state")
    return git("rev-parse", "HEAD")


def held() -> set[str]:
    return {path.parent.name + path.name for path in (CACHE / "files/md5").glob("??/*")}


def contents(*names: str) -> set[str]:
    inside = [json.loads((CACHE / "files/md5" / name[:2] / name[2:]).read_bytes())[0]["md5"] for name in names]
    return {*names, *inside}


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A project whose cache holds folders that are named in every way there is, one by nothing, and raw data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    git("init", "-q", "-b", "main")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True, capture_output=True)
    Path("dvc.yaml").write_text("stages: {}\n")
    Path("params.yaml").write_text("base: {task: toy}\n")
    Path(".gitignore").write_text("/.standin/\n/mlflow.db*\n/mlartifacts/\n/data/raw/mine.jsonl\n")
    made = {"earlier commit": ran("earlier"), "tag": ran("tag")}
    first = commit(made["earlier commit"])
    git("checkout", "-q", "-b", "side")
    commit(made["tag"])
    git("tag", "v1")
    git("checkout", "-q", "main")
    git("branch", "-q", "-D", "side")
    made["experiment"] = ran("experiment")
    rev = commit(made["experiment"])
    git("update-ref", f"refs/exps/{first[:2]}/{first[2:]}/dusty-pine", rev)
    git("reset", "-q", "--hard", first)
    for place in ("queued first", "queued second"):  # DVC keeps its queue as a stack of stashes, in the ref's log
        made[place] = ran(place)
        rev = commit(made[place])
        git("update-ref", "--create-reflog", "-m", place, "refs/exps/celery/stash", rev)
        git("reset", "-q", "--hard", first)
    made["head"] = ran("head")
    commit(made["head"])
    made["workspace"] = ran("workspace")
    lock(made["workspace"])
    raw = {"added": store(b"raw texts"), "removed": store(b"raw texts that were added, removed and never committed")}
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/mine.jsonl").write_bytes(b"raw texts")
    Path("data/raw/mine.jsonl.dvc").write_text(yaml.safe_dump({"outs": [{"md5": raw["added"], "path": "mine.jsonl"}]}))
    return {**made, **raw, "nothing": ran("nothing")}


def standin(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    done = CliRunner().invoke(app, ["clean", *words])
    if done.exception and not isinstance(done.exception, StandinError | SystemExit):
        raise done.exception
    said = str(done.exception) if isinstance(done.exception, StandinError) else ""
    return done.exit_code, done.output + said


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (1_250_000, "1.2 MB"),
     (3_400_000_000, "3.4 GB"), (5_000_000_000_000, "5000.0 GB")],
)  # fmt: skip
def test_sizes_are_written_as_people_read_them(size: int, said: str) -> None:
    assert sizes.readable(size) == said


def test_links_are_not_followed_when_room_is_measured(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_bytes(b"12345")
    (tmp_path / "outside").write_bytes(b"1" * 1000)
    (tmp_path / "a/link").symlink_to(tmp_path / "outside")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    links = sum((tmp_path / "a" / name).lstat().st_size for name in ("link", "loop"))
    assert sizes.measured([tmp_path / "a", tmp_path / "gone"]) == 5 + links


def test_only_what_a_stage_made_and_nothing_names_can_go(names: Mapping[str, str]) -> None:
    found = cache.find(CACHE)
    assert set(found.unused) == contents(names["nothing"])
    assert found.results == 1
    assert set(found.unknown) == {names["removed"]}


def test_clean_shows_and_removes_nothing_until_it_is_asked(names: Mapping[str, str]) -> None:
    before, status = held(), git("status", "--porcelain")
    code, said = standin()
    assert code == 0
    assert "- 1 result in DVC's cache that no commit, tag, stash, experiment or the workspace names" in said
    assert (
        "1 file (54 B) in DVC's cache that nothing names and no stage is known to have made, raw data perhaps" in said
    )
    assert "nothing was removed; `standin clean --yes` removes it" in said
    assert held() == before
    code, said = standin("--yes")
    assert code == 0, said
    assert "removed: " in said
    assert before - held() == contents_before(names, before)
    assert Path("data/raw/mine.jsonl").read_bytes() == b"raw texts"
    assert git("status", "--porcelain") == status
    assert "nothing can go" in standin("--yes")[1]


def contents_before(names: Mapping[str, str], before: set[str]) -> set[str]:
    return {names["nothing"], md5(b"nothing")} & before


def test_json_has_bytes_for_every_kind(names: Mapping[str, str]) -> None:
    code, said = standin("--json")
    found = json.loads(said)
    assert code == 0
    assert {kind["kind"]: kind["can_go"] > 0 for kind in found["kinds"]}["DVC's cache"]
    assert all(kind["bytes"] >= kind["can_go"] for kind in found["kinds"])
    assert found["removed"] == 0
    assert names["nothing"] in held()


def test_answers_of_models_stay_and_are_counted(names: Mapping[str, str]) -> None:
    from standin.engines.protocol import Answer
    from standin.generation.store import AnswerStore

    with AnswerStore(Path(".standin/answers.db")) as answers:
        answers.put([{"model": "m", "n": n} for n in range(2)], [Answer("a", "stop", 1, 1)] * 2, 0.1)
    before = Path(".standin/answers.db").read_bytes()
    said = standin("--yes")[1]
    assert "- 2 answers of models: a run that asks the same takes them from here, for nothing" in said
    assert Path(".standin/answers.db").read_bytes() == before


def test_a_cache_that_other_projects_share_is_left_alone(names: Mapping[str, str], tmp_path: Path) -> None:
    shared = tmp_path.with_name(tmp_path.name + "-shared")
    CACHE.rename(shared)
    Path(".dvc/config.local").write_text(f"[cache]\n    dir = {shared}\n")
    before = sorted(shared.rglob("*"))
    said = standin("--yes")[1]
    assert f"DVC's cache is {shared}, outside the project: other projects may use what it holds" in said
    assert sorted(shared.rglob("*")) == before


@pytest.mark.parametrize("broken", ["no git", "shallow", "a lost file"])
def test_where_git_cannot_say_what_is_named_nothing_goes(broken: str, names: Mapping[str, str]) -> None:
    if broken == "no git":
        Path(".git/HEAD").write_text("nonsense\n")
    elif broken == "shallow":
        Path(".git/shallow").write_text(git("rev-parse", "HEAD") + "\n")
    else:
        lost = git("rev-parse", "v1:dvc.lock")
        Path(f".git/objects/{lost[:2]}/{lost[2:]}").unlink()
    before = held()
    with pytest.raises(StandinError, match=r"is not known|does not say"):
        cache.find(CACHE)
    found = commands.look()
    assert found.objects is None
    assert any(line.startswith("DVC's cache: ") for line in found.stays)
    assert held() == before


def test_while_dvc_is_at_work_nothing_is_removed(names: Mapping[str, str]) -> None:
    words = [sys.executable, "-c", "input()", "dvc", "repro", "generate"]
    with subprocess.Popen(words, cwd="data", stdin=subprocess.PIPE) as working:
        try:
            assert experiments.at_work() == [f"dvc repro generate (process {working.pid})"]
            code, said = standin("--yes")
        finally:
            working.communicate(b"\n")
    assert code == 1
    assert f"nothing was removed: dvc repro generate (process {working.pid}) is at work here." in said
    assert names["nothing"] in held()
    assert experiments.at_work() == []


@pytest.mark.parametrize(
    ("word", "known"),
    [("/venv/bin/dvc", True), ("/venv/lib/python3.11/site-packages/dvc/__main__.py", True), ("pipeline.py", True),
     ("/venv/lib/python3.11/site-packages/pip/__main__.py", False), ("dvc.yaml", False)],
)  # fmt: skip
def test_dvc_is_known_by_its_command_and_by_how_it_starts_its_queue(word: str, known: bool) -> None:
    assert experiments._runs_dvc(word) is known


def test_what_is_named_after_it_was_found_stays(names: Mapping[str, str]) -> None:
    found = cache.find(CACHE)
    lock(names["nothing"])
    before = held()
    cache.remove(found)
    assert held() == before


def test_copies_that_killed_experiments_left_go_and_what_their_links_lead_to_stays(names: Mapping[str, str]) -> None:
    copy = experiments.FOLDERS / "tmpa1b2"
    (copy / "data").mkdir(parents=True)
    (copy / "data/link").symlink_to(Path("data/raw").resolve())
    (experiments.FOLDERS / "run/1").mkdir(parents=True)
    assert "- 1 copy of the project, left by experiments that were killed" in standin()[1]
    standin("--yes")
    assert not copy.exists()
    assert (experiments.FOLDERS / "run/1").exists()
    assert Path("data/raw/mine.jsonl").exists()


def test_the_next_clean_goes_on_where_one_was_cut_short(names: Mapping[str, str], tmp_path: Path) -> None:
    """A kill leaves some of the unused objects: here one of them is taken away by its own path."""
    ran("nothing either")
    before, goes = held(), set(cache.find(CACHE).unused)
    gone = min(goes)
    (tmp_path / CACHE / "files/md5" / gone[:2] / gone[2:]).unlink()
    assert standin("--yes")[0] == 0
    assert before - held() == goes


@pytest.mark.slow
def test_runs_that_were_deleted_in_mlflow_go_unless_sync_would_bring_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    from standin.tracking import deleted
    from standin.tracking.runs import STATE, opened, tracking_uri
    from standin.tracking.states import read_state
    from standin.tracking.trees import Workspace

    project = ToyProject(tmp_path / "a project")
    project.fake_results()
    project.init_git()
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    state = read_state(Workspace())
    assert state is not None
    assert deleted.removable() == []
    made = {}
    for experiment in ("toy", "gone"):
        with opened(experiment) as opening:
            for name, digest in (
                ("in a bucket", ""),
                ("elsewhere", ""),
                ("kept", ""),
                ("deleted", ""),
                ("of an old state", "0" * 32),
                ("of HEAD", state.digest),
            ):
                run = opening.client.create_run(opening.experiment_id, tags={STATE: digest} if digest else {})
                opening.client.log_text(run.info.run_id, "a page", "report.html")
                made[experiment, name] = run.info.run_id
                if name != "kept":
                    opening.client.delete_run(run.info.run_id)
            if experiment == "gone":
                opening.client.delete_experiment(opening.experiment_id)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with closing(sqlite3.connect(project.root / "mlflow.db")) as database, database:
        for name, uri in (("in a bucket", f"s3://bucket{elsewhere}"), ("elsewhere", elsewhere.as_uri())):
            database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (uri, made["toy", name]))
    found = deleted.removable()
    assert {run.run_id for run in found} == {made["toy", "deleted"], made["toy", "of an old state"]}
    assert all((run.files / "report.html").exists() for run in found)
    (found[0].files / "report.html").unlink()  # as a kill after the files leaves it
    found[0].files.rmdir()
    deleted.remove(found)
    assert not any(run.files.exists() for run in found)
    assert deleted.removable() == []
    client = MlflowClient(tracking_uri=tracking_uri())
    for key, run_id in made.items():
        if run_id not in {run.run_id for run in found}:
            assert client.get_run(run_id), key
            assert (project.root / "mlartifacts" / run_id / "artifacts/report.html").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    assert deleted.removable() == []


@pytest.mark.slow
def test_after_a_clean_every_state_comes_back_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = ToyProject(tmp_path / "a project")
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.name", "T")
    project.run("git", "config", "user.email", "t@example.org")
    project.dvc("init", "-q")
    project.commit("start")
    project.dvc("repro")
    project.commit("results")
    project.dvc("exp", "run", "-n", "kept", "-S", "finetune.max_steps=30")
    project.run("git", "reset", "-q", "--hard")
    project.dvc("exp", "run", "-n", "dropped", "-S", "finetune.max_steps=40")
    project.dvc("exp", "remove", "dropped")
    project.run("git", "reset", "-q", "--hard")
    project.dvc("checkout")
    files = project.root / ".dvc/cache/files"

    def count() -> int:
        return sum(path.is_file() for path in files.rglob("*"))

    before, status = count(), project.dvc("status")
    monkeypatch.chdir(project.root)
    goes = cache.find(CACHE).unused
    would = project.dvc("gc", "--workspace", "--all-commits", "--all-experiments", "--force", "--dry")
    assert goes
    assert all(f"{name[:2]}/{name[2:]}" in would for name in goes), "DVC itself would keep one of them"
    said = project.standin("clean", "--yes")
    assert "removed: " in said, said
    assert count() == before - len(goes)
    assert project.dvc("status") == status
    project.dvc("exp", "apply", "kept")
    assert (project.root / "models/real/model.txt").read_text() == "real 30"
    project.run("git", "reset", "-q", "--hard")
    project.edit("params.yaml", "max_steps: 20", "max_steps: 40")
    assert "Running stage 'finetune@real'" in project.dvc("repro")
    assert (project.root / "models/real/model.txt").read_text() == "real 40"
