"""The groups of params.yaml that no stage lists: this machine and tracking, which are not meant to change a result."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from standin.checked import Group
from standin.errors import StandinError, counted


def torch_device(runtime: "Runtime") -> Literal["cpu", "cuda"]:
    """Set torch's threads and choose its device. Raises StandinError for a GPU that is not there."""
    import torch

    torch.set_num_threads(runtime.threads)
    available = torch.cuda.is_available()
    if runtime.device == "cuda" and not available:
        raise StandinError("params.yaml: runtime.device is 'cuda', and torch sees no GPU: take 'auto' or 'cpu'")
    if available and runtime.device != "cpu" and runtime.processes > torch.cuda.device_count():
        raise StandinError(
            f"params.yaml: runtime.processes is {runtime.processes}, and torch sees "
            f"{counted(torch.cuda.device_count(), 'GPU')}: one process takes one"
        )
    return "cuda" if available and runtime.device != "cpu" else "cpu"


class Tracking(Group):
    """MLflow: the experiment's name, whether stages log as they run instead of at the end, which model is logged."""

    experiment: str = "standin"
    live: bool = False
    log_model: Literal["best", "none"] = "best"


class Runtime(Group):
    """Settings of this machine, listed by no stage."""

    threads: int = Field(2, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch: int = Field(64, ge=1)
    processes: int = Field(1, ge=1)
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
    cluster: str | None = None

    @model_validator(mode="after")
    def _budget_has_prices(self) -> Self:
        if self.money_budget is not None and not (self.price_in or self.price_out):
            raise ValueError("money_budget needs prices: set price_in and price_out (money per million tokens)")
        return self

    @field_validator("cluster")
    @classmethod
    def _is_a_cluster(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"auto|(ray://)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d+", address):
            raise ValueError(f"{address!r} is no cluster: write auto, ray://HOST:10001, HOST:6379, or null for none")
        return address

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[^@\s/:]+)(:\d+)?(/[^@\s]*)?", url):
            raise ValueError(
                f"{url!r} is no address: http://HOST:PORT/v1, without user and password, which logs show "
                "(if params.yaml holds them now, `git checkout params.yaml` takes them out)"
            )
        if secret := re.search(r"[?&]([\w-]*(?:key|token|secret|sig|password)[\w-]*)=", url, re.IGNORECASE):
            raise ValueError(f"the query names {secret[1]!r}, which logs would show: the key belongs in OPENAI_API_KEY")
        return url
