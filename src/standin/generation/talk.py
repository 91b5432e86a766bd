"""What a model says to the one who asked, and how it is told from the text: phrase lists, one file a language.

A person extends ``phrases/<language>.yaml`` or adds a file; all languages are tried on every answer. An entry is a
regular expression without regard to case (plain words are one); ``{name}`` stands for a list or one of ``parts`` of its
file. Matched within bounded windows only, so that no answer takes long.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unicodedata import normalize

from pydantic import Field, ValidationError

from standin.checked import Group, explain, read_yaml
from standin.errors import StandinError, nearest

WINDOW = 1000
"""Characters from the start of an answer in which announcements and refusals are looked for."""

_CAPITAL = r"(?-i:[\"\u201c\u201e\u00abA-Z\u00c0-\u00d6\u00d8-\u00de\u0104-\u017d\u0410-\u042f\u00bf\u00a1])"
_OPEN = rf"(?:[^\n:\uff1a.!?\u3002\uff01\uff1f]|[.!?](?!\s+{_CAPITAL}))"  # no sentence ends; "U.S. policy" goes on
_COLON = r"(?:\s?:[*_]{0,3}(?=\s|$|[\"\u201c\u201e\u00ab])|\s?\uff1a[*_]{0,3})"
_DECORATION = r"[\s*_#>(\[\uff08\u00a1\u00bf]{0,6}"


_NAME = re.compile(r"\{([a-z_]+)\}")
_FOLDED = {
    code: ord(base[0])
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))
    if (base := normalize("NFD", chr(code)))[0].isascii()
} | {ord("\u0131"): ord("i"), ord("\u0142"): ord("l"), ord("\u0141"): ord("L"), ord("\u2019"): ord("'"), 0xA0: ord(" ")}


def fold(text: str) -> str:
    """The text without accents, letter for letter, with straight apostrophes: what phrases are compared with."""
    return text.translate(_FOLDED)


class Phrases(Group):
    """The lists of one language; docs/pipeline.md describes them."""

    parts: Mapping[str, str] = Field(default_factory=dict)
    spaces: bool = True
    sure: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    openers: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    announcements: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    minor: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    closings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    assistant: tuple[str, ...] = ()
    asker: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Talk:
    """All languages' phrases, compiled. Every pattern is to be matched at a start, ``assistant`` searched for."""

    announcement: re.Pattern[str]
    label: re.Pattern[str]
    field: re.Pattern[str]
    lead: re.Pattern[str]
    section: re.Pattern[str]
    other: re.Pattern[str]
    speaker: re.Pattern[str]
    closing: re.Pattern[str]
    remark: re.Pattern[str]
    aside: re.Pattern[str]
    explanation: re.Pattern[str]
    count: re.Pattern[str]
    refusal: re.Pattern[str]
    assistant: re.Pattern[str]
    asker: re.Pattern[str]
    filler: re.Pattern[str]
    thought: re.Pattern[str]
    key: re.Pattern[str]
    minor: re.Pattern[str]


@cache
def talk() -> Talk:
    """The phrases that come with the package."""
    return load(Path(__file__).with_name("phrases"))


def load(folder: Path) -> Talk:
    """Read and compile every list of a folder.

    Raises:
        StandinError: a file is broken: unknown key, no regular expression, unknown ``{name}``, or the folder is empty.
    """
    languages = [_read(path) for path in sorted(folder.glob("*.yaml"))]
    if not languages:
        raise StandinError(f"{folder}: no phrase list (*.yaml) here. Restore the files of the package.")

    def every(name: str) -> str:
        return _any(phrase for language in languages for phrase in getattr(language, name))

    labels = every("labels")
    words = "|".join(map(every, ("keys", "labels", "texts")))
    titled = r"(?: ?[\u2013\u2014|-] ?[^\n:\uff1a*.!?]{1,50}?)?"  # "Comment 1 - The commuter:"
    number = rf"(?: ?(?:#|n[or]\.? ?)?(?:\d{{1,2}}|(?-i:[A-E])|one)\b{titled})?(?: ?\([^()\n]{{1,40}}\))?"
    announced = _any(_announcement(language, number) for number, language in enumerate(languages))
    try:
        return Talk(
            announcement=_compile(rf"{_DECORATION}(?:{announced})(?:[*_]{{0,3}}(?=\s|\Z))?\s*"),
            label=_compile(
                rf"(?:{_DECORATION}(?:(?:{labels}) )?(?:{labels})(?P<number>{number})"
                rf"(?:[*_]{{0,3}}\s?[:\uff1a](?!//)[*_]{{0,3}}|[\])]?[*_]{{0,3}}[ ]?(?=\n))"
                rf"|\u3010(?:{labels})[^\u3011\n]{{0,10}}\u3011)\s*"
            ),
            field=_compile(rf"{_DECORATION}(?:{every('fields')})[*_]{{0,3}}\s?[:\uff1a][^\n]*"),
            lead=_compile(rf"{_DECORATION}(?:{every('leads')})[*_]{{0,3}}\s?[:\uff1a]"),
            section=_compile(rf"{_DECORATION}(?:{every('sections')})[*_:\s]*\Z"),
            other=_compile(rf"{_DECORATION}(?:{every('others')})[*_]{{0,3}}\s?[:\uff1a]?[*_]{{0,3}}[ ]?(?=\n)"),
            speaker=_compile(
                rf"{_DECORATION}(?:{every('speakers')})[*_]{{0,3}}\s?[:,\uff1a]\s*(?=[\"\u201c\u201e\u00ab])"
            ),
            closing=_compile(
                rf"{_DECORATION}(?:{'|'.join(map(every, ('closings', 'remarks', 'asides', 'explanations')))})"
            ),
            remark=_compile(rf"{_DECORATION}(?:{every('remarks')})"),
            aside=_compile(rf"{_DECORATION}(?:{every('remarks')}|{every('asides')})"),
            explanation=_compile(rf"{_DECORATION}(?:{every('explanations')})"),
            count=_compile(
                rf"{_DECORATION}(?:(?:[^\W\d]+\.? ){{0,2}}(?:[^\W\d]+\s?[:\uff1a]\s?)?"
                rf"[~\u2248\u5171\u7ea6\u7d04]{{0,2}}\d{{1,4}}(?:\s?[-/\u2013]\s?\d{{1,4}})?"
                rf"[ -]?(?:{every('units')})(?:, [^\W\d_]{{1,15}}){{0,2}}"
                rf"|(?:{every('counts')})[*_]{{0,3}}\s?[:\uff1a][*_]{{0,3}}\s?[~\u2248]?\d{{1,4}})[^\w\n]{{0,4}}\Z"
            ),
            refusal=_compile(rf"\W*(?:{every('refusals')})"),
            assistant=_compile(every("assistant")),
            asker=_compile(rf"\W*(?:{every('asker')})\W*\Z"),
            filler=_compile(rf"\W*(?:{every('fillers')})\W*\Z"),
            thought=_compile(rf"[\s\"*(]*(?:(?:analysis|commentary|thoughts?)\s)?(?:{every('thoughts')})"),
            key=_compile(rf"(?:(?:{words}) ?)+\Z"),
            minor=_compile(rf"(?:(?:{words}) ?)*(?:{'|'.join(map(every, ('minor', 'leads', 'fields')))})\Z"),
        )
    except re.error as error:
        raise StandinError(f"{folder}: the lists make no regular expression together: {error}") from None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _any(phrases: Iterable[str]) -> str:
    """One of the phrases; nothing matches where there are none."""
    return "|".join(phrases) or r"(?!)"


def _read(path: Path) -> Phrases:
    """One file, its names put in, every entry tried."""
    read = read_yaml(path)
    try:
        phrases = Phrases.model_validate(read if read is not None else {})
    except ValidationError as error:
        raise explain(path, error, Phrases) from None
    names = {name: fold(part) for name, part in phrases.parts.items()} | {"texts": fold(_any(phrases.texts))}
    lists = {
        name: tuple(_entry(path, name, fold(entry), names) for entry in value)
        for name, value in phrases
        if isinstance(value, tuple)
    }
    for name, entries in lists.items():
        _tried(path, name, entries)
    edged = {name: tuple(_edged(entry) for entry in entries) for name, entries in lists.items()}
    return phrases.model_copy(update=edged if phrases.spaces else lists)


def _entry(path: Path, name: str, entry: str, names: dict[str, str]) -> str:
    """An entry as a pattern, its names filled in."""

    def fill(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise StandinError(f"{path}: {name}: {entry!r} names {{{found[1]}}}: {nearest(found[1], names)}")
        return f"(?:{names[found[1]]})"

    for _ in range(3):  # a part may name another
        entry = _NAME.sub(fill, entry)
    return f"(?:{entry})"


def _tried(path: Path, name: str, entries: tuple[str, ...]) -> None:
    """Raises StandinError for the first entry that is no regular expression or matches where nothing stands."""
    try:
        if re.compile(_any(entries), re.IGNORECASE).match("") is None:
            return
    except re.error:
        pass
    for entry in entries:
        try:
            empty = re.compile(entry).match("") is not None
        except re.error as error:
            raise StandinError(
                f"{path}: {name}: {entry[3:-1]!r} is no regular expression: {error}. "
                "Plain ( ) [ ] ? + * . need a \\ before them"
            ) from None
        if empty:
            raise StandinError(
                f"{path}: {name}: {entry[3:-1]!r} matches where nothing stands: name a word that must be there"
            )


def _edged(entry: str) -> str:
    """An entry that ends in a letter ends where a word ends."""
    return entry + r"(?![^\W_])" if re.search(r"(?<!\\)\w\)$", entry) else entry


def _announcement(phrases: Phrases, number: int) -> str:
    """The ways in which one language announces a text; ``number`` tells the languages' groups apart.

    After words of agreement or where a colon follows, an announcement may end in the line; without both only where a
    paragraph of its own ends.
    """
    edge = r"\b" if phrases.spaces else ""
    agreed, here = rf"(?:{_any(phrases.sure)})", rf"(?:{_any(phrases.here)})"
    stop = r"(?:[,.!:\uff0c\u3002\uff01\uff1a\u3001]| ?[\u2013\u2014]| -)[^\w\n\"\u201c\u201e\u00ab]{0,6}\s*"
    sure = (
        rf"(?:(?:{_any(phrases.openers)}){stop})?"
        rf"(?P<sure{number}>(?:(?:{agreed}|{_any(phrases.offers)})[^\n:\uff1a.!?\u3002\uff01\uff1f]{{0,40}}?{stop}){{1,3}})?"
    )
    texts = rf"(?:(?:(?:{_any(phrases.articles)}){edge}{_OPEN}{{0,80}}?{edge})?(?:{_any(phrases.texts)}){edge})"
    ends = (
        rf"(?:{_OPEN}{{0,120}}{_COLON}"
        rf"|(?(sure{number}){_OPEN}{{0,120}}?(?:[.!](?=\s+{_CAPITAL}|\s*\n|\s*$)|[\u3002\uff01])|(?!))"
        rf"|{_OPEN}{{0,200}}?[.!\u3002](?=\s*\n\s*(?:\n|```)))"
    )
    alone = rf"(?:{_any(phrases.alone)}){ends}"
    own_line = rf"{edge}{_OPEN}{{0,200}}?[:\uff1a][*_]{{0,3}}[ ]?(?=\n)"
    named = rf"{here}(?! ?(?:{_any(phrases.own)}){edge})(?: ?{texts}{ends}|{own_line})"
    paragraph = rf"(?:{_any(phrases.bare)}) ?[!:\u3002\uff01\uff1a]?[ ]?(?=\n\n)"
    quoted = rf"{agreed} ?[.!,\u3002\uff01]?[ ]?(?=\n\n(?:[*_]{{0,2}}[\"\u201c\u201e\u00ab\u300c]|```|> |\{{))"
    return rf"{sure}(?:{alone}|{named}|{_any(phrases.announcements)})|{paragraph}|{quoted}"
