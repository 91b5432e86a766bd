"""Progress of long work, on a terminal and through a pipe."""

import io
import re
import threading
from pathlib import Path
from threading import Event

import pytest

from standin.progress import progress


class Terminal(io.StringIO):
    """What a terminal is given."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("what", ["reading a[b].csv", "reading x[/b].csv", "reading :heart:[link=y]"])
def test_names_of_others_are_words_and_no_markup(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for made in (Terminal(), io.StringIO()):
        monkeypatch.setattr("sys.stderr", made)
        monkeypatch.setenv("COLUMNS", "120")
        with progress(what, 2, "texts") as done:
            done(1)
            done(1)
        assert what in re.sub(r"\x1b\[[\d;?]*\w", "", made.getvalue())
        assert "2/2" in made.getvalue()


class Pipe(io.StringIO):
    """What a pipe is given; tells of every line."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Event()

    def write(self, text: str) -> int:
        done = super().write(text)
        if text.endswith("\n"):
            self.written.set()
        return done


def test_a_part_that_takes_long_is_said_to_go_on_without_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.progress.SILENT_SECONDS", 0.01)
    monkeypatch.setattr("standin.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr", made := Pipe())
    with progress("generate", 96, "texts") as done:
        assert made.written.wait(20)
        assert re.match(r"generate: 0/96 texts after 0 s\n", made.getvalue())
        done(48)
        made.written.clear()
        assert made.written.wait(20)
        assert "generate: 48/96 texts, about" in made.getvalue()
        assert "generate: 48/96 texts after 0 s\n" in made.getvalue()
        done(48)
        made.written.clear()
    whole = made.getvalue()
    assert whole.endswith("generate: 96/96 texts, about 0 s left\n"), "and nothing comes after the end"
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_short_parts_have_their_own_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", made := Pipe())
    with progress("generate", 2, "texts") as done:
        done(2)
    assert made.getvalue() == "generate: 2/2 texts, about 0 s left\n"


def test_no_console_turns_codes_in_texts_of_others_into_emoji() -> None:
    """rich writes a heart for ":heart:" in every string that it prints, even where mark-up is off."""
    package = Path(__file__).resolve().parents[1] / "src/standin"
    made = [
        found
        for path in package.rglob("*.py")
        for found in re.findall(r"(?<!\w)Console\([^\n]*", path.read_text(encoding="utf-8"))
        if "stderr=True" not in found  # of the progress above
    ]
    assert len(made) >= 5
    assert not [line for line in made if "emoji=False" not in line]
