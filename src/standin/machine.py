"""The groups of params.yaml that no stage lists: this machine and tracking, which are not meant to change a result."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from standin.checked import Group


class Tracking(Group):
    """MLflow: the experiment's name, and whether stages log as they run instead of at the end."""

    experiment: str = "standin"
    live: bool = False


class Runtime(Group):
    """Settings of this machine, listed by no stage."""

    threads: int = Field(2, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch: int = Field(64, ge=1)
    memory: float = Field(0.9, gt=0, le=1)
    tensor_parallel: int = Field(1, ge=1)
    data_parallel: int = Field(1, ge=1)
    base_url: str = "http://127.0.0.1:8000/v1"
    concurrency: int = Field(16, ge=1)
    attempts: int = Field(8, ge=1)
    timeout: float = Field(120.0, gt=0)
    token_budget: int | None = Field(None, ge=1)
    price_in: float = Field(0.0, ge=0)
    price_out: float = Field(0.0, ge=0)
    money_budget: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _budget_has_prices(self) -> Self:
        if self.money_budget is not None and not (self.price_in or self.price_out):
            raise ValueError("money_budget needs prices: set price_in and price_out (money per million tokens)")
        return self

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[^@\s/:]+)(:\d+)?(/[^@\s]*)?", url):
            raise ValueError(f"{url!r} is no address: http://HOST:PORT/v1, without user and password, which logs show")
        return url
