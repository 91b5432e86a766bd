"""An opening that answers continue: when it is used, how it ends, and what is counted of reasoning."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from standin import planning
from standin.choices import ENGINES
from standin.config import Generator, Params, Prepare
from standin.corpus import Row, SyntheticRow, read_rows, write_rows
from standin.engines import registry
from standin.engines.protocol import Answer, Request, Sampling
from standin.errors import StandinError
from standin.generation.store import AnswerStore
from standin.stages import generate
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]


def task(begin: str) -> Task:
    found = load_task("city-topics", ROOT)
    return found.model_copy(update={"prompts": found.prompts.model_copy(update={"begin": begin})})


class Scripted:
    """Answers every request with the next of some texts and remembers the sampling."""

    name = version = "scripted"

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.sampling: Sampling | None = None

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        self.sampling = sampling
        for place, _ in enumerate(requests):
            yield place, Answer(self.texts[place % len(self.texts)], "stop", 3, 5)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    labels = load_task("city-topics", ROOT).label_names
    write_rows(Path("data/real/shots.jsonl"), [Row(id=label, text="A text.", label=label) for label in labels])


def run(monkeypatch: pytest.MonkeyPatch, engine: Scripted, begin: str, **chosen: Any) -> dict[str, Any]:
    monkeypatch.setattr(registry, "load", lambda *_: engine)
    params = Params(generator=Generator(texts=1, conversation=1, **chosen), prepare=Prepare())
    return generate.run(params, task(begin), "")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("begin", "given", "stop"),
    [('"', [], ('"',)), ("\u00ab", ["\n"], ("\n", "\u00bb")), ("I ride the tram and", [], ()), ("", ["END"], ("END",))],
)
def test_an_opening_quotation_mark_is_closed_where_the_text_ends(
    monkeypatch: pytest.MonkeyPatch, begin: str, given: list[str], stop: tuple[str, ...]
) -> None:
    engine = Scripted(" the bus was late again.")
    found = run(monkeypatch, engine, begin, stop=given)
    assert found["changes"] == {}, "what we put there is no change of the text"
    assert engine.sampling is not None
    assert (engine.sampling.begin, engine.sampling.stop) == (begin, stop)
    whole = "I ride the tram and the bus was late again." if begin.startswith("I") else "the bus was late again."
    assert {row.text for row in read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)} == {whole}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("mode", ["auto", "always", "never"])
def test_an_opening_is_used_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str, able: bool, mode: Any
) -> None:
    local = engine in ("transformers", "vllm", "llamacpp")
    if engine == "openai":
        monkeypatch.setattr("standin.engines.servers.continues", lambda *_: able)
    can = local or (engine == "openai" and able)
    params = Params(generator=Generator(engine=engine, begin=mode))
    with AnswerStore(tmp_path / "a.db") as store:
        assert generate.opening(params, task(""), store) == ""
        if mode == "always" and not can:
            with pytest.raises(StandinError, match=r"generator.begin is 'always'.*set it to auto or never"):
                generate.opening(params, task('"'), store)
        else:
            assert generate.opening(params, task('"'), store) == ('"' if can and mode != "never" else "")


@pytest.mark.usefixtures("project")
def test_unfinished_reasoning_is_counted_and_what_helps_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Scripted("<think>\nThe user wants", "<think>\nA comment.\n</think>\nThe lift is broken.")
    found = run(monkeypatch, engine, "")
    assert (found["unfinished_reasoning"], found["unparsable"], found["parsed"]) == (2, 2, 2)
    assert {row.text for row in read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)} == {"The lift is broken."}
    assert "2 answers ended inside the model's reasoning: raise generator.max_tokens" in capsys.readouterr().out


@pytest.mark.parametrize(("begin", "said"), [("never", "reasoning:"), ("auto", 'answers begin: "')])
def test_the_dry_run_says_whether_the_model_thinks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begin: Any, said: str
) -> None:
    from tiny_models import tokenizer

    thinking = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
        "{{ '<|im_start|>assistant\\n' }}{% if enable_thinking is defined and not enable_thinking %}<think></think>"
        "{% endif %}"
    )
    made = tokenizer(thinking)
    monkeypatch.setattr(planning, "_tokenizer", lambda _: made)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("tasks", "data"):
        (tmp_path / name).symlink_to(ROOT / name)

    def lines(**chosen: Any) -> str:
        return "\n".join(planning.dry_run(Params(generator=Generator(texts=2, begin=begin, **chosen))))

    assert said in lines()
    assert "reasoning:" not in lines(template={"enable_thinking": False})
