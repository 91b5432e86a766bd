"""Engines by name."""

from importlib.metadata import version as installed

from standin.config import Runtime
from standin.engines.protocol import Engine
from standin.errors import StandinError, nearest

ENGINES = ("transformers",)


def version(engine: str) -> str:
    """The engine's versions without loading it: part of the answer store's key."""
    if engine == "transformers":
        return f"transformers {installed('transformers')}, torch {installed('torch').split('+')[0]}"
    raise StandinError(f"params.yaml: no engine {engine!r}: {nearest(engine, ENGINES)}")


def load(engine: str, model: str, revision: str, dtype: str, runtime: Runtime) -> Engine:
    """Load a model into an engine. Raises StandinError where the engine is unknown or the model cannot be had."""
    if engine == "transformers":
        from standin.engines import transformers

        return transformers.load(model, revision, dtype, runtime, version(engine))
    raise StandinError(f"params.yaml: no engine {engine!r}: {nearest(engine, ENGINES)}")
