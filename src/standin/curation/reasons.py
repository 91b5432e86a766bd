"""Why a planned row does not become a text of the synthetic data."""

from standin.generation.marks import first_mark

REASONS = ("refused", "unparsable", "invalid", "judged_wrong", "contaminated", "copied", "duplicate")
"""In the order in which they are tried; a row is counted under the first that holds."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def count_words(text: str) -> int:
    """Runs between white space. A language written without spaces has few: set ``curate.min_words`` to 1 there."""
    return len(text.split())


def invalidity(text: str, min_words: int, max_words: int) -> str | None:
    """What makes a text unfit for training whatever its label, or None.

    Args:
        text: the parsed text.
        min_words: fewest words allowed.
        max_words: most words allowed.

    Returns:
        ``blank``, ``broken_character`` (U+FFFD stands where bytes were lost), ``chat_marker``, ``no_letter``,
        ``too_short``, ``too_long``, the first that holds; None for a valid text.
    """
    words = count_words(text)
    if not words:
        return "blank"
    if REPLACEMENT in text:
        return "broken_character"
    if first_mark(text):
        return "chat_marker"
    if not any(character.isalpha() for character in text):
        return "no_letter"
    if words < min_words:
        return "too_short"
    return "too_long" if words > max_words else None
