"""Plan, prompts, answer store, answering and the stage: nothing lost, nothing changed, nothing asked twice."""

import json
import multiprocessing
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from standin.config import Base, Generator, Params
from standin.corpus import Removed, Row, SyntheticRow, read_rows, write_rows
from standin.engines.protocol import Answer, Chat, Request, Sampling, loops
from standin.errors import StandinError
from standin.generation import answering
from standin.generation.answering import answer_plan, describe
from standin.generation.parsing import Parsed, parse
from standin.generation.plan import PlanRow, make_plan
from standin.generation.prompts import turn
from standin.generation.store import AnswerStore, request_key
from standin.stages import generate
from standin.task import Question, Task, load_task

ROOT = Path(__file__).resolve().parents[1]
TASK = load_task("city-topics", ROOT)
SHOTS = [
    Row(id=f"{label.name}{number}", text=f"{{brace}} {label.name} {number}", label=label.name)
    for label in TASK.labels
    for number in range(3)
]
SAMPLING = Sampling(0.8, 0.95, 32)
IDENTITY = {"engine": "e", "version": "1", "model": "m", "revision": "main", "dtype": "float32"}


def plan(seed: int = 1, **changes: object) -> list[PlanRow]:
    return make_plan(TASK.labels, TASK.questions, SHOTS, Generator(**{"texts": 6, "conversation": 3, **changes}), seed)


# --- plan and prompts ---------------------------------------------------------------------------------------------


def test_every_label_gets_the_same_number_of_rows_in_chats_of_the_asked_length() -> None:
    rows = plan()
    assert len(rows) == len({row.plan_id for row in rows}) == 24
    assert [row.turn for row in rows[:6]] == [0, 1, 2, 0, 1, 2]
    assert [row.kind for row in rows[:3]] == ["opening", "diversity", "diversity"]
    assert [row.kind for row in plan(diversity_every=2)[:3]] == ["opening", "generation", "diversity"]
    assert len({row.seed for row in rows}) == 24


def test_more_texts_keep_the_rows_there_were_and_another_seed_changes_all() -> None:
    assert set(plan()) < set(plan(texts=9))
    assert not {row.seed for row in plan()} & {row.seed for row in plan(seed=2)}


def test_examples_are_drawn_anew_of_the_asked_label_and_question_without_repeats() -> None:
    rows = plan(shots=2)
    for row in rows:
        assert len(set(row.shots)) == 2
        assert all(shot.startswith(row.label) for shot in row.shots)
    assert len({row.shots for row in rows if row.label == "transport"}) > 1
    asked = make_plan(TASK.labels, [Question(id="q", text="Cars?")], SHOTS, Generator(texts=1), 1)
    assert {row.question for row in asked} == {"Cars?"}
    with pytest.raises(StandinError, match=r"generator\.shots is 4.*holds 3 texts"):
        plan(shots=4)


def test_where_no_text_has_a_label_no_larger_draw_is_proposed() -> None:
    with pytest.raises(StandinError, match=r"the task's data have none. Set it to 0, or bring some") as error:
        make_plan(TASK.labels, [], [], Generator(shots=5), 1)
    assert "prepare.shots" not in str(error.value)


def test_examples_and_seeds_are_those_of_the_question() -> None:
    questions = [Question(id=name, text=f"{name}?") for name in ("cars", "rents")]
    shots = [
        Row(id=f"{question.id}-{label.name}-{n}", text="t", label=label.name, question_id=question.id)
        for question in questions
        for label in TASK.labels
        for n in range(3)
    ]
    rows = make_plan(TASK.labels, questions, shots, Generator(texts=4, shots=2, conversation=2), 1)
    for row in rows:
        assert len(row.shots) == 2
        assert all(shot.startswith(f"{row.question_id}-{row.label}-") for shot in row.shots)
    assert len({row.seed for row in rows}) == len(rows) == 2 * len(TASK.labels) * 4


def test_examples_may_be_drawn_once_a_conversation_or_once_a_label() -> None:
    chats = plan(shots=2, redraw="conversation")
    assert all(bool(row.shots) == (row.turn == 0) for row in chats)
    assert len({row.shots for row in chats if row.label == "housing" and row.turn == 0}) > 1
    once = plan(shots=2, redraw="label")
    assert len({row.shots for row in once if row.label == "housing" and row.turn == 0}) == 1
    assert {row.seed for row in once} == {row.seed for row in plan(shots=2)}


def test_examples_may_be_drawn_for_so_many_texts_of_a_label() -> None:
    shown = [row.shots for row in plan(shots=2, redraw=3, texts=7, conversation=1) if row.label == "housing"]
    assert shown[0] == shown[1] == shown[2]
    assert shown[3] == shown[4] == shown[5]
    assert len({shown[0], shown[3], shown[6]}) > 1
    chats = [row.shots for row in plan(shots=2, redraw=3, texts=7, conversation=4) if row.label == "housing"]
    assert [bool(shots) for shots in chats] == [True, False, False, True, True, False, True], "a new chat, a new draw"
    assert chats[3] == chats[4], "the second chat begins with the examples of its texts"


@pytest.mark.parametrize("texts", [5, 20, 47])
def test_every_value_of_every_attribute_is_planned_equally_often(texts: int) -> None:
    # D3: a product of 4 styles, 2 lengths and 10 topics cut at 20 rows only ever asked for the first style
    attributes = TASK.prompts.attributes
    chosen = Generator(texts=texts, attributes=list(attributes))
    rows = make_plan(TASK.labels, [], [], chosen, 1, attributes)
    for label in TASK.labels:
        for name, attribute in attributes.items():
            counts = Counter(row.attributes[name] for row in rows if row.label == label.name)
            assert set(counts) <= set(attribute.of(label.name))
            missing = len(attribute.of(label.name)) - len(counts)
            assert max(counts.values()) - (0 if missing else min(counts.values())) <= 1
    pairs = {(row.attributes["style"], row.attributes["length"]) for row in rows}
    assert len(pairs) == 15 or texts == 5
    fewer = make_plan(TASK.labels, [], [], chosen.model_copy(update={"texts": texts - 1}), 1, attributes)
    assert set(fewer) <= set(rows)
    assert [row.attributes for row in fewer if row.label == "housing"] == [
        row.attributes for row in rows if row.label == "housing"
    ][:-1]


def test_attributes_end_the_prompt_and_unknown_ones_are_named() -> None:
    label = TASK.labels[0]
    said = turn(TASK.prompts, "opening", label, None, [], {"style": "angry", "subtopic": "a late bus"})
    assert said.endswith("one to three sentences. The tone is angry. The comment is about a late bus.")
    with pytest.raises(StandinError, match="have no 'stile': did you mean 'style'"):
        make_plan(TASK.labels, [], [], Generator(attributes=["stile"]), 1, TASK.prompts.attributes)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ({"say": "Be it.", "values": ["a", "b"]}, "placeholder '{value}' is missing"),
        ({"say": "Be {value}.", "values": ["a", "a"]}, "two or more that differ"),
        ({"say": "Be {value}.", "values": {"housing": ["a", "b"]}}, "one list for each label"),
    ],
)
def test_a_wrong_attribute_is_explained(attribute: dict[str, object], message: str) -> None:
    values = TASK.model_dump()
    values["prompts"]["attributes"] = {"it": attribute}
    with pytest.raises(ValueError, match=re.escape(message)):
        Task.model_validate(values)


@pytest.mark.parametrize(
    ("tokens", "looping"),
    [
        ([1, 2, 3] * 4, True), ([9, 9, 9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3], True), ([1, 2, 3] * 3, False),
        ([5] * 12, True), ([5] * 11, False), ([1, 2, 3] * 4 + [4], False), (list(range(16)) * 4, True),
        (list(range(17)) * 4, False), ([], False),
    ],
)  # fmt: skip
def test_a_loop_is_a_pattern_four_times_over_at_the_end(tokens: list[int], looping: bool) -> None:
    assert loops(tokens) == looping


def test_of_a_loop_one_remains() -> None:
    found = parse("The bus is late. It is late, and it is late, and it is late, and it is late, and it", "loop")
    assert (found.text, found.changes) == ("The bus is late.", ("loop", "cut_sentence"))
    found = parse("Fix the lift. Please fix it now! Please fix it now! Please fix it now! Please fix it", "loop")
    assert found.text == "Fix the lift. Please fix it now!"
    assert parse("Please fix it now! Please fix it now! Please fix it now!", "stop").changes == ()


def test_the_opening_holds_context_examples_and_the_request_and_braces_survive() -> None:
    label = TASK.labels[0]
    said = turn(TASK.prompts, "opening", label, None, SHOTS[:2])
    assert (
        said.index("participation platform") < said.index("{brace} transport 1") < said.index("Write a short comment")
    )
    assert "cannot simply modify or rewrite" in said
    later = turn(TASK.prompts, "diversity", label, None, [])
    assert "more diverse" in later
    assert "participation platform" not in later


# --- store --------------------------------------------------------------------------------------------------------


def answers(*texts: str) -> list[Answer]:
    return [Answer(text, "stop", 3, 2) for text in texts]


def test_seconds_are_summed_over_the_answers_asked_for(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "a.db") as store:
        store.put([{"n": 1}, {"n": 2}], answers("a", "b"), 0.5)
        store.put([{"n": 3}], answers("c"), 4.0)
        assert store.seconds([request_key({"n": number}) for number in (1, 2, 9)]) == 1.0
        assert store.seconds([]) == 0.0


def test_a_stored_answer_never_changes(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "a.db") as store:
        store.put([{"n": 1}], answers("first"), 0.1)
        store.put([{"n": 1}, {"n": 2}], answers("second", "other"), 0.1)
        found = store.get([request_key({"n": number}) for number in (1, 2, 3)])
    assert sorted(answer.text for answer in found.values()) == ["first", "other"]
    assert found[request_key({"n": 1})].text == "first"


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "f"}, {"version": "2"}, {"model": "n"}, {"revision": "v2"}, {"dtype": "bfloat16"},
        {"sampling": replace(SAMPLING, temperature=0.9)}, {"sampling": replace(SAMPLING, top_p=0.9)},
        {"sampling": replace(SAMPLING, max_tokens=33)}, {"sampling": replace(SAMPLING, pattern="[a-z]+")}, {"batch": "b"},
        {"request": Request((("user", "Hi"),), 2)}, {"request": Request((("user", "Ho"),), 1)},
        {"request": Request((("system", "Be kind."), ("user", "Hi")), 1)},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_shapes_an_answer_is_in_its_key(change: dict[str, object]) -> None:
    base = {"request": Request((("user", "Hi"),), 1), "identity": IDENTITY, "sampling": SAMPLING, "batch": "a"}
    named = {key: value for key, value in change.items() if key in IDENTITY}
    other = {**base, **{k: v for k, v in change.items() if k not in IDENTITY}, "identity": {**IDENTITY, **named}}
    assert request_key(describe(**base)) != request_key(describe(**other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", ["text = x'00'", "finish = 'done'", "tokens_out = 'many'", 'request = \'{"unsent": ["a"\'']
)
def test_an_answer_changed_by_hand_is_named(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.db"
    with AnswerStore(path) as store:
        store.put([{"n": 1}, {"n": 2}], answers("a", "b"), 0.1)
    key = request_key({"n": 1})
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE answers SET {change} WHERE key = ?", (key,))
    with AnswerStore(path) as store:
        assert store.get([request_key({"n": 2})])
        with pytest.raises(StandinError) as found:
            store.get([key])
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)
    if "request" not in change:
        assert f"DELETE FROM answers WHERE key = '{key}'" in str(found.value)


def test_half_a_character_leaves_the_store_open_to_others(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "a.db") as store, AnswerStore(tmp_path / "a.db") as other:
        with pytest.raises(UnicodeEncodeError):
            store.put([{"n": 1}], answers("\ud83d"), 0.0)
        other.put([{"n": 2}], answers("whole"), 0.0)
        assert len(store.get([request_key({"n": 1}), request_key({"n": 2})])) == 1


def test_recorded_texts_and_what_ends_a_loop_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(number: int) -> str:
        request = Request((("user", "Hi"),), 1, (None, "a", number))
        return request_key(describe(request, IDENTITY | {"engine": "replay"}, SAMPLING, None))

    assert key(0) != key(1)
    before = key(0)
    monkeypatch.setattr(answering, "LOOP", [3, 16, 5])
    assert key(0) != before


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n/m"}, {"revision": "v2"}, {"dtype": "bfloat16"}, {"engine": "vllm"}, {"temperature": 0.7},
        {"top_p": 0.9}, {"max_tokens": 32}, {"chunk": 3}, {"model": "folder"}, {"context": "Be brief."}, {"seed": 2},
    ],
    ids=str,
)  # fmt: skip
def test_an_experiment_that_changes_what_shapes_answers_asks_anew(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    write_rows(Path("data/real/shots.jsonl"), SHOTS)
    loads: list[Echo] = []
    monkeypatch.setattr(generate.registry, "load", lambda *_: loads.append(Echo()) or loads[-1])  # type: ignore[func-returns-value]
    monkeypatch.setattr(generate.registry, "version", lambda *_: "1")
    monkeypatch.setattr(generate, "pinned", lambda _, revision: revision)

    def ask(changed: dict[str, Any]) -> int:
        groups = {name: value for name, value in changed.items() if name not in ("seed", "context")}
        base = {"texts": 4, "conversation": 1, "model": str(folder) if change == {"model": "folder"} else "m/m"}
        params = Params(generator=Generator(**base | groups), base=Base(seed=changed.get("seed", 1)))
        words = {"context": changed["context"]} if "context" in changed else {}
        before = len(loads)
        generate.run(params, TASK.model_copy(update={"prompts": TASK.prompts.model_copy(update=words)}), "")
        return len(loads) - before

    assert (ask({}), ask({})) == (1, 0)
    if change == {"model": "folder"}:  # another model in the same place
        (folder / "config.json").write_text('{"changed": true}')
        change = {"model": str(folder)}
    assert (ask(change), ask(change)) == (1, 0)


def test_a_store_from_before_attempts_were_counted_goes_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute(
            "CREATE TABLE answers (key TEXT PRIMARY KEY, request TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL, "
            "tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID"
        )
        database.execute("INSERT INTO answers VALUES (?, '{}', 'old', 'stop', 1, 2, 0.5)", (request_key({"n": 1}),))
    with AnswerStore(tmp_path / "a.db") as store:
        store.put([{"n": 2}], [Answer("new", "stop", 1, 2, attempts=3)], 0.0)
        found = store.get([request_key({"n": 1}), request_key({"n": 2})])
    assert {(answer.text, answer.attempts, answer.reasoning) for answer in found.values()} == {
        ("old", 1, 0),
        ("new", 3, 0),
    }


def test_reasoning_fields_left_out_and_notes_are_kept(tmp_path: Path) -> None:
    given = {"model": "m", "base_url": "u", "unsent": ["seed", "top_p"]}
    answer = Answer("a", "filter", 1, 2, attempts=3, reasoning=4, unsent=("seed", "top_p"))
    with AnswerStore(tmp_path / "a.db") as store:
        store.put([given, {"model": "m", "base_url": "u"}], [answer, *answers("b")], 0.0)
        store.keep_note("is", True)
        store.keep_note("is", {"now": [1]})
    with AnswerStore(tmp_path / "a.db") as store:
        assert store.get([request_key(given)]) == {request_key(given): answer}
        assert store.unsent({"model": "m", "base_url": "u"}) == [("seed", "top_p")]
        assert (store.note("is"), store.note("was")) == ({"now": [1]}, None)


def test_a_broken_store_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this is no database, " * 100)
    before = path.read_bytes()
    with pytest.raises(StandinError, match=r"a\.db: the answer store cannot be used.*moved away"):
        AnswerStore(path)
    assert path.read_bytes() == before


def _write(path: str, start: int) -> None:
    with AnswerStore(Path(path)) as store:
        for number in range(start, start + 30):
            store.put([{"n": number}], answers(str(number)), 0.0)


def test_two_processes_share_the_store(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    workers = [multiprocessing.get_context("spawn").Process(target=_write, args=(str(path), at)) for at in (0, 20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM answers").fetchone() == (50,)


# --- answering ----------------------------------------------------------------------------------------------------


class Echo:
    """An engine whose answer names its seed and how long the chat is; it can die after some chunks."""

    name = version = "echo"

    def __init__(self, chunks: int = 99) -> None:
        self.chunks = chunks
        self.sizes: list[int] = []

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        if len(self.sizes) == self.chunks:
            raise KeyboardInterrupt
        self.sizes.append(len(requests))
        said = (f'"Batch of {len(requests)}, turn {len(r.chat)}, seed {r.seed}."' for r in requests)
        yield from enumerate(answers(*said))

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        return np.zeros((len(chats), len(choices)))


def ask(store: Path, engine: Echo | None, chunk: int = 5, rows: list[PlanRow] | None = None) -> list[str]:
    rows = rows or plan()

    def load() -> Echo:
        assert engine is not None, "everything is stored: no engine is needed"
        return engine

    with AnswerStore(store) as opened:
        found = answer_plan(rows, lambda row: row.plan_id, IDENTITY, SAMPLING, chunk, opened, load, lambda _: None)
    assert [each.row.plan_id for each in found] == [row.plan_id for row in rows]
    return [each.answer.text for each in found]


def test_chats_grow_by_the_parsed_text_and_chunks_are_planned(tmp_path: Path) -> None:
    engine = Echo()
    texts = ask(tmp_path / "a.db", engine)
    assert engine.sizes == [5, 5, 5, 3, 3, 3]
    assert [text.split("turn ")[1][0] for text in texts[:3]] == ["1", "3", "5"]
    with sqlite3.connect(tmp_path / "a.db") as database:
        chats = [json.loads(row[0])["chat"] for row in database.execute("SELECT request FROM answers")]
    longest = max(chats, key=len)
    assert [role for role, _ in longest] == ["user", "assistant", "user", "assistant", "user"]
    assert longest[1][1].startswith("Batch of"), "without the quotation marks"


def test_what_is_stored_needs_no_engine(tmp_path: Path) -> None:
    assert ask(tmp_path / "a.db", Echo()) == ask(tmp_path / "a.db", None)


def test_what_the_store_already_holds_does_not_change_a_larger_plan(tmp_path: Path) -> None:
    """An answer depends on its batch; the rows of a smaller plan stood in other batches."""
    larger = plan(texts=5)
    ask(tmp_path / "a.db", Echo(), rows=plan())
    assert ask(tmp_path / "a.db", Echo(), rows=larger) == ask(tmp_path / "b.db", Echo(), rows=larger)


@pytest.mark.parametrize("chunks", range(6))
def test_a_killed_run_ends_with_the_answers_of_an_unbroken_one(tmp_path: Path, chunks: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path / "broken.db", Echo(chunks))
    assert ask(tmp_path / "broken.db", Echo()) == ask(tmp_path / "whole.db", Echo())


def test_an_answer_that_ignores_the_pattern_is_an_error_and_not_stored(tmp_path: Path) -> None:
    def ask(pattern: str) -> int:
        sampling = replace(SAMPLING, pattern=pattern)
        with AnswerStore(tmp_path / "a.db") as opened:
            return len(
                answer_plan(plan(), lambda row: row.plan_id, IDENTITY, sampling, 5, opened, Echo, lambda _: None)
            )

    with pytest.raises(StandinError, match=r"generator\.pattern is '\[a-z\]\+', and an answer does not match it"):
        ask("[a-z]+")
    with sqlite3.connect(tmp_path / "a.db") as database:
        assert database.execute("SELECT count(*) FROM answers").fetchone() == (0,)

    class Cut(Echo):
        def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
            return ((place, Answer("abc", "length", 1, 1)) for place in range(len(requests)))

    with AnswerStore(tmp_path / "b.db") as opened:
        sampling = replace(SAMPLING, pattern="[a-z]+")
        found = answer_plan(plan(), lambda row: row.plan_id, IDENTITY, sampling, 5, opened, Cut, lambda _: None)
    assert {each.parsed.reason for each in found} == {"unparsable"}
    assert ask('"Batch of [0-9]+, turn [0-9]+, seed [0-9]+\\."') == len(plan())


# --- the stage ----------------------------------------------------------------------------------------------------


def test_the_stage_writes_plan_answers_texts_and_what_it_could_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mixed(Echo):
        def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
            said = ["I cannot help with that.", "...", '"The bus was late again."', "One. Two. Thr"]
            for place in range(len(requests)):
                yield place, Answer(said[place % 4], "length" if place % 4 == 3 else "stop", 9, 4)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(generate.registry, "load", lambda *_: Mixed())
    write_rows(Path("data/real/shots.jsonl"), SHOTS)
    params = Params(generator=Generator(texts=4, conversation=1, begin="never"))
    found = generate.run(params, TASK, "")
    assert (found["planned"], found["parsed"], found["refused"], found["unparsable"]) == (16, 8, 4, 4)
    assert found["changes"] == {"cut_sentence": 4, "quotes": 4}
    texts = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    removed = read_rows(Path("data/generated/removed.jsonl"), Removed)
    assert {row.text for row in texts} == {"The bus was late again.", "One. Two."}
    assert {row.reason for row in removed} == {"refused", "unparsable"}
    assert {row.plan_id for row in [*texts, *removed]} == {row.plan_id for row in plan(texts=4, conversation=1)}
    per_label = found["per_label"]
    assert list(per_label) == TASK.label_names
    for key in ("planned", "parsed", "refused", "unparsable", "tokens_in", "tokens_out"):
        assert sum(counted[key] for counted in per_label.values()) == found[key], key
    measured = generate.machine_figures()
    assert measured["answer_seconds"] >= 0
    before = {path.name: path.read_bytes() for path in Path("data/generated").iterdir()}
    generate.run(params, TASK, "")
    assert {path.name: path.read_bytes() for path in Path("data/generated").iterdir()} == before


def test_an_answer_that_cannot_be_parsed_costs_its_row_alone_and_is_read_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    engine = Echo()
    monkeypatch.setattr(generate.registry, "load", lambda *_: engine)
    write_rows(Path("data/real/shots.jsonl"), SHOTS)
    params = Params(generator=Generator(texts=2, conversation=1, begin="never"))
    broken = plan(texts=2, conversation=1)[3]

    def faulty(raw: str, finish: str) -> Parsed:
        return parse(raw, finish) if str(broken.seed) not in raw else parse(None, finish)  # type: ignore[arg-type]

    monkeypatch.setattr(answering, "parse", faulty)
    found = generate.run(params, TASK, "")
    assert (found["parsed"], found["unparsable"], found["parsing_failed"]) == (7, 1, 1)
    said = capsys.readouterr().err
    assert said.count("parsing failed") == 1
    assert f"generate: {broken.plan_id}: parsing failed (TypeError), so the row counts as unparsable" in said
    monkeypatch.setattr(answering, "parse", parse)
    asked = list(engine.sizes)
    again = generate.run(params, TASK, "")
    assert (again["parsed"], again["parsing_failed"]) == (8, 0)
    assert engine.sizes == asked, "the stored answers are read again"
