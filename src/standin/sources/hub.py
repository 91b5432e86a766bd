"""A task's data set on the hub: its splits as records, classes by their names."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from standin.errors import StandinError, nearest
from standin.origins import Hub
from standin.sources.converting import PARTS, Given
from standin.task import Task, task_path


class UnreachableError(StandinError):
    """The hub does not answer, whatever is asked of it."""


def from_hub(task: Task, hub: Hub) -> dict[str, list[Given]]:
    """The splits of every part, and of ``warmstart/<question>`` for every other question.

    Raises:
        StandinError: no such data set, configuration or split; UnreachableError without network.
    """
    path = task_path(task.name)
    loaded = _load(hub, hub.config, path)
    named = {part: getattr(hub, part) for part in PARTS}
    given = {part: _splits(loaded, hub, part, spec, path) for part, spec in named.items() if spec}
    for question, config in hub.warmstart.items():
        given[f"warmstart/{question}"] = _splits(_load(hub, config, path), hub, "train", hub.train, path)
    return given


def _load(hub: Hub, config: str | None, path: Path) -> Mapping[str, Any]:
    """All splits of the data set. Code in data sets is never run: the library refuses it."""
    import datasets

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it names every retry
    try:
        return dict(datasets.load_dataset(hub.dataset, config, data_dir=hub.data_dir, revision=hub.revision))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        said = str(error).strip().splitlines()[0]
        kind = UnreachableError if isinstance(error, ConnectionError) else StandinError
        raise kind(
            f"{path}: source.hub: {hub.dataset} cannot be loaded ({said}). Check its name, config and revision and the "
            "network (HF_ENDPOINT names a mirror; `hf auth login` opens gated data sets), or bring the files: "
            f"standin data add {path.stem} TRAIN --test TEST, or standin data fetch {path.stem} --from FOLDER of a copy"
        ) from None


def _splits(loaded: Mapping[str, Any], hub: Hub, part: str, spec: str, path: Path) -> list[Given]:
    found = []
    for name in spec.split("+"):
        if name not in loaded:
            raise StandinError(
                f"{path}: source.hub.{part} is {spec!r}, but {hub.dataset} has no such split: {nearest(name, loaded)}"
            )
        split = loaded[name]
        found.append(Given(f"{path}: source.hub", tuple(split.column_names), _records(split)))
    return found


def _records(split: Any) -> Iterator[dict[str, Any]]:
    """The rows, in which numbers of classes are their names; -1, the hub's "unlabelled", is null."""
    inner = {column: getattr(feature, "feature", feature) for column, feature in split.features.items()}
    names = {column: feature.names for column, feature in inner.items() if hasattr(feature, "names")}
    for row in split:
        yield {column: _class(value, names[column]) if column in names else value for column, value in row.items()}


def _class(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_class(each, names) for each in value]
    return None if value is None or value < 0 else names[value]
