"""The paper's prompts as chat turns: context, generation, diversity turn, and few-shot examples (Li et al. 2023)."""

from collections.abc import Mapping, Sequence

from standin.corpus import Row
from standin.task import Label, Prompts

OPENING = "opening"
GENERATION = "generation"
DIVERSITY = "diversity"


def turn(
    prompts: Prompts,
    kind: str,
    label: Label,
    question: str | None,
    examples: Sequence[Row],
    attributes: Mapping[str, str] | None = None,
) -> str:
    """What the user says in one turn.

    ``kind`` opening is context, examples and the generation prompt; generation and diversity are follow-ups of the
    same chat. ``examples`` are real texts of the asked label. ``attributes`` are this text's values by name: their
    sentences come last, so that prompts of a label share their beginning.
    """
    about = {
        "label": label.name,
        "phrase": label.phrase,
        "description": label.description,
        "question": question or "",
    }
    asked = prompts.diversity if kind == DIVERSITY else prompts.generation
    parts = [prompts.context.format(**about)] if kind == OPENING else []
    if examples:
        shown = "\n".join(prompts.example.format(**about, text=" ".join(row.text.split())) for row in examples)
        parts.append(prompts.few_shot.format(**about, examples=shown))
    told = [prompts.attributes[name].say.replace("{value}", value) for name, value in (attributes or {}).items()]
    return "\n\n".join([*(part.strip() for part in parts), " ".join([asked.format(**about).strip(), *told])])
