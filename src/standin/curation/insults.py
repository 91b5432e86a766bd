"""Hints of insults and threats: texts that hold words of a short list, ``insults.yaml``, where a language has one."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from standin.checked import read_yaml
from standin.language_codes import short_code


@cache
def _patterns() -> dict[str, dict[str, re.Pattern[str]]]:
    """Language -> kind (insult, threat) -> one pattern of its phrases."""
    lists: Mapping[str, Mapping[str, list[str]]] = read_yaml(Path(__file__).with_name("insults.yaml"))
    return {
        language: {kind: _any([phrase.replace(" ", r"\s{1,9}") for phrase in found]) for kind, found in kinds.items()}
        for language, kinds in lists.items()
    }


def _any(phrases: list[str]) -> re.Pattern[str]:
    """One pattern for lower-case texts, without an assertion in front: so it is searched by first letters, fast."""
    return re.compile(rf"(?:{'|'.join(phrases)})(?!\w)")


def _begins(found: re.Match[str]) -> bool:
    """Whether a match begins a word."""
    before = found.string[found.start() - 1 : found.start()]
    return not (before.isalnum() or before == "_")


def kinds(language: str) -> tuple[str, ...]:
    """The kinds that are counted in a language's texts; none where there is no list for it."""
    return tuple(_patterns().get(short_code(language), {}))


def insults(text: str, language: str) -> dict[str, int]:
    """How many phrases of each kind a text holds; kinds without any are left out."""
    straight = text.lower().replace("\u2019", "'")
    counts = {
        kind: sum(map(_begins, found.finditer(straight)))
        for kind, found in _patterns().get(short_code(language), {}).items()
    }
    return {kind: count for kind, count in counts.items() if count}
