"""Whatever texts, labels, names and files' words hold, the page has the elements of a harmless one, and no more."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_report import counted, given, gone, kept, page, project, table  # noqa: F401

from standin.config import Params
from standin.corpus import Row, SelectedRow, read_json, write_json, write_json_lines, write_rows
from standin.errors import visible
from standin.published import Published, Score
from standin.stages import report
from standin.task import Question, Task

ROOT = Path(__file__).resolve().parents[1]
HARMLESS = "A word"
HOSTILE = [
    "<script>window.ran = 1</script>",
    '<img src=x onerror="window.ran = 1">',
    "</style><style>* { display: none }</style>",
    "</bdi></span></li></ul></main><svg onload=window.ran=1>",
    '" onmouseover="window.ran = 1" x="',
    "' onfocus='window.ran = 1' tabindex='1",
    '<a href="javascript:window.ran=1">click</a>',
    "<!-- <iframe srcdoc='<script>top.ran=1</script>'>",
    "{{ 7 * 7 }}{% raw %}{{ config }}",
    "]]><![CDATA[<base href=//evil.example>",
    "%92 txet siht \N{RIGHT-TO-LEFT OVERRIDE}morf \N{POP DIRECTIONAL FORMATTING}",
    "&lt;script&gt;&#0;\N{LEFT-TO-RIGHT ISOLATE}<meta http-equiv=refresh content=0>",
    "a" * 400,
]
ALLOWED = {  # every element of the page, with the attributes it may have
    "html": {"lang"}, "head": set(), "meta": {"charset", "name", "content", "http-equiv"}, "title": {"id"},
    "style": set(), "body": set(), "a": {"class", "href"}, "div": {"class", "role", "aria-label", "tabindex"},
    "header": set(), "main": set(), "nav": {"aria-label"}, "section": {"aria-labelledby"},
    "p": {"class", "dir", "role"}, "h1": {"dir"}, "h2": {"id"}, "h3": set(), "ol": set(), "ul": {"class"},
    "li": {"class", "dir"}, "bdi": {"class"}, "b": set(), "i": set(), "br": set(), "code": set(),
    "span": {"class", "dir", "lang"}, "details": set(), "summary": set(), "figure": {"class", "aria-label"},
    "figcaption": set(), "table": {"class"}, "thead": set(), "tr": {"class"}, "th": {"scope", "class"},
    "td": {"class", "style"}, "pre": {"tabindex", "aria-label"}, "dl": {"class"}, "dt": set(), "dd": set(),
    "desc": {"id"}, "g": None, "svg": None, "path": None, "line": None, "circle": None, "rect": None, "text": None,
}  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page in their order, each with its attributes."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def everywhere(project: Path, params: Params, task: Task, said: str) -> tuple[Params, Task]:  # noqa: F811
    """The run in which every place that repeats the words of others says ``said``."""
    names = [f"{said} {i}" for i in range(3)]
    labels = [task.labels[0].model_copy(update={"name": name}) for name in names]
    questions = [Question.model_construct(id=f"q{i}", text=said) for i in (1, 2)]
    texts = [replace(kept(f"k{i}", name, said), question=said, question_id="q1") for i, name in enumerate(names)]
    write_rows(project / "data/synthetic/texts.jsonl", texts)
    out = [replace(gone(f"r{i}", names[0], reason), text=said, survivor="k0", score=0.9) for i, reason in enumerate(("duplicate", "refused"))]  # fmt: skip
    write_rows(project / "data/synthetic/removed.jsonl", out)
    write_json_lines(project / "data/generated/plan.jsonl", ({"label": name} for name in [names[0], names[0], *names]))
    pool = [Row(id=f"{said}{i}", text=said, question_id="q1", question=said) for i in range(7)]
    write_rows(project / "data/real/pool.jsonl", pool)
    ranks = [SelectedRow(seed=1, budget=48, rank=i, id=row.id, score=0.0, question_id="q1") for i, row in enumerate(pool, 1)]  # fmt: skip
    write_rows(project / "data/selected/random.jsonl", ranks)
    reports = project / "reports"
    table(reports / "arms/texts.csv", [{**row, "label": name} for name in names for row in counted("sqbc", {"48": 2})])
    table(reports / "evaluate/confusion.csv",
          [{"arm": "real", "label": a, "predicted": b, "count": 3} for a in names for b in names])  # fmt: skip
    table(reports / "evaluate/learned.csv",
          [{"arm": "sqbc", "budget": "", "question_id": said, "reason": "one label", "share": 0.9, "label": said}])  # fmt: skip
    table(reports / "diversity/projection.csv",
          [{"id": said, "kind": kind, "label": name, "x": 0.5, "y": 0.1} for kind in ("real", "synthetic") for name in names])  # fmt: skip
    check = {"name": said, "says": said, "severity": "critical", "success": False, "observed": said}
    write_json(reports / "validate/result.json", {"expectations": [check, {**check, "success": True}]})
    spread = {"texts_compared": 4, "real": {"chamfer_cosine": 0.5}}
    changes = {"diversity": {"per_label": dict.fromkeys(names, spread)}, "generate": {"changes": {said: 1}},
               "curate": {"off_task_yardstick": {said: {"shots": 4, "off": said}}}}  # fmt: skip
    for stage, change in changes.items():
        path = reports / stage / "metrics.json"
        write_json(path, read_json(path) | change)
    generator = params.generator.model_copy(update={"model": said.replace("/", "-"), "pattern": said, "shots": 2})
    tuned = params.finetune.model_copy(update={"encoder": said})
    published = {
        said: Published(paper=said, mark="recalled", generator=said, scores={said: {said: Score(accuracy=0.5)}})
    }
    changed = {"title": said, "description": said, "labels": labels, "questions": questions, "published": published}
    return params.model_copy(update={"generator": generator, "finetune": tuned}), task.model_copy(update=changed)


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_are_words_wherever_they_stand(
    project: Path,  # noqa: F811
    given: tuple[Params, Task],  # noqa: F811
    said: str,
) -> None:
    report.run(*everywhere(project, *given, HARMLESS), "")
    harmless = Elements(page(project))
    report.run(*everywhere(project, *given, said), "")
    found = Elements(page(project))
    assert [tag for tag, _ in found.found] == [tag for tag, _ in harmless.found]
    for tag, attributes in found.found:
        allowed = ALLOWED[tag]
        assert allowed is None or set(attributes) <= allowed, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert (attributes.get("href") or "#").startswith(("#", "../data/", "validate/checks.html")), attributes
        assert (attributes.get("style") or "--share:").startswith("--share:"), attributes
    assert sum(said[:20] in text or visible(said)[:20] in text for text in found.texts) >= 20


def test_what_turns_a_line_around_is_an_escape_but_in_texts_which_have_an_element_of_their_own(
    project: Path,  # noqa: F811
    given: tuple[Params, Task],  # noqa: F811
) -> None:
    turning = "\N{RIGHT-TO-LEFT OVERRIDE}%29"
    report.run(*everywhere(project, *given, turning), "")
    lines = [line for line in page(project).splitlines() if "\N{RIGHT-TO-LEFT OVERRIDE}" in line]
    assert lines
    for line in lines:
        before, _ = line.split("\N{RIGHT-TO-LEFT OVERRIDE}", 1)
        assert 'class="text" dir="auto"' in before or "<svg" in line, line
    assert '<h1 dir="auto">\\u202e%29</h1>' in page(project)


BROWSER = os.environ.get("AXE_CORE", "")


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER or not importlib.util.find_spec("PySide6"), reason="AXE_CORE and PySide6 are not here")
@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no_policy"])
@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_in_a_browser_nothing_runs_and_nothing_hangs_over_the_screen(
    project: Path,  # noqa: F811
    given: tuple[Params, Task],  # noqa: F811
    said: str,
    policy: bool,
) -> None:
    report.run(*everywhere(project, *given, said), "")
    path = project / "reports/report.html"
    if not policy:  # escaping alone has to do
        content = path.read_text(encoding="utf-8").replace('http-equiv="Content-Security-Policy"', 'name="none"')
        path.write_text(content, encoding="utf-8")
    command = [sys.executable, str(ROOT / "tests/browser.py"), str(path), BROWSER, "390", "light"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["axe"] == []
    assert found["passed"] > 20
    assert found["ran"] is None
    assert found["scripts"] == 0
    assert found["hanging"] <= 0
