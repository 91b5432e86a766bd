"""Every row decided before the first token: label, question, conversation, turn, examples, seed.

Balanced by design: the same number of texts for every label of every question.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from standin.config import Generator
from standin.corpus import Row
from standin.errors import StandinError, counted, nearest
from standin.generation.prompts import DIVERSITY, GENERATION, OPENING
from standin.task import Attribute, Label, Question


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One text to be written. ``shots`` are the ids of the examples its turn shows, ``attributes`` what varies."""

    plan_id: str
    question_id: str | None
    question: str | None
    label: str
    conversation: str
    turn: int
    kind: str
    shots: tuple[str, ...]
    attributes: dict[str, str] = field(hash=False)
    seed: int


def row_seed(run_seed: int, question_id: str | None, label: str, prompt_key: str, repeat: int) -> int:
    """The seed of one row's random stream, 63 bits: from what the row is, never from its place in a batch."""
    named = "\x1f".join([str(run_seed), question_id or "", label, prompt_key, str(repeat)])
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:8]) >> 1


NONE_LABELLED = (
    "examples are texts that come with a label, and the task's data have none. Set it to 0, or bring some: `standin "
    "data add`"
)


def make_plan(
    labels: Sequence[Label],
    questions: Sequence[Question],
    shots: Sequence[Row],
    generator: Generator,
    seed: int,
    attributes: Mapping[str, Attribute] | None = None,
) -> list[PlanRow]:
    """Plan ``generator.texts`` rows for every label of every question.

    Each conversation holds ``generator.conversation`` texts; after every ``generator.diversity_every`` texts its next
    turn asks for something more diverse. Examples are drawn without replacement from the real shots of the same label
    and question: for every text, for every so many texts of the label, for every conversation (then its first turn
    shows them), or once for the label.

    Args:
        labels: the task's labels.
        questions: its questions; none in a task without.
        shots: real labelled texts to draw examples from.
        generator: numbers of texts and shots, chats, redraw, names of the attributes that vary.
        seed: ``base.seed``.
        attributes: the task's attributes.

    Raises:
        StandinError: fewer shots than ``generator.shots``, or an attribute that the task does not have.
    """
    varied = _chosen(generator.attributes, attributes or {})
    redraw = generator.redraw
    sharing = generator.texts if redraw == "label" else redraw if isinstance(redraw, int) else 0
    plan = []
    asked: list[tuple[str | None, str | None]] = [(found.id, found.text) for found in questions]
    for question_id, question in asked or [(None, None)]:
        for label in labels:
            known = [row.id for row in shots if row.label == label.name and row.question_id == question_id]
            if generator.shots > len(known):
                mend = "lower it, or raise prepare.shots" if shots else NONE_LABELLED
                raise StandinError(
                    f"generator.shots is {generator.shots}, but data/real/shots.jsonl holds "
                    f"{counted(len(known), 'text')} of label {label.name!r}: {mend}"
                )
            values = {
                name: balanced(
                    attribute.of(label.name), generator.texts, row_seed(seed, question_id, label.name, name, 0)
                )
                for name, attribute in varied.items()
            }
            for number in range(generator.texts):
                conversation, turn = divmod(number, generator.conversation)
                kind = OPENING if turn == 0 else DIVERSITY if turn % generator.diversity_every == 0 else GENERATION
                own = row_seed(seed, question_id, label.name, f"{kind}/{turn}", conversation)
                chat = "-".join([*([question_id] if question_id else []), label.name, f"{conversation:04d}"])
                drawn_by, shown = own, turn == 0 or redraw == "text"
                if sharing:  # texts of the label that share their examples
                    draw, within = divmod(number, sharing)
                    drawn_by, shown = row_seed(seed, question_id, label.name, "examples", draw), shown or within == 0
                plan.append(
                    PlanRow(
                        plan_id=f"{chat}-{turn}",
                        question_id=question_id,
                        question=question,
                        label=label.name,
                        conversation=chat,
                        turn=turn,
                        kind=kind,
                        shots=tuple(known[place] for place in _draw(drawn_by, len(known), generator.shots * shown)),
                        attributes={name: found[number] for name, found in values.items()},
                        seed=own,
                    )
                )
    return plan


def _draw(seed: int, population: int, size: int) -> list[int]:
    """Places of examples; 1 names their stream, as the row's tokens use the seed itself."""
    return [int(place) for place in np.random.default_rng([seed, 1]).permutation(population)[:size]]


def balanced(values: Sequence[str], size: int, seed: int) -> list[str]:
    """``size`` values in random order, of which any beginning holds each equally often, give or take one.

    Blocks of all values, each block shuffled: a product of attributes cut at ``size`` would leave some values out.
    """
    rng = np.random.default_rng([seed, 2])
    blocks = [rng.permutation(len(values)) for _ in range(-(-size // len(values)))]
    return [values[place] for block in blocks for place in block][:size]


def _chosen(names: Sequence[str], attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    for name in names:
        if name not in attributes:
            raise StandinError(
                f"generator.attributes: the task's prompts.attributes have no {name!r}: {nearest(name, attributes)}"
            )
    return {name: attributes[name] for name in names}
