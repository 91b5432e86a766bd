"""A task's data set as the files its task names: ``standin data fetch``."""

import tempfile
from pathlib import Path

from standin.errors import StandinError, nearest
from standin.sources.added import Added
from standin.sources.adding import add
from standin.sources.converting import check_parts, write_parts
from standin.sources.copies import from_folder
from standin.sources.hub import from_hub
from standin.sources.opening import write_records
from standin.sources.recording import Recorded, add_generated
from standin.sources.tables import Table, read_table
from standin.task import Columns, Task, load_task, task_path


def fetch(name: str, *, folder: Path | None = None, replace: bool = False, root: Path = Path()) -> Added:
    """Bring in a task's data set, from the hub or from a copy, as ``standin data add`` adds files.

    The files keep the data set's columns; numbers of a class column become the class names, and ids are made from part
    and row number where the task names an id column that the data set lacks.

    Args:
        name: the task; its file's ``source.hub`` and ``source.local`` say which data set, splits and files.
        folder: where a copy lies; None asks the hub.
        replace: whether other data of that name may be replaced.
        root: the project's root.

    Returns:
        What was found and done.

    Raises:
        StandinError: nothing said about a hub or copy, no network, no such data set, split, file or column.
    """
    task = load_task(name, root)
    with tempfile.TemporaryDirectory() as made:
        files = parts_of(task, folder, Path(made))
        return add(
            name,
            files["train"],
            test=files.get("test"),
            validation=files.get("validation"),
            warmstart=files.get("warmstart"),
            replace=replace,
            root=root,
        )


def fetch_recordings(name: str, folder: Path, *, replace: bool = False, root: Path = Path()) -> list[Recorded]:
    """Bring in what an LLM wrote for a task, from a copy (``source.local.recordings``), as ``data add-generated`` does.

    Args:
        name: the task, whose real texts are there.
        folder: where the copy lies.
        replace: whether other recordings of those names may be replaced.
        root: the project's root.

    Returns:
        What was found and done, by recording.

    Raises:
        StandinError: a file that is not there or broken, a label that is not the task's, another recording.
    """
    task = load_task(name, root)
    found = []
    for called, given in (task.source.local.recordings if task.source.local else {}).items():
        path = folder / given.file
        if not path.is_file():
            raise StandinError(f"{path}: there is no such file; source.local.recordings in {task_path(name)} names it")
        table = read_table(path)
        if lacking := [column for column in given.rename if column not in table.columns]:
            where = f"source.local.recordings.{called}.rename in {task_path(name)}"
            raise StandinError(f"{path}: {where}: no column {lacking[0]!r}: {nearest(lacking[0], table.columns)}")
        renamed = [
            (number, {given.rename.get(column, column): cell for column, cell in record.items()})
            for number, record in table.records
        ]
        with tempfile.TemporaryDirectory() as made:
            written = write_records(Table(path, table.unit, (), renamed), Path(made) / f"{called}.jsonl")
            columns = Columns(id=None, question_id="question_id" if task.questions else None)
            found.append(
                add_generated(name, written, recording=called, columns=columns, model=given.model, prompt=given.prompt,
                              replace=replace, root=root)
            )  # fmt: skip
    return found


def parts_of(task: Task, folder: Path | None, made: Path) -> dict[str, Path]:
    """Write the parts of a task's data set, from the hub or from a copy below ``folder``, into the folder ``made``."""
    hub, local, path = task.source.hub, task.source.local, task_path(task.name)
    if folder is not None:
        if local is None:
            raise StandinError(
                f"{path}: source.local says nothing about a copy. Name its files there (train), or bring them: standin "
                f"data add {task.name} PATH"
            )
        check_parts(task, local, "local")
        return write_parts(task, local, from_folder(task, local, folder), made)
    if hub is None:
        raise StandinError(
            f"{path}: source.hub says nothing about a hub. Name the data set there (dataset, train), or "
            f"bring a file: standin data add {task.name} PATH"
        )
    check_parts(task, hub, "hub")
    return write_parts(task, hub, from_hub(task, hub), made)
