"""Texts as a classifier takes them: token ids, and what its frozen layers put out for them where that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier.encoders import Encoding, Start
from standin.classifier.frozen import hidden_states
from standin.config import repository_root


@dataclass(frozen=True, slots=True)
class Inputs:
    """``states``: one tensor of shape (tokens, width) a text, or empty; ``values``: see ``frozen.passed``."""

    encodings: Sequence[Encoding]
    states: Sequence[Any] = field(default=())
    values: int = 0

    def __len__(self) -> int:
        return len(self.encodings)

    def at(self, places: Sequence[int]) -> "Inputs":
        """Those of the texts at these places."""
        states = [self.states[place] for place in places] if self.states else ()
        return Inputs([self.encodings[place] for place in places], states, self.values)

    def lengths(self) -> npt.NDArray[np.intp]:
        """Tokens of each text, shape (n,)."""
        return np.array([len(encoding["input_ids"]) for encoding in self.encodings], dtype=np.intp)


def inputs_of(start: Start, texts: Sequence[str], questions: Sequence[str | None]) -> Inputs:
    """Encode texts and take what the frozen layers put out for them, kept in ``.standin/states.db`` or computed now.

    questions: the one each text answers, None where the task has none.
    """
    encodings = start.encode(texts, questions)
    if not encodings or not start.settings.frozen_layers:
        return Inputs(encodings)
    reference = start.classifier(0)
    model = reference.model.to(start.device).eval()
    kept = repository_root() / ".standin" / "states.db"
    found = hidden_states(model, reference.frozen, encodings, start.settings.dtype, start.device, kept)
    return Inputs(encodings) if found is None else Inputs(encodings, found[1], found[0])


def collate(tokenizer: Any, encodings: Sequence[Encoding], states: Sequence[Any]) -> tuple[Any, Any]:
    """A padded batch, and its states padded likewise, shape (n, tokens, width), or None."""
    import torch

    batch = tokenizer.pad(list(encodings), return_tensors="pt")
    if not len(states):
        return batch, None
    return batch, torch.nn.utils.rnn.pad_sequence(list(states), batch_first=True, padding_side=tokenizer.padding_side)
