"""The pages under docs/: links lead somewhere, commands exist, and what is made from the code is current."""

import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from typer.main import get_command

from standin.cli import app
from standin.config import Params
from standin.predicting.files import target_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from commands_page import commands  # noqa: E402
from reference_page import PAGE, page  # noqa: E402

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = dict(commands(get_command(app)))
SHOWN = [
    (path.relative_to(ROOT).as_posix(), line)
    for path in PAGES
    for block in re.findall(r"```console\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
    if line.startswith("standin ")
]
CHANGES = sorted(
    {
        (path.relative_to(ROOT).as_posix(), change)
        for path in PAGES
        for block in re.findall(r"```console\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        for line in block.replace("\\\n", "").splitlines()
        for flag, change in pairwise(shlex.split(line, comments=True))
        if flag == "-S" and not change.startswith("tasks/")
    }
)


def ignored(*names: str) -> set[str]:
    """Those of the names that git ignores in the project."""
    asked = ["git", "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(asked, cwd=ROOT, input="\n".join(names), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.splitlines())


def test_no_working_file_of_a_command_waits_for_git_to_take_it(tmp_path: Path) -> None:
    """Sheets and exports hold texts of people: `git add -A` leaves them out, and takes what is kept of them."""
    suffixes = r"[\w.-]+\.(?:csv|tsv|xlsx|jsonl|json|parquet|html)(?:\.gz)?"
    shown = {word for _, line in SHOWN for word in shlex.split(line, comments=True) if re.fullmatch(suffixes, word)}
    by_default = {"city-topics-pairs.csv", target_of(tmp_path / "letters.csv", None, False).name}
    beside = {"tasks.xml", "records.settings.json"}
    assert {"texts.csv", "tasks.json", "records.jsonl", "compared.html"} <= shown
    assert ignored(*shown, *by_default, *beside) == {*shown, *by_default, *beside}
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    kept += ["data/labels/a.jsonl", "data/reviews/a.jsonl", "tasks/judgements/a.csv", "data/raw/a.dvc", "tasks/a.yaml"]
    assert not ignored(*filter(None, kept))


def prose(path: Path) -> str:
    """A page without its blocks and spans of code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken(path: Path) -> list[str]:
    """Relative links of a page that lead to no file or no heading."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    assert broken(path) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    there = tmp_path / "page.md"
    there.write_text("# A `-S` page\n[a](none.md) [b](#a--s-page) [c](page.md#none) [d](http://x.org) `[e](f)`\n")
    assert broken(there) == ["none.md", "page.md#none"]


@pytest.mark.parametrize(("name", "line"), SHOWN)
def test_every_standin_command_that_a_page_shows_exists_with_its_options(name: str, line: str) -> None:
    words = shlex.split(line)
    found = next((COMMANDS[each] for n in (3, 2) if (each := " ".join(words[:n])) in COMMANDS), None)
    assert found is not None, f"{name}: {line}"
    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)} <= known, f"{name}: {line}"


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_every_parameter_that_a_page_changes_exists(name: str, change: str) -> None:
    key = change.partition("=")[0]
    found: object = Params().model_dump(by_alias=True)
    for part in key.lstrip("+~").split("."):
        assert isinstance(found, dict), f"{name}: {change}"
        if part not in found:
            assert key.startswith("+"), f"{name}: {change}"
            break
        found = found[part]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_a_page_holds_no_html(page: Path) -> None:
    """docs/markdown_pages.py reads none; a name in angle brackets outside of code is one, and is not shown."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    kinds = [each for token in tokens for each in (token, *(token.children or []))]
    assert [each.content for each in kinds if each.type.startswith("html_")] == []


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python benchmarks/reference_page.py"


def test_the_reference_names_every_parameter_with_its_default_and_what_params_yaml_says_of_it() -> None:
    text = page()
    for name, field in Params.model_fields.items():
        section = text.split(f"\n### {field.alias or name}\n")[1].split("\n### ")[0]
        for key in getattr(field.annotation, "model_fields", {}):
            assert f"| `{key}` | " in section, f"{name}.{key}"
            assert re.search(rf"\b{key}\b", section.partition("\n| key |")[0]), f"params.yaml does not say {name}.{key}"
    assert "| `near_duplicate` | number (Jaccard similarity) | `0.7` | above 0, at most 1 |" in text
    assert "- `texts`: planned per label." in text
