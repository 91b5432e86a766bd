"""The groups of params.yaml that say which texts go and which data set is refused, and a task's own such checks."""

import re
import warnings
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from standin.checked import Group


class Lengths(Group):
    """How long a text may be: in words, or in characters where the task's language is written without spaces.

    5 and 600 characters are about 3 and 150 words: a Chinese word has 1.7 characters, a Thai one 4 (ours).
    """

    min_words: int = Field(3, ge=1)
    max_words: int = Field(150, ge=1)
    min_characters: int = Field(5, ge=1)
    max_characters: int = Field(600, ge=1)

    def lengths(self, unit: Literal["words", "characters"]) -> tuple[int, int]:
        """Fewest and most of a unit."""
        return (self.min_words, self.max_words) if unit == "words" else (self.min_characters, self.max_characters)

    @model_validator(mode="after")
    def _some_length_is_allowed(self) -> Self:
        for unit, (least, most) in (("words", self.lengths("words")), ("characters", self.lengths("characters"))):
            if least > most:
                raise ValueError(f"min_{unit} is {least}, max_{unit} is {most}: no text is that long; swap them")
        return self


class Curate(Lengths):
    """When a synthetic text is removed."""

    near_duplicate_cosine: float = Field(0.95, gt=0, le=1)
    near_duplicate_jaccard: float = Field(0.7, gt=0, le=1)
    contaminated_cosine: float = Field(0.95, gt=0, le=1)
    contaminated_jaccard: float = Field(0.7, gt=0, le=1)
    copied_words: float = Field(0.8, gt=0, le=1)
    off_task: float | None = Field(None, gt=0, lt=1)


class Validate(Lengths):
    """Bounds of the Great Expectations suite over the curated texts."""

    min_texts_per_label: int = Field(8, ge=0)
    max_label_gap: float = Field(0.3, ge=0, le=1)
    max_refused: float = Field(0.2, ge=0, le=1)
    max_unparsable: float = Field(0.2, ge=0, le=1)
    max_invalid: float = Field(0.3, ge=0, le=1)
    max_duplicates: float = Field(0.5, ge=0, le=1)
    max_contaminated: float = Field(0.02, ge=0, le=1)
    max_off_task: float = Field(0.3, ge=0, le=1)
    max_judged_wrong: float = Field(0.5, ge=0, le=1)


Severity = Literal["critical", "warning"]


def _one_is_given(least: float | None, most: float | None) -> None:
    if least is None and most is None:
        raise ValueError("give min, max or both: nothing is checked without")
    if least is not None and most is not None and least > most:
        raise ValueError(f"min is {least}, max is {most}: nothing lies between; swap them")


class Number(Group):
    """Fewest and most of something that is counted. A warning leaves the gate open."""

    min: int | None = Field(None, ge=0)
    max: int | None = Field(None, ge=0)
    severity: Severity = "critical"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _one_is_given(self.min, self.max)
        return self


class Share(Group):
    """Smallest and largest share, from 0 to 1. A warning leaves the gate open."""

    min: float | None = Field(None, ge=0, le=1)
    max: float | None = Field(None, ge=0, le=1)
    severity: Severity = "critical"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _one_is_given(self.min, self.max)
        return self


def _compiles(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern[:80]!r} is no regular expression of Python: {error}") from None
    return pattern


class Pattern(Share):
    """The share of kept texts in which a regular expression is found, somewhere; `max: 0` where none may match."""

    pattern: Annotated[str, AfterValidator(_compiles)] = Field(min_length=1, max_length=1000)


PatternName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Checks(Group):
    """What the stage validate checks for this task beside the bounds of params.yaml; `checks: {}` is nothing more.

    `length`: of every kept text, in words (in characters where the language is written without spaces).
    `texts_per_label`: kept texts of every label, of every question. `label_shares`: by label, its share of a question's
    kept texts. `patterns`: regular expressions by a name of your own.
    """

    length: Number | None = None
    texts_per_label: Number | None = None
    label_shares: dict[str, Share] = Field(default_factory=dict)
    patterns: dict[PatternName, Pattern] = Field(default_factory=dict)
