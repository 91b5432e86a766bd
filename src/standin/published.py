"""Numbers that a paper reports for a task: ``published``, by the name of the study that compares them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from standin.checked import Group

Share = Annotated[float, Field(ge=0, le=1)]


class Score(Group):
    """What a classifier scored on real test texts, as shares of 1."""

    macro_f1: Share | None = None
    accuracy: Share | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Score":
        if self.macro_f1 is None and self.accuracy is None:
            raise ValueError("neither macro_f1 nor accuracy is there: write one, as in macro_f1: 0.72")
        return self


class Published(Group):
    """What a paper reports for the task.

    ``mark``: ``published`` where the numbers were read in the paper or in a source that quotes it, ``recalled`` where
    they were not read; reports repeat it. ``scores``: classifier -> setting -> score; settings are ``real``,
    ``zero_shot``, ``few_shot`` or those that the paper names. ``texts_per_label``: synthetic ones.
    ``subjectivity_stars``: 1 (objective) to 5, by the paper's crowd. ``mean_agreement``, ``annotations_per_text`` and
    ``krippendorff_alpha``: of the paper's annotators.
    """

    paper: str = Field(min_length=1)
    mark: Literal["published", "recalled"]
    generator: str | None = None
    texts_per_label: int | None = Field(default=None, ge=1)
    subjectivity_stars: int | None = Field(default=None, ge=1, le=5)
    mean_agreement: Share | None = None
    annotations_per_text: float | None = Field(default=None, gt=0)
    krippendorff_alpha: float | None = Field(default=None, ge=-1, le=1)
    scores: dict[str, dict[str, Score]] = Field(default_factory=dict)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What a report says of it: name and value, each score with the mark."""
        said = [
            ("generator", self.generator),
            ("synthetic texts a label", self.texts_per_label),
            ("stars of subjectivity", self.subjectivity_stars),
            ("mean agreement", self.mean_agreement),
            ("annotations a text", self.annotations_per_text),
            ("Krippendorff's alpha", self.krippendorff_alpha),
        ]
        scores = [
            (f"{classifier}, {setting.replace('_', ' ')}", _shown(score))
            for classifier, settings in self.scores.items()
            for setting, score in settings.items()
        ]
        told = [(name, f"{value}") for name, value in said if value is not None]
        return [("paper", self.paper), *((name, f"{value} ({self.mark})") for name, value in [*told, *scores])]


def _shown(score: Score) -> str:
    parts = (("macro-F1", score.macro_f1), ("accuracy", score.accuracy))
    return ", ".join(f"{name} {value:.3f}" for name, value in parts if value is not None)
