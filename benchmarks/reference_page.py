"""Write docs/reference.md from the typed parameters and task file: `python benchmarks/reference_page.py`."""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from standin.config import Params, parse_params
from standin.errors import StandinError
from standin.task import PLACEHOLDERS, Task

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"
HEAD = """\
# Reference: parameters and task files

Made from the typed parameters, the task model and the comments of `params.yaml` by
`python benchmarks/reference_page.py`. A value outside its bounds and an unknown key are refused before anything runs.
`-S group.key=value` changes a parameter for one call (see [commands](commands.md#-s)).
"""
UNITS = {
    **dict.fromkeys(
        (
            "shots",
            "validation",
            "pool",
            "test",
            "texts",
            "chunk",
            "conversation",
            "diversity_every",
            "redraw",
            "min_texts_per_label",
            "max_texts",
            "nearest",
            "neighbours",
            "batch",
        ),
        "texts",
    ),
    **dict.fromkeys(
        (
            "max_refused",
            "max_unparsable",
            "max_invalid",
            "max_duplicates",
            "max_contaminated",
            "max_off_task",
            "max_judged_wrong",
        ),
        "share of the planned texts",
    ),
    **dict.fromkeys(("near_duplicate", "near_duplicate_jaccard", "contaminated_jaccard"), "Jaccard similarity"),
    **dict.fromkeys(("near_duplicate_cosine", "contaminated_cosine"), "cosine similarity"),
    **dict.fromkeys(("min_words", "max_words"), "words"),
    **dict.fromkeys(("min_characters", "max_characters"), "characters"),
    **dict.fromkeys(("max_tokens", "token_budget"), "tokens"),
    **dict.fromkeys(("min_steps", "max_steps"), "steps of training"),
    **dict.fromkeys(("price_in", "price_out"), "money per million tokens"),
    **dict.fromkeys(("seed", "seeds", "temperature", "learning_rate", "weight_decay", "processes"), ""),
    "top_p": "probability",
    "max_label_gap": "share of the texts",
    "off_task": "share of the real texts",
    "draws": "subsets",
    "judges": "judges",
    "budgets": "texts per question",
    "epochs": "passes over the texts",
    "warmup": "share of the steps",
    "copied_words": "share of the words",
    "frozen_layers": "layers",
    "resamples": "resamples",
    "confidence": "probability",
    "gammas": "agreement",
    "threads": "threads",
    "memory": "share of the GPU's",
    "tensor_parallel": "GPUs",
    "data_parallel": "copies of the model",
    "concurrency": "requests at a time",
    "attempts": "tries",
    "timeout": "seconds",
    "money_budget": "money",
}
"""What the numbers of params.yaml count, by their keys; nothing where a number is just that."""
SAME = 0.5
"""From this likeness on the comment of a group of params.yaml says what its docstring does."""
WRONG = (
    "generator.engine=opnai",
    "generator.shots=-1",
    "generator.shot=5",
    "generator.redraw=never",
    "generator.temperature=null",
    "generator.pattern='[a-z]+'",
    "verify.engine=replay",
    "finetune.seeds=[1, 1]",
    "finetune.seeds=[-1]",
    "select.budgets=[48, 8]",
    "select.budgets=[1.5]",
    "select.labels=/tmp/labels.jsonl",
    "evaluate.references=[rael]",
    "base.task=My Task",
    "runtime.money_budget=5",
    "runtime.base_url=localhost",
    "curate.min_words=200",
)


def page() -> str:
    """The text of docs/reference.md."""
    parts = [HEAD, "## Parameters\n"]
    comments = _comments((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, field in Params.model_fields.items():
        group = field.alias or name
        parts.append(f"### {group}\n")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            told = _plain(field.annotation.__doc__)
            if SequenceMatcher(None, told, comments[group].partition("\n")[0]).ratio() < SAME:
                parts.append(f"{told}\n")
            parts.append(comments[group])
            parts.append(_table(field.annotation, UNITS))
        else:
            parts.append(comments[group])
            rows = [
                f"| `{key}` | `{_value(value)}` |"
                for key, value in field.get_default(call_default_factory=True).items()
            ]
            parts.append("| arm | sources |\n|---|---|\n" + "\n".join(rows) + "\n")
    parts.append("### What is refused\n")
    parts.append("| `params.yaml` holds | the message |\n|---|---|\n" + "\n".join(map(_refusal, WRONG)) + "\n")
    parts.append("## Task files\n\n`tasks/<task>.yaml`; keys without a default have to be there.\n")
    for model in _models(Task):
        title = "the whole file" if model is Task else model.__name__.lower()
        parts.append(f"### Task file: {title}\n\n{_plain(model.__doc__)}\n")
        parts.append(_table(model))
    rows = [
        f"| `{name}` | {', '.join(f'`{{{each}}}`' for each in sorted(known))} |" for name, known in PLACEHOLDERS.items()
    ]
    parts.append("### Placeholders\n\n| prompt | may hold |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _comments(text: str) -> dict[str, str]:
    """What the comment at the head of every group of params.yaml says, a line of a list for each "key: meaning"."""
    found = {}
    for block in re.split(r"\n(?=\w+:\n)", text)[1:]:
        group, _, rest = block.partition(":\n")
        lines = [line[4:] for line in rest.splitlines() if line.startswith("  # ")]
        keys = "|".join(re.findall(r"^  (\w+):", rest, re.MULTILINE))
        said = " ".join(line for line in lines if not line.startswith(" "))
        parts = re.split(rf"(?:^|(?<=[.)] ))(?=(?:{keys})(?:, (?:{keys}))*(?: [(][a-z]+[)])?:)", said)
        told = [_escaped(part.strip()) if n == 0 else _meaning(part.strip()) for n, part in enumerate(parts)]
        shown = [line.removeprefix("  ") for line in lines if line.startswith(" ")]
        code = ["```yaml", *shown, "```", ""] if shown else []
        found[group] = "\n".join([*([told[0], ""] if told[0] else []), *told[1:], *([""] if told[1:] else []), *code])
    return found


def _meaning(entry: str) -> str:
    keys, _, said = entry.partition(": ")
    names = re.sub(r"\w+(?![\w)])", r"`\g<0>`", keys)
    return f"- {names}: {_escaped(said)}"


def _table(model: type[BaseModel], units: Mapping[str, str] | None = None) -> str:
    """The keys of a group; with ``units`` each number says what it counts, and KeyError names one that is not known."""
    rows = []
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else f"`{_value(field.get_default(call_default_factory=True))}`"
        kind = _kind(field.annotation)
        if units is not None and "number" in kind and (unit := units[name]):
            kind += f" ({unit})"
        rows.append(f"| `{field.alias or name}` | {kind} | {default} | {_bounds(field)} |")
    return "| key | kind | default | bounds |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _kind(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__.lower()
    inner = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin is list:
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"names to {_kind(inner[1])}"
    if inner and all(isinstance(each, str) for each in inner):
        return ", ".join(f"`{each}`" for each in inner)
    if inner and origin is None and not hasattr(annotation, "__metadata__"):
        return " or ".join(_kind(each) for each in inner)
    if hasattr(annotation, "__metadata__"):
        return _kind(inner[0])
    words = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
    return words.get(annotation, "any value" if annotation is Any else _union(inner))


def _union(inner: tuple[Any, ...]) -> str:
    return " or ".join(_kind(each) for each in inner)


def _bounds(field: FieldInfo) -> str:
    inner = get_args(field.annotation) if getattr(field.annotation, "__origin__", None) is list else ()
    known = [info for part in inner for info in getattr(part, "__metadata__", ())]
    of_each = [rule for info in known for rule in getattr(info, "metadata", ())]
    each = ", ".join(_rules(of_each))
    return ", ".join([*_rules(field.metadata), *([f"each {each}"] if each else [])])


def _rules(rules: Sequence[Any]) -> list[str]:
    signs = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "length at least"}
    return [f"{words} {getattr(rule, name)}" for rule in rules for name, words in signs.items() if hasattr(rule, name)]


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        value = {key: each.model_dump() if isinstance(each, BaseModel) else each for key, each in value.items()}
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _refusal(change: str) -> str:
    key, _, value = change.partition("=")
    group, _, name = key.partition(".")
    try:
        parse_params({group: {name: yaml.safe_load(value)}})
    except StandinError as error:
        return f"| `{change}` | {_escaped(str(error))} |"
    raise AssertionError(f"{change} is not refused")


def _plain(doc: str | None) -> str:
    return _escaped(" ".join((doc or "").split()).replace("``", "`"))


def _escaped(text: str) -> str:
    """Markdown's signs as themselves, but for what stands between backticks; those that mean nothing stay bare."""
    parts = text.split("`")
    signs = re.compile(r"([|*<~]|(?<!\w)_|_(?!\w)|\](?=\())")
    return "`".join(part if n % 2 else signs.sub(r"\\\1", part) for n, part in enumerate(parts))


def _models(model: type[BaseModel], seen: tuple[type[BaseModel], ...] = ()) -> list[type[BaseModel]]:
    """The model and those its fields hold, each once, in the order of the file."""
    found = [*seen, model]
    for field in model.model_fields.values():
        for each in _inner(field.annotation):
            if each not in found:
                found = _models(each, tuple(found))
    return found


def _inner(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in get_args(annotation) for model in _inner(each)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
