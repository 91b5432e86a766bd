"""Parameters changed for one call by DVC's own reader of ``-S``, so that a preview means what the run means.

DVC takes Hydra's grammar and writes the changed file: the same function changes a copy here, and the copy is read as
the stages would read it.
"""

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from standin.checked import shown, without_secrets
from standin.config import TASK_NAME, Params, parse_params, raw_params
from standin.errors import StandinError, counted, first_line, nearest
from standin.task import Task, load_task, parse_task, task_path

PARAMS = "params.yaml"
SWEEP = "several values are several experiments: `dvc exp run --queue -S ...` queues one for each"


def changed_params(changes: Sequence[str], root: Path = Path()) -> dict[str, Any]:
    """The values of ``params.yaml`` after the changes, unchecked. Raises StandinError naming a wrong change."""
    path = root / PARAMS
    values = raw_params(path)
    own = _of(changes).get(PARAMS, [])
    return _changed(path, own) if own else values


def load_params_with(changes: Sequence[str], root: Path = Path()) -> Params:
    """Read ``params.yaml`` with some values changed. Raises StandinError naming the change that cannot be made."""
    path = root / PARAMS
    values = changed_params(changes, root)
    try:
        return parse_params(values, path)
    except StandinError as error:
        own = _of(changes).get(PARAMS)
        if own:
            parse_params(raw_params(path), path)  # the file's own mistake is told as the file's
            raise _by_change(error, path, own) from None
        raise


def load_with(changes: Sequence[str], root: Path = Path()) -> tuple[Params, Task]:
    """Parameters and their task, both changed: ``-S tasks/my-task.yaml:prompts.context=...`` changes the task's file.

    Raises StandinError naming the change that cannot be made, in whichever task file it is.
    """
    params = load_params_with(changes, root)
    task = load_task(params.base.task, root)
    for name, own in _of(changes).items():
        if name != PARAMS:
            other = Path(name).stem
            load_task(other, root)
            values = _changed(root / name, own)
            try:
                found = parse_task(values, task_path(other, root))
            except StandinError as error:
                raise _by_change(error, task_path(other, root), [f"{name}:{each}" for each in own]) from None
            task = found if other == params.base.task else task
    try:
        _check_numbers(params, task)
    except StandinError as error:
        raise error if str(error) == _alone(root) else _by_change(error, Path(PARAMS), changes) from None
    return params, task


def _alone(root: Path) -> str:
    """What is wrong with the numbers of the files as they are; empty where nothing is."""
    try:
        params = load_params_with([], root)
        _check_numbers(params, load_task(params.base.task, root))
    except StandinError as error:
        return str(error)
    return ""


def _check_numbers(params: Params, task: Task) -> None:
    check_shots(params, task)
    check_budgets(params, task)


def _by_change(error: StandinError, path: Path, changes: Sequence[str]) -> StandinError:
    """The same message of changes that were not written into the file: it names them, or -S where there are several."""
    where = f"-S {shown(changes[0])}" if len(changes) == 1 else "-S"
    lines = str(error).splitlines()
    return StandinError("\n".join(
        f"{where}: {line.removeprefix(f'{path}: ')}" if line.startswith(f"{path}: ") else line for line in lines
    ))  # fmt: skip


def check_shots(params: Params, task: Task) -> None:
    """Raise StandinError where ``prepare.shots`` cannot hold ``generator.shots`` texts of every label."""
    asked, labels = params.generator.shots, len(task.labels)
    if asked * labels > params.prepare.shots:
        raise StandinError(
            f"{PARAMS}: generator.shots is {asked} for each of {labels} labels, and prepare.shots draws "
            f"{counted(params.prepare.shots, 'text')} in all: lower it to {params.prepare.shots // labels}, or raise "
            f"prepare.shots to {asked * labels}"
        )


def check_budgets(params: Params, task: Task, *, labelled: bool = False) -> None:
    """Raise StandinError where a budget is larger than ``prepare.pool``, of a task whose pool is labelled.

    Of texts without labels all are the pool, however many: there the stage select compares. ``labelled``: the pool is
    known to have labels; else it is certain where the task names a column of them and no test or validation file, as
    texts that nobody has labelled may come with such labelled ones.
    """
    held_out = task.source.test or task.source.validation
    labelled = labelled or (task.source.columns.label is not None and held_out is None)
    largest = max(params.select.budgets)
    if labelled and params.select.pool == "real" and largest > params.prepare.pool:
        raise StandinError(
            f"{PARAMS}: select.budgets holds {largest}, more than the pool's "
            f"{counted(params.prepare.pool, 'text')} (prepare.pool): lower the budget or enlarge the pool"
        )


def _of(changes: Sequence[str]) -> dict[str, list[str]]:
    """The changes of each file, by DVC's splitting."""
    if not changes:
        return {}
    from dvc.utils.cli_parse import to_path_overrides

    found: dict[str, list[str]] = to_path_overrides(changes)
    for name in found:
        if name != PARAMS and not re.fullmatch(rf"tasks/{TASK_NAME.pattern}\.yaml", name):
            raise StandinError(f"-S {shown(name)}: -S changes {PARAMS}, or tasks/NAME.yaml named before a colon")
    return found


def _changed(path: Path, changes: Sequence[str]) -> dict[str, Any]:
    """The values of a file after the changes, which DVC makes in a copy.

    All at once, as a run does; before that one after the other, in a copy without comments, to name a wrong one.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides
    from dvc.utils.serialize import dump_yaml
    from omegaconf.errors import OmegaConfBaseException

    refused = (DvcException, OmegaConfBaseException, RecursionError)
    as_dvc = path.name != PARAMS
    with tempfile.TemporaryDirectory(prefix="standin-params-") as folder:
        copy, plain = Path(folder) / path.name, Path(folder) / "plain.yaml"
        shutil.copyfile(path, copy)
        dump_yaml(plain, raw_params(copy, as_dvc=as_dvc))
        for change in changes:
            _check(change, raw_params(plain, as_dvc=as_dvc))
            try:
                apply_overrides(plain, [change])
            except refused as error:
                why = _why(error)
                raise StandinError(
                    f"-S {shown(change)}: cannot be set in {path.name} ({why}){_hint(change, why)}"
                ) from None
        try:
            apply_overrides(copy, changes)
        except refused as error:
            raise StandinError(f"-S: cannot be set together in {path.name} ({_why(error)})") from None
        try:
            return raw_params(copy, as_dvc=as_dvc)
        except StandinError:
            if not (taken := _emptying(changes, raw_params(plain, as_dvc=as_dvc))):
                raise
            raise StandinError(
                f"-S {shown(taken)}: takes a group's last entry, which DVC writes as broken YAML: leave one"
            ) from None


def _why(error: Exception) -> str:
    return first_line(error.__cause__ or error).rstrip(".")


def _emptying(changes: Sequence[str], values: dict[str, Any]) -> str | None:
    """The last change by which a group has no entry left."""
    for change in reversed(changes):
        group: Any = values
        for name in change.removeprefix("~").partition("=")[0].split(".")[:-1]:
            group = group.get(name) if isinstance(group, dict) else None
        if change.startswith("~") and group == {}:
            return change
    return None


def _check(change: str, values: dict[str, Any]) -> None:
    """Raise StandinError where Hydra does not read the change, or its key is not there."""
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException

    if not re.match(r"[^=]+=", change) and not change.startswith("~"):
        raise StandinError(f"-S {shown(change)}: write key=value, as in generator.shots=5")
    try:
        found = to_hydra_overrides([change])[0]
    except (HydraException, RecursionError):
        raise StandinError(
            f"-S {shown(change)}: no value as DVC reads it (5, 0.8, word, [1,2], {{a: 1}}); a text with other signs "
            f"stands in quotation marks{_quoted(change)}"
        ) from None
    if found.is_sweep_override():
        raise StandinError(f"-S {shown(change)}: {SWEEP}; a list is [1,2], and quotation marks make a text")
    place: Any = values
    *groups, last = found.key_or_group.split(".")
    for group in groups:
        place = place.get(group, {})
        if not isinstance(place, dict):
            raise StandinError(f"-S {shown(change)}: {group!r} in {found.key_or_group!r} holds one value, not a group")
    if found.type in (OverrideType.CHANGE, OverrideType.DEL) and last not in place:
        raise StandinError(
            f"-S {shown(change)}: unknown key {found.key_or_group!r}: {nearest(last, map(str, place))}; "
            "a new one begins with +, as in '+arms.shots=[shots]'"
        )


def _hint(change: str, why: str) -> str:
    """Which sign in front would make a change that DVC refuses."""
    if not why.startswith("Could not"):
        return ""
    if change.startswith("+"):
        return ": + is for new keys. Leave it out, or write ++, which changes or adds"
    return f": new keys in a group are added by ++: -S {shlex.quote(f'++{change}')}" if _harmless(change) else ""


def _quoted(change: str) -> str:
    """How a change is written whose value is meant as a text; nothing for a long one."""
    key, _, text = change.partition("=")
    text = re.sub(r'(\\*)("|\Z)', lambda found: found[1] * 2 + ("\\" if found[2] else "") + found[2], text)
    written = shlex.quote(f'{key}="{text}"')
    return f", and for the shell: -S {written}" if len(text) <= 200 and _harmless(change) else ""


def _harmless(change: str) -> bool:
    """Whether a change may be repeated as it is: it holds nothing that looks like a password or key."""
    return without_secrets(change) == change
