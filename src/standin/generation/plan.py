"""Every row decided before the first token: label, question, conversation, turn, examples, seed.

Balanced by design: the same number of texts for every label of every question.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from standin.config import Generator
from standin.corpus import Row
from standin.errors import StandinError
from standin.generation.prompts import DIVERSITY, GENERATION, OPENING
from standin.task import Label, Question


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One text to be written. ``shots`` are the ids of the examples its turn shows."""

    plan_id: str
    question_id: str | None
    question: str | None
    label: str
    conversation: str
    turn: int
    kind: str
    shots: tuple[str, ...]
    seed: int


def row_seed(run_seed: int, question_id: str | None, label: str, prompt_key: str, repeat: int) -> int:
    """The seed of one row's random stream, 63 bits: from what the row is, never from its place in a batch."""
    named = "\x1f".join([str(run_seed), question_id or "", label, prompt_key, str(repeat)])
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:8]) >> 1


def make_plan(
    labels: Sequence[Label], questions: Sequence[Question], shots: Sequence[Row], generator: Generator, seed: int
) -> list[PlanRow]:
    """Plan ``generator.texts`` rows for every label of every question.

    Each conversation holds ``generator.conversation`` texts; after every ``generator.diversity_every`` texts its next
    turn asks for something more diverse. Examples are drawn without replacement from the real shots of the same label
    and question. Raises StandinError where there are fewer shots than ``generator.shots``.
    """
    plan = []
    asked: list[tuple[str | None, str | None]] = [(found.id, found.text) for found in questions]
    for question_id, question in asked or [(None, None)]:
        for label in labels:
            known = [row.id for row in shots if row.label == label.name and row.question_id == question_id]
            if generator.shots > len(known):
                raise StandinError(
                    f"generator.shots is {generator.shots}, but data/real/shots.jsonl holds {len(known)} texts of "
                    f"label {label.name!r}: lower it, or raise prepare.shots"
                )
            for number in range(generator.texts):
                conversation, turn = divmod(number, generator.conversation)
                kind = OPENING if turn == 0 else DIVERSITY if turn % generator.diversity_every == 0 else GENERATION
                own = row_seed(seed, question_id, label.name, f"{kind}/{turn}", conversation)
                draw = np.random.default_rng([own, 1])  # 1: the stream of examples; the row's tokens use `own` itself
                drawn = draw.permutation(len(known))[: generator.shots].tolist()
                chat = "-".join([*([question_id] if question_id else []), label.name, f"{conversation:04d}"])
                plan.append(
                    PlanRow(
                        plan_id=f"{chat}-{turn}",
                        question_id=question_id,
                        question=question,
                        label=label.name,
                        conversation=chat,
                        turn=turn,
                        kind=kind,
                        shots=tuple(known[index] for index in drawn),
                        seed=own,
                    )
                )
    return plan
