"""The command line: fast, plain about mistakes, and without a traceback for a person."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from standin import cli
from standin.errors import StandinError
from standin.tracking import ui

HEAVY = "torch transformers mlflow great_expectations pandas numpy dvc sklearn sentence_transformers altair pydantic"


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "standin.cli", *arguments], cwd=cwd, capture_output=True, text=True,
                          env={"PYTHONPATH": str(Path(cli.__file__).parents[1]), "COLUMNS": "200"}, check=False)  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom standin import cli\ntry:\n    cli.app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    )
    env = {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.endswith("loaded: []\n")
    assert "sync" in done.stdout


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    from importlib.metadata import version

    done = run("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, version("standin"))


@pytest.mark.parametrize("command", ["sync", "ui"])
def test_outside_a_project_a_command_says_where_to_go(command: str, tmp_path: Path) -> None:
    done = run(command, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}: no dvc.yaml here. Run from the project's root.\n"


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    done = run("synk", cwd=tmp_path)
    assert done.returncode == 2
    assert "synk" in done.stderr


def test_a_mistake_is_one_message_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise StandinError("params.yaml: unknown key 'shot': did you mean 'shots'?")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "params.yaml: unknown key 'shot': did you mean 'shots'?\n"


def test_ctrl_c_ends_a_command_with_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()

    @app.command()
    def wait() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["standin"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130


def test_sync_in_a_project_in_which_nothing_has_run_needs_no_mlflow(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    done = run("sync", "--current", cwd=tmp_path)
    assert done.returncode == 0
    assert "left out workspace: no stage has run yet" in done.stdout
    assert not (tmp_path / "mlflow.db").exists()


def test_the_ui_shows_the_project_s_own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with pytest.raises(StandinError, match="nothing is recorded yet"):
        ui.command(5000)
    (tmp_path / "mlflow.db").touch()
    command = ui.command(5001)
    assert command[1:4] == ["-m", "mlflow", "ui"]
    assert command[4:8] == ["--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}", "--port", "5001"]


def test_a_port_in_use_is_passed_over_unless_it_was_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StandinError, match=f"port {port} is in use on this machine: name another one"):
            ui.free_port(port)
    assert ui.free_port(None) in range(5000, 5020)


@pytest.mark.parametrize(("display", "opened"), [("", []), (":0", ["http://here"])])
def test_a_browser_is_opened_only_where_it_has_a_window_of_its_own(
    display: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("BROWSER", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    ui.show("http://here")
    assert seen == opened
