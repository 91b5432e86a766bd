"""What docs/data.md shows exists."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from standin.cli import app
from standin.config import Params
from standin.sources.archives import MOST_UNPACKED
from standin.sources.opening import READ

PAGE = (Path(__file__).resolve().parents[1] / "docs/data.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def options_of(*names: str) -> str:
    return CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_that_is_shown_exists(line: str) -> None:
    words = shlex.split(line)
    names = words[1:3] if words[1] == "data" else words[1:2]
    shown = options_of(*names)
    for word in words:
        if word.startswith("--"):
            assert f"{word} " in shown, line
    values = Params().model_dump()
    for flag, setting in pairwise(words):
        if flag == "-S":
            group, _, key = setting.partition("=")[0].partition(".")
            assert key in values[group]


def test_every_option_that_the_tables_name_is_one_of_data_add() -> None:
    shown = options_of("data", "add") + options_of("data", "add-generated")
    for option in set(re.findall(r"`(--[a-z-]+)", PAGE)) - {"--preview"}:
        assert f"{option} " in shown, option


def test_every_kind_of_file_that_is_named_is_read() -> None:
    for ending in re.findall(r"`(\.[a-z.]+)`", PAGE.split("## Files that are read")[1].split("##")[0]):
        assert ending in (*READ, ".gz"), ending
    assert f"more than {MOST_UNPACKED} times its size" in PAGE.replace("\n", " ")
