"""Write docs/commands.md from the command line itself: `python benchmarks/commands_page.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from standin.cli import app
from standin.help import STATUS, plain

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
HEAD = """\
# Commands

Made from the help texts by `python benchmarks/commands_page.py`. `standin COMMAND --help` prints the same.
`standin --install-completion` lets the shell complete commands, options, labels and the keys of `-S`, from its next
start on.
"""
CHANGES = """\
## -S

`-S` changes a parameter for one call, in all commands by [DVC's rules](https://dvc.org/doc/command-reference/exp/run),
which are Hydra's, because DVC itself reads it: what a preview or a dry run is given means the same in
`standin run -S` and `dvc exp run -S`.

| written | means |
|---|---|
| `-S generator.shots=5` | a number; the key has to be there |
| `-S generator.model=my model` | a text without special signs |
| `-S 'generator.pattern="(a\\|b) c, d=e"'` | a text with others: quotation marks, and another pair for the shell |
| `-S generator.pattern=null` | nothing |
| `-S 'finetune.seeds=[1,2]'` | a list |
| `-S '++generator.template={enable_thinking: false}'` | a group with new keys |
| `-S '+arms.shots=[shots]'` | a new key |
| `-S '~arms.sqbc'` | a key less |
| `-S 'tasks/my-task.yaml:prompts.context="You write letters."'` | a line of a task file |
| `-S generator.shots=1,3` | two experiments: only for `dvc exp run --queue` |
"""


def commands(command: Any, name: str = "standin") -> Iterator[tuple[str, Any]]:
    """Every command below one that people can call, with its whole name."""
    inner = getattr(command, "commands", None)
    if inner is None or command.invoke_without_command:
        yield name, command
    for each in sorted(inner or {}):
        if not inner[each].hidden:
            yield from commands(inner[each], f"{name} {each}")


def page() -> str:
    """The text of docs/commands.md."""
    parts = [HEAD, f"## Exit status\n\n```text\n{STATUS.partition(chr(10))[2]}\n```\n", CHANGES]
    for name, command in commands(get_command(app)):
        rows = [row for parameter in command.params if (row := _row(parameter))]
        table = "\n| | |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
        lines = "\n".join(line.removeprefix("  ") for line in plain(command.epilog or "").splitlines()[1:])
        parts.append(f"## {name}\n\n{command.help}\n{table}\n```console\n{lines}\n```\n")
    return "\n".join(parts)


def _row(parameter: Any) -> str:
    if parameter.name == "help" or getattr(parameter, "hidden", False):
        return ""
    names = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar or parameter.name.upper()]
    default = parameter.default if isinstance(parameter.default, int | str) and parameter.default is not False else None
    said = (parameter.help or "").replace("|", "\\|") + (f" Default: {default}." if default not in (None, "") else "")
    return f"| `{', '.join(names)}` | {said} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
