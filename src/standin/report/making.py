"""How the texts and classifiers of a run were made, in names a reader knows: what was asked of whom, or recorded."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from standin.config import Params
from standin.errors import counted
from standin.ingredients import with_encoder
from standin.report.words import reasoned, unseeded

SPLITS = {
    "pool": "to choose from (pool)",
    "shots": "as examples (shots)",
    "validation": "to validate",
    "test": "to test",
    "warmstart": "of other questions to start from",
}
UNKNOWN = "unknown"  # a recorded text's model, where nobody said it (engines.replay)


def model_name(model: str) -> str:
    """A model as the page calls it: a hub's id or a name as it is, of a path on a machine the last part alone."""
    path = PureWindowsPath(model) if "\\" in model else PurePosixPath(model)
    local = path.is_absolute() or path.drive or {"..", "~"} & set(path.parts) or model.startswith(("~", "./"))
    return path.name or model if local else model


def recorded_words(params: Params, generated: Mapping[str, Any]) -> str:
    """What recorded texts are: ``48 recorded texts of gpt-4o (of 50), drawn by seed 1; nothing was sent ...``.

    Args:
        params: of the run.
        generated: metrics of the stage generate, which counts them under ``recorded``.
    """
    found = generated.get("recorded")
    if not found:
        return "recorded texts, written elsewhere; nothing was sent to a model for them"
    models = re.findall(r"(.+?) (\d+)(?:, |$)", found["models"])
    one = models[0][0] if len(models) == 1 else UNKNOWN
    of = "" if one == UNKNOWN else f" of {model_name(one)}"
    several = f" ({', '.join(_by(*each) for each in models)})" if len(models) > 1 else ""
    whole = found["drawn"] == found["texts"]
    there, by = f"{found['texts']:,}", f"by seed {params.base.seed}"
    drawn = ", all there are" if whole else f", drawn from {there} {by}" if several else f" (of {there}), drawn {by}"
    known = [
        f"{of_what} {_share(found[key], found['drawn'])} known"
        for key, of_what in (("with_prompt", "the prompts of"), ("with_seeds", "the real texts behind"))
        if found[key]
    ]
    notes = "; ".join([*known, "nothing was sent to a model for them"])
    return f"{counted(found['drawn'], 'recorded text')}{of}{several}{drawn}; {notes}"


def _by(model: str, number: str) -> str:
    return f"{number} of {'an unknown model' if model == UNKNOWN else model_name(model)}"


def _share(number: int, whole: int) -> str:
    return "all are" if number == whole else f"{number:,} are"


def written_words(params: Params, generated: Mapping[str, Any]) -> str:
    """What was asked for and how answers were read; recorded texts were asked of nobody here."""
    changes = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in generated["changes"].items()) or "none"
    if params.generator.engine == "replay":
        return f"Changed while parsing: {changes}."
    return (
        f"{counted(generated['cut_by_length'], 'answer')} ended at the token limit; changed while parsing: {changes}."
        f"{reasoned(generated)}{unseeded(generated)}"
    )


def making(params: Params, generated: Mapping[str, Any], real_texts: Mapping[str, int]) -> dict[str, Any]:
    """Generator, prompts, sizes and training as rows of name and value, and what the sentences of the page need.

    Args:
        params: of the run.
        generated: metrics of the stage generate.
        real_texts: number of texts per split.
    """
    made, tuned = params.generator, params.finetune
    recorded = made.engine == "replay"
    sizes = ", ".join(f"{real_texts[split]:,} {use}" for split, use in SPLITS.items() if real_texts.get(split))
    steps = f"{tuned.min_steps} to {tuned.max_steps:,} steps of {counted(tuned.batch, 'text')}"
    training = [
        model_name(tuned.encoder),
        f"{tuned.epochs:g} passes over the texts ({steps})",
        f"learning rate {tuned.learning_rate:g}",
        counted(tuned.frozen_layers, "lower layer") + " frozen",
        "begun from a linear probe" if tuned.probe else "",
        f"{tuned.pooling} pooling",
        "class weights" if tuned.class_weights else "",
    ]
    if not with_encoder(params.arms.values()):
        training = ["no encoder", "class weights" if tuned.class_weights else ""]
    rows = [
        *_synthetic(params, generated),
        ("Real texts", sizes),
        ("Classifier", ", ".join(part for part in training if part)),
        ("Seeds", f"splits, plan and generation {params.base.seed}; training {', '.join(map(str, tuned.seeds))}"),
    ]
    return {
        "rows": rows,
        "recorded": recorded_words(params, generated) if recorded else "",
        "shots": made.shots,
        "texts": made.texts,
        "model": "" if recorded else model_name(made.model),
        "seed": params.base.seed,
        "seeds": len(tuned.seeds),
        "tokens": {} if recorded else {"in": generated["tokens_in"], "out": generated["tokens_out"]},
        "written": written_words(params, generated),
        "pool": real_texts.get("pool", 0),
    }


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _synthetic(params: Params, generated: Mapping[str, Any]) -> list[tuple[str, str]]:
    if params.generator.texts == 0:
        return [("Synthetic texts", "None were asked for")]
    if params.generator.engine == "replay":
        return [("Synthetic texts", _sentence(recorded_words(params, generated)))]
    return _asked(params)


def _asked(params: Params) -> list[tuple[str, str]]:
    """The generator as it was asked, where a model wrote the texts here."""
    made = params.generator
    fields = {"temperature": made.temperature, "top-p": made.top_p, "most tokens": made.max_tokens}
    sampled = ", ".join(f"{name} {'as the server has it' if v is None else v}" for name, v in fields.items())
    chat = (
        f"{counted(made.conversation, 'text')} a chat, a diversity turn every {made.diversity_every}"
        if made.conversation > 1
        else "one text a chat"
    )
    shots = counted(made.shots, "example") if made.shots else "no examples"
    return [
        ("Generator", f"{model_name(made.model)} ({made.engine}, {made.dtype})"),
        ("Sampling", sampled + (f", bound to the pattern {made.pattern}" if made.pattern else "")),
        ("Prompts", f"{shots}, {chat}"),
    ]
