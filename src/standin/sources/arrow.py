"""Arrow files, and the names that data sets of the hub keep for the numbers of their classes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def arrow_frame(path: Path) -> Any:
    """An Arrow file as pandas reads it: Feather's second version, the file format, or the stream that hubs write."""
    import pyarrow as pa
    import pyarrow.feather

    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).read_all().to_pandas()
        except pa.ArrowInvalid:
            source.seek(0)
            try:
                return pa.ipc.open_stream(source).read_all().to_pandas()
            except pa.ArrowInvalid:
                return pyarrow.feather.read_feather(str(path))


def class_names(path: Path) -> dict[str, Mapping[str, str]]:
    """Column -> number -> name, of the class columns of a Parquet or Arrow file; empty where it says nothing."""
    try:
        features = json.loads(_metadata(path)[b"huggingface"])["info"]["features"]
        return {
            column: {str(number): str(name) for number, name in enumerate(feature["names"])}
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, TypeError, ValueError, AttributeError, OSError):
        return {}


def _metadata(path: Path) -> Mapping[bytes, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() == ".parquet":
        return pq.read_schema(path).metadata or {}
    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).schema.metadata or {}
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source).schema.metadata or {}
