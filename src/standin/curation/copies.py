"""Synthetic texts that repeat an example of their prompt: a real text once more, and no new one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from standin.curation.duplicates import normalise
from standin.curation.lengths import Unit, characters

LONGEST_WORD = 12
"""Mean characters of a "word" above which a text is taken to be written without spaces, and is compared by characters.

English has 4 to 5, German 6, Finnish 8; a Chinese or Thai sentence is one "word" of 15 and more.
"""


def words(text: str, unit: Unit = "words") -> list[str]:
    """The normalised text's words, or its characters where the language or this text is written without spaces."""
    if unit == "characters":
        return characters(normalise(text))
    found = normalise(text).split()
    return found if sum(map(len, found)) <= LONGEST_WORD * len(found) else list("".join(found))


@dataclass(frozen=True, slots=True)
class Words:
    """A text's words in their order, and how often it holds each."""

    ordered: Sequence[str]
    counts: Counter[str]

    @classmethod
    def of(cls, ordered: Sequence[str]) -> "Words":
        """Count the words once, however many texts they are compared with."""
        return cls(ordered, Counter(ordered))


def likeness(one: Words, other: Words, least: float = 0.0) -> float:
    """1 - (word edits between two texts) / (words of the longer one), from 0 to 1; 0 where it cannot reach ``least``.

    An edit puts in, takes out or changes a word (Levenshtein 1966). Two texts of n words that share s of them, in
    whatever order, have at least n - s edits: lengths and counts spare the table for texts that are unlike.
    """
    shorter, longest = sorted((len(one.ordered), len(other.ordered)))
    needed = least * longest - 1e-9
    if not longest or shorter < needed or _shared(one, other) < needed:
        return 0.0
    row = list(range(len(other.ordered) + 1))
    for i, word in enumerate(one.ordered, 1):
        diagonal, row[0] = row[0], i
        for j, against in enumerate(other.ordered, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != against))
    found = 1 - row[-1] / longest
    return found if found >= least - 1e-9 else 0.0


def _shared(one: Words, other: Words) -> int:
    return sum(min(count, other.counts[word]) for word, count in one.counts.items())


def copied(
    texts: Sequence[str], examples: Sequence[Sequence[str]], threshold: float, unit: Unit = "words"
) -> list[tuple[int, int, float]]:
    """Find the texts that repeat an example, or change a few of its words.

    At 0.8 one changed word is found from five words on, two from ten on. Character 5-grams miss it: one word of eight
    takes up to 13 of some 40 grams along, so the Jaccard similarity falls to about 0.5.

    Args:
        texts: synthetic texts.
        examples: for each text, the examples that its chat had shown.
        threshold: the likeness from which a text is a copy, above 0 up to 1.
        unit: what the texts' language is measured in.

    Returns:
        (place of the text, place of the example among its own, likeness) for each copy, in order; of equally like
        examples the first.
    """
    shown = {text: Words.of(words(text, unit)) for text in {example for own in examples for example in own}}
    found = []
    for place, (text, own) in enumerate(zip(texts, examples, strict=True)):
        mine = Words.of(words(text, unit) if own else [])
        scores = [likeness(mine, shown[example], threshold) for example in own]
        if scores and max(scores) > 0:
            found.append((place, scores.index(max(scores)), round(max(scores), 6)))
    return found
