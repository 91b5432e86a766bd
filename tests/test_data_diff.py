"""``standin data diff``: what has become of the synthetic texts between two versions."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from standin.corpus import write_metrics
from standin.sources.commands import register

OLD = {"1": ("A bus, please", "transport"), "2": ("More trees", "green"), "3": ("No bus", "transport")}
NEW = {"1": ("A bus, please", "transport"), "2": ("Many more trees", "green"), "4": ("A park", "green")}


def run(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True)


def write(root: Path, texts: dict[str, tuple[str, str]], clique: float | None) -> None:
    (root / "data/synthetic").mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"id": key, "text": text, "label": label}) for key, (text, label) in texts.items()]
    (root / "data/synthetic/texts.jsonl").write_text("\n".join(rows) + "\n")
    if clique is not None:
        measures = {
            f"remote_clique_cosine{end}": clique + step for end, step in (("", 0), ("_low", -0.1), ("_high", 0.1))
        }
        (root / "reports/diversity").mkdir(parents=True, exist_ok=True)
        write_metrics(root / "reports/diversity/metrics.json", {"synthetic": measures})


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tag v1 holds OLD in DVC's cache, and whose workspace holds NEW."""
    root = tmp_path_factory.mktemp("versions") / "project"
    root.mkdir()
    run(root, "git", "init", "-q", "-b", "main")
    run(root, sys.executable, "-m", "dvc", "init", "--quiet")
    write(root, OLD, 0.5)
    run(root, sys.executable, "-m", "dvc", "add", "--quiet", "data/synthetic")
    run(root, "git", "add", "-A")
    run(root, "git", "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", "one")
    run(root, "git", "tag", "v1")
    write(root, NEW, 0.75)
    return root


def standin(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    register(app)
    done = CliRunner().invoke(app, ["data", "diff", *words])
    return done.exit_code, done.output


def test_counts_shares_and_diversity_of_a_tag_and_the_workspace(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(versions)
    status, said = standin("v1")
    assert status == 0, said
    assert said.splitlines() == [
        "data/synthetic: v1 -> workspace",
        "  3 -> 3 texts: 1 added, 1 removed, 1 changed, 1 the same",
        "share of labels",
        "  green                    33.3% ->  66.7%",
        "  transport                66.7% ->  33.3%",
        "diversity (in brackets where 95 % of the random subsets lie)",
        "  remote clique (cosine)  0.500 (0.400 to 0.600) -> 0.750 (0.650 to 0.850)",
        "  Chamfer (cosine)        not measured -> not measured",
    ]


def test_an_experiment_is_named_by_its_name(versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(versions)
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    rev = done.stdout.strip()
    run(versions, "git", "update-ref", f"refs/exps/{rev[:2]}/{rev[2:]}/dusty-pine", rev)
    status, said = standin("dusty-pine", "v1")
    assert status == 0, said
    assert said.splitlines()[:2] == [
        "data/synthetic: dusty-pine -> v1",
        "  3 -> 3 texts: 0 added, 0 removed, 0 changed, 3 the same",
    ]


def test_a_version_that_is_none_or_whose_texts_are_gone_is_said(
    versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(versions)
    for rev in ("v2", "--help-me"):
        status, said = standin("--", rev)
        assert status == 1
        assert f"data diff: {rev!r} is no commit" in said
    run(tmp_path, "git", "clone", "-q", str(versions), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    status, said = standin("v1", "v1")
    assert status == 1
    assert "v1: its texts are neither in DVC's cache nor on the default remote" in said
    status, said = standin("workspace", "v1")
    assert status == 1
    assert "`dvc pull data/synthetic`" in said
