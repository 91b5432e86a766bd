from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.corpus import Row
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.measures.panel import CONTENT_FREE, ROLES, ask_panel, judge_chat, stratified_subset

LABELS = ["tram", "tree", "flat"]
PROMPT = 'They wrote: "{text}"\nWhat of {labels} is it about?'


class FakeEngine:
    """Scores (chat, choice) pairs by a rule, and remembers its batches."""

    name, version = "fake", "1"

    def __init__(self, rule: Callable[[str, str], float]) -> None:
        self.rule = rule
        self.batches: list[Sequence[Chat]] = []

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        raise NotImplementedError

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> np.ndarray:
        self.batches.append(chats)
        return np.array([[self.rule(chat[-1][1], choice) for choice in choices] for chat in chats])


def mentions(prompt: str, label: str) -> float:
    """A judge that sees the word but likes "tree" so much that it says so whatever the text is."""
    text = prompt.split('"')[1]
    return -3 + (2 if label in text else 0) + (5 if label == "tree" else 0)


def ask(engine: FakeEngine, texts: Sequence[str], judges: int = 3, batch: int = 4, question: str = ""):  # noqa: ANN201
    return ask_panel(engine, texts, LABELS, PROMPT, question, judges, batch)


class TestJudges:
    def test_every_judge_has_a_role_and_an_order_of_labels_of_its_own(self) -> None:
        chats = [judge_chat(judge, "late", LABELS, PROMPT, "") for judge in range(3)]
        assert len({chat[0][1] for chat in chats}) == 3
        shown = [chat[1][1].split("What of ")[1].split(" is")[0] for chat in chats]
        assert shown == ["tram, tree, flat", "tree, flat, tram", "flat, tram, tree"]

    def test_role_and_instruction_stand_before_the_text_and_do_not_depend_on_it(self) -> None:
        one, other = (judge_chat(1, text, LABELS, PROMPT, "") for text in ("one", "{other} 🚋"))
        assert one[0] == other[0]
        assert one[0][0] == "system"
        assert "{other} 🚋" in other[1][1]

    def test_labels_that_the_prompt_leaves_out_are_named_in_the_instruction(self) -> None:
        chat = judge_chat(1, "late", LABELS, "{text}. Which?", "")
        assert "tree, flat, tram" in chat[0][1]
        assert "tree" not in judge_chat(1, "late", LABELS, PROMPT, "")[0][1]

    def test_the_question_is_put_in(self) -> None:
        assert judge_chat(0, "no!", LABELS, "On {question}: {text}", "cars")[1][1] == "On cars: no!"

    def test_there_are_as_many_roles_as_params_allow_judges(self) -> None:
        from standin.config import Subjectivity

        most = next(limit.le for limit in Subjectivity.model_fields["judges"].metadata if hasattr(limit, "le"))
        assert most == len(ROLES) == len(set(ROLES))


class TestCalibration:
    def test_the_lean_towards_a_label_is_taken_off_and_raw_votes_stay_readable(self) -> None:
        verdicts = ask(FakeEngine(mentions), ["a flat", "a tram", "a tree"])
        assert verdicts.votes(verdicts.raw) == [("tree",) * 3] * 3
        assert verdicts.votes(verdicts.calibrated) == [("flat",) * 3, ("tram",) * 3, ("tree",) * 3]

    def test_by_hand(self) -> None:
        # Content-free: 1/4, 1/4, 1/2. Text: 1/2, 1/4, 1/4. Divided: 2, 1, 1/2; normalised: 4/7, 2/7, 1/7.
        def rule(prompt: str, label: str) -> float:
            free = prompt.split('"')[1] in CONTENT_FREE
            p = dict(zip(LABELS, (0.25, 0.25, 0.5) if free else (0.5, 0.25, 0.25), strict=True))
            return float(np.log(0.1 * p[label]))  # choices hold a tenth of all probability

        verdicts = ask(FakeEngine(rule), ["something"], judges=2)
        np.testing.assert_allclose(np.exp(verdicts.raw), [[[0.5, 0.25, 0.25]]] * 2)
        np.testing.assert_allclose(np.exp(verdicts.calibrated), [[[4 / 7, 2 / 7, 1 / 7]]] * 2)

    def test_content_free_probabilities_are_averaged_not_their_logarithms(self) -> None:
        # "N/A": 0.98, 0.01, 0.01; the two others even. Mean 0.549, 0.226, 0.226.
        def rule(prompt: str, label: str) -> float:
            p = (0.98, 0.01, 0.01) if prompt.split('"')[1] == "N/A" else (1 / 3, 1 / 3, 1 / 3)
            return float(np.log(p[LABELS.index(label)]))

        mean = np.array([0.98 + 2 / 3, 0.01 + 2 / 3, 0.01 + 2 / 3]) / 3
        expected = (1 / mean) / (1 / mean).sum()
        verdicts = ask(FakeEngine(rule), ["something"], judges=2)
        np.testing.assert_allclose(np.exp(verdicts.calibrated[0, 0]), expected)

    @given(st.lists(st.sampled_from(["a tram", "a tree", "a flat", "so what"]), max_size=6), st.integers(1, 9))
    def test_batches_and_order_do_not_change_a_verdict(self, texts: list[str], batch: int) -> None:
        engine = FakeEngine(mentions)
        verdicts = ask(engine, texts, batch=batch)
        assert verdicts.raw.shape == verdicts.calibrated.shape == (3, len(texts), 3)
        for place, text in enumerate(texts):
            alone = ask(FakeEngine(mentions), [text])
            np.testing.assert_allclose(verdicts.calibrated[:, place], alone.calibrated[:, 0])
        assert max(len(asked) for asked in engine.batches) <= batch
        assert sum(len(asked) for asked in engine.batches) == 3 * (len(texts) + len(CONTENT_FREE))


def rows(**counts: int) -> list[Row]:
    labels = [label for label, count in counts.items() for _ in range(count)]
    order = np.random.default_rng(0).permutation(len(labels))
    return [Row(id=f"r{i}", text="t", label=labels[k]) for i, k in enumerate(order)]


class TestStratifiedSubset:
    def test_labels_keep_their_shares(self) -> None:
        subset = stratified_subset(rows(a=60, b=30, c=10), 20)
        assert Counter(row.label for row in subset) == {"a": 12, "b": 6, "c": 2}

    def test_questions_keep_their_shares_too(self) -> None:
        two = [Row(id=f"{q}{i}", text="t", label="ab"[i % 2], question_id=q) for i in range(20) for q in ("x", "y")]
        subset = stratified_subset(two, 8)
        assert Counter((row.question_id, row.label) for row in subset) == {(q, a): 2 for q in "xy" for a in "ab"}

    @given(st.integers(0, 30), st.integers(0, 20), st.integers(0, 60))
    def test_it_has_the_size_asked_and_the_order_given(self, a: int, b: int, size: int) -> None:
        given_rows = rows(a=a, b=b)
        subset = stratified_subset(given_rows, size)
        assert len(subset) == min(size, a + b)
        assert subset == [row for row in given_rows if row in subset]
        assert abs(sum(row.label == "a" for row in subset) - len(subset) * a / max(a + b, 1)) <= 1

    def test_unlabelled_rows_are_a_stratum(self) -> None:
        assert len(stratified_subset([Row(id=str(i), text="t") for i in range(9)], 4)) == 4


@pytest.mark.slow
def test_the_embedded_model_is_calibrated_by_its_own_content_free_answers() -> None:
    from standin.config import Runtime
    from standin.engines.registry import load

    engine = load("transformers", "smollm2-135m-instruct", "main", "float32", Runtime(threads=2))
    texts = ["The tram was late again.", "They felled the old oak tree.", "The rent of my flat went up."]
    verdicts = ask_panel(engine, [*texts, *texts, *CONTENT_FREE], LABELS, PROMPT, "", 2, 8)
    raw = np.exp(verdicts.raw)
    np.testing.assert_allclose(raw.sum(axis=2), 1)
    np.testing.assert_allclose(verdicts.raw[:, :3], verdicts.raw[:, 3:6], atol=1e-3)
    divided = raw / raw[:, 6:].mean(axis=1, keepdims=True)
    expected = divided / divided.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(np.exp(verdicts.calibrated), expected, atol=1e-3)
