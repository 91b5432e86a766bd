"""``standin label`` as a person sees it: what is shown in 80 and in 40 columns, which keys answer."""

import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from test_labelling import TEXTS, labels, project

from standin.corpus import Row
from standin.labelling.store import Store
from standin.labelling.terminal import Session, have_keys

__all__ = ["project"]  # a fixture
ROOT = Path(__file__).resolve().parents[1]
TWELVE = {f"label-{place}": f"what belongs to label {place} is said in some more words" for place in range(1, 13)}


def shown(
    typed: list[str], names: dict[str, str], text: str = "A text", width: int = 80
) -> tuple[str, dict[str, str | None], list[str]]:
    """What a session shows, the answers it saved, and the prompts."""
    prompts: list[str] = []
    lines = iter(typed)

    def ask(prompt: str) -> str | None:
        prompts.append(prompt)
        return next(lines, None)

    console = Console(file=io.StringIO(), width=width)
    store = Store(Path("data/labels/own.jsonl"), list(names))
    rows = [Row(id=f"t{place}", text=text) for place in range(len(typed) + 1)]
    Session(rows, store, names, "me", console, ask).run()
    answers = {each.id: each.label for each in store.by_id.values()}
    return console.file.getvalue(), answers, prompts  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 40])
def test_labels_and_commands_are_listed_in_lines_that_fit_and_a_long_description_stays_in_its_column(
    width: int,
) -> None:
    said, answers, prompts = shown(["12", "label-3"], TWELVE, width=width)
    assert answers == {"t0": "label-12", "t1": "label-3"}
    lines = said.splitlines()
    assert max(map(cell_len, [*lines, *prompts])) <= width
    place = next(number for number, line in enumerate(lines) if line.startswith("9   label-9: what"))
    assert lines[place + 1].startswith("10  label-10:") or lines[place + 1].startswith("    "), "numbers stand out"
    menu = [line for line in lines if line.startswith("1 label-1  2 label-2  3 label-3")]
    assert len(menu) == 3, "above every question"
    whole = " ".join(said.split())
    assert "11 label-11 12 label-12" in whole
    assert " ".join(prompts[0].split()).endswith("? cannot say:")


def test_a_prompt_fits_whatever_the_width() -> None:
    for width in range(24, 90):
        *_, (prompt,) = shown([], {"yes": "", "no": ""}, width=width)
        assert cell_len(prompt) <= width


def test_the_keys_of_commands_stand_before_their_words() -> None:
    _, _, prompts = shown([], {"yes": "", "no": ""})
    assert prompts == ["1 yes  2 no  s skip  u undo  q quit  h help  ? cannot say: "]


@pytest.mark.parametrize(
    ("names", "keys", "menu", "typed"),
    [
        (["a", "b"], True, "1 a  2 b  s skip", {"1": "a", "b": "b", "B": "b"}),
        (["0", "1"], True, "0  1  s skip", {"0": "0", "1": "1"}),
        (["3", "x"], True, "3  x  s skip", {"3": "3", "x": "x"}),
        (["-1", "10"], False, "-1  10  s skip", {"-1": "-1", "10": "10"}),
        (["u", "q"], False, "1 u  2 q  s skip  undo  quit  h help", {"u": "u", "q": "q", "2": "q"}),
        (["skip", "undo"], True, "1 skip  2 undo  q quit", {"skip": "skip", "2": "undo"}),
        (["No", "NO"], True, "1 No  2 NO  s skip", {"No": "No", "NO": "NO", "1": "No"}),
        ([f"l{place}" for place in range(10)], False, "1 l0  2 l1", {"10": "l9", "l0": "l0"}),
        ([*"abcdefgijkl"], True, "1 a  2 b", {"l": "l", "11": "l"}),
        (["w", "x"], False, "1 w  2 x  s skip", {"w": "w", "W": "w"}),
        (["whole", "part"], True, "1 whole  2 part  s skip", {"whole": "whole", "2": "part"}),
    ],
)
def test_what_is_shown_before_a_label_is_what_answers_it(
    names: list[str], keys: bool, menu: str, typed: dict[str, str]
) -> None:
    """Labels that are numbers, letters of commands or differ in case alone mean themselves; numbers never mislead."""
    assert have_keys(names) is keys
    said, answers, prompts = shown([*typed], dict.fromkeys(names, "what it means"))
    assert list(answers.values()) == list(typed.values())
    assert any(line.startswith(menu) for line in [*said.splitlines(), prompts[0]])


def test_a_wrong_word_is_answered_by_the_nearest_label_and_a_wrong_key_by_the_menu_alone() -> None:
    said, answers, prompts = shown(["hosing", "x", "\x1b[A", " ", "q"], {"housing": "", "transport": ""})
    assert not answers
    assert "'hosing' is no label: did you mean 'housing'" in said
    assert "'x' is none of these" in said
    assert "'\\x1b[A' is none of these" in said
    assert len(prompts) == 5


LONG = "word " * 2000 + "the end"


@pytest.mark.parametrize(
    ("names", "key"), [(["yes", "no"], "w"), (["yes", "no"], "whole"), (["w", "x"], "whole"), (["3", "4"], "w")]
)
def test_all_of_a_long_text_is_shown_on_demand_and_then_labelled(names: list[str], key: str) -> None:
    said, answers, prompts = shown([key, names[0], "q"], dict.fromkeys(names, ""), LONG)
    assert answers == {"t0": names[0]}
    first, whole, after = (part for part in said.split("text ") if "of 4" in part)
    shows = "w" if "w" not in names else "whole"
    assert f"(6,007 more characters: {shows} shows all)" in " ".join(first.split())
    assert "the end" not in first
    assert "the end" in whole
    assert "more characters" not in whole
    assert "the end" not in after, "the next text is cut again"
    assert ("w whole" if shows == "w" else "whole") in " ".join([said, *prompts])


def test_no_key_is_offered_to_show_all_of_what_is_shown_and_help_names_it() -> None:
    said, _, prompts = shown(["h", "q"], {"yes": "", "no": ""})
    assert "whole" not in prompts[0]
    assert "all of a text of which only the beginning is shown" in " ".join(said.split())
    said, answers, _ = shown(["whole"], {"whole": "", "part": ""}, LONG)
    assert "(6,007 more characters)" in " ".join(said.split()), "there it is a label"
    assert answers == {"t0": "whole"}


HARD = {
    "right to left": "مرحبا بكم في المدينة الحافلة متأخرة كل صباح ولا أحد يعرف متى تأتي שלום לכולם מן העיר",
    "emoji": "👩‍👩‍👧 rents are up 😡😡 and e\u0301 too, says the mayor of the town 🏳️‍🌈",
    "wide": "日本語のテキストもここに全部表示されますので、最後まで読むことができます。終わり",
    "long": " ".join(f"word{number}" for number in range(375)),
}


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("width", [80, 40])
def test_a_text_is_shown_whole_in_lines_that_fit(kind: str, width: int) -> None:
    text = HARD[kind]
    said, *_ = shown(["1"], {"a": "", "b": ""}, text, width)
    assert max(map(cell_len, said.splitlines())) <= width
    assert "".join(text.split()) in "".join(said.split())


@pytest.fixture
def terminal(project: Path) -> Iterator[Any]:
    """`standin label` in a pseudo-terminal of some columns: a function that starts it, and one that types."""
    started: list[tuple[subprocess.Popen[bytes], int]] = []

    def start(columns: int) -> tuple[subprocess.Popen[bytes], Callable[..., str]]:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        process = subprocess.Popen(
            [sys.executable, "-c", "from standin.cli import main; main()", "label"], cwd=project, start_new_session=True,
            stdin=theirs, stdout=theirs, stderr=theirs, env=kept | {"TERM": "xterm", "PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        os.close(theirs)
        started.append((process, ours))

        def until(words: str, key: str = "") -> str:
            """What is shown from a key on until some words are."""
            end, seen = time.monotonic() + 60, ""
            if key:
                while termios.tcgetattr(ours)[3] & termios.ICANON and time.monotonic() < end:
                    time.sleep(0.01)  # what is typed before the question counts for nothing
                os.write(ours, key.encode())
            while words not in seen and time.monotonic() < end:
                if select.select([ours], [], [], 0.2)[0]:
                    try:
                        seen += os.read(ours, 65536).decode(errors="replace").replace("\r\n", "\n")
                    except OSError:
                        break
            assert words in seen, seen
            return seen

        return process, until

    yield start
    for process, ours in started:
        process.kill()
        process.wait()
        os.close(ours)


ASKED = "? cannot say: "


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 40])
def test_in_a_terminal_one_key_answers_and_the_next_sitting_goes_on(terminal: Any, columns: int) -> None:
    process, until = terminal(columns)
    said = until(ASKED)
    assert "text 1 of 3" in said
    assert " ".join(TEXTS["p3"].split()) in " ".join(said.split())
    assert max(cell_len(line) for line in said.splitlines()[1:] if "\x1b" not in line) <= columns
    assert "transport\nsaved: transport" in until(ASKED, "1")
    assert "undo\ntaken back" in (said := until(ASKED, "u"))
    assert "text 1 of 3, 0 answered" in said
    assert "saved: environment" in until(ASKED, "2")
    assert "answered now: 1; left: 2 texts" in until("Commit the file.", "q")
    assert process.wait(60) == 0
    assert labels() == {"p3": "environment"}
    process, until = terminal(columns)
    assert "text 1 of 2" in until(ASKED)
    until(ASKED, "?")
    until("Commit the file.", "\x04")
    assert process.wait(60) == 0
    assert labels() == {"p3": "environment", "p2": None}


@pytest.mark.slow
def test_ctrl_c_loses_nothing_and_leaves_the_line(terminal: Any) -> None:
    process, until = terminal(80)
    until(ASKED)
    until(ASKED, "1")
    said = until("interrupted; run again to go on", "\x03")
    assert said.startswith("\nanswered now: 1; left: 2 texts")
    assert process.wait(60) == 130
    assert labels() == {"p3": "transport"}
