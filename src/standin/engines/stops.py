"""Strings that end an answer, for engines that see tokens: where the string is complete, the answer ends before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from standin.engines.thinking import spoken


class Stops:
    """Stop strings of a tokenizer. Only a token that holds the last character of one of them can complete it."""

    def __init__(self, tokenizer: Any, strings: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.strings = tuple(strings)

    @cached_property
    def _ending(self) -> frozenset[int]:
        """Tokens that may complete a stop string: also those that hold a part of a character."""
        last = {string[-1] for string in self.strings} | {"\N{REPLACEMENT CHARACTER}"}
        tokens = range(len(self.tokenizer))
        pieces = self.tokenizer.batch_decode([[token] for token in tokens])
        return frozenset(token for token, piece in zip(tokens, pieces, strict=True) if last & set(piece))

    def ended(self, tokens: Sequence[int]) -> bool:
        """Whether the last token completes a stop string."""
        if not self.strings or tokens[-1] not in self._ending:
            return False
        text = self.text(tokens)
        return any(string in text for string in self.strings)

    def text(self, tokens: Sequence[int]) -> str:
        """The tokens' text, without the model's own marks but for those of reasoning."""
        return spoken(self.tokenizer, tokens)

    def cut(self, text: str) -> str | None:
        """What stands before the first stop string; None where there is none."""
        found = [place for string in self.strings if (place := text.find(string)) >= 0]
        return text[: min(found)] if found else None
