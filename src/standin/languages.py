"""Does a model know the task's language? Said as a warning: a model may know more than its card says."""

from pathlib import Path
from typing import Any

from standin.checked import parse_yaml
from standin.choices import LOCAL_ENGINES
from standin.config import Params
from standin.embedded import ENCODER, GENERATOR
from standin.errors import StandinError
from standin.ingredients import with_encoder
from standin.language_codes import short_code
from standin.task import Task

USES = {"generate": "generator.model", "embed": "embed.model", "warmstart": "finetune.encoder",
        "learner": "finetune.encoder", "finetune": "finetune.encoder"}  # fmt: skip
"""The stages that read or write texts with a model, and the parameter that names it."""


def language_warning(params: Params, task: Task, stage: str, item: str = "") -> str | None:
    """What to say where a stage's model was made for other languages than its texts; None where nothing is known.

    The generator meets the language of the prompts, every other model that of the task.

    ``item``: the arm of the stage finetune; none asks for all arms. One that reads no encoder is not warned of.
    """
    if stage not in USES or (stage == "generate" and params.generator.engine not in LOCAL_ENGINES):
        return None
    arms = [params.arms[item]] if item in params.arms else params.arms.values()
    if stage == "finetune" and not with_encoder(arms):
        return None
    group, field = USES[stage].split(".")
    model: str = getattr(getattr(params, group), field)
    language = task.prompts.language if stage == "generate" else task.language
    known = card_languages(model)
    if known is None or short_code(language) in {short_code(each) for each in known}:
        return None
    key = "prompts.language" if stage == "generate" else "language"
    return (
        f"{stage}: warning: {USES[stage]} {model!r} was made for {', '.join(sorted(known))} texts, but {key} in "
        f"tasks/{task.name}.yaml is {language!r}: expect poor results, and name a model of that language or a "
        "multilingual one"
    )


def card_languages(model: str) -> frozenset[str] | None:
    """The languages on a model's card (a folder's README.md, or the hub's if it was loaded before); None if not said.

    A card that says "multilingual" names no language to compare with.
    """
    if model in (ENCODER, GENERATOR):
        return frozenset({"en"})
    card = Path(model) / "README.md" if Path(model).is_dir() else _cached_card(model)
    if card is None or not card.is_file():
        return None
    parts = card.read_text(encoding="utf-8", errors="replace").split("---", 2)
    if parts[0].strip() or len(parts) < 3:
        return None
    try:
        head: Any = parse_yaml(parts[1], str(card))
    except StandinError:
        return None
    said = head.get("language") if isinstance(head, dict) else None
    listed = ["no" if name is False else name for name in (said if isinstance(said, list) else [said])]  # YAML: no
    names = frozenset(str(name).split("-")[0].lower() for name in listed if name)
    return None if not names or "multilingual" in names else names


def _cached_card(model: str) -> Path | None:
    if "/" not in model:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "README.md")
    except HFValidationError:  # a path: whoever loads the model says what is wrong with it
        return None
    return Path(found) if isinstance(found, str) else None
