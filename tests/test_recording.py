"""``standin data add-generated``: texts generated elsewhere, with where they come from, through the whole pipeline."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from toy_project import TASK
from typer.testing import CliRunner

from standin.cli import app
from standin.config import load_params, parse_params
from standin.corpus import Row, SyntheticRow, read_rows
from standin.curation.rules import curate
from standin.errors import StandinError
from standin.overrides import load_params_with
from standin.planning import dry_run, show_prompts
from standin.preview import Preview, Previewed, show
from standin.sources.adding import mapping
from standin.sources.recording import Recorded, add_generated
from standin.stages import generate, prepare
from standin.task import Columns, load_task

WORDS = [
    "tram",
    "bench",
    "river",
    "lantern",
    "market",
    "orchard",
    "ferry",
    "garden",
    "quarry",
    "bakery",
    "harbour",
    "attic",
]


def sentence(number: int, begin: str) -> str:
    picked = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 5, 7, 11)]
    return f"{begin} {number * 7919 % 9973} {' and the '.join(picked)} {number}"


def pointer(root: Path, *command: str) -> str:
    """What `dvc add` leaves beside a file; Git keeps none of it."""
    if "dvc" in command:
        (root / f"{command[-1]}.dvc").write_text("outs:\n", encoding="utf-8")
    return ""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the task toy (pro, con) and 60 real texts, r0 to r59."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "data/raw/toy").mkdir(parents=True)
    rows = [{"id": f"r{n}", "text": sentence(n, "Real"), "label": ("pro", "con")[n % 2]} for n in range(60)]
    (root / "data/raw/toy/texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (root / "tasks").mkdir()
    columns = "columns: {text: text, label: label, id: id}"
    (root / "tasks/toy.yaml").write_text(TASK.replace("columns: {text: text}", columns), encoding="utf-8")
    sizes = {"shots": 8, "validation": 6, "pool": 24, "test": 12}
    params = {"base": {"task": "toy"}, "prepare": sizes, "select": {"budgets": [8]}, "generator": {"texts": 4}}
    values = parse_params(params).model_dump(by_alias=True)
    (root / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    monkeypatch.setattr("standin.sources.adding._run", pointer)
    monkeypatch.chdir(root)
    monkeypatch.setenv("DVC_ROOT", str(root))
    return root


def splits() -> dict[str, list[Row]]:
    prepare.run(load_params(), load_task("toy"), "")
    return {name: read_rows(Path(f"data/real/{name}.jsonl"), Row) for name in ("shots", "validation", "test", "pool")}


def file(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def written(number: int = 8, **more: Any) -> list[dict[str, Any]]:
    made = [(label, n) for n in range(number) for label in ("pro", "con")]
    return [{"text": sentence(100 + 2 * n, label.title()), "label": label} | more for label, n in made]


def stored(found: Recorded) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.file.read_text(encoding="utf-8").splitlines()]


def replayed(found: Recorded, *changes: str) -> Any:
    wanted = [f"generator.model={found.file}", f"generator.revision={found.revision}", "generator.engine=replay"]
    return load_params_with([*wanted, *changes])


def test_a_recording_is_kept_with_where_its_texts_come_from(root: Path, tmp_path: Path) -> None:
    records = written(2)
    records[0] |= {"model": "mistral-7b", "prompt": "Say it", "seeds": ["r1", "r2"]}
    found = add_generated("toy", file(tmp_path / "Some texts.jsonl", *records), model="gpt-4o", prompt="Write one")
    assert found.file == Path("data/recorded/toy/some-texts.jsonl")
    first, second = stored(found)[:2]
    assert first == {"id": "some-texts-00001", "text": records[0]["text"], "label": "pro", "model": "mistral-7b",
                     "prompt": "Say it", "seeds": ["r1", "r2"]}  # fmt: skip
    assert (second["model"], second["prompt"], "seeds" in second) == ("gpt-4o", "Write one", False)
    said = found.summary()
    assert "data/recorded/toy/some-texts.jsonl: 4 recorded texts, labels: pro 2, con 2" in said
    assert "models: gpt-4o 3, mistral-7b 1" in said
    assert "prompt known of 4, seed texts of 1" in said
    assert f"-S generator.revision={found.revision} -S generator.texts=2" in said.splitlines()[-1]


def test_any_file_that_data_add_reads_may_hold_recorded_texts(root: Path, tmp_path: Path) -> None:
    rows = "".join(f"{one['text']};{one['label'].upper()};r1|r2\n" for one in written(2))
    path = tmp_path / "a.csv"
    path.write_text("body;stance;shown\n" + rows, encoding="utf-16")
    found = add_generated("toy", path, recording="mine", columns=Columns(text="body", label="stance", id=None),
                          values=mapping(["PRO=pro", "CON=con"]), seeds="shown")  # fmt: skip
    assert [one["label"] for one in stored(found)] == ["pro", "con", "pro", "con"]
    assert stored(found)[0]["seeds"] == ["r1", "r2"]
    assert "models: unknown 4" in found.summary()


def test_texts_like_real_ones_and_texts_made_from_held_out_ones_are_counted_by_split(
    root: Path, tmp_path: Path
) -> None:
    real = splits()
    records = written(6)
    for record, split in zip(records, ("test", "validation", "pool", "shots"), strict=False):
        record["text"] = real[split][0].text + "!"
    records[4]["seeds"] = [real["shots"][0].id, real["test"][0].id]
    records[5]["seeds"] = [real["pool"][0].id, "nobody"]
    said = add_generated("toy", file(tmp_path / "a.jsonl", *records)).summary()
    assert (
        "equal or nearly equal to real texts (base.seed 1): shots 1, validation 1, pool 1, test 1; those like test or "
        "validation texts are left out by the stage curate"
    ) in said
    assert (
        "the 4 real texts that they were made from: shots 1, pool 1, test 1, no split 1; the stage curate "
        "leaves out 1 text made from test or validation texts"
    ) in said


WRONG: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "another label": ([{"text": "a b c", "label": "pros"}], {}, r"label 'pros' is not in the task: did you mean 'pro'"),
    "no column": ([{"texts": "a b c", "label": "pro"}], {}, r"there is no column 'text': did you mean 'texts'"),
    "no label": ([{"text": "a b c", "label": None}], {}, r"no row holds a text and the label"),
    "no such seeds": (written(1), {"seeds": "shown"}, r"there is no column 'shown'.*Name it with --seeds"),
    "an odd name": (written(1), {"recording": "GPT 4"}, r"--as 'GPT 4': lower-case letters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_nothing_is_written_where_a_recording_is_wrong(root: Path, tmp_path: Path, case: str) -> None:
    records, said, message = WRONG[case]
    with pytest.raises(StandinError, match=message):
        add_generated("toy", file(tmp_path / "a.jsonl", *records), **said)
    assert not Path("data/recorded").exists()


def test_a_task_without_a_file_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(StandinError, match=r"tasks/toys\.yaml: there is no such task: did you mean 'toy'"):
        add_generated("toys", file(tmp_path / "a.jsonl", *written(1)))


def test_another_recording_is_replaced_only_when_told_to(root: Path, tmp_path: Path) -> None:
    first = add_generated("toy", file(tmp_path / "a.jsonl", *written(1)))
    assert add_generated("toy", tmp_path / "a.jsonl").revision == first.revision
    other = file(tmp_path / "b.jsonl", *written(2))
    with pytest.raises(StandinError, match=r"a\.jsonl holds other data.*--replace"):
        add_generated("toy", other, recording="a")
    second = add_generated("toy", other, recording="a", replace=True)
    assert second.revision != first.revision
    assert sorted(path.name for path in second.file.parent.iterdir()) == ["a.jsonl", "a.jsonl.dvc"]
    splits()
    with pytest.raises(
        StandinError, match=rf"generator\.revision is '{first.revision}', but .* {second.revision}: name"
    ):
        generate.run(replayed(first), load_task("toy"), "")


def test_a_label_without_texts_is_said_before_a_run(root: Path, tmp_path: Path) -> None:
    found = add_generated("toy", file(tmp_path / "a.jsonl", *[one for one in written(3) if one["label"] == "pro"]))
    assert "look at: no recorded texts of label 'con'" in found.summary()
    assert "run: " not in found.summary()


def test_texts_in_another_language_are_counted(root: Path, tmp_path: Path) -> None:
    records = written(2)
    records[0]["text"] = "Le bus de notre rue est encore arrivé en retard ce matin, c'est vraiment pénible"
    said = add_generated("toy", file(tmp_path / "a.jsonl", *records)).summary()
    assert "look at: 1 of 4 not in English (en), the task's language: French (fr) 1" in said


def test_a_run_keeps_model_and_seeds_of_each_text_and_says_what_was_recorded(root: Path, tmp_path: Path) -> None:
    real = splits()
    records = written(8, model="gpt-4o", prompt="Write one")
    for record in records:
        record["seeds"] = [real["shots"][0].id]
    found = add_generated("toy", file(tmp_path / "a.jsonl", *records))
    metrics = generate.run(replayed(found), load_task("toy"), "")
    assert metrics["recorded"] == {"texts": 16, "drawn": 8, "models": "gpt-4o 8", "with_prompt": 8, "with_seeds": 8}
    assert metrics["tokens_in"] == metrics["tokens_out"] == 0
    rows = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    assert {(row.engine, row.model, row.shots, row.seeds) for row in rows} == {
        ("replay", "gpt-4o", 1, (real["shots"][0].id,))}  # fmt: skip


def test_a_model_that_writes_here_has_no_recorded_texts(root: Path) -> None:
    assert "recorded" not in generate.metrics([])


def limits() -> Any:
    return load_params().curate


def row(name: str, text: str, seeds: tuple[str, ...] | None) -> SyntheticRow:
    return SyntheticRow(id=name, text=text, label="pro", plan_id=name, shots=0, engine="replay", model="m", seeds=seeds)


def test_a_text_made_from_a_held_out_text_is_contaminated_whatever_it_says(root: Path) -> None:
    held_out = [Row(id="t1", text="An old tree fell onto the road last night", label="pro")]
    rows = [
        row("a", "The library should open on Sundays for families", ("s1", "t1")),
        row("b", "My neighbour complains about barking dogs again", ("s1",)),
        row("c", "Nobody told us that the bakery would close down", None),
    ]
    found = curate(rows, None, held_out, None, {}, limits(), False)
    assert [kept.id for kept in found.kept] == ["b", "c"]
    assert [(r.row.id, r.reason, r.detail, r.survivor) for r in found.removed] == [("a", "contaminated", "seed", "t1")]


def test_the_whole_chain_leaves_out_what_leaked_and_what_copies_its_seed(root: Path, tmp_path: Path) -> None:
    from standin.stages.curate import _seed_texts

    real = splits()
    records = written(4)
    records[0]["seeds"] = [real["test"][0].id]
    found = add_generated("toy", file(tmp_path / "a.jsonl", *records))
    generate.run(replayed(found), load_task("toy"), "")
    rows = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    held_out = [*real["validation"], *real["test"]]
    made = curate(rows, None, held_out, None, {}, limits(), False)
    assert [each.row.text for each in made.removed if each.detail == "seed"] == [records[0]["text"]]
    shot = real["shots"][0]
    copied = row("x", "word " * 3 + shot.text, (shot.id, "r999"))
    assert _seed_texts([copied], real["shots"]) == {"x": [shot]}


def test_a_dry_run_speaks_of_recorded_texts_and_of_no_prompts_or_tokens(root: Path, tmp_path: Path) -> None:
    found = add_generated("toy", file(tmp_path / "a.jsonl", *written(8, model="gpt-4o")))
    said = "\n".join(dry_run(replayed(found)))
    assert "pro: 4 of 8 recorded texts" in said
    assert "recorded texts: data/recorded/toy/a.jsonl, drawn by base.seed 1" in said
    assert "models:         gpt-4o 8" in said
    assert "prompts:        none are sent; no tokens, no time, no price" in said
    for word in ("The first prompt", "prompt tokens", "conversations", "warning"):
        assert word not in said
    assert list(show_prompts(replayed(found), None, 1, rendered=False)) == [
        "recorded texts: data/recorded/toy/a.jsonl is read, and no prompt is sent (generator.engine: replay)"
    ]


def test_a_preview_shows_recorded_texts_and_no_prompt() -> None:
    text = Previewed("p-0", {}, None, "pro", "THE PROMPT", 0, "A recorded text", "A recorded text", None)
    console = Console(file=io.StringIO(), width=100)
    show(
        Preview((text,), 1, (), "a.jsonl (model: gpt-4o), drawn by base.seed 1; nothing is asked"),
        "toy",
        "run",
        console,
    )
    said = console.file.getvalue()
    assert "Recorded texts:" in said
    assert "a.jsonl (model: gpt-4o)" in said
    assert "recorded text " in said
    for word in ("THE PROMPT", "Prompt", "answer as it came"):
        assert word not in said


def test_the_command_says_what_was_kept_and_a_mistake_in_one_message(root: Path, tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", *written(2))
    done = CliRunner().invoke(app, ["data", "add-generated", "toy", str(path), "--as", "gpt-4o", "--model", "gpt-4o"])
    assert done.exit_code == 0, done.output
    assert "data/recorded/toy/gpt-4o.jsonl: 4 recorded texts" in done.output
    failed = CliRunner().invoke(app, ["data", "add-generated", "toy", str(tmp_path / "b.jsonl")])
    assert failed.exit_code == 1
    assert "data add-generated: " in failed.output
    assert "there is no such file" in failed.output


def test_optional_columns_of_rows_are_read_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from standin.corpus import write_rows

    monkeypatch.chdir(tmp_path)
    rows = [row("a", "One text", ("s1", "s2")), row("b", "Another", None)]
    write_rows(Path("rows.jsonl"), rows)
    assert read_rows(Path("rows.jsonl"), SyntheticRow) == rows
    assert '"seeds"' not in Path("rows.jsonl").read_text().splitlines()[1]
    Path("rows.jsonl").write_text(Path("rows.jsonl").read_text().replace('["s1", "s2"]', "[1]"))
    with pytest.raises(StandinError, match="'seeds' holds a list"):
        read_rows(Path("rows.jsonl"), SyntheticRow)
