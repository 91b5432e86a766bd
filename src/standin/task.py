"""Task files, ``tasks/<task>.yaml``: labels, questions, prompts, where real data comes from, published numbers.

A task file is complete: every top-level key but ``checks`` stands in it, because stages list its parts as parameters of
their own (``params: - tasks/<task>.yaml: [labels, prompts]``) and DVC wants each part to exist.
"""

import math
import string
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from standin.bounds import Checks
from standin.checked import Within, explain, read_yaml
from standin.config import NAME, TASK_NAME, Group
from standin.errors import StandinError, nearest
from standin.language_codes import Language
from standin.names import fault
from standin.origins import Hub, Local
from standin.published import Published

PLACEHOLDERS = {
    "context": {"label", "description", "phrase", "question"},
    "generation": {"label", "description", "phrase", "question"},
    "example": {"text", "label", "description", "phrase", "question"},
    "few_shot": {"examples", "label", "description", "phrase", "question"},
    "diversity": {"label", "description", "phrase", "question"},
    "judge": {"text", "labels", "question"},
}


def _clean(name: str) -> str:
    if wrong := fault(name):
        raise ValueError(f"the label {name!r} {wrong}: write a plain name; source.values maps the file's value to it")
    return name


def check_label(name: str) -> None:
    """Raise StandinError where a name cannot be a label's."""
    if wrong := fault(name):
        raise StandinError(f"the label {name!r} {wrong}: write a plain name")


Name = Annotated[str, AfterValidator(_clean)]


class Label(Group):
    """A class: its name in the data, how prompts speak of it, and what belongs to it.

    ``value``: its number on an interval scale, where the name is none (``source.measurement``).
    """

    name: Name
    phrase: str
    description: str
    value: float | None = Field(default=None, allow_inf_nan=False)


class Question(Group):
    """A question of a stance task; each has its own classifier.

    ``prompt``: how prompts word it, where they are written in another language than the texts. ``value``: what the data
    calls it, where that is neither the id nor the text.
    """

    id: str
    text: str
    prompt: str | None = None
    value: str | None = None


class Columns(Group):
    """Which columns of the raw file hold what. Without ``id``, ids are made from the line number.

    ``annotations``: what single annotators said: one column (a list, "a|b|a", a mapping of labels to counts), a list of
    columns, one for each annotator, or label -> column that counts its votes. ``agreement``: where only that is known,
    the least share of annotators who agree, 0 to 1 or in percent.
    """

    text: str = "text"
    label: str | None = "label"
    id: str | None = "id"
    question_id: str | None = None
    annotations: str | list[str] | dict[str, str] | None = None
    agreement: str | None = None


class Source(Group):
    """Where real rows come from: files in the project (``data/raw/<task>/``), and the hub they may be fetched from.

    ``train`` holds the rows that shots, validation and pool are drawn from; ``test`` the published test rows, or null
    where none are published: then the test rows are drawn from ``train`` too. ``validation`` holds validation rows in
    the same way. ``warmstart`` holds labelled rows of other questions, for the classifier that every arm starts from,
    or is null; it may be the file of ``train``, of which it takes the rows of other questions. ``other_questions``:
    id -> wording of those questions, where the data set does not say it. ``licence``, ``citation``: of the data.
    ``values``: label values in the file -> label names of the task, where they differ; "" leaves such rows out.
    ``other_labels``: whether rows of any further label, or of several, are refused or left out. ``remove``: words that
    are taken out of the texts.
    """

    train: Within
    test: Within | None
    validation: Within | None = None
    warmstart: Within | None
    other_questions: dict[str, str] = Field(default_factory=dict)
    hub: Hub | None = None
    local: Local | None = None
    licence: str | None = None
    citation: str | None = None
    columns: Columns
    values: dict[str, str] = Field(default_factory=dict)
    other_labels: Literal["refuse", "leave_out"] = "refuse"
    remove: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    measurement: Literal["nominal", "ordinal", "interval"] = "nominal"
    """What Krippendorff's alpha takes labels for: names, names in the order of the file, or numbers."""

    @model_validator(mode="after")
    def _other_questions_are_worded(self) -> "Source":
        for name, origin in (("hub", self.hub), ("local", self.local)):
            for question in origin.warmstart if origin else ():
                if self.warmstart is None:
                    raise ValueError(f"{name}.warmstart: source.warmstart is null: name the file that its rows go to")
                if question not in self.other_questions:
                    known = nearest(question, self.other_questions)
                    raise ValueError(f"{name}.warmstart: other_questions has no wording of {question!r}: {known}")
        return self


class Attribute(Group):
    """Something that varies from text to text: ``say`` is the sentence added to the prompt, with ``{value}``.

    ``values`` is a list for all labels, or one list for each label.
    """

    say: str
    values: list[str] | dict[str, list[str]]

    @model_validator(mode="after")
    def _say_names_the_value(self) -> "Attribute":
        if "{value}" not in self.say:
            raise ValueError("say: the placeholder '{value}' is missing")
        lists = self.values.values() if isinstance(self.values, dict) else [self.values]
        for values in lists:
            if len(values) < 2 or len(set(values)) < len(values):
                raise ValueError(f"values: two or more that differ, found {values}")
        return self

    def of(self, label: str) -> list[str]:
        """The values that texts of a label take in turn."""
        return self.values[label] if isinstance(self.values, dict) else self.values


class Prompts(Group):
    """The paper's three parts (context, generation, diversity turn), the few-shot part, and the judge's prompt."""

    language: Language
    context: str
    generation: str
    few_shot: str
    example: str
    diversity: str
    judge: str
    begin: str = ""
    """How every answer begins; the model goes on. After an opening quotation mark alone the closing one ends it."""
    attributes: dict[str, Attribute] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _placeholders_known(self) -> "Prompts":
        for name, allowed in PLACEHOLDERS.items():
            try:
                found = {field for _, field, _, _ in string.Formatter().parse(getattr(self, name)) if field is not None}
            except ValueError as error:
                raise ValueError(f"{name}: {error}; write a literal brace twice, as in '{{{{'") from None
            for placeholder in sorted(found - allowed):
                hint = nearest(placeholder, allowed)
                raise ValueError(f"{name}: unknown placeholder '{{{placeholder}}}': {hint}")
        for name, needed in (("few_shot", "examples"), ("example", "text"), ("judge", "text")):
            if "{" + needed + "}" not in getattr(self, name):
                raise ValueError(f"{name}: the placeholder '{{{needed}}}' is missing")
        return self


class Task(Group):
    """One task file."""

    name: str
    title: str
    language: Language
    demonstration: bool
    """True where the real texts were written for demonstration: reports carry a banner, no evidence."""
    description: str
    labels: list[Label]
    questions: list[Question]
    source: Source
    prompts: Prompts
    checks: Checks = Field(default_factory=Checks)
    published: dict[str, Published]

    def unedited(self) -> str | None:
        """What to say where lines of the starter file still wait for a person's words; None where none do."""
        texts = {f"prompts.{name}": getattr(self.prompts, name) for name in PLACEHOLDERS}
        texts |= {f"labels, {label.name}: description": label.description for label in self.labels}
        left = [place for place, text in texts.items() if text.lower().startswith("edit:")]
        if not left:
            return None
        return f'tasks/{self.name}.yaml: warning: {"; ".join(left)} still say "edit": the LLM reads them as they are'

    @field_validator("labels")
    @classmethod
    def _labels_differ(cls, labels: list[Label]) -> list[Label]:
        names = [label.name for label in labels]
        if len(names) < 2:
            raise ValueError(f"a task needs at least two labels, found {names}")
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"duplicate label {twice[0]!r}: every label stands once")
        return labels

    @field_validator("questions")
    @classmethod
    def _questions_differ(cls, questions: list[Question]) -> list[Question]:
        ids = [question.id for question in questions]
        if len(set(ids)) != len(ids):
            raise ValueError(f"duplicate question id in {ids}: every question stands once")
        for question in ids:
            if not NAME.fullmatch(question):
                raise ValueError(f"question id {question!r}: letters a-z, digits, '_', as in 'city_centre'")
        return questions

    @model_validator(mode="after")
    def _attributes_know_the_labels(self) -> "Task":
        for name, attribute in self.prompts.attributes.items():
            if isinstance(attribute.values, dict) and set(attribute.values) != set(self.label_names):
                raise ValueError(
                    f"prompts.attributes.{name}.values names {sorted(attribute.values)}; one list for each label is "
                    f"needed: {sorted(self.label_names)}"
                )
        return self

    @model_validator(mode="after")
    def _labels_are_measured(self) -> "Task":
        if self.source.measurement == "interval":
            numbers = self.label_values
            without = [name for name in self.label_names if name not in numbers]
            if without:
                raise ValueError(
                    f"source.measurement: interval needs a number for every label, and {without[0]!r} has none: give "
                    "each label its `value`, or write ordinal, which needs their order alone"
                )
            if len(set(numbers.values())) < len(numbers):
                raise ValueError("source.measurement: interval: two labels have the same value; give each its own")
        return self

    @model_validator(mode="after")
    def _checks_know_the_labels(self) -> "Task":
        shares = self.checks.label_shares
        for label in shares:
            if label not in self.label_names:
                raise ValueError(
                    f"checks.label_shares: there is no label {label!r}: {nearest(label, self.label_names)}"
                )
        least = sum(bound.min or 0 for bound in shares.values())
        most = sum(1 if bound.max is None else bound.max for bound in shares.values())
        if least > 1 + 1e-9:
            raise ValueError(f"checks.label_shares: all min together are {least:.3g}, more than 1: lower some")
        if len(shares) == len(self.labels) and most < 1 - 1e-9:
            raise ValueError(f"checks.label_shares: all max together are {most:.3g}, less than 1: raise some")
        return self

    @property
    def label_values(self) -> dict[str, float]:
        """What labels are on the task's scale: nothing (nominal), their places (ordinal) or their numbers (interval).

        A label without a number is left out.
        """
        if self.source.measurement == "nominal":
            return {}
        if self.source.measurement == "ordinal":
            return {name: float(place) for place, name in enumerate(self.label_names)}
        values = {label.name: _number(label.name) if label.value is None else label.value for label in self.labels}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def descriptions(self) -> dict[str, str]:
        """What the file says of every label and question, by ``label:<name>`` and ``question:<id>``."""
        labels = {f"label:{label.name}": f"{label.phrase}: {label.description}" for label in self.labels}
        return labels | {f"question:{question.id}": question.text for question in self.questions}

    @property
    def label_names(self) -> list[str]:
        """The labels' names, in the order of the file: the order of classes everywhere."""
        return [label.name for label in self.labels]


def _number(name: str) -> float | None:
    """A label's name as a number; None where it is none."""
    try:
        value = float(name)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def task_path(name: str, root: Path = Path()) -> Path:
    """The file of a task."""
    return root / "tasks" / f"{name}.yaml"


def load_task(name: str, root: Path = Path()) -> Task:
    """Read and check one task file. Raises StandinError naming file, key, what was found and what is allowed."""
    path = task_path(name, root)
    if not path.exists():
        known = sorted(found.stem for found in path.parent.glob("*.yaml"))
        raise StandinError(f"{path}: there is no such task: {nearest(name, known)} (params.yaml, base.task)")
    return parse_task(read_yaml(path, as_dvc=True), path)


def parse_task(values: Any, path: Path) -> Task:
    """Check the values of one task file, as ``load_task`` does."""
    try:
        task = Task.model_validate(values)
    except ValidationError as error:
        raise explain(path, error, Task) from None
    if task.name != path.stem or not TASK_NAME.fullmatch(task.name):
        raise StandinError(
            f"{path}: name is {task.name!r}; it must equal the file's name, in lower-case letters, digits and '-'"
        )
    return task
