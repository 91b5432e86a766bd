"""What an arm is made of: sources of training texts, how many of each, and who answers.

An arm is a list of names in params.yaml: ``[real]``, ``[sqbc, synthetic]``, ``[synthetic:200]`` (the first 200 of an
order in which smaller sets lie inside larger ones), ``[real:synthetic]`` (as many as there are synthetic texts),
``[real, probe]``, ``[llm]``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from standin.errors import nearest

SOURCES = ("real", "labelled", "shots", "synthetic", "misaligned")
"""Training texts that no strategy chooses."""
GENERATED = ("synthetic", "misaligned")
"""Sources of generated texts: an arm without them is what it is compared with."""
ANSWERERS = ("probe", "ngrams", "llm", "warmstart")
"""Who answers where it is no fine-tuned encoder: a linear probe of the frozen one, a classifier on character n-grams,
the LLM, the warm start as it is."""
UNTRAINED = ("llm", "warmstart")
"""Those of them that learn from no text of the task's questions."""
UNKEPT = ("ngrams", *UNTRAINED)
"""Those of them of which ``models/<arm>`` holds no classifier."""


@dataclass(frozen=True, slots=True)
class Part:
    """One source of an arm; ``size``: texts per question at most, or the source that it has as many texts as."""

    source: str
    size: int | str | None = None


def part(name: str) -> Part:
    """``synthetic:200`` as a source and its size."""
    source, _, size = name.partition(":")
    return Part(source, (int(size) if size.isascii() and size.isdigit() else size) if size else None)


def answerer(names: Iterable[str]) -> str | None:
    """Who answers in an arm of these names; None for a fine-tuned encoder."""
    return next((name for name in names if name in ANSWERERS), None)


def with_encoder(arms: Iterable[Iterable[str]]) -> bool:
    """Whether an encoder answers in any of these arms, fine-tuned or not."""
    return any(answerer(names) not in ("ngrams", "llm") for names in arms)


def training_names(names: Iterable[str]) -> list[str]:
    """The names of an arm that bring training texts, in their order."""
    return [name for name in names if name not in ANSWERERS]


def strategy(name: str) -> str | None:
    """The strategy that chooses the texts of this name; None where none does."""
    return name if part(name).source not in (*SOURCES, *ANSWERERS) else None


def has_generated(names: Iterable[str]) -> bool:
    """Whether an arm of these names trains on generated texts."""
    return any(part(name).source in GENERATED for name in names)


def drawn_once(names: Iterable[str], *, selected: bool) -> frozenset[str]:
    """The sources of an arm that are one draw for all seeds where people label: parts of the pool, and strategies.

    selected: whether strategies choose real texts; synthetic ones are chosen anew by every seed.
    """
    return frozenset(
        name for name in names
        if (strategy(name) and selected) or (part(name).source == "real" and part(name).size is not None)
    )  # fmt: skip


def check(arm: str, names: Sequence[str], strategies: Collection[str], evidence: Mapping[str, str]) -> None:
    """Raise ValueError, saying what to write instead, where an arm of these names cannot be made.

    strategies: those of ``select.strategies``. evidence: what each strategy that there is reads, those not among them
    too.
    """
    known = (*SOURCES, *strategies, *ANSWERERS)
    if not names:
        raise ValueError(f"arms.{arm} names no source; known: {', '.join(known)}")
    for name in names:
        given = part(name)
        if given.source in evidence and given.source not in strategies:
            add = f"select.strategies.{given.source}.evidence={evidence[given.source]}"
            raise ValueError(
                f"arms.{arm}: the strategy {given.source!r} is not in select.strategies: add it, as -S '+{add}' does"
            )
        if given.source not in known:
            raise ValueError(f"arms.{arm}: no source {given.source!r}: {nearest(given.source, {*known, *evidence})}")
        if ":" in name:
            _check_size(arm, name, given)
    if len(set(names)) < len(names):
        raise ValueError(f"arms.{arm} names a source twice: {', '.join(names)}")
    who = [name for name in names if name in ANSWERERS]
    if len(who) > 1:
        raise ValueError(f"arms.{arm}: {' and '.join(who)} cannot both answer: leave one of them")
    if who and who[0] in UNTRAINED and len(names) > 1:
        why = "every arm begins from it" if who[0] == "warmstart" else "it is asked as it is"
        raise ValueError(f"arms.{arm}: {who[0]} learns from no texts here ({why}): let it stand alone")
    if who and who[0] not in UNTRAINED and len(names) == 1:
        raise ValueError(f"arms.{arm}: {who[0]} needs texts to learn from, as in [real, {who[0]}]")


def _check_size(arm: str, name: str, given: Part) -> None:
    sized = [source for source in SOURCES if source != given.source]
    if given.source not in SOURCES:
        raise ValueError(f"arms.{arm}: {name!r}: only {', '.join(SOURCES)} take a number; a strategy's is its budget")
    if not (isinstance(given.size, int) and given.size > 0) and given.size not in sized:
        raise ValueError(
            f"arms.{arm}: {name!r}: after the colon stands a number of texts (1 or more), or the source that it has "
            f"as many texts as ({', '.join(sized)})"
        )
