"""In which encoding a text file was saved: said by its first bytes or by the person, never guessed in silence."""

import codecs
from pathlib import Path

from standin.errors import StandinError
from standin.sources.streams import lines

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; UTF-32's little-endian one begins with UTF-16's. UTF-8's is taken off wherever lines are read."""

SINGLE = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "mac_roman")
SEVERAL = ("cp932", "gb18030", "big5", "cp949")
"""Encodings of one byte a character, and of several: Windows' code pages in Europe and the Near East; East Asia's."""

DENSE = 0.3
"""Share of bytes beyond ASCII from which a text is likelier East Asian than European: a letter in three is accented
in hardly any language of Latin script, and an East Asian text is little else."""

OFFERED = 4
SAMPLE = 1 << 16
SHOWN = 40


def encoding_of(path: Path, asked: str | None) -> str:
    """The encoding to read a file in: what was asked for, or what a byte order mark says, else UTF-8.

    Raises:
        StandinError: there is no encoding of that name; or none was asked for and the file is not UTF-8: with how its
            first strange line reads in those that it may be.
    """
    if asked is not None:
        try:
            codec = codecs.lookup(asked)
            "".encode(asked)
        except LookupError:  # not known, or no encoding of texts, as base64
            raise StandinError(
                f"--encoding {asked!r}: no encoding of that name; cp1252, utf-16, cp1251, cp932 and gb18030 are some"
            ) from None
        return "utf-8" if codec.name in ("utf-8", "utf-8-sig", "ascii") else codec.name
    for number, line in enumerate(lines(path), 1):
        if number == 1:
            for mark, encoding in MARKS:
                if line.startswith(mark):
                    return encoding
            if (unmarked := _utf16(line)) is not None:
                raise StandinError(
                    f"{path}: every other byte is zero, as in UTF-16 text without a byte order mark: add "
                    f"--encoding {unmarked}"
                )
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            raise _not_utf8(path, number, line) from None
    return "utf-8"


def _utf16(head: bytes) -> str | None:
    """UTF-16 of which kind the first line is, by where its zeros stand; None where it is not."""
    even, odd = head[0:SAMPLE:2], head[1:SAMPLE:2]
    if len(head) >= 4 and odd.count(0) > 0.8 * len(odd) and not even.count(0):
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 4 and even.count(0) > 0.8 * len(even) and not odd.count(0) else None


def _not_utf8(path: Path, number: int, line: bytes) -> StandinError:
    sample, size = [], 0
    for other in lines(path):
        if any(byte > 0x7F for byte in other):
            sample.append(other)
            size += len(other)
        if size > SAMPLE:
            break
    joined = b"".join(sample)
    dense = sum(byte > 0x7F for byte in joined) > DENSE * len(joined)
    order = (*SEVERAL, *SINGLE) if dense else SINGLE
    fitting = {encoding: text for encoding in order if (text := _decoded(joined, encoding)) is not None}
    readings: dict[str, str] = {}
    for encoding in fitting:
        text = _around(_decoded(line, encoding) or "")
        if text and text not in readings.values() and len(readings) < OFFERED:
            readings[encoding] = text
    if not readings:
        return StandinError(
            f"{path}, line {number}: not UTF-8 text. Save the file as UTF-8, or name its encoding with --encoding."
        )
    offered = "; ".join(f"--encoding {encoding} reads {text!r} there" for encoding, text in readings.items())
    return StandinError(
        f"{path}, line {number}: not UTF-8 text. Add the encoding in which the line reads as it should: {offered}. "
        "Or save the file as UTF-8."
    )


def _decoded(content: bytes, encoding: str) -> str | None:
    """The text, or None where it is none in this encoding or holds controls, which texts hardly have."""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if any("\x7f" <= sign <= "\x9f" for sign in text) else text


def _around(text: str) -> str:
    """The first strange character with its neighbours."""
    place = next((at for at, sign in enumerate(text) if sign > "\x7f"), 0)
    start = max(0, place - SHOWN // 2)
    return text[start : start + SHOWN].strip()
