"""A copy of a task's data set: files below a folder that a person names."""

from pathlib import Path

from standin.errors import StandinError
from standin.origins import Local
from standin.sources.converting import PARTS, Given
from standin.sources.tables import read_table
from standin.task import Task, task_path


def is_there(local: Local | None, folder: Path) -> bool:
    """Whether the folder holds the copy: the first of its training files."""
    return local is not None and (folder / local.train[0]).is_file()


def from_folder(task: Task, local: Local, folder: Path) -> dict[str, list[Given]]:
    """The files of every part, and of ``warmstart/<question>`` for every other question.

    Raises:
        StandinError: a file that is not there or broken.
    """
    named = {part: getattr(local, part) for part in PARTS}
    named |= {f"warmstart/{question}": files for question, files in local.warmstart.items()}
    return {part: [_read(task, folder / file) for file in files] for part, files in named.items() if files}


def _read(task: Task, path: Path) -> Given:
    if not path.is_file():
        raise StandinError(f"{path}: there is no such file; source.local in {task_path(task.name)} names it")
    table = read_table(path)
    return Given(f"{path}: source.local", table.columns, (record for _, record in table.records))
