"""YAML that people write, read and checked: what is wrong becomes one message.

Files of strangers come this way too, so that nothing in them may hang, grow beyond memory or end in a traceback.
"""

import os
import re
import reprlib
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from standin.errors import StandinError, check_ordinary, first_line, nearest

MOST_BYTES = 10_000_000
"""Largest file that is read: dvc.lock has 100,000 bytes, a task file 4,000."""
MOST_DEPTH = 50
"""Deepest nesting; the deepest file of ours has six levels."""
MOST_REPEATED = 100_000
"""Most values a file may hold once its aliases are followed: nine lines of aliases can stand for a billion."""
MOST_FINDINGS = 8
"""Wrong keys that one message names."""

SECRET_IN_QUERY = re.compile(r"([?&][\w-]*(?:key|token|secret|sig|password)[\w-]*=)[^\s&'\"]+", re.IGNORECASE)

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring, _SHORT.maxother = 2, 3, 4, 80, 80


class Group(BaseModel):
    """One group of parameters: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _within(path: str) -> str:
    named = Path(os.path.normpath(path))
    if "\0" in path or named.is_absolute() or named.parts[:1] in ((), ("..",)):
        raise ValueError(f"{shown(path)} lies outside the project: name a file in it, as data/raw/my-task/train.csv")
    return path


Within = Annotated[str, AfterValidator(_within)]
"""A path from the project's root that does not lead out of it."""


_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_VALUE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyYAML raises of 2020-13-45, !!int x or !!timestamp x."""


class _Loader(_SAFE):  # type: ignore[misc]
    """libyaml's loader of plain values, in which a value that is none of its kind and a key twice are YAML errors."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _NO_VALUE:
            kind = node.tag.rpartition(":")[2]
            problem = f"{shown(node.value)} is no {kind}; put quotation marks around a text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            named = (key.tag, str(key.value))
            if isinstance(key, yaml.ScalarNode) and named in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {shown(key.value)} stands twice", key.start_mark
                )
            seen.add(named)
        return super().construct_mapping(node, deep)


class _DvcLoader(_Loader):
    """The same with the plain words and numbers of YAML 1.2, as DVC reads and writes them: ``no`` is a text."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number; ``017`` is seventeen, and no number is made of hours and minutes."""
        text = str(self.construct_scalar(node)).replace("_", "")
        sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
        return sign * int(digits, {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10))


_DVC_SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789"),
    "float": (
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
}
_DvcLoader.yaml_implicit_resolvers = {
    first: [(tag, found) for tag, found in known if tag.rpartition(":")[2] not in _DVC_SCALARS]
    for first, known in _Loader.yaml_implicit_resolvers.items()
}
for _kind, (_plain, _first) in _DVC_SCALARS.items():
    _DvcLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_plain})$"), list(_first))
_DvcLoader.add_constructor("tag:yaml.org,2002:int", _DvcLoader.construct_yaml_int)


def parse_yaml(text: bytes | str, where: str, *, as_dvc: bool = False) -> Any:
    """One YAML document as plain values; ``where`` begins the message of what is wrong.

    ``as_dvc``: what dvc.lock says of a file is compared with the file, so both are read as DVC does (YAML 1.2: yes, no,
    on, off and 12:30 are texts), and so are task files, into which DVC writes a label "no" without quotation marks when
    ``-S`` changes them. All else is read as YAML 1.1, of which that makes truth values and numbers.

    Raises StandinError, with the line, where the text is broken, larger than 10 MB, nested deeper than 50 levels, or
    stands for more than 100,000 values by its aliases.
    """
    if len(text) > MOST_BYTES:
        raise _too_large(where, len(text))
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise StandinError(f"{where}: not UTF-8 text (byte {error.start}). Save the file as UTF-8.") from None
    try:
        _check_depth(text, where)
        return yaml.load(text, Loader=_DvcLoader if as_dvc else _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}, line {min(mark.line, text.rstrip().count(chr(10))) + 1}" if mark else where
        raise StandinError(f"{place}: broken YAML: {getattr(error, 'problem', None) or first_line(error)}") from None


def check_size(path: Path) -> None:
    """Raise StandinError where a YAML file is larger than any that is read."""
    if path.suffix in (".yaml", ".lock") and (size := path.stat().st_size) > MOST_BYTES:
        raise _too_large(str(path), size)


def _too_large(where: str, size: int) -> StandinError:
    return StandinError(f"{where}: {size:,} bytes; at most {MOST_BYTES:,} are read")


def _check_depth(text: str, where: str) -> None:
    """Raise StandinError where a document is nested too deep or its aliases stand for too much: read without them."""
    sizes: list[int] = [0]  # values in each collection that is open
    names: list[str | None] = [None]
    known: dict[str, int] = {}
    repeated = 0
    for event in yaml.parse(text, Loader=_SAFE):
        if isinstance(event, yaml.CollectionStartEvent):
            if len(sizes) > MOST_DEPTH:
                raise _refused(where, event, f"nested deeper than {MOST_DEPTH} levels: a bracket too many?")
            sizes.append(1)
            names.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, name = sizes.pop(), names.pop()
            sizes[-1] += size
            if name:
                known[name] = size
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in names:
                raise _refused(where, event, f"the alias *{event.anchor} stands within itself")
            size = known.get(str(event.anchor), 1)
            repeated += size
            sizes[-1] += size
            if repeated > MOST_REPEATED:
                raise _refused(where, event, f"the file's aliases stand for more than {MOST_REPEATED:,} values")
        elif isinstance(event, yaml.ScalarEvent):
            sizes[-1] += 1


def _refused(where: str, event: Any, said: str) -> StandinError:
    return StandinError(f"{where}, line {event.start_mark.line + 1}: {said}")


def read_yaml(path: Path, *, as_dvc: bool = False) -> Any:
    """Read one YAML file, safely. Raises StandinError with the line where the file is missing or broken."""
    try:
        check_ordinary(path)
        check_size(path)
        return parse_yaml(path.read_bytes(), str(path), as_dvc=as_dvc)
    except FileNotFoundError:
        raise StandinError(f"{path}: there is no such file. Run from the project's root, or create it.") from None
    except IsADirectoryError:
        raise StandinError(f"{path}: a folder, expected a file") from None


def shown(value: object) -> str:
    """A value as a message repeats it: of a long or deep one the beginning, of addresses no password."""
    return _SHORT.repr(without_secrets(value) if isinstance(value, str) else value)


def without_secrets(text: str) -> str:
    """A text without users and passwords of addresses, and without keys in their queries."""
    return SECRET_IN_QUERY.sub(r"\1[secret]", re.sub(r"//[^\n]*@", "//[secret]@", text))


def explain(path: Path, error: ValidationError, model: type[BaseModel]) -> StandinError:
    """Turn pydantic's findings into one message: file, key, what was found, what is allowed; the first eight."""
    lines = []
    findings = error.errors()
    for found in findings[:MOST_FINDINGS]:
        key = ".".join(shown(part) if len(str(part)) > 80 else str(part) for part in found["loc"]) or "(whole file)"
        message = found["msg"] if len(found["msg"]) <= 500 else f"{found['msg'][:500]} ..."
        if found["type"] == "extra_forbidden":
            known = _known_keys(model, found["loc"][:-1])
            lines.append(f"{path}: unknown key {key!r}: {nearest(str(found['loc'][-1])[:80], known)}" if known
                         else f"{path}: unknown key {key!r}: remove it")  # fmt: skip
        elif found["type"] == "value_error":
            said = message.removeprefix("Value error, ")  # of the whole file: it names its keys itself
            lines.append(f"{path}: {key}: {said}" if found["loc"] else f"{path}: {said}")
        elif found["type"] == "missing":
            lines.append(f"{path}: {key} is missing")
        else:
            lines.append(f"{path}: {key} is {shown(found['input'])}: {message[0].lower()}{message[1:]}")
    if len(findings) > MOST_FINDINGS:
        lines.append(f"{path}: and {len(findings) - MOST_FINDINGS} more")
    return StandinError(without_secrets("\n".join(lines)))


def _known_keys(model: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place of a file; empty where the place is not one of its groups."""
    for part in loc:
        names = {(field.alias or name): field for name, field in model.model_fields.items()}
        model = names[str(part)].annotation if str(part) in names else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return [field.alias or name for name, field in model.model_fields.items()]
