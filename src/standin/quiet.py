"""``python -m standin.quiet repro``: DVC with one line a stage. Everything else it says stays, errors always.

Stages write to the terminal themselves, so that their progress bars, their errors and Ctrl-C are as without it. What is
left out is known by the text in DVC's source (3.67.1): a text that another version words otherwise is shown.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from standin.errors import BrokenSuiteError

LEFT_OUT = {"", "Running stage '%s':", "Updating lock file '%s'", "Generating lock file '%s'"}
OF_OUTPUTS = {"'%s' is empty.", "No file hash info found for '%s'. It won't be created."}
HINT = "To track the changes with git, run:"
REWORDED = {
    "Stage '%s' didn't change, skipping": "%s: unchanged",
    "'%s' didn't change, skipping": "%s: unchanged",
    "Stage '%s' is cached - skipping run, checking out outputs": "%s: taken from the cache",
}


def wanted(record: logging.LogRecord) -> bool:
    """Whether a record of DVC is shown; some are put into fewer words.

    Of what dvc.yaml names as an output two warnings are left out. It may be empty, as its stage decides and says: the
    labels of a task that nobody has labelled, the answers of an arm that was not trained. And where it is not made yet,
    as before the first run of a new arm, DVC says "It won't be created", which speaks of its cache: the stage makes it.
    An empty file of anything else, raw data or labels, is told. A stage that Ctrl-C ended has said so itself.
    """
    if record.levelno >= logging.ERROR:
        return not _cause(record).endswith("exited with 130")
    message = str(record.msg)
    command = message == "%s %s" and bool(record.args) and record.args[0] == ">"  # type: ignore[index]
    expected = message in OF_OUTPUTS and bool(record.args) and _is_output(str(record.args[0]))  # type: ignore[index]
    if command or expected or message in LEFT_OUT or HINT in message:
        return False
    if message in REWORDED:
        record.msg = REWORDED[message]
    return True


def _is_output(named: str) -> bool:
    """Whether a path is an output of a stage, or lies in one."""
    path = Path(os.path.relpath(named)).as_posix()
    return any(re.fullmatch(f"{pattern}(/.*)?", path) for pattern in _outputs())


@cache
def _outputs() -> tuple[str, ...]:
    """The outputs that dvc.yaml names, as regular expressions: ``models/${key}`` stands for one of every arm."""
    from standin.checked import read_yaml
    from standin.errors import StandinError

    try:
        stages = read_yaml(Path("dvc.yaml"))["stages"].values()
        named = [out for stage in stages for out in _names(stage.get("do", stage).get("outs", []))]
    except (AttributeError, KeyError, StandinError, TypeError):
        return ()  # DVC says itself what is wrong with the file
    return tuple("[^/]+".join(map(re.escape, re.split(r"\$\{[^}]*\}", name))) for name in named)


def _names(outs: list[object]) -> Iterator[str]:
    """The paths of a stage's outputs, which stand alone or with settings: ``- a`` or ``- a: {cache: false}``."""
    for out in outs:
        yield from [out] if isinstance(out, str) else map(str, out)  # type: ignore[call-overload]


def _cause(record: logging.LogRecord) -> str:
    """What went wrong in a stage, as DVC says it: ``... exited with 130``."""
    error = record.exc_info[1] if record.exc_info else None
    return str(error and (error.__cause__ or error))


def main(arguments: list[str]) -> int:
    """Run DVC's command line; returns its exit status, or that of a broken suite, which DVC would call 255."""
    broken = f"exited with {BrokenSuiteError.status}"
    seen: list[bool] = []

    def noted(record: logging.LogRecord) -> bool:
        seen.append(record.levelno >= logging.ERROR and _cause(record).endswith(broken))
        return True

    os.environ.setdefault("TQDM_DISABLE", "1")  # bars of model conversion; our own are not tqdm's
    from dvc.cli import main as dvc

    for handler in logging.getLogger("dvc").handlers:
        handler.addFilter(noted)
        handler.addFilter(wanted)
    status = int(dvc(arguments))
    return BrokenSuiteError.status if status and any(seen) else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
