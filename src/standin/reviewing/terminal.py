"""Reviewing in a terminal: one text at a time, a key or a word for each decision, which is on disk at once."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from standin.curation.reviews import DONE, Decision, Key, Verdict
from standin.errors import StandinError, counted, nearest, visible
from standin.reviewing.candidates import Candidate, stays_out
from standin.reviewing.store import OvertakenError, Store, wanted

WORDS: dict[str, tuple[str, ...]] = {
    "accept": ("a", "accept", "y", "yes"),
    "reject": ("r", "reject", "n", "no"),
    "edit": ("e", "edit"),
    "skip": ("s", "skip"),
    "whole": ("w", "whole"),
    "undo": ("u", "undo"),
    "quit": ("q", "quit", "exit"),
    "help": ("?", "h", "help"),
}
OF = {word: name for name, words in WORDS.items() for word in words}
CHOICES = "accept, reject, edit, skip, undo, quit, ? (first letter does)"
HELP = """\
accept  the text and its label are right: it stays though a judge, its distance
        to the task or a similar text speaks against it
reject  it goes
edit    write it anew, give it another label, or both; all rules see the result
skip    decide later
whole   show all of a text of which only the beginning is shown
undo    take the last decision of this session back
quit    leave; everything decided is saved already
Where words are typed, what follows accept or reject is kept as a note."""
MOST = 4000
"""Characters of a text that are shown before somebody asks for all."""
MOST_LABELS = 12
"""Labels that the question for one names."""

Ask = Callable[[str], str | None]
"""Shows a prompt and returns what was typed; None at the end of input."""
Fill = Callable[[str, str], str | None]
"""The same with a text to start from, where the terminal can."""


@dataclass
class Session:
    """One sitting. ``done`` counts what was decided in it."""

    texts: Sequence[Candidate]
    store: Store
    labels: dict[str, str]
    """Name -> description."""
    console: Any
    ask: Ask
    fill: Fill
    ask_line: Ask
    before: int = 0
    """Texts that were decided before this sitting."""
    done: Counter[str] = field(default_factory=Counter)
    _back: list[tuple[int, Key, Decision | None, str]] = field(default_factory=list)

    def run(self) -> bool:
        """Ask for each text; False where the person left before the last one."""
        place, whole = 0, False
        while place < len(self.texts):
            self._show(place, whole=whole)
            answer = self._asked()
            if answer is None or answer[0] == "quit":
                return False
            name, rest = answer
            if whole := name == "whole":
                continue
            if name == "undo":
                place = self._undo(place)
            elif name == "skip" or self._decided(place, name, rest):
                place += 1
        return True

    def _asked(self) -> tuple[str, str] | None:
        """What was chosen and what followed it; asked again until it is something."""
        while (typed := self.ask(f"{CHOICES}: ")) is not None:
            word, _, rest = typed.strip().partition(" ")
            name = OF.get(word.lower())
            if name == "help":
                self._say(HELP)
            elif name:
                return name, rest.strip()
            elif word:
                self._say(f"{word[:20]!r} is none of these: {CHOICES}")
        return None

    def _decided(self, place: int, name: str, rest: str) -> bool:
        """Write a decision; False where nothing was decided after all."""
        row = self.texts[place].row
        verdict: Verdict = "accept" if name == "accept" else "reject" if name == "reject" else "edit"
        if verdict == "accept" and (why := stays_out(row, self.texts[place].survivor, self.store.reviews)):
            self._say(f"it cannot come back, so nothing was decided: {why}. Edit it, reject it or skip it.")
            return False
        text: str | None = None
        label: str | None = None
        if verdict == "edit":
            edit = self._edit(self.texts[place])
            if edit is None:
                return False
            text, label = edit
        try:
            key, known = self.store.decide(row, verdict, text, label, rest or None)
        except OvertakenError as error:
            self._say(f"{error}. Look at it again.")
            return False
        self._back.append((place, key, known, DONE[verdict]))
        self.done[DONE[verdict]] += 1
        self._say(DONE[verdict])
        return True

    def _edit(self, shown: Candidate) -> tuple[str | None, str | None] | None:
        row, known = shown.row, self.store.reviews.of(shown.row)
        before = known.text or "" if known else ""
        label = (known.label if known else None) or row.label or ""
        start = in_one_line(before or row.text)
        typed = self.fill("new text (empty keeps it): ", start)
        chosen = self._label(label) if typed is not None else None
        if typed is None or chosen is None:
            return None
        try:
            changed = in_lines(typed) if typed.strip() not in ("", start.strip()) else before
            text, new = wanted(row, changed, chosen, list(self.labels))
        except StandinError as error:
            self._say(f"{error}. Nothing was changed.")
            return None
        if text is None and new is None:
            self._say("the edit changes nothing, so nothing was decided")
            return None
        return text, new

    def _label(self, label: str) -> str | None:
        """The label of an edit, asked for until it is one; None at the end of input."""
        names = ", ".join(self.labels)
        known = names if len(self.labels) <= MOST_LABELS else f"one of {len(self.labels)}, ? shows them"
        while (typed := self.ask_line(f"label (empty keeps {label}; {known}): ")) is not None:
            if (chosen := typed.strip() or label) in self.labels or chosen == label:
                return chosen
            self._say(names) if chosen == "?" else self._say(f"label {chosen[:40]!r}: {nearest(chosen, self.labels)}")
        return None

    def _undo(self, place: int) -> int:
        if not self._back:
            self._say("nothing was decided in this session yet")
            return place
        place, key, known, name = self._back.pop()
        try:
            self.store.change([(key, known)])
        except OvertakenError as error:
            self._say(f"{error}, so it is not taken back.")
            return place
        self.done[name] -= 1
        self._say(f"taken back: {name}")
        return place

    def _say(self, words: str) -> None:
        self.console.print(visible(words), markup=False, highlight=False)

    def _show(self, place: int, *, whole: bool) -> None:
        from rich.padding import Padding
        from rich.text import Text

        shown, row = self.texts[place], self.texts[place].row
        said = f"text {place + 1} of {len(self.texts)}"
        decided = self.before + sum(self.done.values())
        self.console.rule(Text(f"{said}, {decided} decided" if decided else said), align="left")
        lines = [("label", f"{row.label} ({self.labels.get(row.label or '', '')})"), ("question", shown.question)]
        lines += [("curation", shown.said), ("decided", self._known(shown))]
        for name, value in lines:
            if value:
                self.console.print(Text.assemble((f"{name:<9}", "bold"), visible(value)))
        self.console.print(Padding(Text(visible(row.text) if whole else shortened(row.text)), (1, 0, 1, 2)))
        if shown.like:
            self.console.print(Text("is like:", style="bold"))
            self.console.print(Padding(Text(visible(shown.like) if whole else shortened(shown.like)), (0, 0, 1, 2)))

    def _known(self, shown: Candidate) -> str:
        known = self.store.reviews.of(shown.row)
        if known is None:
            return ""
        parts = [DONE[known.decision]]
        parts += [f"label {known.label}"] if known.label else []
        parts += [f"text {known.text}"] if known.text and known.text != shown.row.text else []
        parts += [f"note: {known.note}"] if known.note else []
        return "; ".join(parts)


def in_one_line(text: str) -> str:
    r"""A text as it is typed in a line: a line break as ``\n``, and a ``\n`` that is none as ``\\n``."""
    return re.sub(r"(\\*)(\n|(?<=\\)n)", lambda found: found[1] * 2 + ("n" if found[2] == "n" else "\\n"), text)


def in_lines(typed: str) -> str:
    """The text of which ``in_one_line`` gives what was typed."""
    return re.sub(r"(\\+)n", lambda found: found[1][: len(found[1]) // 2] + ("\n" if len(found[1]) % 2 else "n"), typed)


def shortened(text: str, key: str = WORDS["whole"][0]) -> str:
    """The beginning of a text as a terminal may show it, with how much is left out, and which key shows it (or "")."""
    more = len(text) - MOST
    shows = f": {key} shows all" if key else ""
    return visible(text[:MOST]) + (f" ... ({counted(more, 'more character')}{shows})" if more > 0 else "")


def by_line(prompt: str) -> str | None:
    """Ask for a line, in a terminal or through a pipe; None at the end of input."""
    import sys

    print(prompt, end="", flush=True)  # noqa: T201
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        print()  # noqa: T201
        raise
    if not line:
        print()  # noqa: T201
        return None
    if not sys.stdin.isatty():
        print()  # noqa: T201
    return line.rstrip("\r\n")


def by_key(prompt: str, words: Mapping[str, str] = OF) -> str | None:
    """Ask for one key, without Enter; ``words`` says what to show for it."""
    import typer

    print(prompt, end="", flush=True)  # noqa: T201
    try:
        key = str(typer.getchar())
    except EOFError:
        key = ""
    except KeyboardInterrupt:
        print()  # noqa: T201
        raise
    key = "q" if key in ("", "\x04", "\x1a") else key
    print(words.get(key.lower(), ""), flush=True)  # noqa: T201
    return key


def unfilled(prompt: str, text: str) -> str | None:  # noqa: ARG001
    """Ask for a line that begins empty, as through a pipe."""
    return by_line(prompt)


def filled(prompt: str, text: str) -> str | None:
    """Ask for a line that begins as the text does, where the terminal has readline and the text is harmless there."""
    try:
        import readline
    except ImportError:
        return by_line(prompt)
    if visible(text) != text:
        return by_line(prompt)
    readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        return input(prompt.replace("empty keeps it", "change it; Enter keeps it, Ctrl-U empties the line"))
    except EOFError:
        return None
    finally:
        readline.set_startup_hook()
