"""Codes and names of languages: ISO 639-1 as task files write them, FLORES-200 as NLLB's tokenizer does."""

import re
from typing import Annotated

from pydantic import AfterValidator

from standin.errors import StandinError

CODES = {
    "ar": "arb_Arab", "bg": "bul_Cyrl", "ca": "cat_Latn", "cs": "ces_Latn", "da": "dan_Latn", "de": "deu_Latn",
    "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn", "fa": "pes_Arab", "fi": "fin_Latn",
    "fr": "fra_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "hr": "hrv_Latn", "hu": "hun_Latn", "id": "ind_Latn",
    "it": "ita_Latn", "ja": "jpn_Jpan", "ko": "kor_Hang", "lt": "lit_Latn", "lv": "lvs_Latn", "nb": "nob_Latn",
    "nl": "nld_Latn", "no": "nob_Latn", "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl",
    "sk": "slk_Latn", "sl": "slv_Latn", "sr": "srp_Cyrl", "sv": "swe_Latn", "tr": "tur_Latn", "uk": "ukr_Cyrl",
    "vi": "vie_Latn", "zh": "zho_Hans",
}  # fmt: skip
"""ISO 639-1 -> FLORES-200. Another language is written as its FLORES-200 code."""

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

SHORT = {
    **{flores[:3]: short for short, flores in CODES.items()},
    "ara": "ar", "cmn": "zh", "fas": "fa", "lav": "lv", "nob": "no", "nor": "no", "tha": "th",
}  # fmt: skip
"""ISO 639-3 -> ISO 639-1."""


def short_code(language: str) -> str:
    """The code by which a language is compared: ``deu_Latn``, ``deu``, ``de-AT`` and ``de`` are one."""
    code = language.replace("-", "_").split("_")[0].lower()
    return {"nb": "no"}.get(code, SHORT.get(code, code))


def named(language: str) -> str:
    """A language for people: ``Danish (da)``; the code alone where it has no name here."""
    name = NAMES.get(short_code(language))
    return f"{name} ({language})" if name else repr(language)


def language_fault(code: str) -> str | None:
    """What is wrong with the code of a language; None where nothing is."""
    if re.fullmatch(r"[a-z]{2,3}(_[A-Z][a-z]{3})?", code):
        return None
    return f"{code!r} is no language code: write one as in en or de, or FLORES-200's as in deu_Latn"


def _language(code: str) -> str:
    if wrong := language_fault(code):
        raise ValueError(wrong)
    return code


def check_language(code: str) -> None:
    """Raise StandinError where a language's code is none."""
    if wrong := language_fault(code):
        raise StandinError(f"language: {wrong}")


Language = Annotated[str, AfterValidator(_language)]
