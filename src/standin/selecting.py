"""The parameters of selection, a part of ``config``."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from standin.checked import Group, Within
from standin.errors import nearest

SYNTHETIC = "data/synthetic/texts.jsonl"

STRATEGY_EVIDENCE = {
    "random": "data/real/pool.jsonl",
    "sqbc": "data/embeddings",
    "cal": "models/learner",
    "margin": "models/learner",
    "coverage": "data/embeddings",
    "sqbc_diverse": "data/embeddings",
    "sqbc_sampled": "data/embeddings",
    "cal_sampled": "models/learner",
    "margin_sampled": "models/learner",
}


class Evidence(Group):
    """What a strategy reads beside the pool and the synthetic texts: one path, a dependency of its stage."""

    evidence: str


class Select(Group):
    """Strategies, their evidence, the labelling budgets (texts, per question) and who labels."""

    strategies: dict[str, Evidence] = Field(
        default_factory=lambda: {name: Evidence(evidence=STRATEGY_EVIDENCE[name]) for name in ("random", "sqbc")}
    )
    pool: Literal["real", "synthetic"] = "real"
    budgets: list[int | float] = Field(default_factory=lambda: list[int | float]([48]), min_length=1)
    neighbours: int = Field(10, ge=1)
    balance: bool = True
    labels: Within = "data/real/oracle.jsonl"
    labelled: Within = SYNTHETIC

    @field_validator("budgets", mode="before")
    @classmethod
    def _budgets_are_numbers_or_fractions(cls, budgets: Any) -> Any:
        for budget in budgets if isinstance(budgets, list) else ():
            whole = type(budget) is int and budget >= 1
            if not whole and not (type(budget) is float and 0 < budget < 1):
                raise ValueError(
                    f"{budget!r}: a budget must be a whole number of texts (1 or more) or a fraction of the pool "
                    "between 0 and 1, as 0.2"
                )
        return budgets

    @model_validator(mode="after")
    def _strategies_exist(self) -> Self:
        for name, given in self.strategies.items():
            if name not in STRATEGY_EVIDENCE:
                raise ValueError(f"no strategy {name!r}: {nearest(name, STRATEGY_EVIDENCE)}")
            if given.evidence != STRATEGY_EVIDENCE[name]:
                raise ValueError(
                    f"strategies.{name}.evidence must be {STRATEGY_EVIDENCE[name]!r}, not {given.evidence!r}"
                )
        for kind in (int, float):
            own = [budget for budget in self.budgets if type(budget) is kind]
            if sorted(set(own)) != own:
                raise ValueError(f"budgets must rise, found {self.budgets}")
        return self
