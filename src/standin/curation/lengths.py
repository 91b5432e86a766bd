"""How long a text is: in words, or in characters where a language is written without spaces between words."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["words", "characters"]

UNSPACED_LANGUAGES = frozenset(
    ["zh", "zho", "cmn", "yue", "wuu", "hsn", "gan", "hak", "nan", "lzh", "ja", "jpn", "th", "tha", "lo", "lao", "km",
     "khm", "my", "mya", "shn", "mnw", "bo", "bod", "dz", "dzo", "ii", "iii"]
)  # fmt: skip
"""Codes of ISO 639-1 and 639-3: the Chinese languages, Japanese, Thai, Lao, Khmer, Burmese, Shan, Mon, Tibetan (whose
marks part syllables), Dzongkha, Yi. Korean and Vietnamese are written with spaces."""
UNSPACED_SCRIPTS = frozenset(
    ["Hans", "Hant", "Hani", "Jpan", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Yiii", "Lana", "Talu",
     "Tale", "Java", "Bali"]
)  # fmt: skip
UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u312f\u3400-\u4dbf\u4e00-\ua4cf\uf900-\ufaff\uff66-\uff9f\U00020000-\U00031fff]"
)
"""Thai, Lao, Tibetan and Burmese; Khmer; kana and bopomofo; Han with its extensions; Yi; half-width kana."""
SHOWN_BY = 0.5
"""Share of letters in such scripts from which texts of an unknown language are taken to be written without spaces."""


def unit_of(language: str) -> Unit:
    """What texts of a language are measured in. A code's script decides where it names one, as in zho_Hans or zho_Latn.

    Args:
        language: a code as in ja, or FLORES-200's as in jpn_Jpan.
    """
    code, _, script = language.partition("_")
    unspaced = script in UNSPACED_SCRIPTS if script else code in UNSPACED_LANGUAGES
    return "characters" if unspaced else "words"


def unit_of_texts(texts: Sequence[str]) -> Unit:
    """What texts are measured in whose language nobody has named yet: by the script of their letters."""
    unspaced = sum(sign.isalpha() for text in texts for sign in UNSPACED.findall(text))
    if not unspaced:  # nearly always, and the letters of a million texts are many
        return "words"
    letters = sum(sum(map(str.isalpha, text)) for text in texts)
    return "characters" if unspaced > SHOWN_BY * letters else "words"


def characters(text: str) -> list[str]:
    """The characters that take a place of their own: no white space, no marks on another one, no invisible ones.

    Thai "ที่" is one consonant with two marks: 1, as a reader counts.
    """
    return [
        character
        for character in text
        if not character.isspace() and unicodedata.category(character) not in ("Mn", "Me", "Cf", "Cc")
    ]


def length(text: str, unit: Unit = "words") -> int:
    """Runs between white space, or characters. A mixed text ("iPhoneのケース") is measured in its task's unit too."""
    return len(text.split()) if unit == "words" else len(characters(text))
