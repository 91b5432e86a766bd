"""A study: a grid of runs over tasks, and the tables and claims that are read of it, as one file of ``studies/``."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from standin.checked import Group, explain, read_yaml
from standin.config import NAME, TASK_NAME
from standin.errors import StandinError, nearest

FOLDER = Path("studies")
SEED = "base.seed"
"""The axis of replicates: a column's value is a mean over it, and its interval speaks of it."""
KEY = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")
STAGES = ("prepare", "generate", "curate", "diversity", "arms", "subjectivity", "warmstart", "evaluate")
"""The stages whose metrics a study keeps of a run."""


class Column(Group):
    """An arm, or a figure of the runs, under the values ``at`` of the grid's axes; of one not named, the first value.

    ``budget``: of an arm with several, this one, ``smallest`` or ``largest``. ``label``: F1 of this label alone, in
    place of macro-F1; a task without that label has no such column. ``published``: where task files give the paper's
    figure, as bert.zero_shot. ``figure``: one of a stage's metrics, as diversity.real.remote_clique_cosine, in place of
    an arm's score; a task whose runs have no such number has no such column.
    """

    arm: str | None = None
    figure: str | None = None
    title: str
    at: dict[str, Any] = Field(default_factory=dict)
    budget: int | Literal["smallest", "largest"] = "largest"
    label: str | None = None
    published: str | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.arm is None) == (self.figure is None):
            raise ValueError("write either arm, one of arms, or figure, as diversity.real.remote_clique_cosine")
        if self.figure is not None:
            stage, _, path = self.figure.partition(".")
            if stage not in STAGES or not path:
                raise ValueError(f"figure {self.figure!r} begins with no stage: {nearest(stage, STAGES)}")
            if {"budget", "label", "published"} & self.model_fields_set:
                raise ValueError("budget, label and published are of an arm: a figure has none")
        return self


class Table(Group):
    """Tasks in rows, columns by name; ``measure``: of arms, macro_f1 or accuracy."""

    title: str
    columns: list[str] = Field(min_length=1)
    measure: Literal["macro_f1", "accuracy"] = "macro_f1"


class Claim(Group):
    """What the paper says of two columns: that the first's macro-F1, or figure, is ``higher`` or ``lower``."""

    says: str
    first: str
    expect: Literal["higher", "lower"]
    second: str


class Trend(Group):
    """What the paper says of tasks: that the first column less the second rises or falls with their ``rank``."""

    says: str
    first: str
    second: str
    expect: Literal["rising", "falling"]


class Study(Group):
    """A study's file; its docstring is the reference's.

    ``grid``: parameters and their values, one run for each combination and task. ``params``: of every run, and
    ``task_params`` of one task's. ``arms``: of every run, in place of those in params.yaml. ``rank``: a figure that
    task files give of the paper, as subjectivity_stars, for the trends. ``projections``: whether the page shows which
    texts strategies chose, in the plane. ``subsets``: smaller grids by name, ``tasks``
    among their keys. ``differs``: how the study differs from the paper.
    """

    name: str
    title: str
    paper: str
    tasks: list[str] = Field(min_length=1)
    grid: dict[str, list[Any]]
    params: dict[str, Any] = Field(default_factory=dict)
    task_params: dict[str, dict[str, Any]] = Field(default_factory=dict)
    arms: dict[str, list[str]] = Field(min_length=1)
    columns: dict[str, Column] = Field(min_length=1)
    tables: list[Table] = Field(min_length=1)
    claims: list[Claim] = Field(default_factory=list)
    trends: list[Trend] = Field(default_factory=list)
    rank: str | None = None
    projections: bool = False
    subsets: dict[str, dict[str, list[Any]]] = Field(default_factory=dict)
    differs: list[str] = Field(min_length=1)

    @field_validator("grid")
    @classmethod
    def _axes_are_parameters(cls, grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for axis, values in grid.items():
            if not KEY.fullmatch(axis):
                raise ValueError(f"{axis!r} is no parameter: write group.key, as in generator.shots")
            if not values or len({json.dumps(value, sort_keys=True) for value in values}) < len(values):
                raise ValueError(f"{axis} needs values, each once")
        if SEED not in grid:
            raise ValueError(f"{SEED} is missing: a study speaks of several, as in {SEED}: [1, 2, 3]")
        return grid

    @model_validator(mode="after")
    def _columns_are_known(self) -> Self:
        for name, column in self.columns.items():
            if column.arm is not None:
                _known(f"columns.{name}.arm", column.arm, self.arms)
            for axis, value in column.at.items():
                self._has(f"columns.{name}.at", axis, [value], {*self.grid} - {SEED})
        for table in self.tables:
            for name in table.columns:
                _known(f"tables: {table.title!r}", name, self.columns)
        both: Sequence[Claim | Trend] = [*self.claims, *self.trends]
        for one in both:
            _known(repr(one.says), one.first, self.columns)
            _known(repr(one.says), one.second, self.columns)
            if (self.columns[one.first].arm is None) != (self.columns[one.second].arm is None):
                raise ValueError(f"{one.says!r}: one of {one.first}, {one.second} is an arm, the other is a figure")
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for names, kind, called in ((self.tasks, TASK_NAME, "task"), (self.arms, NAME, "arm")):
            for name in names:
                if not kind.fullmatch(name):
                    raise ValueError(f"{name!r} is no name of a {called}: letters a-z, digits, '_' ('-' of a task)")
        for task in self.task_params:
            _known("task_params", task, self.tasks)
        for name, smaller in self.subsets.items():
            for axis, values in smaller.items():
                self._has(f"subsets.{name}", axis, values, {*self.grid, "tasks"})
        return self

    def _has(self, where: str, axis: str, values: Sequence[Any], axes: Collection[str]) -> None:
        """Raise ValueError where the grid has no such axis, or not these values of it."""
        _known(where, axis, axes)
        there = self.tasks if axis == "tasks" else self.grid[axis]
        for value in values:
            if value not in there:
                raise ValueError(f"{where}: {axis} has no value {value!r}: the grid has {there}")


def _known(where: str, name: str, known: Iterable[str]) -> None:
    if name not in (known := list(known)):
        raise ValueError(f"{where}: there is no {name!r}: {nearest(name, known)}")


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a study: a task and a value of every axis."""

    study: str
    task: str
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As files and DVC experiments call it: ``li2023-sms-spam-shots-0-seed-1``."""
        axes = "".join(f"-{axis.rpartition('.')[2]}-{_slug(value)}" for axis, value in self.values.items())
        return f"{self.study}-{self.task}{axes}"

    @property
    def setting(self) -> str:
        """The values of all axes but the base seed, as one text."""
        return json.dumps({axis: value for axis, value in self.values.items() if axis != SEED}, sort_keys=True)


def _slug(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", value if isinstance(value, str) else json.dumps(value)).strip("-") or "none"


def load_study(name: str, root: Path = Path()) -> Study:
    """Read ``studies/<name>.yaml``. Raises StandinError naming every wrong key, or the studies that there are."""
    path = FOLDER / f"{name}.yaml"
    there = sorted(file.stem for file in (root / FOLDER).glob("*.yaml"))
    if name not in there:
        raise StandinError(f"{path}: there is no such study: {nearest(name, there)}")
    raw = read_yaml(root / path)
    try:
        study = Study.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        raise explain(path, error, Study) from None
    if study.name != name:
        raise StandinError(f"{path}: name is {study.name!r}: write {name!r}, the file's name")
    return study


def points(study: Study, subset: str | None = None, tasks: Sequence[str] = ()) -> list[Point]:
    """The runs in their order: all of one base seed before the next, so that every beginning holds all tasks.

    Args:
        study: the study.
        subset: the name of a smaller grid in the study's file; None for the whole grid.
        tasks: only these.

    Raises:
        StandinError: an unknown subset or task.
    """
    if subset is not None and subset not in study.subsets:
        raise StandinError(f"--subset {subset!r}: {nearest(subset, study.subsets)}")
    for task in tasks:
        if task not in study.tasks:
            raise StandinError(f"--task {task!r}: {nearest(task, study.tasks)}")
    smaller = study.subsets[subset] if subset is not None else {}
    grid = {axis: smaller.get(axis, values) for axis, values in study.grid.items()}
    others = [axis for axis in grid if axis != SEED]
    return [
        Point(study.name, task, dict(zip(others, values, strict=True)) | {SEED: seed})
        for seed in grid[SEED]
        for task in smaller.get("tasks", study.tasks)
        if not tasks or task in tasks
        for values in product(*(grid[axis] for axis in others))
    ]


def changes(study: Study, point: Point, there: Mapping[str, Any]) -> list[str]:
    """What ``-S`` changes for a run, in Hydra's grammar; ``there``, params.yaml: its arms and strategies give way."""
    given = {**study.params, **study.task_params.get(point.task, {}), **point.values}
    return [
        f"base.task={point.task}",
        *(f"++{key}={hydra(value)}" for key, value in given.items()),
        *(f"~{name}" for name in _giving_way({**given, "arms": study.arms}, there)),
        *(f"++arms.{arm}={hydra(sources)}" for arm, sources in study.arms.items()),
    ]


def _giving_way(given: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What params.yaml holds under keys whose whole mapping the study gives: Hydra would keep it beside the study's."""
    found = []
    for key, value in given.items():
        if isinstance(value, Mapping):
            own: Any = there
            for part in key.split("."):
                own = own.get(part) if isinstance(own, Mapping) else None
            found += [f"{key}.{name}" for name in (own or {}) if name not in value]
    return found


def hydra(value: Any) -> str:
    """A value as Hydra's grammar writes it: texts in quotation marks, so that none is read as something else."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}: {hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(hydra, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)
