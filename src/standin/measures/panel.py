"""A panel of LLM judges that stands in for annotators. It is one model in several roles, not several people.

Each judge reads the same text under its own role and its own order of the labels, and says how probable it finds each
label. A small model leans towards some label whatever the text says; the lean is measured on content-free texts under
the same prompt and taken off ("contextual calibration", Zhao et al. 2021, arXiv 2102.09690). Raw and calibrated votes
are both kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.corpus import Row
from standin.engines.protocol import Chat, Engine
from standin.engines.spreading import chosen
from standin.progress import progress

ROLES = (
    "You sort texts into categories for a research team.",
    "You are an editor who reads every text carefully and names its category.",
    "You are an ordinary reader who says what a text comes across as.",
    "You check other people's labels, so you decide by the wording alone.",
    "You are a domain expert who has labelled thousands of such texts.",
)
"""One per judge; params.yaml allows as many judges."""

CONTENT_FREE = ("N/A", "[MASK]", "")
"""The three content-free inputs of Zhao et al. (2021); their probabilities are averaged."""

LogProbabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What each judge thinks of each text: log-probabilities over the labels, shape (judges, texts, labels)."""

    labels: tuple[str, ...]
    raw: LogProbabilities
    calibrated: LogProbabilities

    def votes(self, of: LogProbabilities) -> list[tuple[str, ...]]:
        """Per text, one label per judge: the most probable in ``of`` (``raw`` or ``calibrated``)."""
        return [tuple(self.labels[choice] for choice in text) for text in of.argmax(axis=2).T]


def stratified_subset(rows: Sequence[Row], size: int) -> list[Row]:
    """At most ``size`` rows in which questions and labels keep their shares; equal rows give an equal subset.

    The rows are put in order of question and label, and taken at even distances. Returned in their given order.
    """
    if size >= len(rows):
        return list(rows)
    order = sorted(range(len(rows)), key=lambda i: (rows[i].question_id or "", rows[i].label or "", i))
    taken = {order[(2 * k + 1) * len(rows) // (2 * size)] for k in range(size)}
    return [row for i, row in enumerate(rows) if i in taken]


def judge_chat(judge: int, text: str, labels: Sequence[str], prompt: str, question: str) -> Chat:
    """What judge number ``judge`` (from 0) is asked: role and instruction first, so that its prompts share them."""
    turn = judge % len(labels)
    named = ", ".join([*labels[turn:], *labels[:turn]])
    instruction = "Answer with one category and nothing else."
    if "{labels}" not in prompt:
        instruction = f"The categories are: {named}. {instruction}"
    return (
        ("system", f"{ROLES[judge]} {instruction}"),
        ("user", prompt.format(text=text, labels=named, question=question)),
    )


def ask_panel(
    engine: Engine,
    texts: Sequence[str],
    labels: Sequence[str],
    prompt: str,
    question: str,
    judges: int,
    batch: int,
) -> Verdicts:
    """Let every judge choose a label for every text, texts of similar length together: they need little padding.

    Args:
        engine: the model.
        texts: n texts.
        labels: the task's label names.
        prompt: the task's judge prompt, with ``{text}`` and perhaps ``{labels}`` and ``{question}``.
        question: what ``{question}`` stands for; empty in a task without questions.
        judges: how many, at most ``len(ROLES)``.
        batch: prompts asked at once.

    Returns:
        Verdicts of shape (judges, n, labels).
    """
    asked = [*CONTENT_FREE, *texts]
    places = [(judge, at) for at in sorted(range(len(asked)), key=lambda at: len(asked[at])) for judge in range(judges)]
    chats = [judge_chat(judge, asked[at], labels, prompt, question) for judge, at in places]
    with progress("panel", len(chats), "prompts") as done:
        scores = choose_in_batches(engine, [chats], labels, batch, done)
    found = np.empty((judges, len(asked), len(labels)))
    found[tuple(np.array(places).T)] = scores
    raw = normalised(found)
    lean = np.logaddexp.reduce(raw[:, : len(CONTENT_FREE)], axis=1, keepdims=True)
    raw = raw[:, len(CONTENT_FREE) :]
    return Verdicts(tuple(labels), raw, normalised(raw - lean))


def choose_in_batches(
    engine: Engine, groups: Sequence[Sequence[Chat]], choices: Sequence[str], batch: int, done: Callable[[int], None]
) -> LogProbabilities:
    """The engine's log-probabilities, shape (chats, choices), asked for ``batch`` chats of one group at a time."""
    batches = [group[start : start + batch] for group in groups for start in range(0, len(group), batch)]
    starts = np.cumsum([0, *map(len, batches)])
    found = np.empty((starts[-1], len(choices)))
    for place, scores in chosen(engine, batches, choices):
        found[starts[place] : starts[place + 1]] = scores
        done(len(scores))
    return found


def normalised(scores: LogProbabilities) -> LogProbabilities:
    """Log-probabilities that sum to one over the last axis."""
    result: LogProbabilities = scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)
    return result
