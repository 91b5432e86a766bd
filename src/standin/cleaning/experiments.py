"""Copies of the project in which DVC runs experiments, left behind by kills; and who is at work in the project."""

import contextlib
import shutil
from pathlib import Path

FOLDERS = Path(".dvc/tmp/exps")
COMMANDS = ("dvc", "standin.quiet", "pipeline.py")
"""By which a process is known: DVC, DVC with few words, and a stage, which may outlive DVC."""


def left_behind() -> list[Path]:
    """The copies that are there. While an experiment runs its own is among them: ``at_work`` says so."""
    return sorted(path for path in FOLDERS.glob("tmp*") if path.is_dir() and not path.is_symlink())


def remove(copies: list[Path]) -> None:
    """Remove them; links in them lead to the cache and are not followed. Anything that is no such copy stays."""
    for path in copies:
        if path.parent == FOLDERS and path.name.startswith("tmp") and not FOLDERS.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _runs_dvc(word: str) -> bool:
    """Whether a word of a command line is one of them; DVC starts the worker of its queue as ``dvc/__main__.py``."""
    return Path(word).name in COMMANDS or Path(word).parts[-2:] == ("dvc", "__main__.py")


def at_work() -> list[str]:
    """The processes that run DVC in this project or a copy of it, as "dvc repro (process 4711)"."""
    import psutil

    root, own, found = Path.cwd().resolve(), {psutil.Process().pid, *(p.pid for p in psutil.Process().parents())}, []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError, IndexError):
            words = process.cmdline()
            known = next((place for place, word in enumerate(words[:4]) if _runs_dvc(word)), None)
            if process.pid in own or known is None or not Path(process.cwd()).resolve().is_relative_to(root):
                continue
            called = " ".join([Path(words[known]).name, *words[known + 1 : known + 3]])
            found.append(f"{called} (process {process.pid})")
    return found
