"""``python -m standin.quiet repro``: DVC with one line a stage. Everything else it says stays, errors always.

Stages write to the terminal themselves, so that their progress bars, their errors and Ctrl-C are as without it. What is
left out is known by the text in DVC's source (3.67.1): a text that another version words otherwise is shown.
"""

import logging
import os
import sys

from standin.errors import BrokenSuiteError

LEFT_OUT = {"", "Running stage '%s':", "Updating lock file '%s'", "Generating lock file '%s'"}
HINT = "To track the changes with git, run:"
REWORDED = {
    "Stage '%s' didn't change, skipping": "%s: unchanged",
    "'%s' didn't change, skipping": "%s: unchanged",
    "Stage '%s' is cached - skipping run, checking out outputs": "%s: taken from the cache",
}


def wanted(record: logging.LogRecord) -> bool:
    """Whether a record of DVC is shown; some are put into fewer words.

    An empty ``warmstart.jsonl`` is as it should be where a task has no other questions. A stage that Ctrl-C ended has
    said so itself.
    """
    if record.levelno >= logging.ERROR:
        return not _cause(record).endswith("exited with 130")
    message = str(record.msg)
    command = message == "%s %s" and bool(record.args) and record.args[0] == ">"  # type: ignore[index]
    empty = message == "'%s' is empty." and record.getMessage().endswith("warmstart.jsonl' is empty.")
    if command or empty or message in LEFT_OUT or HINT in message:
        return False
    if message in REWORDED:
        record.msg = REWORDED[message]
    return True


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
