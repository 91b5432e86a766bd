"""``standin release``: a data card from the reports, a commit, and a tag by which DVC gives the texts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from toy_project import ToyProject
from typer.testing import CliRunner

from standin import cards, releasing
from standin.config import Params, load_params, parse_params
from standin.corpus import read_json, write_metrics
from standin.errors import StandinError
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [{"id": f"s{n}", "text": f"The bus to stop {n} is late", "label": "transport"} for n in range(3)]
PIPELINE = """
stages:
  curate:
    cmd: python make.py
    deps: [make.py]
    params: [curate]
    outs: [data/synthetic]
    metrics:
    - reports/curate/metrics.json: {cache: false}
artifacts:
  synthetic-texts: {path: data/synthetic, type: dataset}
"""
MAKE = """
import json, shutil
from pathlib import Path
Path("data/synthetic").mkdir(parents=True, exist_ok=True)
Path("data/synthetic/texts.jsonl").write_text(Path("made.jsonl").read_text())
Path("reports/curate").mkdir(parents=True, exist_ok=True)
shutil.copy("curate.json", "reports/curate/metrics.json")
"""


def reports(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {stage: read_json(ROOT / "reports" / stage / "metrics.json") for stage in releasing.REPORTS}
    found["headline"] = read_json(ROOT / "reports/headline.json")
    return {stage: values | changes.get(stage, {}) for stage, values in found.items()}


def params(**generator: Any) -> Params:
    values = load_params(ROOT).model_dump(by_alias=True)
    return parse_params(values | {"generator": values["generator"] | generator})


def card(made: Params | None = None, **changes: dict[str, Any]) -> str:
    release = cards.Release("synthetic-texts", "v0.1.0", "a" * 40, "b" * 12, "https://git.example.org/p")
    return cards.card(release, made or params(), load_task("city-topics", ROOT), reports(**changes))


def front(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_the_front_matter_is_that_of_a_data_set_on_the_hub_and_leaves_the_licence_to_a_person() -> None:
    text = card()
    assert "license" not in front(text)
    assert "# license: nobody has chosen one yet" in text
    assert front(text)["language"] == ["en"]
    assert front(text)["task_categories"] == ["text-classification"]
    assert front(text)["annotations_creators"] == ["machine-generated"]
    for kept, size in ((999, "n<1K"), (1_000, "1K<n<10K"), (5_000_000, "n>1M")):
        assert front(card(curate={"kept": kept}))["size_categories"] == [size]


def test_the_card_says_what_the_reports_say() -> None:
    changes = {
        "curate": {"kept": 6, "planned": 8, "kept_share": 0.75, "refused": 0, "invalid": 0, "duplicate": 2,
                   "duplicate_by": {"cosine": 2}, "kept_per_label": {"transport": 6, "housing": 0}},
        "validate": {"passed": 23, "expectations": 24},
        "diversity": {"texts_compared": 6, "similarity_coverage": 0.25, "similarity_of_real_halves": 0.5,
                      "synthetic": {"chamfer_cosine": 0.4}, "real": {"chamfer_cosine": 0.6}},
        "headline": {"macro_f1": {"synthetic": 0.5, "real": 0.75, "random": 0.6}},
    }  # fmt: skip
    text = card(**changes)
    assert "6 of 8 planned texts were kept (75.0%). 23 of 24 expectations" in text
    assert "| duplicate | 2 | cosine 2 |" in text
    assert "| refused" not in text
    assert "| transport | 6 | 100.0% |\n| housing | 0 | 0.0% |" in text
    assert "| Chamfer: mean cosine distance to the nearest other | 0.400 | 0.600 |" in text
    assert "remote clique" not in text
    assert "| similarity of real texts to the nearest of these | 0.250 | 0.500 |" in text
    assert "alone reach macro-F1 0.500 on real test texts, on the labelled real texts 0.750" in text
    assert "dvc get https://git.example.org/p data/synthetic --rev synthetic-texts@v0.1.0" in text
    assert "git clone --branch synthetic-texts@v0.1.0 https://git.example.org/p released && cd released" in text
    assert f"commit `{'a' * 40}`" in text


def test_the_card_says_whether_people_read_the_texts() -> None:
    assert "no step of the pipeline has a person check it" in card()
    told = card(curate={"reviewed": {"accepted": 1200, "rejected": 3, "edited": 2}})
    assert "people read some of the texts (1,200 accepted, 2 edited or given another label, 3 rejected)" in told
    assert "no step of the pipeline" not in told


def test_the_card_says_who_saw_real_texts() -> None:
    assert "No real text was in a prompt." in card()
    shown = card(params(shots=5, engine="openai", model="m"), curate={"copied": 4})
    assert "Prompts showed 5 real examples to a server. Texts that copy their examples (4)" in shown
    recorded = card(params(engine="replay", model="/home/me/secret/gpt.jsonl"))
    assert "generated elsewhere: what was in the prompts is not known" in recorded
    assert "/home/me" not in recorded
    assert "temperature" not in recorded


def test_without_arms_and_without_real_texts_nothing_is_said_of_them() -> None:
    text = card(headline={"macro_f1": {}}, diversity={"synthetic": {}, "real": {}, "similarity_coverage": None})
    assert "macro-F1" not in text
    assert "## Diversity" not in text


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


class Released(ToyProject):
    """One stage that writes texts and a report; the other reports are the example's."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.write("dvc.yaml", PIPELINE)
        self.write("make.py", MAKE)
        self.write("made.jsonl", "".join(json.dumps(row) + "\n" for row in TEXTS))
        write_metrics(self.root / "curate.json", reports()["curate"])
        for name in ("params.yaml", "tasks/city-topics.yaml", "reports/headline.json",
                     *(f"reports/{stage}/metrics.json" for stage in releasing.REPORTS)):  # fmt: skip
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.run("git", "init", "-q", "-b", "main")
        self.run("git", "config", "user.name", "T")
        self.run("git", "config", "user.email", "t@example.org")
        self.dvc("init", "-q")
        self.write(".gitignore", "/storage/\n/.standin/\n")
        self.write(
            ".dvc/config", "[core]\n    remote = released\n['remote \"released\"']\n    url = ../proc/released\n"
        )
        self.commit("start")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run, is committed, and has not been pushed."""
    project = Released(tmp_path_factory.mktemp("released") / "a project")
    project.run(sys.executable, "-m", "standin.stores")
    project.dvc("repro", "-q")
    project.commit("results")
    return project.root


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "p", symlinks=True)
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def standin(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    releasing.register(app)
    app.callback()(lambda: None)
    done = CliRunner().invoke(app, ["release", *words])
    said = str(done.exception) if isinstance(done.exception, StandinError) else ""
    return done.exit_code, done.output + said


def dvc(root: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_all_that_is_missing_is_said_at_once_with_what_to_do(root: Path) -> None:
    (root / "params.yaml").write_text((root / "params.yaml").read_text().replace("min_words: 3", "min_words: 4"))
    (root / "tasks/other.yaml").write_text("name: other\n")
    (root / "notes.txt").write_text("of mine")
    before = git(root, "rev-parse", "HEAD")
    status, said = standin("texts")
    assert status == 1
    assert "texts v0.1.0 is not released: 4 things missing" in said
    assert "there is no artifact 'texts' with path data/synthetic" in said
    assert "not committed: params.yaml, tasks/other.yaml. `git add` and `git commit` them" in said
    assert "older than code or parameters (curate: params.yaml: curate has changed since): `standin run`" in said
    assert "data/synthetic is not on the default remote, where others take it from: `dvc push`" in said
    assert git(root, "rev-parse", "HEAD") == before
    assert not git(root, "tag")
    assert not (root / "releases").exists()


def test_texts_that_are_nowhere_cannot_be_released(root: Path) -> None:
    shutil.rmtree(root / ".dvc/cache")
    shutil.rmtree(root / "storage", ignore_errors=True)
    status, said = standin()
    assert status == 1
    assert "1 thing missing\n- data/synthetic is neither here nor on the default remote: `standin run`" in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--version", "1.2"), "three numbers, as in 0.1.0"),
        (("--version", "1.02.0"), "three numbers"),
        (("--version", "1.0.0@x"), "three numbers"),
        (("--license", "My own: none"), "as the hub's data sets have it"),
    ],
)
def test_a_version_or_licence_that_is_none_is_refused(words: tuple[str, ...], why: str, root: Path) -> None:
    status, said = standin(*words)
    assert status == 1
    assert why in said


def test_the_next_version_is_the_next_minor_one_and_a_version_is_given_once(root: Path) -> None:
    for tag in ("v0.2.0", "v0.10.1", "v1.0.0-rc.1", "v9", "other@v7.0.0"):
        git(root, "tag", "-a", tag if "@" in tag else f"synthetic-texts@{tag}", "-m", "x")
    assert releasing._version("synthetic-texts", None) == "v1.1.0"
    assert releasing._version("synthetic-texts", "v0.3.0") == "v0.3.0"
    with pytest.raises(StandinError, match=r"v0.10.1 is there already, and versions stay what they are. Next: 1.1.0"):
        releasing._version("synthetic-texts", "0.10.1")


@pytest.mark.slow
def test_a_release_is_a_card_a_commit_and_a_tag_by_which_dvc_gives_the_texts(root: Path, tmp_path: Path) -> None:
    dvc(root, "push")
    results = git(root, "rev-parse", "HEAD")
    status, said = standin("--license", "cc-by-4.0", "-m", "what is new")
    assert status == 0, said
    assert "released: synthetic-texts@v0.1.0" in said
    assert "the texts are in this clone's folder storage; others get them after `standin share URL`" in said
    assert git(root, "show", "--format=%s", "--name-only", "HEAD").split("\n\n") == [
        "Release synthetic-texts v0.1.0", "releases/synthetic-texts.md",
    ]  # fmt: skip
    assert git(root, "cat-file", "-t", "synthetic-texts@v0.1.0") == "tag"
    text = (root / "releases/synthetic-texts.md").read_text()
    assert front(text)["license"] == "cc-by-4.0"
    assert results in text
    assert "what is new" in text
    assert not any(row["text"] in text for row in TEXTS)

    status, said = standin()  # the licence stays chosen
    assert status == 0, said
    assert "released: synthetic-texts@v0.2.0" in said
    assert "license: cc-by-4.0" in git(root, "show", "synthetic-texts@v0.2.0:releases/synthetic-texts.md")

    (root / "made.jsonl").write_text(json.dumps(TEXTS[0]) + "\n")
    dvc(root, "repro", "-q", "-f")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    dvc(elsewhere, "get", str(root), "data/synthetic", "--rev", "synthetic-texts@v0.1.0", "--out", "one")
    dvc(elsewhere, "artifacts", "get", str(root), "synthetic-texts", "--rev", "v0.1.0", "--out", "two")
    dvc(elsewhere, "artifacts", "get", str(root), "synthetic-texts", "--out", "newest")
    for name in ("one", "two", "newest"):
        assert len((elsewhere / name / "texts.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
def test_where_git_refuses_the_commit_nothing_is_left_behind(root: Path) -> None:
    dvc(root, "push")
    hook = root / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho no commits on Thursdays >&2\nexit 1\n")
    hook.chmod(0o755)
    status, said = standin()
    assert status == 1
    assert "`git commit` refuses: no commits on Thursdays" in said
    assert not git(root, "status", "--porcelain")
    assert not git(root, "tag")


@pytest.mark.slow
def test_a_dry_run_prints_the_card_and_changes_nothing(root: Path) -> None:
    dvc(root, "push")
    before = git(root, "for-each-ref")
    status, said = standin("--dry-run", "--version", "3.0.0-rc.1")
    assert status == 0, said
    assert "# synthetic-texts v3.0.0-rc.1" in said
    assert git(root, "for-each-ref") == before
    assert not git(root, "status", "--porcelain")
