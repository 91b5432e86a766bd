"""Data files that are broken, huge or made to do harm: one message each, soon, and nothing else."""

import csv
import gzip
import io
import json
import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from standin import corpus
from standin.checked import read_yaml
from standin.cli import main
from standin.compare.revisions import _read_into
from standin.corpus import Row, json_objects, read_json, read_json_lines, read_rows
from standin.engines import replay
from standin.errors import StandinError, surroundings
from standin.labelling.labels import read_labels
from standin.names import MOST_CHARACTERS, fault
from standin.overrides import load_with
from standin.sheets import Cell, protected, sheet_rows, sheet_text
from standin.sources import streams, tables
from standin.sources.adding import _reading, add
from standin.sources.files import Reading, read_raw
from standin.sources.opening import Options, open_file
from standin.sources.removing import leaving
from standin.sources.shaping import shape
from standin.sources.starter import starter
from standin.sources.tables import read_table
from standin.task import Columns, Label, Question, Task, load_task
from standin.tracking.trees import Workspace

DEEP = '{"id": "1", "label": "ham", "text": ' + "[" * 100_000 + "]" * 100_000 + "}"
LONG_NUMBER = '{"id": "1", "label": "ham", "text": ' + "7" * 5000 + "}"
GOOD = '{"id": "1", "text": "one", "label": "ham"}\n'
READING = Reading(Columns(), ["ham", "spam"])


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return path


# --- JSON


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (DEEP, r"line 2: JSON nested too deep"),
        (LONG_NUMBER, r"line 2: a number of more than 4300 digits\. Write it as a text"),
        ('{"id": 1,', r"line 2: broken JSON: .* at column \d+\. One JSON object a line"),
    ],
    ids=["deep", "long number", "half-written"],
)
def test_json_that_cannot_be_read_is_a_message_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path / "a.jsonl", GOOD + line + "\n")
    readers: list[Callable[[Path], object]] = [
        read_table, lambda path: list(read_json_lines(path)), lambda path: read_rows(path, Row),
        lambda path: replay.load(str(path), ""), lambda path: read_labels(path, ["ham"]),
    ]  # fmt: skip
    for read in readers:
        with pytest.raises(StandinError, match=r"a\.jsonl, " + message):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{\n"a": 1,\n', r"m\.json, line 3: broken JSON: .*Write the file again"),
        (b'{\n"a": "\xff"}', r"m\.json, line 2: not UTF-8"),
        (b"[" * 100_000, r"m\.json: JSON nested too deep"),
        (b"7" * 5000, r"m\.json: a number of more than 4300 digits"),
    ],
    ids=["half-written", "not UTF-8", "deep", "long number"],
)
def test_a_small_json_file_that_is_broken_is_a_message(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(StandinError, match=message):
        read_json(written(tmp_path / "m.json", content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": {"name": "ham"}}, r"line 1: column 'label' holds a dict, expected text or null"),
        ({"id": [1]}, r"line 1: column 'id' holds a list, expected text"),
        ({"annotations": "ham"}, r"line 1: column 'annotations' holds a str, expected list of texts or null"),
        ({"annotations": [["ham"]]}, r"line 1: column 'annotations' holds a list, expected list of texts or null"),
    ],
)
def test_a_labels_file_holds_texts(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    row = {"id": "1", "text": "one", "label": "ham"} | changes
    with pytest.raises(StandinError, match=message):
        read_labels(written(tmp_path / "labels.jsonl", json.dumps(row)), ["ham", "spam"])


def test_a_record_without_label_in_a_file_that_has_some_is_a_message(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", GOOD + '{"text": "two"}\n')
    with pytest.raises(StandinError, match=r"a\.jsonl, line 2: column 'label' is empty"):
        replay.load(str(path), "")


# --- limits


def test_a_cell_may_be_long_but_not_endless(tmp_path: Path) -> None:
    head = "id,text,label\n1,one,ham\n"
    path = written(tmp_path / "a.csv", f"{head}2,{'x' * tables.LONGEST_CELL},ham\n")
    assert len(read_table(path).records) == 2
    message = r"a\.csv, row 3: a cell of more than 1,000,000 characters.*quotation mark that is never closed"
    for cell in ("x" * (tables.LONGEST_CELL + 1), '"' + "x,ham\n" * 200_000):
        with pytest.raises(StandinError, match=message):
            read_table(written(tmp_path / "a.csv", f"{head}2,{cell},ham\n"))


def test_a_small_gzip_file_that_unpacks_to_very_much_is_refused_as_soon_as_that_shows(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", gzip.compress(bytes(1 << 20)) * 80)
    assert path.stat().st_size < 100_000
    taken = []
    with pytest.raises(StandinError, match=r"a\.jsonl\.gz: \d+ bytes unpack to more than 67108864, over 200 times"):
        taken.extend(streams.lines(path))
    assert not taken


def test_texts_that_pack_well_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", gzip.compress(GOOD.encode() * 200_000))
    assert streams.SUSPECT > 200_000 * len(GOOD) > streams.MOST_UNPACKED * path.stat().st_size
    assert sum(1 for _ in streams.lines(path)) == 200_000


def test_more_than_a_gibibyte_is_refused_packed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(streams.LARGEST + 1)  # takes no room on the disk
    with pytest.raises(StandinError, match=r"a\.csv: 1073741825 bytes; at most 1073741824 \(1 GiB\) are read\. Take"):
        read_table(path)
    packed = written(tmp_path / "a.csv.gz", gzip.compress(random.Random(1).randbytes(100_000)))
    monkeypatch.setattr(streams, "LARGEST", 99_999)
    packed.write_bytes(gzip.compress(bytes(100_000)))
    with pytest.raises(StandinError, match=r"a\.csv\.gz: more than 99999 bytes unpacked"):
        read_table(packed)


def test_a_parquet_file_of_one_text_many_times_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 1000] * 20_000}), path)
    assert path.stat().st_size < 10_000
    assert len(read_table(path).records) == 20_000
    monkeypatch.setattr(streams, "LARGEST", 1 << 24)
    with pytest.raises(StandinError, match=r"a\.parquet: more than 16777216 bytes unpacked; at most"):
        read_table(path)
    pq.write_table(pa.table({"text": pa.nulls(3_000_000)}), path)
    with pytest.raises(StandinError, match=r"a\.parquet: more than 16777216 bytes unpacked"):
        read_table(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["Unix", "Windows", "old Mac"])
@pytest.mark.parametrize("sign", [",", ";"])
def test_line_ends_of_every_kind_are_read(tmp_path: Path, end: str, sign: str) -> None:
    rows = [["id", "text", "label"], ["1", "one", "ham"], ["2", f'"two{end}lines"', "spam"]]
    path = written(tmp_path / "a.csv", "".join(sign.join(row) + end for row in rows))
    assert [record["text"] for _, record in read_table(path).records] == ["one", f"two{end}lines"]


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    for suffix, head in ((".csv", "id,text,label\n"), (".jsonl", GOOD), (".tsv", "id\ttext\tlabel\n")):
        path = written(tmp_path / f"a{suffix}", head.encode() + GOOD.encode() * (suffix == ".jsonl") + b"\xff\xfe\n")
        line = 3 if suffix == ".jsonl" else 2
        with pytest.raises(StandinError, match=rf"a\{suffix}, line {line}: not UTF-8"):
            read_table(path)


# --- what is no file


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_a_pipe_a_device_or_a_socket_is_never_read(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe without a writer waits for ever, /dev/zero never ends; `data add NAME <(zcat a.gz)` names a pipe."""
    for name in ("a.csv", "a.jsonl", "a.json", "a.yaml", "a.xlsx"):
        path = tmp_path / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/null")
        else:
            monkeypatch.chdir(tmp_path)
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(name)
        readers: list[Callable[[Path], object]] = {
            ".csv": [read_table, lambda path: open_file(path, Options(), "text", tmp_path)],
            ".jsonl": [read_table, lambda path: list(read_json_lines(path)), lambda path: replay.load(str(path), "")],
            ".json": [read_json, lambda path: open_file(path, Options(), "text", tmp_path)],
            ".yaml": [read_yaml, lambda path: read_yaml(path, as_dvc=True)],
            ".xlsx": [lambda path: open_file(path, Options(), "text", tmp_path)],
        }[path.suffix]  # fmt: skip
        for read in readers:
            with pytest.raises(StandinError, match=rf"{name}: a pipe, socket or device, expected a file"):
                read(path)


def test_what_stands_in_a_files_place_is_a_message_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    (tmp_path / "params.yaml").write_text("base: {task: t}\n")
    for folder in (".dvc", "tasks"):
        (tmp_path / folder).mkdir()
    subprocess.run(["git", "init", "--quiet"], check=True)
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    (tmp_path / "data/raw").mkdir(parents=True)
    written(tmp_path / "data/raw/t", "")
    (tmp_path / "data/raw/u").symlink_to("u")
    written(tmp_path / "a.csv", "text,label\n" + "one,ham\ntwo,spam\n" * 20)
    for words, said in (
        (["task", "new", "t" * 300, "--yes", "--data", "x.csv"], "file name too long"),
        (["prompts", "show", "-S", f"base.task={'t' * 300}"], "file name too long"),
        (["data", "add", "t", "x" * 300], "file name too long"),
        (["data", "add", "u", "a.csv"], "data/raw/u: "),
        (["data", "add", "t", "a.csv"], "data/raw/t: file exists. Name another place, or mend what stands there"),
    ):
        monkeypatch.setattr("sys.argv", ["standin", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 1, words
        assert said in capsys.readouterr().err
    for read in (lambda: list(read_json_lines(tmp_path)), lambda: list(read_json_lines(tmp_path / "loop.jsonl"))):
        with pytest.raises(OSError, match=r"Is a directory|Too many levels") as error:
            read()
        assert str(surroundings(error.value)).startswith(str(tmp_path))


def test_a_line_of_json_is_long_but_not_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "LONGEST_LINE", len(GOOD))
    path = written(tmp_path / "a.jsonl", GOOD * 3 + GOOD.strip())
    assert len(list(read_json_lines(path))) == 4
    written(path, GOOD + " " + GOOD)
    with pytest.raises(StandinError, match=r"a\.jsonl, line 2: more than \d+ bytes\. One JSON object a line"):
        list(read_json_lines(path))


CHOICE = {"type": "choices", "from_name": "a", "to_name": "text", "value": {"choices": ["ham"]}}
STUDIO: dict[str, object] = {"data": {"text": "one"}, "annotations": [{"result": [CHOICE]}]}
ARGILLA: dict[str, object] = {"fields": {"text": "one"}, "responses": {"label": [{"value": "ham"}]}}
FLAT: dict[str, object] = {"text": "one", "label.responses": ["ham"]}
PRODIGY: dict[str, object] = {"text": "one", "_task_hash": 1, "accept": ["ham"], "answer": "accept"}
DOCCANO: dict[str, object] = {"text": "one", "annotations": [{"label": "ham", "user": 1}]}


@pytest.mark.parametrize(
    ("tool", "good", "changes"),
    [
        ("Label Studio", STUDIO, {"annotations": [None]}),
        ("Label Studio", STUDIO, {"annotations": {"a": 1}}),
        ("Label Studio", STUDIO, {"annotations": [{"result": [None]}]}),
        ("Label Studio", STUDIO, {"annotations": [{"result": "x"}]}),
        ("Label Studio", STUDIO, {"annotations": [{"result": [CHOICE | {"value": None}]}]}),
        ("Argilla", ARGILLA, {"responses": "x"}),
        ("Argilla", ARGILLA, {"responses": {"label": None}}),
        ("Argilla", ARGILLA, {"responses": {"label": [None]}}),
        ("Argilla", ARGILLA, {"responses": [{"values": "x"}]}),
        ("Argilla", FLAT, {"label.responses": 5}),
        ("Argilla", FLAT, {"label.responses.status": 5}),
        ("Argilla", {"annotation": "ham", "annotation_agent": "x", "inputs": {"text": "one"}}, {"inputs": "x"}),
        ("doccano", DOCCANO, {"annotations": [{"label": "ham", "user": [1]}]}),
        ("Prodigy", PRODIGY, {"accept": 5}),
    ],
)  # fmt: skip
def test_an_odd_record_of_a_tools_export_is_named(
    tmp_path: Path, tool: str, good: dict[str, object], changes: dict[str, object]
) -> None:
    """Label Studio writes null for a result that was taken back."""
    path = written(tmp_path / "a.json", json.dumps([good, good | changes]))
    opened = open_file(path, Options(), "text", tmp_path)
    with pytest.raises(StandinError, match=rf"a\.json, record 2: no record as {tool} exports it \(.+\)\. Export"):
        shape(opened, Columns(id=None))


@pytest.mark.parametrize("linked", ["tasks/t.yaml", "tasks"])
def test_no_task_file_is_written_where_a_link_leads(
    tmp_path: Path, linked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    for folder in (outside, project / ".dvc", *([project / "tasks"] if linked != "tasks" else [])):
        folder.mkdir(parents=True)
    (project / linked).symlink_to(outside if linked == "tasks" else outside / "t.yaml")
    monkeypatch.setattr("standin.sources.adding._run", lambda *_: "")
    path = written(tmp_path / "a.csv", "text,label\none,ham\ntwo,spam\n")
    with pytest.raises(StandinError, match=r"tasks/t\.yaml: a link leads elsewhere: take it away"):
        add("t", path, root=project)
    assert not list(outside.iterdir())


def test_a_yaml_file_of_any_size_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "params.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    monkeypatch.chdir(tmp_path)
    readers: list[Callable[[], object]] = [
        lambda: read_yaml(path), lambda: Workspace().read("params.yaml"),
        lambda: _read_into({"workspace": {}}, [("workspace", "params.yaml")]),
    ]  # fmt: skip
    for read in readers:
        with pytest.raises(StandinError, match=r"params\.yaml: 1,099,511,627,776 bytes; at most 10,000,000 are read"):
            read()


@pytest.mark.parametrize("params", ["[]", "base: []", "base: 1"])
def test_data_is_removed_only_where_the_parameters_can_be_read(tmp_path: Path, params: str) -> None:
    written(tmp_path / "params.yaml", params)
    (tmp_path / "data/raw").mkdir(parents=True)
    written(tmp_path / "data/raw/t.dvc", "")
    with pytest.raises(StandinError, match=r"params\.yaml: "):
        leaving("t", tmp_path)


# --- names

UNCLEAN = ["a\x00b", "a\nb", "a\rb", "a\x1bb", "a\x7fb", "a\x85b", "a\x9bb", "a\u2028b", "a\u2029b", "a\u202eb", "a\u2066b", "a\ud800b"]  # fmt: skip


@pytest.mark.parametrize("name", UNCLEAN, ids=ascii)
def test_a_label_holds_no_control_and_no_line_break_unless_it_is_mapped(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "a.jsonl", GOOD + json.dumps({"id": 2, "text": "two", "label": name}) + "\n")
    place = rf"line 2: label .* holds .*\(U\+{ord(name[1]):04X}\) at place 2; map it to a clean name in source\.values"
    with pytest.raises(StandinError, match=place):
        read_raw(path, READING, "train")
    with pytest.raises(StandinError, match=place):
        _reading({"train": read_table(path)}, "text", "label", {})
    with pytest.raises(
        StandinError, match=rf"line 2: recorded label .*U\+{ord(name[1]):04X}\) at place 2; mend it in the file"
    ):
        replay.load(str(path), "")
    with pytest.raises(ValidationError, match=r"the label .* holds .* write a plain name"):
        Label(name=name, phrase="x", description="x")
    found = read_raw(path, Reading(Columns(), ["ham", "spam"], values={name: "spam"}), "train")
    assert [row.label for row in found.rows] == ["ham", "spam"]
    assert list(_reading({"train": read_table(path)}, "text", "label", {name: "spam"}).labels) == ["ham", "spam"]
    with pytest.raises(StandinError, match="--value: the label"):
        _reading({"train": read_table(path)}, "text", "label", {"ham": name})


@pytest.mark.parametrize(
    "name", ["positiv 🙂", "סבבה", "a\u200fb", "👩\u200d🔬", "Sci/Tech", "=1+1", "a" * MOST_CHARACTERS]
)
def test_other_names_are_anybodys_choice(name: str) -> None:
    assert fault(name) is None


def test_a_text_in_the_label_column_is_no_label(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json.dumps({"id": 1, "text": "one", "label": "long " * 300}))
    with pytest.raises(StandinError, match=r"line 1: label '.{60}\.\.\.' has 1499 characters, more than 1000"):
        read_raw(path, READING, "train")


@pytest.mark.parametrize("cell", [{"name": "ham"}, [{"name": "ham"}], [["ham"]]])
def test_a_structure_is_no_label_and_no_question_and_no_id(tmp_path: Path, cell: object) -> None:
    good = {"id": 1, "text": "one", "label": "ham", "q": "cars", "votes": ["ham"]}
    columns = Columns(question_id="q", annotations="votes")
    reading = Reading(columns, ["ham", "spam"], [Question(id="cars", text="Cars?")])
    for column, what in (("label", "label"), ("q", "question id"), ("id", "id"), ("votes", "annotation")):
        path = written(tmp_path / "a.jsonl", json.dumps(good | {column: cell}))
        said = rf"the {what} is a (dict|list), expected a text"
        if column == "votes" and isinstance(cell, dict):
            said = "annotation 'name' is not in the task"  # a mapping is one of labels to counts
        with pytest.raises(StandinError, match=rf"a\.jsonl, line 1: {said}"):
            read_raw(path, reading, "train")
    path = written(tmp_path / "a.jsonl", json.dumps(good | {"label": cell}))
    with pytest.raises(StandinError, match=r"line 1: the label is a (dict|list)"):
        _reading({"train": read_table(path)}, "text", "label", {})
    with pytest.raises(StandinError, match=r"line 1: the recorded label is a (dict|list)"):
        replay.load(str(path), "")
    path = written(tmp_path / "a.jsonl", json.dumps(good | {"text": cell}))
    with pytest.raises(StandinError, match=r"line 1: the text is a (dict|list)"):
        replay.load(str(path), "")


def test_lists_in_lists_of_a_parquet_file_are_structures_too(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "a.parquet"
    pd.DataFrame({"id": [1], "text": ["one"], "label": [[["ham"]]]}).to_parquet(path)
    with pytest.raises(StandinError, match=r"a\.parquet, row 1: the label is a list"):
        read_raw(path, READING, "train")


@pytest.mark.parametrize("others", [False, True])
def test_a_question_id_holds_no_line_break_but_the_tasks_own_wording_may(tmp_path: Path, others: bool) -> None:
    asked = [Question(id="cars", text="Cars\nor trams?")]
    rows = [{"id": n, "text": "one", "label": "ham", "q": q} for n, q in enumerate(["Cars\nor trams?", "dogs\x85cats"])]
    reading = Reading(Columns(question_id="q"), ["ham", "spam"], asked, others=others)
    path = written(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows[:1]))
    assert len(read_raw(path, reading, "train").rows) == (not others)
    path = written(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(StandinError, match=r"line 2: question id 'dogs\\x85cats' holds a line break .*; mend it"):
        read_raw(path, reading, "train")


def test_halves_of_characters_are_refused_in_ids_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json.dumps({"id": "a\ud83d", "text": "one", "label": "ham"}))
    with pytest.raises(StandinError, match=r"line 1: .*half a character"):
        read_raw(path, READING, "train")


NASTY = ["yes", "null", "~", "12", "1e3", "0x1f", "2001-01-01", " a ", "- a", "a: b", "#a", "'", '"', "\\", "{a}", "%a", "\x80", "\x85", "\u2028", "\ufeff", "\t", "🙂", "\U000e0041"]  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.sampled_from(NASTY) | st.text(min_size=1, max_size=40), min_size=2, max_size=5, unique=True),
       st.dictionaries(st.text(max_size=40) | st.sampled_from(NASTY), st.sampled_from(NASTY), max_size=4))  # fmt: skip
@example(["a\x85b", "a\u2028b"], {"\x80": "\x9f"})
def test_the_starter_file_is_read_again_exactly(labels: list[str], values: dict[str, str]) -> None:
    reading = Reading(Columns(text=labels[0], label=labels[1]), labels, values=values)
    text = starter("null", reading, {"train": "data/raw/null/train.jsonl"})
    found = yaml.safe_load(text.encode("utf-8"))
    assert [label["name"] for label in found["labels"]] == labels
    assert found["source"].get("values", {}) == values
    assert (found["source"]["columns"]["text"], found["source"]["columns"]["label"]) == (labels[0], labels[1])
    assert (found["name"], found["title"]) == ("null", "null")
    if not any(fault(label) for label in labels):
        assert Task.model_validate(found).label_names == labels


ODD = [
    "a: b", "#", "# a", "- x", "? x", "? [x]", ": x", "{}", "[]", "yes", "no", "on", "1e3", "null", "~", "12:30", "017", "<<",
    "*a", "&a", "!!int x", "|", ">-", "%YAML", "---", "...", "", " a", "a ", "\ta\t", "a\nb", "'", '"', "\\", "🙂" * 600,
    "\x85", "\x80", "\x9f" * 170, "\x1b[2J", "\u202e", "a" * 1022, "a" * 1023, "a" * 1024, "a" * 1025, "a" * 5000,
    "#" * 1023, '"' * 520, "\x85" * 200, "é: " * 600,
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value[:12]) + str(len(value)))
def test_a_value_of_the_file_is_read_again_from_the_task_file_however_odd_and_long(tmp_path: Path, value: str) -> None:
    """By our reader, by DVC's, and after a change that DVC makes; YAML finds no colon 1,024 characters into a key."""
    from dvc.utils.hydra import apply_overrides
    from dvc.utils.serialize import load_yaml

    values = {value: "ham", "other": "spam", "unwanted": ""}
    (tmp_path / "tasks").mkdir()
    path = tmp_path / "tasks" / "odd.yaml"
    reading = Reading(Columns(), ["ham", "spam"], values=values)
    path.write_text(starter("odd", reading, {"train": "data/raw/odd/train.csv"}), encoding="utf-8")
    assert load_task("odd", tmp_path).source.values == values
    assert load_yaml(str(path))["source"]["values"] == values
    apply_overrides(path, ["title=Other"])
    changed = load_task("odd", tmp_path)
    if "\x85" in value:  # ruamel.yaml writes it bare, where YAML folds it
        return
    assert (changed.title, changed.source.values) == ("Other", values)


def test_labels_yes_and_no_stay_texts_when_dvc_writes_the_task_file(tmp_path: Path) -> None:
    """`-S tasks/...` takes the quotation marks away, and YAML 1.1 reads `name: no` as a truth value."""
    from dvc.utils.hydra import apply_overrides

    (tmp_path / "tasks").mkdir()
    path = tmp_path / "tasks" / "odd.yaml"
    reading = Reading(Columns(), ["no", "yes", "off"], values={"on": "yes"})
    path.write_text(starter("odd", reading, {"train": "data/raw/odd/train.csv"}), encoding="utf-8")
    before = load_task("odd", tmp_path)
    (tmp_path / "params.yaml").write_text("base:\n  task: odd\n")
    assert load_with(["tasks/odd.yaml:title=Other"], tmp_path)[1] == before.model_copy(update={"title": "Other"})
    apply_overrides(path, ["title=Other"])
    assert "name: no\n" in path.read_text()
    assert load_task("odd", tmp_path) == before.model_copy(update={"title": "Other"})
    path.write_text(path.read_text().replace("demonstration: false", "demonstration: yes"))
    assert load_task("odd", tmp_path).demonstration


# --- sheets

TEXT = st.text(st.sampled_from("'=+-@\t\r\na1 .e\",") | st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=400)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
@example([("=1+1", "'=1+1"), ("''=1+1", "-1"), ("'-1", "-cmd|' /C calc'!A0"), ("\r=1", "\t=1"), ("@SUM(A1)", "+1-1")])
def test_no_cell_runs_as_a_formula_and_every_text_comes_back(rows: list[tuple[str, str]]) -> None:
    text = sheet_text(["a", "b"], rows)
    for row in list(csv.reader(io.StringIO(text, newline="")))[1:]:
        for cell in row:
            assert not cell.startswith(tuple("=@\t\r"))
            assert not cell.startswith(tuple("+-")) or re.fullmatch(r"[-+0-9.e ]+", cell), "a number"
    assert sheet_rows(text.encode(), "a.csv") == [{"a": a, "b": b} for a, b in rows]


@pytest.mark.parametrize("cell", [-1, -0.5, None, "-0.2059", "-1", "1e-05", "-0.1 0.2 -3e-05", "", "'quoted'", "a=b"])
def test_numbers_and_harmless_texts_stay_as_they_are(cell: Cell) -> None:
    assert protected(cell) == cell


def test_one_module_alone_writes_csv_files() -> None:
    sources = Path(__file__).parents[1] / "src"
    writing = [
        path.name for path in sources.rglob("*.py") if re.search(r"csv\.(w|DictW)riter|to_csv", path.read_text())
    ]
    assert writing == ["sheets.py"]


def test_a_report_that_was_cut_short_is_a_message() -> None:
    with pytest.raises(StandinError, match=r"scores\.csv, row 2: broken CSV .*`dvc repro` writes it again"):
        sheet_rows(b"a,b\n1\n", "scores.csv")


# --- mutated files

TOKENS = [
    b'"', b"\n", b"\r", b",", b"\t", b";", b"{", b"}", b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud83d", b"\\u0000", b"null", b"NaN", b"-Infinity", b"1e999999", b"true",
    b'{"id": {}, "text": [], "label": {}}\n', b'"label": ["ham", ["spam"]]', b"=1+1", b"\xc2\x85", b"\xe2\x80\xa8",
    b"x" * 200_000, b",a" * 5000, b"|", b"ham|spam", b"'", b"\x1f\x8b",
]  # fmt: skip


def seeds(folder: Path) -> dict[str, bytes]:
    """A good file of each format."""
    import pandas as pd

    rows = [
        {"id": n, "text": f'Text {n}, "quoted"\nand more', "label": ["ham", "spam"][n % 2], "votes": "ham|spam"}
        for n in range(12)
    ]
    frame = pd.DataFrame(rows)
    lists = frame.assign(votes=[["ham", "spam"]] * len(rows), extra=[{"a": [1, None]}] * len(rows))
    lists.to_parquet(folder / "seed.parquet")
    frame.to_parquet(folder / "packed.parquet", compression="gzip")
    json_lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    comma, tab = (frame.to_csv(index=False, sep=sign).encode() for sign in (",", "\t"))
    return {
        "a.jsonl": json_lines, "a.csv": comma, "a.tsv": tab, "a.jsonl.gz": gzip.compress(json_lines),
        "a.csv.gz": gzip.compress(comma), "a.parquet": (folder / "seed.parquet").read_bytes(),
        "b.parquet": (folder / "packed.parquet").read_bytes(),
    }  # fmt: skip


def test_a_parquet_file_broken_where_only_a_library_looks_is_a_message(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    seeds(tmp_path)
    path = tmp_path / "a.parquet"
    table = pq.read_table(tmp_path / "seed.parquet")
    note = table.schema.metadata[b"pandas"].replace(b'"numpy_type"', b'"numpy_tipe"')
    pq.write_table(table.replace_schema_metadata({b"pandas": note}), path)
    with pytest.raises(StandinError, match=r"a\.parquet: not a Parquet file, or a broken one: .*numpy_type"):
        read_table(path)


def mutated(data: bytes, rng: random.Random, kinds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> bytes:
    """One to four changes: bits flipped, bytes cut, parts repeated or taken out, a token or noise put in."""
    for _ in range(rng.randint(1, 4)):
        place, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        end = min(end, place + 4000)
        kind = rng.choice(kinds)
        if kind == 0 and data:
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:place]
        elif kind == 2:
            data = data[:end] + data[place:end] * rng.choice((1, 2, 50)) + data[end:]
        elif kind == 3:
            data = data[:place] + data[end:]
        elif kind == 4:
            data = data[:place] + rng.choice(TOKENS) * rng.choice((1, 1, 3)) + data[place:]
        else:
            data = data[:place] + rng.randbytes(rng.randint(1, 8)) + data[place + 8 :]
    return data


def fuzz(folder: Path, number: int, first: int = 0) -> None:
    """Read mutated files in every way: rows or a StandinError, within 2 s (the promise that the issue asks for)."""
    whole = seeds(folder)
    readings = [
        READING, Reading(Columns(id=None, annotations="votes"), ["ham", "spam"], values={"x": "ham"}),
        Reading(Columns(id=None, label=None, question_id="label"), ["ham", "spam"], [Question(id="ham", text="Ham?")],
                others=True),
    ]  # fmt: skip
    refused = 0
    for seed in range(first, first + number):
        rng = random.Random(seed)
        name = rng.choice(sorted(whole))
        data = whole[name]
        if name.endswith(".gz") and rng.random() < 0.5:
            data = gzip.compress(mutated(gzip.decompress(data), rng), 1)
        else:  # of a Parquet file with a part moved nothing is read: mostly flip its bits
            data = mutated(data, rng, (0,) if name.endswith(".parquet") and rng.random() < 0.8 else (0, 1, 2, 3, 4, 5))
        path = written(folder / name, data)
        calls: list[Callable[[Path], object]] = [
            lambda path: _reading({"train": read_table(path)}, "text", "label", {}),
            lambda path: replay.load(str(path), ""),
            *(lambda path, reading=reading: read_raw(path, reading, "train") for reading in readings),
        ]
        if name == "a.jsonl":
            calls += [lambda path: read_rows(path, Row), lambda path: list(json_objects(path, [path.read_bytes()]))]
        for read in calls:
            started = time.perf_counter()
            said = ""
            try:
                read(path)
            except StandinError as error:
                said = str(error)
            except BaseException as error:
                raise AssertionError(f"seed {seed}, {name}: {type(error).__name__}: {error}") from error
            took = time.perf_counter() - started
            assert took < 2, f"seed {seed}, {name}: {took:.1f} s"
            assert not said or str(path) in said, f"seed {seed}, {name}: {said}"
            refused += bool(said)
    assert refused > number, "most changes leave no good file"


def test_mutated_files_give_rows_or_a_message(tmp_path: Path) -> None:
    fuzz(tmp_path, 400)


@pytest.mark.slow
def test_ten_thousand_mutated_files_give_rows_or_a_message(tmp_path: Path) -> None:
    """STANDIN_FUZZ=100000 tries that many."""
    fuzz(tmp_path, int(os.environ.get("STANDIN_FUZZ", "10000")), first=400)
