"""Which sampling fields a server takes, and under which names: learned from its refusals, said once, kept for the run.

A field goes by its other name, or is left out, only where that changes nothing that was asked for: a seed repeats an
answer and does not shape its kind; ``top_p`` 1 and ``temperature`` 1 are what a server does without them. Every other
refusal is a person's to decide: a message names the key of params.yaml.
"""

from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Any

from standin.engines import refusals
from standin.engines.protocol import Sampling

OTHER_NAMES = {"max_tokens": "max_completion_tokens", "seed": "random_seed"}
"""Reasoning models' name for the limit, and Mistral's for the seed."""
MOST_STOPS = 4
"""Stop strings that OpenAI's API takes."""
MENDED_BY = {
    "temperature": "generator.temperature: null",
    "top_p": "generator.top_p: null",
    "max_tokens": "generator.max_tokens: null",
    "seed": "generator.seed: null",
    "stop": "generator.stop: []",
    "structured_outputs": "generator.pattern: null",
    "reasoning_effort": "generator.template: {} (or another reasoning_effort in it)",
    "chat_template_kwargs": "generator.template: {}",
    "add_generation_prompt": "generator.begin: never",
    "continue_final_message": "generator.begin: never",
}


def wanted(sampling: Sampling, seed: int) -> dict[str, Any]:
    """The fields of a request by their first names. What is null is not sent; neither is what is not set."""
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": seed % (1 << 31) if sampling.seeded else None,
        "stop": list(sampling.stop) or None,
        "structured_outputs": {"regex": sampling.pattern} if sampling.pattern else None,
        "reasoning_effort": sampling.template.get("reasoning_effort"),
        "chat_template_kwargs": {k: v for k, v in sampling.template.items() if k != "reasoning_effort"} or None,
        **({"add_generation_prompt": False, "continue_final_message": True} if sampling.begin else {}),
    }
    return {name: value for name, value in given.items() if value is not None}


def idle(fields: Mapping[str, Any]) -> set[str]:
    """The fields that change nothing that was asked for where they are left out."""
    return {"seed"} | {name for name in ("top_p", "temperature") if fields.get(name) == 1}


class Fields:
    """What one server was found to take. Shared by the threads that ask it."""

    def __init__(self, say: Callable[[str], None], seed_has_other_name: bool) -> None:
        self.say = say
        self.seed_has_other_name = seed_has_other_name
        self.renamed: dict[str, str] = {}
        self.unsent: set[str] = set()
        self.lock = Lock()

    def body(self, fields: Mapping[str, Any], without: str | None = None) -> dict[str, Any]:
        """The fields as this server takes them; ``without`` leaves out one more."""
        gone = {*self.unsent, without}
        return {self.renamed.get(name, name): value for name, value in fields.items() if name not in gone}

    def missing(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of the fields that this server refused and that are left out."""
        return tuple(sorted(self.unsent & set(fields)))

    def learn(self, fields: Mapping[str, Any], sent: Mapping[str, Any], error: Any, free: Collection[str]) -> bool:
        """Take a refusal in. Whether it is worth asking again: the request would now be another one.

        Args:
            fields: what was wanted.
            sent: what was sent; another thread may have learned since.
            error: the refusal, an ``openai.APIStatusError``.
            free: fields that may be left out.
        """
        with self.lock:
            if self.body(fields) != sent:
                return True
            by_sent = {self.renamed.get(name, name): name for name in fields}
            found = {by_sent[name] for name in refusals.named(error, sent)}
            for name in sorted(found):
                other = OTHER_NAMES.get(name)
                if other and name not in self.renamed and self._goes_by(other, name, error):
                    self.renamed[name] = other
                    self.say(f"the server refuses {name}: it is sent as {other}")
                    return True
            for name in ("seed", "top_p", "temperature"):
                if name in found and name in free:
                    self._leave_out(name)
                    return True
            return False

    def _goes_by(self, other: str, name: str, error: Any) -> bool:
        if name == "seed" and not self.seed_has_other_name:  # elsewhere it is a field that nobody reads
            return refusals.replaced_by(error, other)
        return refusals.replaced_by(error, other) or refusals.unknown(error)

    def leave_out(self, name: str) -> None:
        """A field was found to be what a server refused without naming it."""
        with self.lock:
            if name not in self.unsent:
                self._leave_out(name)

    def _leave_out(self, name: str) -> None:
        self.unsent.add(name)
        seed = ", so that rows have no seed of their own and a new run gives other answers"
        self.say(f"the server refuses {name}: it is left out{seed if name == 'seed' else ''}")

    def advice(self, fields: Mapping[str, Any], error: Any) -> str:
        """What a person can do about a refusal: the key of params.yaml."""
        if refusals.too_long(error):
            return (
                "a prompt does not fit the model's window: lower generator.shots, generator.conversation or "
                "generator.max_tokens, or give the server a longer context"
            )
        if needed := refusals.lacks(error, set(MENDED_BY) - set(fields)):
            return f"give generator.{needed[0]} a value"
        by_sent = {self.renamed.get(name, name): name for name in fields}
        found = {by_sent[name] for name in refusals.named(error, self.body(fields))}
        if {"temperature", "top_p"} <= found:
            return f"set {MENDED_BY['top_p']}"  # one of the two goes, and temperature is the one that is known
        if "max_tokens" in found and not refusals.unknown(error):
            return "change generator.max_tokens"
        if found:
            return f"set {', '.join(MENDED_BY.get(name, name) for name in sorted(found))}"
        named = ", ".join(self.body(fields)) or "no sampling fields"
        return (
            f"it names no field; sent were {named}: set those that it may not know to null under generator, and check "
            "generator.model"
        )
