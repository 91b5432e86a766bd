"""params.yaml as typed values. The only place where a default lives (its parts: bounds, machine, selecting).

Every group is named after the stage that reads it. ``runtime`` and ``tracking`` are listed by no stage: they are not
meant to change a result. A stage gets a view that holds only what ``dvc.yaml`` declares for it, so reading an
undeclared parameter is an error instead of a silently stale cache.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from standin import ingredients
from standin.bounds import Curate as Curate
from standin.bounds import Validate as Validate
from standin.checked import Group as Group
from standin.checked import explain, read_yaml, shown
from standin.choices import DEFAULT_REFERENCES, PATTERN_ENGINES, RESERVED_ARMS, Engine, JudgeEngine
from standin.errors import StandinError, nearest
from standin.machine import Runtime as Runtime
from standin.machine import Tracking as Tracking
from standin.selecting import STRATEGY_EVIDENCE as STRATEGY_EVIDENCE
from standin.selecting import Evidence as Evidence
from standin.selecting import Select as Select

NAME = re.compile(r"[a-z][a-z0-9_]*")
TASK_NAME = re.compile(r"[a-z][a-z0-9-]*")
TrainingSeed = Annotated[int, Field(ge=0, lt=2**32)]
"""What the Trainer's seeding of NumPy takes."""


class Base(Group):
    """What all stages stand on: the task and the seed of plan, generation and splits."""

    task: str = "city-topics"
    seed: int = Field(1, ge=0)

    @field_validator("task")
    @classmethod
    def _task_name(cls, name: str) -> str:
        if not TASK_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no task name: lower-case letters, digits and '-', as in 'city-topics'")
        return name


class Prepare(Group):
    """Sizes of the real splits, in texts (per question where the task has questions), stratified by label."""

    shots: int = Field(64, ge=0)
    validation: int = Field(48, ge=0)
    pool: int = Field(240, ge=1)
    test: int = Field(288, ge=1)
    near_duplicate: float = Field(0.7, gt=0, le=1)


class Generator(Group):
    """What is generated, by which engine and model, with which sampling."""

    engine: Engine = "transformers"
    model: str = "smollm2-135m-instruct"
    revision: str = "main"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    texts: int = Field(42, ge=0)
    shots: int = Field(0, ge=0)
    redraw: Literal["text", "conversation", "label"] | int = "text"
    attributes: list[str] = Field(default_factory=list)
    conversation: int = Field(1, ge=1)
    diversity_every: int = Field(1, ge=1)
    temperature: float | None = Field(0.8, ge=0)
    top_p: float | None = Field(0.95, gt=0, le=1)
    max_tokens: int | None = Field(64, ge=1)
    seed: Literal["row"] | None = "row"
    pattern: str | None = Field(None, min_length=1)
    begin: Literal["auto", "always", "never"] = "auto"
    stop: list[str] = Field(default_factory=list)
    template: dict[str, Any] = Field(default_factory=dict)
    chunk: int = Field(96, ge=1)

    @field_validator("redraw", mode="before")
    @classmethod
    def _redraw_is_known(cls, redraw: Any) -> Any:
        if redraw in ("text", "conversation", "label") or (type(redraw) is int and redraw >= 1):
            return redraw
        raise ValueError(
            f"{redraw!r}: it must be text, conversation, label, or how many texts share their examples (1 or more)"
        )

    @field_validator("stop")
    @classmethod
    def _stops_are_strings(cls, stop: list[str]) -> list[str]:
        if "" in stop:
            raise ValueError("stop holds an empty string, which would end every answer at once: take it out")
        return stop

    @model_validator(mode="after")
    def _only_a_server_has_defaults(self) -> Self:
        for name in ("temperature", "top_p", "max_tokens", "seed"):
            if getattr(self, name) is None and self.engine not in ("openai", "replay"):
                raise ValueError(f"{name}: null leaves it to a server, and engine is {self.engine}: give a value")
        return self

    @model_validator(mode="after")
    def _engine_can_be_bound(self) -> Self:
        if self.pattern is None:
            return self
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern {self.pattern!r} is no regular expression: {error}") from None
        if self.engine not in PATTERN_ENGINES:
            raise ValueError(
                f"pattern cannot bind the {self.engine} engine: set it to null, or engine to "
                f"{' or '.join(PATTERN_ENGINES)}"
            )
        return self


class Embed(Group):
    """The encoder whose mean-pooled sentence embeddings serve curation, diversity and SQBC."""

    model: str = "all-minilm-l6-v2"
    revision: str = "main"


class Translate(Group):
    """The translation model, used only where the task's language differs from its prompts' (paper: NLLB)."""

    model: str = "facebook/nllb-200-distilled-600M"
    revision: str = "main"
    max_tokens: int = Field(256, ge=1)
    chunk: int = Field(16, ge=1)


class Verify(Group):
    """Who judges whether a synthetic text has the label it was written for, and what follows."""

    by: Literal["none", "llm", "classifier"] = "none"
    remove: bool = False
    engine: JudgeEngine = "transformers"
    model: str = "smollm2-135m-instruct"
    revision: str = "main"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


class Zeroshot(Group):
    """The LLM that classifies the test texts as it is, in arms whose only source is llm (Wagner et al. 2025)."""

    engine: JudgeEngine = "transformers"
    model: str = "smollm2-135m-instruct"
    revision: str = "main"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


class Diversity(Group):
    """Subsampling to equal size, the number of most similar texts in Sim (Li et al. 2023: 5), further measures."""

    draws: int = Field(200, ge=1)
    max_texts: int = Field(1000, ge=2)
    nearest: int = Field(5, ge=1)
    more: bool = False


class Subjectivity(Group):
    """The LLM panel that stands in for annotators where a task has none."""

    engine: JudgeEngine = "transformers"
    model: str = "smollm2-135m-instruct"
    revision: str = "main"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    texts: int = Field(40, ge=0)
    judges: int = Field(3, ge=2, le=5)


class Length(Group):
    """How long a training is: ``epochs`` passes over its texts, but no fewer and no more steps than these.

    Where the two contradict each other the ceiling holds: ``-S finetune.max_steps=5`` alone makes a short run.
    """

    epochs: float = Field(3.0, gt=0)
    min_steps: int = Field(32, ge=1)
    max_steps: int = Field(2000, ge=1)


class Warmstart(Length):
    """The length of the warm start, the classifier of other questions' rows; its other settings are finetune's."""

    min_steps: int = Field(50, ge=1)


class Finetune(Length):
    """The classifier: encoder, training length, seeds. One classifier per question, arm, budget and seed."""

    encoder: str = "all-minilm-l6-v2"
    revision: str = "main"
    dtype: Literal["float32", "bfloat16"] = "float32"
    pooling: Literal["mean", "cls"] = "mean"
    probe: bool = True
    class_weights: bool = False
    seeds: list[TrainingSeed] = Field(default_factory=lambda: [1, 2, 3, 4, 5], min_length=1)
    batch: int = Field(16, ge=1)
    learning_rate: float = Field(2e-4, gt=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_tokens: int = Field(96, ge=8)
    frozen_layers: int = Field(5, ge=0)
    keep: Literal["first", "best", "all"] = "first"

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds must differ, found {seeds}")
        return seeds


class Evaluate(Group):
    """Least number of resamples, confidence of the intervals, what arms are compared with, agreement thresholds.

    ``scored_labels``: the labels that macro-F1 is the mean over, where not all.
    """

    resamples: int = Field(2000, ge=100)
    confidence: float = Field(0.95, gt=0, lt=1)
    references: list[str] = Field(default_factory=lambda: list(DEFAULT_REFERENCES))
    gammas: list[float] = Field(default_factory=lambda: [0.0, 0.4, 0.6, 0.8, 1.0])
    scored_labels: list[str] = Field(default_factory=list)

    @field_validator("gammas", "scored_labels")
    @classmethod
    def _each_once(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError(f"each must stand once, found {values}")
        return values


class Params(Group):
    """The whole of params.yaml."""

    base: Base = Field(default_factory=Base)
    prepare: Prepare = Field(default_factory=Prepare)
    generator: Generator = Field(default_factory=Generator)
    embed: Embed = Field(default_factory=Embed)
    translate: Translate = Field(default_factory=Translate)
    verify: Verify = Field(default_factory=Verify)
    curate: Curate = Field(default_factory=Curate)
    validation: Validate = Field(default_factory=Validate, alias="validate")
    diversity: Diversity = Field(default_factory=Diversity)
    subjectivity: Subjectivity = Field(default_factory=Subjectivity)
    select: Select = Field(default_factory=Select)
    arms: dict[str, list[str]] = Field(
        default_factory=lambda: {
            "real": ["real"],
            "synthetic": ["synthetic"],
            "random": ["random"],
            "sqbc": ["sqbc"],
            "random_synthetic": ["random", "synthetic"],
            "sqbc_synthetic": ["sqbc", "synthetic"],
        }
    )
    zeroshot: Zeroshot = Field(default_factory=Zeroshot)
    warmstart: Warmstart = Field(default_factory=Warmstart)
    finetune: Finetune = Field(default_factory=Finetune)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    tracking: Tracking = Field(default_factory=Tracking)
    runtime: Runtime = Field(default_factory=Runtime)

    @model_validator(mode="after")
    def _arms_name_sources(self) -> Self:
        for arm, sources in self.arms.items():
            if not NAME.fullmatch(arm):
                raise ValueError(f"arms: {arm!r} is no arm name: letters a-z, digits, '_', as in 'sqbc_synthetic'")
            if arm in RESERVED_ARMS:
                why = RESERVED_ARMS[arm]
                raise ValueError(f"arms: the name {arm!r} is taken ({why}): give the arm another one, as '{arm}_alone'")
            ingredients.check(arm, sources, self.select.strategies, STRATEGY_EVIDENCE)
            other, _, number = arm.rpartition("_")
            if re.fullmatch("[1-9][0-9]*", number) and any(map(ingredients.strategy, self.arms.get(other, ()))):
                raise ValueError(
                    f"arms: the name {arm!r} is what metrics call arm {other!r} at a budget of {number}: give the arm "
                    f"another one, as '{arm}_texts'"
                )
        compared = {*self.arms, *DEFAULT_REFERENCES}  # so that an arm of the default may be taken out alone
        for name in self.evaluate.references:
            if name not in compared:
                raise ValueError(f"evaluate.references: there is no arm {name!r}: {nearest(name, compared)}")
        return self


def llms_of(params: Params) -> dict[str, Generator | Verify | Zeroshot | Subjectivity]:
    """The groups whose LLM a run asks, by name."""
    asked = {
        "generator": params.generator.texts > 0,
        "verify": params.verify.by == "llm",
        "zeroshot": any(ingredients.answerer(names) == "llm" for names in params.arms.values()),
        "subjectivity": params.subjectivity.texts > 0,
    }
    return {name: getattr(params, name) for name, is_asked in asked.items() if is_asked}


def parse_params(raw: Any, path: Path = Path("params.yaml")) -> Params:
    """Check raw YAML values against the groups. Raises StandinError naming every wrong key."""
    try:
        return Params.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        raise explain(path, error, Params) from None


def raw_params(path: Path, *, as_dvc: bool = False) -> dict[str, Any]:
    """The values of ``params.yaml``, unchecked. Raises StandinError where the file is empty or holds no groups.

    ``as_dvc``: for a task file, which is read so.
    """
    raw = read_yaml(path, as_dvc=as_dvc)
    if not isinstance(raw, dict):
        found = "the file is empty" if raw is None else f"expected groups of parameters, found {shown(raw)}"
        raise StandinError(f"{path}: {found}: `git checkout params.yaml` brings the last version back")
    return raw


def load_params(root: Path = Path()) -> Params:
    """Read and check ``params.yaml`` of a project."""
    return parse_params(raw_params(root / "params.yaml"), root / "params.yaml")


def repository_root() -> Path:
    """The project's root; inside the temporary copies of `dvc exp run --temp` and of the queue, the parent's root."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()
