"""Translation of generated texts with NLLB (Costa-jussà et al. 2022), as in Wagner et al. (2025).

The paper generates in English and translates to German with an NLLB model; beams and splitting into sentences are
ours.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from standin.errors import StandinError, nearest
from standin.language_codes import CODES

BEAMS = 4
SENTENCE_END = re.compile(r"((?<=[.!?…])\s+|(?<=[\u3002\uff01\uff1f])|\s*\n\s*)")

FLORES = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")


@dataclass(frozen=True, slots=True)
class Translated:
    """Texts in the target language, in the order given."""

    texts: tuple[str, ...]
    sentences: int
    cut: int
    """Sentences whose translation reached the token limit."""


def language_code(language: str) -> str:
    """The FLORES-200 code of a language: ``de`` -> ``deu_Latn``. Raises StandinError for an unknown one."""
    if FLORES.fullmatch(language):
        return language
    if language not in CODES:
        raise StandinError(
            f"language {language!r} is not in the translation table: {nearest(language, CODES)}. Any other language of "
            "NLLB is written as its FLORES-200 code, as in 'gle_Latn'."
        )
    return CODES[language]


@dataclass(frozen=True, slots=True)
class Translator:
    """A loaded NLLB model for one pair of languages."""

    model: Any
    tokenizer: Any
    target: int
    """Token id of the target language, which begins every answer."""


def load_translator(model: str, revision: str, source: str, target: str, device: str) -> Translator:
    """Load an NLLB model.

    Args:
        model: hub id or folder.
        revision: branch, tag or commit on the hub.
        source: language of the texts, ISO 639-1 or FLORES-200.
        target: language to translate to.
        device: "cpu" or "cuda".

    Raises:
        StandinError: unknown language; model that cannot be loaded; model that does not know the target language.
    """
    codes = language_code(source), language_code(target)
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision, src_lang=codes[0], tgt_lang=codes[1])
        loaded = AutoModelForSeq2SeqLM.from_pretrained(model, revision=revision, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise StandinError(
            f"translate.model {model!r}, revision {revision!r}, cannot be loaded: {str(error).strip().splitlines()[0]} "
            "Without access to the hub name a folder that holds an NLLB model; or write prompts in the task's language "
            "(prompts.language), then nothing is translated."
        ) from None
    for code in codes:
        if tokenizer.convert_tokens_to_ids(code) in (None, tokenizer.unk_token_id):
            raise StandinError(
                f"translate.model {model!r} does not know the language code {code!r}. Name an NLLB model, as in "
                "'facebook/nllb-200-distilled-600M'."
            )
    return Translator(loaded.to(device).eval(), tokenizer, tokenizer.convert_tokens_to_ids(codes[1]))


def translate(
    texts: Sequence[str], translator: Translator, max_tokens: int, chunk: int, done: Callable[[int], None]
) -> Translated:
    """Translate texts sentence by sentence, since NLLB was trained on single sentences and drops those that follow.

    Equal texts, chunk and machine give equal translations: beam search without sampling, in chunks of sentences sorted
    by length (less padding), each distinct sentence once.

    Args:
        texts: at least one character each.
        translator: the loaded model.
        max_tokens: most tokens of one translated sentence.
        chunk: sentences translated together.
        done: told how many sentences are done after each chunk.

    Returns:
        The translated texts, with the blanks and line breaks that stood between their sentences.
    """
    parts = [SENTENCE_END.split(text) for text in texts]
    sentences = sorted({part for pieces in parts for part in pieces[::2] if part.strip()}, key=lambda s: (len(s), s))
    answers: dict[str, str] = {}
    cut = 0
    for start in range(0, len(sentences), chunk):
        batch = sentences[start : start + chunk]
        translated, cut_here = _translate_batch(batch, translator, max_tokens)
        answers.update(zip(batch, translated, strict=True))
        cut += cut_here
        done(len(batch))
    whole = tuple("".join(answers.get(piece, piece) for piece in pieces).strip() for pieces in parts)
    return Translated(whole, len(sentences), cut)


def sentence_count(texts: Sequence[str]) -> int:
    """How many distinct sentences ``translate`` will translate."""
    return len({part for text in texts for part in SENTENCE_END.split(text)[::2] if part.strip()})


def _translate_batch(batch: Sequence[str], translator: Translator, max_tokens: int) -> tuple[list[str], int]:
    import torch

    tokenizer, model = translator.tokenizer, translator.model
    longest = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    inputs = tokenizer(list(batch), return_tensors="pt", padding=True, truncation=True, max_length=longest)
    with torch.inference_mode():
        output = model.generate(
            **inputs.to(model.device),
            forced_bos_token_id=translator.target,
            num_beams=BEAMS,
            do_sample=False,
            max_new_tokens=max_tokens,
        )
    ended = (output[:, 1:] == model.generation_config.eos_token_id).any(dim=1)
    return tokenizer.batch_decode(output, skip_special_tokens=True), int((~ended).sum())
