"""What the README shows exists and works as shown."""

import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from standin.cli import app
from standin.config import Params

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
DVC = {"exp run", "queue start", "exp show", "pull"}


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {word for line in COMMANDS if line.startswith("make ") for word in line.split()[1:]}
    assert {"repro", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("standin ")])
def test_every_standin_command_and_option_exists(line: str) -> None:
    words = shlex.split(line)[1:]
    options = [word for word in words if word.startswith("--")]
    names: list[str] = []
    for word in words:
        if CliRunner().invoke(app, [*names, word, "--help"]).exit_code != 0 or word.startswith("-") or len(names) == 2:
            break
        names.append(word)
    shown = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert names, line
    assert shown.exit_code == 0
    for option in options:
        assert option in shown.output


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("dvc ")])
def test_every_parameter_of_an_experiment_exists(line: str) -> None:
    words = shlex.split(line)
    assert " ".join(words[1:3]) in DVC or words[1] in DVC
    values = Params().model_dump(by_alias=True)
    for flag, setting in pairwise(words):
        if flag != "-S":
            continue
        key = setting.split("=")[0]
        found = values
        for part in key.removeprefix("+").split("."):
            known = isinstance(found, dict) and part in found
            assert known or key.startswith("+"), setting
            found = found[part] if known else {}


def test_the_picture_names_exactly_the_stages_of_the_pipeline() -> None:
    picture = README.split("```mermaid")[1].split("```")[0]
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(re.findall(r"[a-z]+", picture.split("\n", 2)[2])) == set(stages)


def test_the_tree_exists() -> None:
    tree = README.split("## The tree")[1].split("```")[1]
    for line in tree.strip().splitlines():
        for name in re.split(r"\s{2,}", line)[:-1]:
            assert (ROOT / name).exists(), name


def test_table_and_figure_of_the_default_run_are_the_committed_reports() -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from readme_table import BANNER, FIGURE, figure, filled

    assert filled(README) == README, "python benchmarks/readme_table.py"
    assert FIGURE.read_text(encoding="utf-8") == figure(), "python benchmarks/readme_table.py"
    assert BANNER in figure()
    assert FIGURE.relative_to(ROOT).as_posix() in README


def test_help_answers_without_importing_anything_heavy() -> None:
    heavy = ("torch", "transformers", "mlflow", "great_expectations", "pandas", "numpy", "dvc", "scipy", "sklearn")
    code = (
        "import sys; sys.argv = ['standin', '--help']\n"
        "from standin.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "Stand-in data" in done.stdout
