"""What makes a text unfit for training."""

from standin.curation.lengths import Unit, length
from standin.generation.marks import first_mark

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def invalidity(text: str, least: int, most: int, unit: Unit = "words") -> str | None:
    """What makes a text unfit for training whatever its label, or None.

    Args:
        text: the parsed text.
        least: fewest words or characters allowed.
        most: most of them allowed.
        unit: which of the two.

    Returns:
        ``blank``, ``broken_character`` (U+FFFD stands where bytes were lost), ``chat_marker``, ``no_letter``,
        ``too_short``, ``too_long``, the first that holds; None for a valid text.
    """
    if not text.strip():
        return "blank"
    if REPLACEMENT in text:
        return "broken_character"
    if first_mark(text):
        return "chat_marker"
    if not any(character.isalpha() for character in text):
        return "no_letter"
    long = length(text, unit)
    if long < least:
        return "too_short"
    return "too_long" if long > most else None
