"""Progress of long work, on a terminal and through a pipe."""

import io
import re
from pathlib import Path

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
