"""Checkpoints of transformers: reading model and tokenizer, and what to say where one cannot be read or used."""

import re
from pathlib import Path
from typing import Any

from standin.embedded import unavailable
from standin.errors import StandinError, first_line

PACKAGES = {
    "awq": "gptqmodel",
    "gptq": "gptqmodel and optimum",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "fp8": "accelerate",
    "mxfp4": "kernels",
    "aqlm": "aqlm",
    "hqq": "hqq",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
    "auto-round": "auto-round",
    "quark": "amd-quark",
    "eetq": "kernels",
    "vptq": "vptq",
    "spqr": "spqr_quant",
    "fbgemm_fp8": "kernels",
}
"""What reads a quantised checkpoint, by its method."""
TOKENIZERS = (
    "sentencepiece",
    "tiktoken",
    "protobuf",
    "blobfile",
    "mistral_common",
    "mistral-common",
    "jieba",
    "rjieba",
)
"""Packages that tokenizers ask for."""
TOKENIZER_FILES = {"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json"}
"""One of these is what a tokenizer is read from."""


def read(place: str, model: str, revision: str, dtype: str, device: str) -> tuple[Any, Any]:
    """Read a model and its tokenizer onto a device ("cpu" or "cuda").

    Args:
        place: folder or hub id.
        model: how the person named it.
        revision: branch, tag or commit on the hub.
        dtype: "float32", "bfloat16" or "float16".
        device: where it runs.

    Raises:
        StandinError: there is no such model, it cannot be read with what is installed, or it does not write texts.
    """
    import torch
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what matters of its warnings is checked and told here
    plain: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    config: Any = None
    try:
        config = AutoConfig.from_pretrained(place, **plain)
        tokenizer = read_tokenizer(place, model, revision)
        reader = _reader(config, model)
        loaded, info = reader.from_pretrained(
            place, **plain, use_safetensors=True, dtype=getattr(torch, dtype), output_loading_info=True
        )
        loaded = loaded.eval().to(device)
    except StandinError:
        raise
    except torch.OutOfMemoryError:
        raise _too_large(model, dtype) from None
    except Exception as error:  # every quantisation and every tokenizer raises in a way of its own
        raise explained(model, place, revision, config, error) from None
    finally:
        logging.set_verbosity(verbosity)
    _check(loaded, info, model, dtype)
    return loaded, tokenizer


def read_tokenizer(place: str, model: str, revision: str) -> Any:
    """Read a model's tokenizer alone. Raises StandinError as :func:`read` does."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    except Exception as error:  # every tokenizer raises in a way of its own
        raise explained(model, place, revision, None, error) from None


def _reader(config: Any, model: str) -> Any:
    """The class that reads models of a kind; those that also see images write from texts alone too."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as WRITERS,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as SEERS,
    )

    if config.model_type in WRITERS and not config.is_encoder_decoder:
        return AutoModelForCausalLM
    if config.model_type in SEERS and not config.is_encoder_decoder:
        return AutoModelForImageTextToText
    kind = "an encoder-decoder model" if config.is_encoder_decoder else "no causal language model"
    raise StandinError(
        f"model {model!r} ({config.model_type}) is {kind}: the transformers engine runs causal language models, as "
        "Llama, Qwen, Mistral or Gemma are"
    )


def _check(loaded: Any, info: dict[str, Any], model: str, dtype: str) -> None:
    """Raise StandinError where weights are missing, the model reads both ways, or it cannot compute here."""
    import torch

    from standin.engines.plain import causal

    if missing := sorted(info["missing_keys"]):
        raise StandinError(
            f"model {model!r} ({loaded.config.model_type}): its files hold no {missing[0]}"
            + (f" and {len(missing) - 1} more weights" if len(missing) > 1 else "")
            + ", which would be random numbers: it is no whole language model (an adapter, an encoder or a classifier?)"
        )
    try:
        writes = causal(loaded)
    except torch.OutOfMemoryError:
        raise _too_large(model, dtype) from None
    except (RuntimeError, ImportError, NotImplementedError) as error:
        raise StandinError(
            f"model {model!r} ({loaded.config.model_type}) cannot compute in {dtype} here: {first_line(error)} "
            "Set generator.dtype to float32 (of a judge: verify.dtype, subjectivity.dtype), or take another model."
        ) from None
    if not writes:
        raise StandinError(
            f"model {model!r} ({loaded.config.model_type}) reads texts both ways: an encoder cannot write. Take a "
            "causal language model, as Llama, Qwen, Mistral or Gemma are"
        )


def explained(model: str, place: str, revision: str, config: Any, error: Exception) -> StandinError:
    """What to say where a checkpoint cannot be read."""
    said = " ".join(str(error).split())
    why = first_line(error).rstrip(".")
    if "trust_remote_code" in said:
        return StandinError(
            f"model {model!r} brings program code of its own, which is never run here: take a model that transformers "
            "knows, or serve it elsewhere and set generator.engine to openai"
        )
    if method := _quantised(config):
        package = PACKAGES.get(method) or next(iter(re.findall(r"pip install '?([\w.-]+)", said)), "of its own")
        return StandinError(
            f"model {model!r} is quantised ({method}), which needs the package {package} and mostly a GPU: {why}. "
            "Install it, or name the model's unquantised weights."
        )
    if found := _of_a_folder(model, Path(place)) or _of_the_tokenizer(model, said, error):
        return found
    if "gated" in said or "401" in said or "403" in said:
        return StandinError(
            f"model {model!r} is gated: accept its terms on huggingface.co, set HF_TOKEN in the environment and run "
            f"again ({first_line(error)})"
        )
    if re.search(r"safetensors", said) and isinstance(error, OSError):
        return StandinError(
            f"model {model!r} (revision {revision!r}) has no weights as safetensors: pickled files (.bin, .pt) may run "
            "any code when they are read, so they are not. Many hubs offer a converted revision, as 'refs/pr/1'"
        )
    if "does not recognize this architecture" in said or "model type" in said.lower():
        from transformers import __version__

        return StandinError(
            f"model {model!r}: transformers {__version__} does not know its architecture: take another model, or serve "
            f"it elsewhere and set generator.engine to openai ({first_line(error)[:200]})"
        )
    return unavailable(model, revision, error)


def _of_a_folder(model: str, folder: Path) -> StandinError | None:
    """What a local folder lacks."""
    if not folder.is_dir():
        return None
    files = {file.name for file in folder.iterdir()}
    if "adapter_config.json" in files and "config.json" not in files:
        return StandinError(
            f"model {model!r} is an adapter, no whole model: merge it into its base model first (peft: "
            "merge_and_unload, then save_pretrained)"
        )
    if "config.json" in files and not files & TOKENIZER_FILES:
        return StandinError(
            f"model {model!r} has no tokenizer: save it into the same folder (tokenizer.save_pretrained), or copy "
            "tokenizer.json and tokenizer_config.json from its base model"
        )
    if "tekken.json" in files and not files & (TOKENIZER_FILES - {"tekken.json"}):
        return StandinError(
            f"the tokenizer of model {model!r} is Mistral's own (tekken.json), which needs the package mistral-common: "
            "pip install mistral-common, or copy tokenizer.json from its hub page"
        )
    return None


def _of_the_tokenizer(model: str, said: str, error: Exception) -> StandinError | None:
    """The package that a tokenizer asks for."""
    if isinstance(error, OSError):
        return None
    package = next((package for package in TOKENIZERS if package in said), None)
    if package is None:
        return None
    # transformers tries sentencepiece, then tiktoken, and names the last
    which = "sentencepiece (or tiktoken)" if package in ("sentencepiece", "tiktoken") else package.replace("_", "-")
    return StandinError(
        f"the tokenizer of model {model!r} needs the package {which}, which is not installed: pip install "
        f"{which.split()[0]} protobuf, or take a model with a tokenizer.json"
    )


def _quantised(config: Any) -> str | None:
    """The method by which a checkpoint is quantised."""
    if config is None:
        return None
    found = getattr(config, "quantization_config", None) or getattr(
        config.get_text_config(), "quantization_config", None
    )
    method = found.get("quant_method") if isinstance(found, dict) else getattr(found, "quant_method", None)
    return str(getattr(method, "value", method)) if method else None


def _too_large(model: str, dtype: str) -> StandinError:
    return StandinError(
        f"model {model!r} in {dtype} does not fit the GPU's memory: free the card, take bfloat16, a smaller or "
        "quantised model, or set runtime.device to cpu"
    )
