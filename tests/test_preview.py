"""``standin run --preview``: a few texts through the real stages, shown with what was removed and why."""

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
import yaml
from rich.console import Console
from tiny_encoder import write_tiny_encoder
from toy_project import TASK

from standin.bounds import Checks
from standin.config import Params, parse_params
from standin.engines import registry
from standin.engines.protocol import Answer, Request, Sampling
from standin.errors import StandinError
from standin.overrides import load_params_with
from standin.preview import Preview, Previewed, _smaller, preview, scratch, show
from standin.task import load_task

SAID = {
    "in favour": ['"the road is green and the bus is late again"', "I cannot help with that.", "dead tree"],
    "against": ["the rent is loud", "the rent is loud", "no [red]road[/red] is dear"],
}


class Scripted:
    """An engine that answers each label's turns in order."""

    name = version = "scripted"

    def __init__(self) -> None:
        self.turn = -1

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        said = []
        self.turn += 1
        for request in requests:
            label = "in favour" if "in favour" in request.chat[0][1] else "against"
            said.append(Answer(SAID[label][self.turn], "stop", 10, 5))
        return enumerate(said)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    raw = tmp_path / "data/raw/toy"
    raw.mkdir(parents=True)
    rows = [
        {
            "id": f"r{n}",
            "text": f"{'yes' if n % 2 else 'no'} comment number {Random(n).randbytes(12).hex()} on the tram",
            "label": ("con", "pro")[n % 2],
        }
        for n in range(40)
    ]
    (raw / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/toy.yaml").write_text(
        TASK.replace("columns: {text: text}", "columns: {text: text, label: label, id: id}")
    )
    model = str(write_tiny_encoder(tmp_path / "encoder"))
    sizes = {"shots": 4, "validation": 4, "pool": 16, "test": 8}
    params = {"base": {"task": "toy"}, "prepare": sizes, "select": {"budgets": [8]}, "embed": {"model": model}}
    # random weights put all texts close together
    near = {"near_duplicate_cosine": 1.0, "contaminated_cosine": 1.0}
    values = parse_params(params | {"curate": near, "generator": {"conversation": 3}}).model_dump(by_alias=True)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.setattr(registry, "load", lambda *_: Scripted())
    return tmp_path


def test_every_text_is_shown_with_what_became_of_it(project: Path) -> None:
    before = sorted(project.rglob("*"))
    found = preview(load_params_with([]), 3)
    fates = [(text.label, text.text, text.why) for text in found.texts]
    assert fates == [
        ("pro", "the road is green and the bus is late again", None),
        ("pro", None, "refused"),
        ("pro", None, "invalid"),
        ("con", "the rent is loud", None),
        ("con", None, "duplicate, like synthetic-con-0000-0 (1.00)"),
        ("con", "no [red]road[/red] is dear", None),
    ]
    assert found.texts[0].raw == SAID["in favour"][0]
    assert found.texts[0].prompt == "You write comments.\n\nWrite a comment in favour."
    assert found.texts[1].prompt == found.texts[2].prompt == "Another one.", "the turn between them is left out"
    assert [finding[:22] for finding in found.findings] == ["The largest and the sma"[:22]]
    new = [path for path in sorted(project.rglob("*")) if path not in before]
    assert {path.relative_to(project).parts[0] for path in new} == {".standin"}  # the answer store, no stage output


def test_a_second_preview_asks_nothing_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = preview(load_params_with([]), 3)
    monkeypatch.setattr(registry, "load", lambda *_: pytest.fail("the answers are in the store"))
    assert preview(load_params_with([]), 3) == first


def test_the_parameters_are_the_experiments_own_but_for_the_number_of_texts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []

    def answer(_: Scripted, requests: Sequence[Request], *__: object) -> Iterator[tuple[int, Answer]]:
        asked.extend(requests)
        return enumerate([Answer("yes the tram is late", "stop", 1, 1)] * len(requests))

    monkeypatch.setattr(Scripted, "answer", answer)
    preview(load_params_with(["generator.shots=2", "generator.conversation=1"]), 1)
    assert len(asked) == 2
    assert asked[0].chat[0][1].count("comment number") == 2


def test_a_task_s_own_least_number_of_texts_is_lowered_with_their_number() -> None:
    task = load_task("city-topics", Path(__file__).parents[1])
    own = Checks.model_validate({"texts_per_label": {"min": 30, "max": 50}, "length": {"max": 9}})
    params = parse_params({"generator": {"texts": 60}, "validate": {"min_texts_per_label": 20}})
    small, lowered = _smaller(params, task.model_copy(update={"checks": own}), 4)
    assert (small.generator.texts, small.validation.min_texts_per_label) == (4, 1)
    assert lowered.checks == Checks.model_validate({"texts_per_label": {"min": 2, "max": 50}, "length": {"max": 9}})


def test_files_named_relative_to_the_project_are_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real engines
    monkeypatch.chdir(project)
    recorded = project / "data/recorded/texts.jsonl"
    recorded.parent.mkdir()
    texts = ["yes the road is green", "no more noise at night please"]
    recorded.write_text(
        "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in zip(texts, ("pro", "con"), strict=True))
    )
    changes = ["generator.engine=replay", "generator.model=data/recorded/texts.jsonl", "embed.model=encoder"]
    found = preview(load_params_with(changes), 1)
    assert [text.raw for text in found.texts] == texts
    own = project / "data/generated/texts.jsonl"
    own.parent.mkdir()
    shutil.copyfile(recorded, own)
    preview(load_params_with([*changes, "generator.model=data/generated/texts.jsonl"]), 1)
    assert own.read_bytes() == recorded.read_bytes(), "stages write in the scratch copy alone"


def test_models_named_relative_to_the_project_are_found(project: Path) -> None:
    for name in ("data/models/gen", "models/judge"):
        (project / name).mkdir(parents=True)
        (project / name / "config.json").write_text("{}")
    params = load_params_with(["generator.model=data/models/gen", "verify.model=models/judge"])
    with scratch(params):
        assert Path("data/models/gen/config.json").is_file()
        assert Path("models/judge/config.json").is_file()


def test_too_many_texts_are_the_run(project: Path) -> None:
    for texts in (0, 51):
        with pytest.raises(StandinError, match="1 to 50 texts a label"):
            preview(Params(), texts)


def test_markup_in_texts_is_printed_as_it_is() -> None:
    text = Previewed(
        "p-0", {"tone": "so [calm]\x1b[2J"}, None, "pro", "say [bold]it", 0, "an [red]answer[/red]", None, "refused"
    )
    console = Console(file=io.StringIO(), width=100)
    show(Preview((text,), 3, ("too [many] refused",)), "toy", "standin run -S 'a=[1]'", console)
    said = console.file.getvalue()
    for shown in (
        "say [bold]it",
        r"so [calm]\x1b[2J",
        "All texts: standin run -S 'a=[1]'",
        "an [red]answer[/red]",
        "refused",
        "0 of 1 text kept; 2 of 3 checks hold",
        "too [many] refused",
    ):
        assert shown in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("generator.shots", "write key=value"),
        ("generator.shots=[1", "no value as DVC reads it"),
        ("base.task.more=1", "'task' in 'base.task.more' holds one value"),
        ("generator.shot=1", "unknown key 'generator.shot': did you mean 'shots'"),
        ("generator.shots=many", "generator.shots is 'many'"),
    ],
)
def test_a_change_that_cannot_be_made_is_explained(project: Path, change: str, message: str) -> None:
    with pytest.raises(StandinError, match=message.replace("(", r"\(")):
        load_params_with([change])


def test_changes_are_read(project: Path) -> None:
    params = load_params_with(["generator.temperature=0.5", "finetune.seeds=[4,5]", "+arms.extra=[real]"])
    assert (params.generator.temperature, params.finetune.seeds, params.arms["extra"]) == (0.5, [4, 5], ["real"])
    assert parse_params({}).generator.temperature == 0.8


@pytest.mark.slow
def test_the_example_is_previewed_with_the_real_models() -> None:
    found = preview(Params(), 2)
    assert len(found.texts) == 8
    assert all((text.text is None) != (text.why is None) for text in found.texts)


def test_texts_off_the_task_are_sought_by_the_yardstick_of_all_shots(project: Path) -> None:
    """12 shots: 0.9 takes the texts that lie no nearer than 11 of them, 0.05 would need 19."""
    found = preview(load_params_with(["curate.off_task=0.9", "prepare.shots=12"]), 3)
    gone = [text.why for text in found.texts if text.why and text.why.startswith("off_task (")]
    assert gone, [text.why for text in found.texts]
    kept = preview(load_params_with(["curate.off_task=0.05", "prepare.shots=12"]), 3)
    assert not [text for text in kept.texts if text.why and text.why.startswith("off_task")], "12 shots are too few"
