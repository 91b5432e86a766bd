"""The built pages: every page is there, links lead somewhere, nothing is loaded from elsewhere, mistakes stop the build."""

import posixpath
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-docs/bin/python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason=".venv-docs is not there: `make docs` makes it"),
]


class Read(HTMLParser):
    """Ids, links and whatever a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.loaded += [given[name] for name in ("src", "href") if name in given and tag in ("script", "img", "link")]


def build(docs: Path, to: Path) -> tuple[int, str]:
    command = [PYTHON, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", docs, to]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def copied(tmp_path: Path, **pages: str) -> Path:
    """The docs with pages added at their end."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    for name, text in pages.items():
        page = docs / f"{name}.md"
        page.write_text(page.read_text(encoding="utf-8") + text, encoding="utf-8")
    return docs


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Name of each page -> what it holds."""
    folder = tmp_path_factory.mktemp("built")
    status, said = build(ROOT / "docs", folder)
    assert (status, said) == (0, "")
    found = {}
    for path in folder.rglob("*.html"):
        page = found[path.relative_to(folder).as_posix()] = Read()
        page.feed(path.read_text(encoding="utf-8"))
        page.loaded = [
            each
            for each in page.loaded
            if re.match(r"([a-z]+:)?//|data:", each)
            or (each != "#" and not (path.parent / re.split("[?#]", each)[0]).exists())
        ]
    styles = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.css"))
    found["index.html"].loaded += re.findall(r"@import[^;]*|url\([\"']?(?:[a-z]+:)?//[^)]*", styles)
    return found


def test_every_page_is_built_and_stands_in_the_contents(built: dict[str, Read]) -> None:
    pages = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(built)
    assert {f"studies/{path.stem}.html" for path in (ROOT / "docs/studies").glob("*.md")} <= set(built)
    assert pages <= set(built["index.html"].links)
    assert pages - {"tutorial.html"} <= set(built["tutorial.html"].links)


def test_every_link_within_leads_to_a_page_and_a_heading(built: dict[str, Read]) -> None:
    wrong = []
    for name, page in built.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link) or link == "#":
                continue
            target, _, anchor = link.partition("#")
            there = built.get(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name)
            if there is None or (anchor and unquote(anchor) not in there.ids):
                wrong.append((name, link))
    assert not wrong


def test_nothing_is_loaded_from_elsewhere(built: dict[str, Read]) -> None:
    assert {name: page.loaded for name, page in built.items() if page.loaded} == {}


def test_headings_tables_code_and_figures_are_what_they_are(tmp_path: Path) -> None:
    docs = copied(tmp_path, limits=(
        "\n## Twice\n\n## Twice\n\n| a | n |\n|---|--:|\n| `xy` | 2 |\n\n1. one\n2. *two* **three**\n\n> said\n\n"
        "4. four\n\nas '[^\\n]' and --preview\n\n```python\nprint(1)  # a\n```\n\n[a](#twice-1), [b](science.md#opinions), [c](../README.md), <https://x.org>\n"
        "\n![A line](default-run.svg)\n"
    ))  # fmt: skip
    assert build(docs, tmp_path / "to") == (0, "")
    page = (tmp_path / "to/limits.html").read_text(encoding="utf-8")
    for part in (
        '<section id="twice-1">', '<td class="number"><p>2</p></td>', "<em>two</em> <strong>three</strong>", "<blockquote>",
        '<div class="highlight-python', '<a class="reference internal" href="science.html#opinions">b</a>',
        ' start="4">', "as '[^\\n]' and --preview", 'href="https://x.org"', 'alt="A line"', '<code class="docutils literal notranslate"><span class="pre">xy',
    ):  # fmt: skip
        assert part in page, part
    assert "README.md" not in page, "what is no page here is words"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n[a](science.md#nowhere)\n", "science.md has no heading #nowhere"),
        ("\n[a](nowhere.md)\n", "there is no page nowhere.md"),
        ("\none  \ntwo\n", "limits.md, line {line}: Markdown of the kind 'hardbreak' is not read here"),
        ("\n- # In a list\n", "limits.md, line {line}: Markdown of the kind 'heading_open' inside a list or quotation"),
        ("\n<div>hidden</div>\n", "limits.md, line {line}: Markdown of the kind 'html_block' is not read here"),
        ("\na <b>bold</b> word\n", "limits.md, line {line}: Markdown of the kind 'html_inline' is not read here"),
    ],
)
def test_a_mistake_stops_the_build_and_is_named(tmp_path: Path, text: str, said: str) -> None:
    lines = (ROOT / "docs/limits.md").read_text(encoding="utf-8").count("\n")
    status, found = build(copied(tmp_path, limits=text), tmp_path / "to")
    assert status != 0
    assert said.format(line=lines + 2) in found
