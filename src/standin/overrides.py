"""Parameters changed for one call, written as DVC writes them: ``-S generator.shots=5``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from standin.checked import parse_yaml, shown
from standin.config import Params, parse_params, raw_params
from standin.errors import StandinError


def load_params_with(changes: Sequence[str], root: Path = Path()) -> Params:
    """Read ``params.yaml`` with some values changed. Raises StandinError naming the change that cannot be made."""
    path = root / "params.yaml"
    values = raw_params(path)
    for change in changes:
        _apply(values, change)
    return parse_params(values, path)


def _apply(values: dict[str, Any], change: str) -> None:
    key, sign, text = change.removeprefix("+").partition("=")
    if not sign or not key:
        raise StandinError(f"-S {change!r}: write key=value, as in generator.shots=5")
    try:
        value = parse_yaml(text, "its value")
    except StandinError as error:
        raise StandinError(f"-S {shown(change)}: no YAML value, as 5, 0.8, text or [1,2]: {error}") from None
    *groups, last = key.split(".")
    place = values
    for group in groups:
        place = place.setdefault(group, {})
        if not isinstance(place, dict):
            raise StandinError(f"-S {change!r}: {group!r} in {key!r} holds one value, not a group")
    place[last] = value
