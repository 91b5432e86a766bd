"""Engines by name."""

import hashlib
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from standin.choices import BEGIN_ENGINES, ENGINES, RUN_HERE
from standin.cluster import placed
from standin.config import Runtime
from standin.engines.protocol import Engine
from standin.errors import StandinError, nearest

if TYPE_CHECKING:
    from standin.engines.replay import ReplayEngine
    from standin.engines.servers import Notes

PACKAGES = {
    "transformers": ("transformers", "torch"),
    "vllm": ("vllm",),
    "openai": ("openai",),
    "llamacpp": ("llama-cpp-python",),
    "replay": (),
}
ADVICE = {
    "vllm": "on a GPU machine: pip install --no-deps -r requirements-gpu.lock",
    "llamacpp": "pip install llama-cpp-python",
}
MODEL_FILES = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
"""What of a model's folder shapes its answers; a card does not."""
DRAWN = "drawn by seed"
"""How recorded texts are chosen: part of the answer store's key."""
BATCHED = ("transformers", "vllm")
"""Engines in which the last bits of an answer depend on the batch: ``generator.chunk`` shapes their answers."""


def version(engine: str, model: str, revision: str = "main") -> str:
    """The engine's versions without loading it: part of the answer store's key. Recorded texts: the file's digest.

    Raises StandinError where there is no such engine, its package is not installed, or a file of recorded texts holds
    others than ``revision`` says.
    """
    if engine not in ENGINES:
        raise StandinError(f"params.yaml: no engine {engine!r}: {nearest(engine, ENGINES)}")
    if engine == "replay":
        path = Path(model)
        if not path.is_file():
            raise StandinError(
                f"params.yaml: generator.model is {model!r}, and there is no such file: the replay engine reads "
                "recorded texts from it. `standin data add-generated` brings them, `dvc pull` where they are versioned."
            )
        found = file_digest(path)
        if revision not in ("main", of_file(found)):
            raise StandinError(
                f"params.yaml: generator.revision is {revision!r}, but the recorded texts in {model} are of revision "
                f"{of_file(found)}: name that one, or `dvc checkout {model}`"
            )
        return f"{DRAWN} {found}"
    return ", ".join(f"{package} {_installed(engine, package)}" for package in PACKAGES[engine])


def of_file(digest: str) -> str:
    """The revision of recorded texts by their file's digest, with a letter first, so that none reads as a number."""
    return f"rev-{digest[:12]}"


def digest(model: str) -> str | None:
    """What a model file or folder holds, for the answer store's key; None for an embedded name or a hub id."""
    path = Path(model)
    if path.is_file():
        return file_digest(path)
    if not path.is_dir():
        return None
    files = sorted(file for file in path.iterdir() if file.is_file() and file.suffix in MODEL_FILES)
    return hashlib.sha256("".join(f"{file.name} {file_digest(file)}\n" for file in files).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _installed(engine: str, package: str) -> str:
    for name in (package, f"{package}-cpu"):
        try:
            return installed(name).split("+")[0]
        except PackageNotFoundError:
            continue
    how = ADVICE.get(engine, "run `make setup`")
    raise StandinError(f"params.yaml: engine {engine!r} needs the package {package}, which is not installed: {how}")


def continues(engine: str, runtime: Runtime, notes: "Notes | None" = None) -> bool:
    """Whether an engine can go on from an answer begun for it; a server is asked.

    ``notes`` keep what a server was, for when it is away. Raises StandinError where nobody answers and nothing is kept.
    """
    if engine == "openai":
        from standin.engines import servers

        return servers.continues(runtime, notes)
    return engine in BEGIN_ENGINES


def load(engine: str, model: str, revision: str, dtype: str, runtime: Runtime) -> Engine:
    """Load a model into an engine, with ``runtime.cluster`` on its workers.

    Raises StandinError where the engine is unknown or the model cannot be had.
    """
    versions = version(engine, model)
    if runtime.cluster and engine in RUN_HERE:
        from standin.engines.spreading import SpreadEngine

        begin = partial(load, engine, placed(model), revision, dtype)
        return SpreadEngine(engine, versions, begin, runtime, gpus_of(engine, runtime))
    if engine == "transformers":
        from standin.engines import transformers

        return transformers.load(model, revision, dtype, runtime, versions)
    if engine == "vllm":
        from standin.engines import vllm

        return vllm.load(model, revision, dtype, runtime, versions)
    if engine == "openai":
        from standin.engines import openai

        return openai.load(model, runtime, versions)
    if engine == "llamacpp":
        from standin.engines import llamacpp

        return llamacpp.load(model, runtime, versions)
    return recorded(model, versions, 0)


def gpus_of(engine: str, runtime: Runtime) -> int:
    """How many GPUs an engine takes on one node of a cluster, where it takes any."""
    return runtime.tensor_parallel * runtime.data_parallel if engine == "vllm" else 1


def recorded(model: str, version: str, seed: int) -> "ReplayEngine":
    """The engine of recorded texts, drawn by ``seed``. Raises StandinError where its file is none of such."""
    from standin.engines import replay

    return replay.load(model, version, seed)
