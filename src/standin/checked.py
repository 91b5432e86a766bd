"""YAML files that people write, read and checked: what is wrong becomes one message."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from standin.errors import StandinError, nearest


class Group(BaseModel):
    """One group of parameters: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_yaml(path: Path) -> Any:
    """Read one YAML file, safely. Raises StandinError with the line where the file is missing or broken."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StandinError(f"{path}: there is no such file. Run from the project's root, or create it.") from None
    except UnicodeDecodeError as error:
        raise StandinError(f"{path}: not UTF-8 text (byte {error.start}). Save the file as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise StandinError(f"{path}{where}: broken YAML: {getattr(error, 'problem', error)}") from None


def explain(path: Path, error: ValidationError, model: type[BaseModel]) -> StandinError:
    """Turn pydantic's findings into one message: file, key, what was found, what is allowed."""
    lines = []
    for found in error.errors():
        key = ".".join(str(part) for part in found["loc"]) or "(whole file)"
        if found["type"] == "extra_forbidden":
            known = _known_keys(model, found["loc"][:-1])
            lines.append(f"{path}: unknown key {key!r}: {nearest(str(found['loc'][-1]), known)}" if known
                         else f"{path}: unknown key {key!r}: remove it")  # fmt: skip
        elif found["type"] == "value_error":
            lines.append(f"{path}: {key}: {found['msg'].removeprefix('Value error, ')}")
        elif found["type"] == "missing":
            lines.append(f"{path}: {key} is missing")
        else:
            lines.append(f"{path}: {key} is {found['input']!r}: {found['msg'][0].lower()}{found['msg'][1:]}")
    return StandinError(re.sub(r"//[^\n]*@", "//[secret]@", "\n".join(lines)))


def _known_keys(model: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place of a file; empty where the place is not one of its groups."""
    for part in loc:
        names = {(field.alias or name): field for name, field in model.model_fields.items()}
        model = names[str(part)].annotation if str(part) in names else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return [field.alias or name for name, field in model.model_fields.items()]
