"""What generation may cost: tokens and money, counted as answers come."""

from collections.abc import Sequence
from dataclasses import dataclass

from standin.config import Runtime
from standin.engines.protocol import Answer
from standin.errors import StandinError


@dataclass
class Budget:
    """Spent and allowed. ``price_in`` and ``price_out`` are money per million tokens."""

    price_in: float = 0.0
    price_out: float = 0.0
    tokens: int | None = None
    money: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    answers: int = 0

    @property
    def cost(self) -> float:
        """Money spent so far."""
        return cost(self.tokens_in, self.tokens_out, self.price_in, self.price_out)

    def spend(self, answers: Sequence[Answer]) -> None:
        """Count new answers."""
        self.tokens_in += sum(answer.tokens_in for answer in answers)
        self.tokens_out += sum(answer.tokens_out for answer in answers)
        self.answers += len(answers)

    def used_up(self) -> str | None:
        """What is used up, in words; None while there is something left."""
        spent = self.tokens_in + self.tokens_out
        if self.tokens is not None and spent >= self.tokens:
            return f"{spent:,} tokens, and runtime.token_budget is {self.tokens:,}"
        if self.money is not None and self.cost >= self.money:
            return f"{self.cost:.4f}, and runtime.money_budget is {self.money}"
        return None

    def check(self) -> None:
        """Raise StandinError where it is used up."""
        if spent := self.used_up():
            raise StandinError(
                f"stopped: {self.answers} new answers took {spent}. They are stored: raise it and run again to go on"
            )


def budget(runtime: Runtime) -> Budget:
    """The budget of one run, nothing spent."""
    return Budget(runtime.price_in, runtime.price_out, runtime.token_budget, runtime.money_budget)


def cost(tokens_in: int, tokens_out: int, price_in: float, price_out: float) -> float:
    """Money for so many tokens; prices per million tokens."""
    return (tokens_in * price_in + tokens_out * price_out) / 1e6
