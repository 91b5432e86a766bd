from typing import Any

from transformers import AutoTokenizer


def cached_tokenizer_from_config(config: Any) -> Any:
    return AutoTokenizer.from_pretrained(config.tokenizer)
