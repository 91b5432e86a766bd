"""Texts go to a Label Studio server and come back: its own reader, its own export."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_labelling import FILE, TEXTS, label, labels, project, use_question

from standin.corpus import Row, write_rows
from standin.labelling.labels import read_labels

__all__ = ["project"]  # a fixture
SERVER = shutil.which(os.environ.get("STANDIN_LABEL_STUDIO", "label-studio"))
TOKEN = "0123456789abcdef0123456789abcdef01234567"
OPENING = 300
"""Seconds that a first start may take: it makes its database."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("label-studio"),
    pytest.mark.skipif(
        SERVER is None,
        reason="no Label Studio here: `pip install label-studio` into a virtual environment of its own, and set "
        "STANDIN_LABEL_STUDIO to its command label-studio",
    ),
]


class Studio:
    """The server's API, as a person with a token uses it."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, given: Any = None) -> bytes:
        """The body of an answer; ``given`` is posted as JSON. Raises AssertionError with what the server says."""
        body = None if given is None else json.dumps(given).encode()
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.address + path, body, headers), timeout=60
            ) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()[:1000]}") from None

    def json(self, path: str, given: Any = None) -> Any:
        return json.loads(self.ask(path, given))

    def project_of(self, configuration: str, tasks: list[Any]) -> tuple[int, list[Any]]:
        """A new project's number and its tasks as the server keeps them, in their order."""
        number = self.json("/api/projects/", {"title": "texts", "label_config": configuration})["id"]
        counts = self.json(f"/api/projects/{number}/import", tasks)
        assert counts["task_count"] == len(tasks)
        kept = self.json(f"/api/tasks?project={number}&fields=all&page_size=100")["tasks"]
        return number, sorted(kept, key=lambda task: int(task["id"]))

    def choose(self, task: Any, choice: str | None) -> None:
        """An annotation as the interface makes it; None skips the task."""
        result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
        given = {"result": [] if choice is None else [result], "was_cancelled": choice is None}
        self.ask(f"/api/tasks/{task['id']}/annotations/", given)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("label-studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = {
        "HOME": str(home), "LABEL_STUDIO_BASE_DATA_DIR": str(home), "LABEL_STUDIO_USERNAME": "me@example.org",
        "LABEL_STUDIO_PASSWORD": "of-this-test", "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "",
    }  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    log = home / "server.log"
    with log.open("w") as out:
        command = [str(SERVER), "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
        server = subprocess.Popen(command, env=kept | said, cwd=home, stdout=out, stderr=out, start_new_session=True)
        try:
            found = Studio(port)
            until = time.monotonic() + OPENING
            while not _is_up(found):
                assert server.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < until, log.read_text()[-2000:]
                time.sleep(1)
            yield found
        finally:
            server.terminate()
            server.wait(30)


def _is_up(studio: Studio) -> bool:
    try:
        return bool(studio.json("/health")["status"] == "UP")
    except (OSError, ValueError, AssertionError):
        return False


def exported() -> tuple[str, list[Any]]:
    label("export", "tasks.json")
    return Path("tasks.xml").read_text(encoding="utf-8"), json.loads(Path("tasks.json").read_text(encoding="utf-8"))


def test_labels_given_in_label_studio_come_back_with_who_gave_them(studio: Studio) -> None:
    number, tasks = studio.project_of(*exported())
    assert [task["data"]["text"] for task in tasks] == [TEXTS["p3"], TEXTS["p2"], TEXTS["p1"]]
    studio.choose(tasks[0], "environment")
    studio.choose(tasks[1], "housing")
    studio.choose(tasks[2], None)
    Path("project.json").write_bytes(
        studio.ask(f"/api/projects/{number}/export?exportType=JSON&download_all_tasks=true")
    )
    said = label("import", "project.json")
    assert "2 answers read: 2 new, 0 changed" in said
    assert "1 row has no label yet" in said, "it was skipped"
    assert labels() == {"p3": "environment", "p2": "housing"}
    assert read_labels(FILE)["p3"].votes == {"1": "environment"}


@pytest.mark.parametrize("kind", ["JSON_MIN", "CSV", "TSV"])
def test_the_smaller_exports_come_back_too(studio: Studio, kind: str) -> None:
    number, tasks = studio.project_of(*exported())
    studio.choose(tasks[0], "environment")
    studio.choose(tasks[1], "housing")
    ending = {"JSON_MIN": "json"}.get(kind, kind.lower())
    Path(f"small.{ending}").write_bytes(studio.ask(f"/api/projects/{number}/export?exportType={kind}"))
    label("import", f"small.{ending}")
    assert labels() == {"p3": "environment", "p2": "housing"}


def test_a_question_stands_above_the_text_and_texts_stay_as_they_are(studio: Studio) -> None:
    """What must arrive and come back whole: quotation marks, tags, emoji, text from right to left, line breaks."""
    use_question()
    hard = {"p3": '<b>"2 > 1"</b> & {{x}}', "p1": "مرحبا 👩‍👩‍👧 שלום\nsecond line\ttab", "p2": "=1+1"}
    asked = {"question_id": "close_centre", "question": 'Keep "cars" out & why?'}
    write_rows(
        Path("data/real/pool.jsonl"), [Row(id=name, text=hard.get(name, text), **asked) for name, text in TEXTS.items()]
    )
    number, tasks = studio.project_of(*exported())
    assert [task["data"]["text"] for task in tasks] == [hard["p3"], hard["p2"], hard["p1"]]
    assert tasks[0]["data"]["question"] == asked["question"]
    for task in tasks:
        studio.choose(task, "favour")
    for kind, ending in (("JSON", "json"), ("CSV", "csv")):
        Path(f"all.{ending}").write_bytes(studio.ask(f"/api/projects/{number}/export?exportType={kind}"))
        said = label("import", f"all.{ending}")
        assert "3 answers read" in said
    found = read_labels(Path("data/labels/city-stance.jsonl"))
    assert {name: each.votes for name, each in found.items()} == {name: {"1": "favour"} for name in ("p1", "p2", "p3")}
    assert "3 answers repeat what was said already" in said, "both exports name the same annotator"


def test_a_choice_that_is_not_the_task_s_is_refused_by_the_configuration(studio: Studio) -> None:
    """So the configuration is read as it is meant, not taken for anything."""
    configuration, tasks = exported()
    _, kept = studio.project_of(configuration, tasks)
    found = studio.json(f"/api/projects/{kept[0]['project']}")["parsed_label_config"]["label"]
    assert found["type"] == "Choices"
    assert found["to_name"] == ["text"]
    assert found["labels"] == ["transport", "environment", "housing", "community"]
    with pytest.raises(AssertionError, match="400"):
        studio.json("/api/projects/", {"title": "broken", "label_config": configuration.replace("</View>", "")})
