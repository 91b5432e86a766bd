"""Labelling in a terminal: one text at a time, a key or a word for its label, which is on disk at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from standin.corpus import Row
from standin.errors import nearest, visible
from standin.labelling.answers import UNSURE
from standin.labelling.store import Store, Vote
from standin.reviewing.terminal import MOST, Ask, shortened

WHOLE = "whole"
WORDS = {"s": "skip", "w": WHOLE, "u": "undo", "q": "quit", "h": "help", UNSURE: "cannot say"}
HELP = (
    ("number or name", "that label"),
    (UNSURE, "no label can be said: the text is not asked again"),
    ("skip, undo", "decide later; take the last answer of this session back"),
    (WHOLE, "all of a text of which only the beginning is shown"),
    ("quit", "leave; everything answered is saved already"),
)


def words_of(names: Sequence[str]) -> dict[str, str]:
    """What is typed -> label or command. A label of a command's name is meant before the command.

    Labels have numbers, but where some are called by numbers themselves.
    """
    found = WORDS | {word: word for word in WORDS.values()} | {"exit": "quit"}
    found |= {name.casefold(): name for name in names} | {name: name for name in names}
    if any(name.isdecimal() for name in names):
        return found
    return found | {str(place): name for place, name in enumerate(names, 1)}


def have_keys(names: Sequence[str]) -> bool:
    """Whether one key says each label and each command; else they are typed."""
    words = words_of(names)
    return {name for key, name in words.items() if len(key) == 1} >= {*names, *WORDS.values()}


@dataclass
class Session:
    """One sitting. ``answered`` counts what was said in it."""

    texts: Sequence[Row]
    store: Store
    labels: dict[str, str]
    """Name -> description."""
    annotator: str
    console: Any
    ask: Ask
    answered: int = 0
    _back: list[tuple[int, Vote]] = field(default_factory=list)

    def run(self) -> bool:
        """Ask for each text; False where the person left before the last one."""
        self._list_labels()
        words, place, whole = words_of(list(self.labels)), 0, False
        while place < len(self.texts):
            cut = not whole and len(self.texts[place].text) > MOST
            self._show(place, words, cut=cut)
            said = self._asked(words, cut=cut)
            if said in (None, "quit") and said not in self.labels:
                return False
            if whole := said == WHOLE and said not in self.labels:
                continue
            if said == "undo" and said not in self.labels:
                place = self._undo(place)
                continue
            if said in self.labels or said == WORDS[UNSURE]:
                self._answer(place, said if said in self.labels else None)
            place += 1
        return True

    def _list_labels(self) -> None:
        words = words_of(list(self.labels))
        self._list([
            (str(place) if words.get(str(place)) == name else "", f"{name}: {meant}")
            for place, (name, meant) in enumerate(self.labels.items(), 1)
        ])  # fmt: skip

    def _list(self, meanings: Sequence[tuple[str, str]]) -> None:
        """What is typed, and beside it what it means."""
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2, 0, 0))
        for typed, meant in meanings:
            table.add_row(Text(visible(typed), no_wrap=True), Text(visible(meant)))
        self.console.print(table)

    def _menu(self, words: dict[str, str], *, cut: bool) -> list[str]:
        """Every label and command behind what is typed for it, in lines of the terminal's width.

        ``cut``: whether there is more of the text to show.
        """
        from rich.cells import cell_len

        items = [
            f"{place} {name}" if words.get(str(place)) == name else name for place, name in enumerate(self.labels, 1)
        ]
        for key, word in WORDS.items():
            if word not in self.labels and (cut or word != WHOLE):
                items.append(f"{key} {word}" if words[key] == word else word)
        lines = [""]
        for item in items:
            gap = "  " if lines[-1] else ""
            if lines[-1] and cell_len(lines[-1] + gap + item) > self.console.width - len(": "):
                lines.append(item)
            else:
                lines[-1] += gap + item
        return lines

    def _asked(self, words: dict[str, str], *, cut: bool) -> str | None:
        """A label or command; asked again until it is one."""
        *above, last = self._menu(words, cut=cut)
        while True:
            for line in above:
                self._say(line)
            if (typed := self.ask(f"{last}: ")) is None:
                return None
            typed = typed.strip()
            said = words.get(typed, words.get(typed.casefold()))
            if said == "help" and said not in self.labels:
                self._list_labels()
                self._list(HELP)
            elif said:
                return said
            elif len(typed) > 1 and typed.isprintable():
                self._say(f"{typed[:20]!r} is no label: {nearest(typed, self.labels)}")
            elif typed:
                self._say(f"{typed!r} is none of these")

    def _answer(self, place: int, label: str | None) -> None:
        row = self.texts[place]
        self._back.append((place, self.store.vote_of(row, self.annotator)))
        self.store.change([Vote(row, self.annotator, label)])
        self.answered += 1
        self._say(f"saved: {label or WORDS[UNSURE]}")

    def _undo(self, place: int) -> int:
        if not self._back:
            self._say("nothing was answered in this session yet")
            return place
        place, before = self._back.pop()
        self.store.change([before])
        self.answered -= 1
        self._say("taken back")
        return place

    def _say(self, words: str) -> None:
        self.console.print(visible(words), markup=False, highlight=False)

    def _show(self, place: int, words: dict[str, str], *, cut: bool) -> None:
        from rich.padding import Padding
        from rich.text import Text

        row = self.texts[place]
        self.console.rule(Text(f"text {place + 1} of {len(self.texts)}, {self.answered} answered"), align="left")
        if row.question_id is not None:
            self.console.print(Text.assemble(("question ", "bold"), visible(row.question or row.question_id)))
        key = next((typed for typed in ("w", WHOLE) if words[typed] == WHOLE and WHOLE not in self.labels), "")
        self.console.print(Padding(Text(shortened(row.text, key) if cut else visible(row.text)), (1, 0, 1, 2)))
