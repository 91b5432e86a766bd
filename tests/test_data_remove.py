"""``standin data remove``: what `standin data add` brought goes again, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from standin.errors import StandinError
from standin.sources.adding import add
from standin.sources.commands import register
from standin.sources.removing import leaving, remove

ROWS = "text,label\nShall we meet at six?,ham\nWIN a cruise now,spam\nOn my way,ham\n"


def run(folder: Path, *words: str) -> str:
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


def git(folder: Path, *words: str) -> str:
    return run(folder, "git", "-c", "user.name=T", "-c", "user.email=t@example.org", *words)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the data of two tasks, mail and post."""
    root = tmp_path_factory.mktemp("removing") / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    run(root, sys.executable, "-m", "dvc", "init", "--quiet")
    git(root, "commit", "-q", "-m", "start")
    (root.parent / "mail.csv").write_text(ROWS)
    for name in ("mail", "post"):
        add(name, root.parent / "mail.csv", root=root)
    return root


@pytest.fixture
def project(added: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "copy"
    run(added, "cp", "-a", str(added), str(root))
    monkeypatch.chdir(root)
    return root


def standin(*words: str, answer: str = "") -> tuple[int, str]:
    app = typer.Typer()
    register(app)
    done = CliRunner().invoke(app, ["data", *words], input=answer)
    return done.exit_code, done.output


def test_after_a_yes_data_pointer_and_uncommitted_task_are_gone_and_the_neighbour_stays(project: Path) -> None:
    status, said = standin("remove", "mail", answer="y\n")
    assert status == 0
    assert "goes: data/raw/mail/ (1 file," in said
    assert "tasks/mail.yaml, which no commit holds: it is lost" in said
    assert "no commit names this data" in said
    for path in ("data/raw/mail", "data/raw/mail.dvc", "tasks/mail.yaml"):
        assert not (project / path).exists(), path
    for path in ("data/raw/post/train.csv", "data/raw/post.dvc", "tasks/post.yaml"):
        assert (project / path).exists(), path
    assert (project / "data/raw/.gitignore").read_text().split() == ["/post"]
    assert "mail" not in git(project, "diff", "--cached", "--name-only")
    assert (project.parent / "copy/.dvc/cache").is_dir()


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_without_a_yes_nothing_goes(project: Path, answer: str) -> None:
    status, said = standin("remove", "mail", answer=answer)
    assert status == 1
    assert "Remove it?" in said
    assert (project / "data/raw/mail/train.csv").exists()
    assert (project / "data/raw/mail.dvc").exists()
    assert (project / "tasks/mail.yaml").exists()


def test_a_committed_task_stays_and_committed_data_comes_back_as_was_said(project: Path) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "data")
    lines = "\n".join(leaving("mail"))
    assert "stays: tasks/mail.yaml" in lines
    remove("mail")
    assert (project / "tasks/mail.yaml").exists()
    assert not (project / "data/raw/mail").exists()
    assert "`git checkout HEAD -- data/raw/mail.dvc`, then `dvc checkout data/raw/mail.dvc`" in lines
    git(project, "checkout", "HEAD", "--", "data/raw/mail.dvc")
    run(project, sys.executable, "-m", "dvc", "checkout", "data/raw/mail.dvc")
    assert (project / "data/raw/mail/train.csv").read_text() == ROWS


def test_the_task_of_params_and_names_that_were_not_added_are_refused(project: Path) -> None:
    (project / "params.yaml").write_text("base: {task: mail}\n")
    (project / "data/raw/city").mkdir()
    (project / "data/raw/city/train.csv").write_text(ROWS)
    git(project, "add", "data/raw/city")
    for name, why in (
        ("mail", "base.task is 'mail'"),
        ("mial", "did you mean 'mail'"),
        ("../mail", "there is no added data"),
        ("city", "kept in Git itself"),
    ):
        with pytest.raises(StandinError, match=why):
            leaving(name)
    status, said = standin("remove", "mail", "--yes")
    assert status == 1
    assert "data remove: params.yaml" in said
    assert (project / "data/raw/mail/train.csv").exists()
