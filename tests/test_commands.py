"""Every command as a person meets it: examples, completion, JSON, exit status, and the page that lists them."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from standin import cli, completion
from standin.help import STATUS, examples, plain

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from commands_page import PAGE, commands, page  # noqa: E402

COMMANDS = dict(commands(get_command(cli.app)))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default project's parameters, tasks and raw data."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks")
    (tmp_path / "data").mkdir()
    shutil.copytree(ROOT / "data/raw/city-topics", tmp_path / "data/raw/city-topics")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def call(*words: str, width: int = 80) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [*words], env={"COLUMNS": str(width), "TERM": "dumb"})
    return done.exit_code, done.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_help_has_an_example_that_stands_in_80_columns(name: str) -> None:
    lines = plain(COMMANDS[name].epilog or "").splitlines()
    assert lines[:1] == ["Examples:"], f"{name}: epilog=examples(...)"
    assert lines[1].startswith(f"  {name}")
    status, shown = call(*name.split()[1:], "--help")
    assert status == 0
    for line in lines[1:]:
        assert line.strip() in shown, "unbroken, brackets as they are"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_names_only_options_that_exist(name: str) -> None:
    known = {option for parameter in COMMANDS[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    for line in plain(COMMANDS[name].epilog).replace("\\\n", "").splitlines()[1:]:
        assert {word for word in shlex.split(line) if word.startswith("-")} <= known, line


def test_an_example_keeps_its_brackets() -> None:
    assert examples("a [b]") == "Examples:\n  a \\[b]"
    assert plain(examples("a [b]")) == "Examples:\n  a [b]"


def test_the_page_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python benchmarks/commands_page.py"
    assert all(f"## {name}\n" in page() for name in COMMANDS)


def test_help_says_what_the_exit_status_means() -> None:
    _, shown = call("--help")
    for line in STATUS.splitlines():
        assert line.strip() in shown


@pytest.mark.parametrize(
    ("code", "status"), [(0, 0), (255, 1), (251, 1), (1, 1), (252, 130), (3, 3), (-15, 143), (-2, 130)]
)
def test_what_dvc_ends_with_becomes_one_of_the_documented_statuses(
    code: int, status: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = MagicMock()
    ended.__enter__.return_value.wait.return_value = code
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: ended)
    assert call("generate")[0] == status


def test_ctrl_c_is_130_whatever_dvc_ends_with(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = MagicMock()
    ended.__enter__.return_value.wait.side_effect = [KeyboardInterrupt, KeyboardInterrupt, 1]
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: ended)
    assert call("generate")[0] == 130


def test_a_gate_s_failure_is_status_1(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "dvc.yaml").write_text("stages: {validate: {cmd: exit 1}}\n")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    assert call("run")[0] == 1


def test_a_broken_suite_is_status_3_although_dvc_calls_it_255(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "dvc.yaml").write_text("stages: {validate: {cmd: exit 3}}\n")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    assert call("run")[0] == 3
    assert "exited with 3" in capfd.readouterr().err


# Completion


def test_tab_completes_parameters_tasks_and_labels(project: Path) -> None:
    assert completion.changes("generator.sh") == ["generator.shots="]
    assert completion.changes("select.strategies.s") == ["select.strategies.sqbc.evidence="]
    assert completion.changes("base.task=city") == ["base.task=city-stance", "base.task=city-topics"]
    assert completion.labels("ho") == ["housing"]
    assert completion.tasks("sms") == ["sms-spam"]
    Path("studies").mkdir()
    Path("studies/li2023.yaml").touch()
    assert (completion.studies("li"), completion.studies("x")) == (["li2023"], [])


@pytest.mark.parametrize("broken", [None, b"", b"- a\n", b"a: [1", b"\xff\xfe", b"base: 5\n"])
def test_completion_never_raises(broken: bytes | None, project: Path) -> None:
    path = project / "params.yaml"
    path.unlink() if broken is None else path.write_bytes(broken)
    for complete in (completion.changes, completion.labels, completion.tasks):
        assert isinstance(complete(""), list)
    assert completion.labels("") == []


@pytest.mark.parametrize(("words", "offered"), [("standin run -S generator.sh", "generator.shots="),
                                                ("standin prompts show --label ho", "housing"),
                                                ("standin doc", "doctor")])  # fmt: skip
def test_a_shell_is_answered_without_heavy_imports(words: str, offered: str, project: Path) -> None:
    code = (
        "import sys; sys.argv = ['standin']\nfrom standin.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print('loaded', [name for name in ('torch', 'dvc', 'mlflow', 'numpy', 'standin.config') if name in sys.modules])"
    )
    env = {"PYTHONPATH": str(ROOT / "src"), "_STANDIN_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=env, capture_output=True, text=True, check=True
    )
    assert offered in done.stdout
    assert done.stdout.endswith("loaded []\n")
    assert done.stderr == ""


@pytest.mark.parametrize(("words", "at", "answer"), [
    ("standin run -S base.ta", 3, "base.task="), ("standin run -S base.task =", 4, "city-stance"),
    ("standin run -S base.task = sms", 5, "sms-spam"),
    ("standin run -S generator.shots = 5 -S base.task = sms", 9, "sms-spam"), ("standin doc", 1, "doctor"),
])  # fmt: skip
def test_bash_which_parts_words_at_equals_signs_is_answered_with_the_last_part(
    words: str, at: int, answer: str, project: Path
) -> None:
    env = {
        "PYTHONPATH": str(ROOT / "src"),
        "_STANDIN_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(at),
    }
    code = "import sys; sys.argv = ['standin']; from standin.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=env, capture_output=True, text=True, check=True
    )
    assert answer in done.stdout.split()
    assert done.stderr == ""


def test_completion_can_be_installed() -> None:
    assert "--install-completion" in call("--help")[1]


# JSON


def test_the_dry_run_and_the_prompts_are_json_for_a_machine(project: Path) -> None:
    words = ["generator.engine=openai", "generator.shots=2", "tasks/city-topics.yaml:prompts.context='Say (a|b):'"]
    options = [word for each in words for word in ("-S", each)]
    code = "from standin.cli import main; main()"
    env = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}

    def read(*given: str) -> object:
        done = subprocess.run([sys.executable, "-c", code, *given, "--json", *options], cwd=project, env=env,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    plan = read("generate", "--dry-run")
    assert isinstance(plan, dict)
    assert (plan["rows"], plan["engine"], plan["texts_per_label"]["housing"]) == (168, "openai", 42)
    shown = read("prompts", "show", "--label", "housing")
    assert isinstance(shown, list)
    assert [row["label"] for row in shown] == ["housing"]
    assert shown[0]["prompt"] == plan["first_prompts"]["housing"]
    assert "Say (a|b):" in shown[0]["prompt"]
    assert len(shown[0]["shots"]) == 2


def test_next_is_json_for_a_machine(project: Path) -> None:
    status, said = call("next", "--json")
    assert status == 0
    assert json.loads(said)["report"] is None


@pytest.mark.parametrize("words", [["generate", "--json"], ["prompts", "show", "--json", "--rendered"]])
def test_json_that_does_not_go_together_is_said(words: list[str], project: Path) -> None:
    done = CliRunner().invoke(cli.app, words)
    assert "--json" in str(done.exception)


def test_a_command_without_an_example_is_found() -> None:
    app = typer.Typer()
    app.command("bare")(lambda: None)
    app.command("other", epilog=examples("standin other"))(lambda: None)
    found = dict(commands(get_command(app)))
    assert [name for name, command in found.items() if not (command.epilog or "").startswith("Examples:")] == [
        "standin bare"
    ]
