"""The groups of params.yaml that say which texts go and which data set is refused."""

from typing import Literal, Self

from pydantic import Field, model_validator

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

    min_texts_per_label: int = Field(8, ge=1)
    max_label_gap: float = Field(0.3, ge=0, le=1)
    max_refused: float = Field(0.2, ge=0, le=1)
    max_unparsable: float = Field(0.2, ge=0, le=1)
    max_invalid: float = Field(0.3, ge=0, le=1)
    max_duplicates: float = Field(0.5, ge=0, le=1)
    max_contaminated: float = Field(0.02, ge=0, le=1)
