"""A task's data set from the hub, as the files its task names: ``standin data fetch``."""

import gzip
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from standin.errors import StandinError, nearest
from standin.sources.added import Added
from standin.sources.adding import add
from standin.sources.tables import format_of
from standin.task import Hub, Source, load_task, task_path


def fetch(name: str, *, replace: bool = False, root: Path = Path()) -> Added:
    """Load a task's data set from the hub and add it, as ``standin data add`` adds a file.

    The files keep the data set's columns; numbers of a class column become the class names, and ids are made from split
    and row number where the task names an id column that the data set lacks.

    Args:
        name: the task; its file's ``source.hub`` says which data set and splits.
        replace: whether other data of that name may be replaced.
        root: the project's root.

    Returns:
        What was found and done.

    Raises:
        StandinError: no ``source.hub``, no network, no such data set, configuration, split or column.
    """
    source = load_task(name, root).source
    if source.hub is None:
        raise StandinError(
            f"{task_path(name)}: source.hub says nothing about a hub. Name the data set there (dataset, train), or "
            f"bring a file: standin data add {name} PATH"
        )
    if source.hub.test and not source.test:
        raise StandinError(
            f"{task_path(name)}: source.hub.test is {source.hub.test!r}, but source.test is null: name the file that "
            "the test texts go to, or set source.hub.test to null"
        )
    splits = {"train": source.hub.train} | ({"test": source.hub.test} if source.hub.test else {})
    loaded = _load(source.hub, task_path(name))
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part, split in splits.items():
            if split not in loaded:
                raise StandinError(
                    f"{task_path(name)}: source.hub.{part} is {split!r}, but {source.hub.dataset} has no such split: "
                    f"{nearest(split, loaded)}"
                )
            files[part] = _write(Path(folder) / f"{part}.jsonl.gz", _records(loaded[split], source, part))
            named = source.train if part == "train" else str(source.test)
            if format_of(Path(named)) != ".jsonl.gz":
                raise StandinError(
                    f"{task_path(name)}: source.{part} is {named!r}; fetched files end in .jsonl.gz: write that there"
                )
        return add(name, files["train"], test=files.get("test"), replace=replace, root=root)


def _load(hub: Hub, path: Path) -> Mapping[str, Any]:
    """All splits of the data set. Code in data sets is never run: the library refuses it."""
    import datasets

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it names every retry
    try:
        return dict(datasets.load_dataset(hub.dataset, hub.config, revision=hub.revision))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        said = str(error).strip().splitlines()[0]
        raise StandinError(
            f"{path}: source.hub: {hub.dataset} cannot be loaded ({said}). Check its name, config and revision and the "
            "network (HF_ENDPOINT names a mirror; `hf auth login` opens gated data sets), or bring the files: "
            f"standin data add {path.stem} TRAIN --test TEST"
        ) from None


def _records(split: Any, source: Source, part: str) -> Iterator[dict[str, Any]]:
    """The rows with their columns renamed and class numbers named; -1, the hub's "unlabelled", becomes null."""
    names = {column: feature.names for column, feature in split.features.items() if hasattr(feature, "names")}
    rename = source.hub.rename if source.hub else {}
    for column in rename:
        if column not in split.column_names:
            raise StandinError(f"source.hub.rename: no column {column!r}: {nearest(column, split.column_names)}")
    own_ids = source.columns.id in {rename.get(column, column) for column in split.column_names}
    for number, row in enumerate(split, 1):
        made = {} if own_ids or source.columns.id is None else {source.columns.id: f"{part}-{number:06d}"}
        yield made | {
            rename.get(column, column): _class(value, names[column]) if column in names else value
            for column, value in row.items()
            if column in rename or column not in rename.values()  # a renamed column takes the place of its namesake
        }


def _class(value: Any, names: list[str]) -> str | None:
    return None if value is None or value < 0 else names[value]


def _write(path: Path, records: Iterator[dict[str, Any]]) -> Path:
    """Gzipped JSON Lines without a time stamp: equal data gives equal bytes."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        for record in records:
            packed.write((json.dumps(record, ensure_ascii=False, default=str) + "\n").encode())
    return path
