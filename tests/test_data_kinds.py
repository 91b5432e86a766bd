"""Files as people have them: each kind is read, or refused with the line that mends it."""

import json
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from data_files import archive, sheet
from pyarrow import feather
from test_hostile_data import mutated

from standin.corpus import Row
from standin.errors import StandinError
from standin.sources import excel
from standin.sources.adding import add, mapping
from standin.sources.files import Reading, rows_of
from standin.sources.headers import Header
from standin.sources.labels import check_labels
from standin.sources.opening import Options, open_file, write_records
from standin.sources.shaping import shape
from standin.sources.tables import read_table
from standin.stages.prepare import _read
from standin.task import Columns, load_task

CASES = Path(__file__).resolve().parents[2] / "shared/cases"
ROWS = (
    ("The bus came too late again", "bad"),
    ('She said "never", and left\nat once', "bad"),
    ("Très bon café; 5 € – really", "good"),
    ("A lovely park | with trees", "good"),
)
LINES = [{"text": text, "label": label} for text, label in ROWS]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    monkeypatch.setattr("standin.sources.adding._run", lambda *_: "")
    monkeypatch.chdir(root)
    return root


def quoted(cell: object) -> str:
    return '"' + str(cell).replace('"', '""') + '"'


def csv(rows: Sequence[Sequence[object]] = ROWS, head: str = "text,label", sep: str = ",", end: str = "\n") -> str:
    lines = [head.replace(",", sep), *(sep.join(map(quoted, row)) for row in rows)]
    return end.join(lines) + end


def lines(records: Sequence[object]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def added(path: Path, **said: Any) -> tuple[list[tuple[str, str | None]], str]:
    """The rows as the stage prepare reads them from the versioned copy, and what was said."""
    found = add("my-task", path, **said)
    task = load_task("my-task")
    rows: Sequence[Row] = _read(task, "train", task.source.train).rows
    assert [row.text for row in rows] == [row.text for row in found.parts["train"].rows]
    assert [row.id for row in rows] == [row.id for row in found.parts["train"].rows], "sizes are tried on these ids"
    copy = Path(task.source.train)
    if copy.suffix in (".csv", ".tsv", ".jsonl"):
        assert not copy.read_bytes().startswith((b"\xff\xfe", b"\xfe\xff"))
        copy.read_text(encoding="utf-8")
    return [(row.text, row.label) for row in rows], found.summary()


TEXTS: dict[str, tuple[str, str | bytes, dict[str, Any]]] = {
    "UTF-8 with a mark": ("a.csv", "\ufeff" + csv(), {}),
    "semicolons": ("a.csv", csv(sep=";"), {}),
    "pipes": ("a.csv", csv(sep="|"), {}),
    "tabs in a CSV file": ("a.csv", csv(sep="\t"), {}),
    "tabs in a text file": ("a.txt", csv(sep="\t"), {}),
    "Excel's sep line": ("a.csv", "sep=;\r\n" + csv(sep=";", end="\r\n"), {}),
    "Excel's sep line after a mark": ("a.csv", "\ufeffsep=|\n" + csv([(*r, 1) for r in ROWS], "text,label,a;b;c", "|"), {}),
    "UTF-16": ("a.csv", csv().encode("utf-16"), {}),
    "UTF-16, big-endian": ("a.tsv", b"\xfe\xff" + csv(sep="\t").encode("utf-16-be"), {}),
    "UTF-32": ("a.csv", csv().encode("utf-32"), {}),
    "UTF-16 without a mark": ("a.csv", csv().encode("utf-16-le"), {"options": Options("utf-16-le")}),
    "cp1252": ("a.csv", csv().encode("cp1252"), {"options": Options("cp1252")}),
    "cp1252, JSON Lines": ("a.jsonl", lines(LINES).encode("cp1252"), {"options": Options("cp1252")}),
    "nameless trailing columns": ("a.csv", csv([(*row, "", "") for row in ROWS], "text,label,,"), {}),
    "a nameless index": ("a.csv", csv([(n, *row) for n, row in enumerate(ROWS)], ",text,label"), {}),
    "cells beyond the header": ("a.csv", "text,label\n" + csv([(*row, "") for row in ROWS]).partition("\n")[2], {}),
    "blanks around names": ("a.csv", csv(head=" text , label "), {}),
    "empty rows": ("a.csv", csv([*ROWS, ("", " ")]) + "\n,\n", {}),
    "mixed line ends": ("a.csv", csv().replace('"good"\n', '"good"\r\n'), {}),
    "NUL bytes": ("a.csv", csv().replace("bus", "b\0us"), {}),
    "no header": ("a.csv", csv().partition("\n")[2], {"options": Options(header=Header(0, ("text", "label")))}),
    "a title above": ("a.csv", "Survey,\n\n" + csv(), {"options": Options(header=Header(2))}),
    "another column twice": ("a.csv", csv([(*row, 1, 2) for row in ROWS], "text,label,n,n"), {}),
    "the text's column twice": ("a.csv", csv([(*row, "x") for row in ROWS], "text,label,text"), {"text": "text.1"}),
    "a column for each label": (
        "a.csv", csv([(t, int(x == "good"), int(x == "bad")) for t, x in ROWS], "text,good,bad"), {}),
    "named columns for each label": (
        "a.csv", csv([(t, "x" if x == "good" else "", "x" if x == "bad" else "") for t, x in ROWS], "text,good,bad"),
        {"label": "good, bad"}),
    "lists of one as Python writes them": ("a.csv", csv([(t, f"['{x}']") for t, x in ROWS]), {}),
    "lists of one as JSON writes them": ("a.csv", csv([(t, f'["{x}"]') for t, x in ROWS]), {}),
    "Label Studio's choices in CSV": ("a.csv", csv([(t, json.dumps({"choices": [x]})) for t, x in ROWS]), {}),
    "an array": ("a.json", json.dumps(LINES, indent=2), {}),
    "an array named JSON Lines": ("a.jsonl", json.dumps(LINES), {}),
    "JSON Lines named JSON": ("a.json", lines(LINES), {}),
    "records under a key": ("a.json", json.dumps({"version": 2, "data": LINES}), {}),
    "records by their names": ("a.json", json.dumps({f"n{n}": one for n, one in enumerate(LINES)}), {}),
    "pandas' columns": (
        "a.json", json.dumps({key: {str(n): one[key] for n, one in enumerate(LINES)} for key in ("text", "label")}), {}),
    "columns as lists": ("a.json", json.dumps({key: [one[key] for one in LINES] for key in ("text", "label")}), {}),
    "pandas' split": ("a.json", json.dumps({"columns": ["text", "label"], "index": [0, 1, 2, 3], "data": ROWS}), {}),
    "objects within records": (
        "a.jsonl", lines([{"data": {"text": t}, "meta": {"by": {"topic": x}}} for t, x in ROWS]),
        {"text": "data.text", "label": "meta.by.topic"}),
    "lists of one": ("a.jsonl", lines([{"text": t, "label": [x]} for t, x in ROWS]), {}),
    "marks by label": ("a.jsonl", lines([{"text": t, "label": {x: 1, "other": 0}} for t, x in ROWS]), {}),
    "rows without a label": ("a.csv", csv([*ROWS, ("Nobody has seen this", "")]), {"labelled_only": True}),
    "doccano": ("a.jsonl", lines([{"id": n, "text": t, "label": [x], "Comments": []}
                                  for n, (t, x) in enumerate(ROWS)]), {}),
    "doccano, partly labelled": ("a.jsonl", lines([{"text": t, "label": [x]} for t, x in ROWS] + [
        {"text": "Not yet", "label": []}]), {"labelled_only": True}),
    "doccano before 1.1": ("a.jsonl", lines([
        {"id": n, "text": t, "annotations": [{"label": x, "user": 1}]} for n, (t, x) in enumerate(ROWS)]), {}),
    "Prodigy, choices": ("a.jsonl", lines([
        *({"text": t, "_task_hash": 1, "accept": [x], "answer": "accept"} for t, x in ROWS),
        {"text": "Skipped", "_task_hash": 1, "accept": [], "answer": "ignore"}]), {}),
    "Argilla 2": ("a.json", json.dumps([
        {"id": str(n), "fields": {"body": t}, "responses": {"tone": [
            {"value": x, "user_id": "u"}, {"value": "draft", "status": "draft"}]}} for n, (t, x) in enumerate(ROWS)]), {}),
    "Argilla 2, flattened": ("a.jsonl", lines([
        {"id": str(n), "status": "completed", "text": t, "tone.responses": [x], "tone.responses.users": ["u"]}
        for n, (t, x) in enumerate(ROWS)]), {}),
    "Argilla 1, feedback": ("a.jsonl", lines([
        {"fields": {"text": t}, "responses": [{"status": "submitted", "values": {"tone": {"value": x}}}]}
        for t, x in ROWS]), {}),
    "Argilla 1": ("a.jsonl", lines([
        {"id": str(n), "text": t, "inputs": {"text": t}, "annotation": x, "annotation_agent": "me"}
        for n, (t, x) in enumerate(ROWS)]), {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
def test_a_kind_of_file_gives_its_texts_and_labels(root: Path, tmp_path: Path, kind: str) -> None:
    name, content, said = TEXTS[kind]
    rows, _ = added(written(tmp_path / name, content), **said)
    assert rows == list(ROWS)


def label_studio(text: str, *labels: str, number: int = 1, **more: Any) -> dict[str, Any]:
    chosen = [
        {"result": [{"from_name": "tone", "type": "choices", "value": {"choices": [label]}}]} | more for label in labels
    ]
    return {"id": number, "data": {"text": text, "n": 3}, "annotations": chosen, "predictions": []}


def test_quotation_marks_are_signs_of_the_texts_where_they_enclose_nothing(root: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", 'bad\t"Later" he said\ngood\tA 5" tyre\ngood\t"Never\n')
    rows, _ = added(path, options=Options(header=Header(0, ("label", "text"), quotes=False)))
    assert rows == [('"Later" he said', "bad"), ('A 5" tyre', "good"), ('"Never', "good")]


def test_label_studio_keeps_the_votes_of_several_people(root: Path, tmp_path: Path) -> None:
    tasks = [label_studio(t, x, x, "other", number=n) for n, (t, x) in enumerate(ROWS)]
    tasks.append(label_studio("Divided", "good", "bad", number=9))
    rows, said = added(written(tmp_path / "a.json", json.dumps(tasks)))
    assert rows == list(ROWS)
    assert "read as an export of Label Studio" in said
    assert "1 text left out on which they were divided equally" in said
    task = load_task("my-task")
    assert task.source.columns.annotations == "annotations"
    assert task.source.columns.id == "id"
    assert json.loads(Path(task.source.train).read_text(encoding="utf-8").splitlines()[0])["annotations"] == [
        "bad", "bad", "other"]  # fmt: skip


def test_a_newer_export_is_added_by_the_command_that_added_the_first(root: Path, tmp_path: Path) -> None:
    """The task file calls the columns text and label; the export's own field and control still tell which are meant."""
    tasks = [label_studio(t, x, number=n) for n, (t, x) in enumerate(ROWS)]
    for task in tasks:
        task["data"] = {"body": task["data"]["text"], "title": "A title"}
    path = written(tmp_path / "a.json", json.dumps(tasks))
    with pytest.raises(StandinError, match=r"2 fields, none of them 'text': Known: body, title\. Name one with --text"):
        add("my-task", path)
    for replace in (False, True):
        assert added(path, text="body", label="tone", replace=replace)[0] == list(ROWS)


def test_what_was_cancelled_in_label_studio_is_no_label(root: Path, tmp_path: Path) -> None:
    tasks = [label_studio(t, x) for t, x in ROWS] + [label_studio("Skipped", "bad", was_cancelled=True)]
    for n, task in enumerate(tasks):
        task["id"] = n
    path = written(tmp_path / "a.json", json.dumps(tasks))
    with pytest.raises(StandinError, match=r"record 5: no label .*1 of 5 rows.*--labelled-only"):
        add("my-task", path)
    assert added(path, labelled_only=True)[0] == list(ROWS)


def test_a_single_prodigy_label_that_was_rejected_is_not_that_label(root: Path, tmp_path: Path) -> None:
    answers = [{"text": t, "label": "good", "answer": "accept" if x == "good" else "reject"} for t, x in ROWS]
    rows, said = added(
        written(tmp_path / "a.jsonl", lines([*answers, {"text": "?", "label": "good", "answer": "ignore"}]))
    )
    assert [label for _, label in rows] == ["not good", "not good", "good", "good"]
    assert "1 text left out, being ignored" in said


REFUSED: dict[str, tuple[str, str | bytes, dict[str, Any], str]] = {
    "cp1252": ("a.csv", csv().encode("cp1252"), {}, r"a\.csv, line 5: not UTF-8 text.*--encoding cp1252 reads ..Très bon"),
    "Japanese": ("a.csv", "text,label\n電車が遅れた,悪い\n".encode("cp932"), {}, r"--encoding cp932 reads '電車が遅れた"),
    "UTF-16 without a mark": ("a.csv", csv().encode("utf-16-le"), {}, r"--encoding utf-16-le"),
    "another encoding than said": ("a.csv", csv().encode("cp1252"), {"options": Options("utf-8")}, r"not UTF-8 text"),
    "no such encoding": ("a.csv", csv(), {"options": Options("utf-88")}, r"--encoding 'utf-88': no encoding of that name"),
    "no encoding of texts": ("a.csv", csv(), {"options": Options("base64")}, r"'base64': no encoding"),
    "broken UTF-16": ("a.csv", csv().encode("utf-16")[:-1], {}, r"not utf-16 text.*--encoding"),
    "no header, of short texts": ("a.csv", "good,yes\nfine,yes\nbad,no\n", {}, r"--columns text,label\."),
    "marks that enclose nothing": ("a.tsv", 'text\tlabel\n"Later" he said\tbad\n', {}, r"row 2: .*--no-quotes"),
    "no header": ("a.csv", "The bus came too late again today,bad\nA park,good\n", {}, r"--columns text,label\."),
    "a title above": ("a.csv", "Survey,\n" + csv(), {}, r"Row 2 holds that name: --skip 1"),
    "the text's column twice": ("a.csv", csv([(*row, "x") for row in ROWS], "text,label,text"), {},
                                r"column 'text' stands twice: its columns are called text\.1 and text\.2"),
    "several labels marked": ("a.csv", csv([(t, 1, 1) for t, _ in ROWS], "text,good,bad"), {},
                              r"Columns good, bad hold 0 and 1, but .*--label good,bad says in which; --label good"),
    "several named labels": ("a.csv", csv([(t, 1, 1) for t, _ in ROWS], "text,good,bad"), {"label": "good,bad"},
                             r"row 2: 2 of the labels are marked \(good, bad\).*--label good\)"),
    "several labels in a list": ("a.csv", csv([*((t, f"['{x}']") for t, x in ROWS), ("Both", "['bad', 'good']")]), {},
                                 r"row 6: 2 labels \(bad, good\); a text has exactly one"),
    "case": ("a.csv", csv([*ROWS, ("More", "Good"), ("Yet more", "BAD ")]), {},
             r"'good' \(2\) and 'Good' \(1\).*--value Good=good.*--value BAD=BAD keeps"),
    "a blank within": ("a.csv", csv([("a", "not spam"), ("b", "not  spam"), ("c", "not_spam"), ("d", "spam")]), {},
                       r"--value 'not  spam=not spam' --value 'not_spam=not spam'"),
    "numbers": ("a.csv", csv([("one text", "1"), ("another", "1.0"), ("third", "0")]), {}, r"--value 1\.0=1"),
    "dates": ("a.csv", csv([("one text", "2024-01-01"), ("another", "2024-01-02")]), {}, r"dates, which are no classes"),
    "as many labels as texts": ("a.csv", csv([(f"text {n}", f"label {n}") for n in range(101)]), {},
                                r"101 labels .* for 101 texts"),
    "rows without a label": ("a.csv", csv([*ROWS, ("Nobody has seen this", "")]), {}, r"--labelled-only"),
    "an old sheet": ("a.xls", b"\xd0\xcf\x11\xe0", {}, r"a\.xls: files of this kind are not read\. Save the sheet"),
    "an open sheet": ("a.ods", b"PK", {}, r"Save the sheet as \.xlsx or \.csv"),
    "a pickle": ("a.pkl", b"\x80\x04", {}, r"may run code that is in it.*to_json"),
    "spans of Brat": ("a.ann", "T1\tX 0 3\tThe\n", {}, r"mark spans within texts"),
    "spans of doccano": ("a.jsonl", lines([{"text": "A b", "label": [[0, 1, "X"]]}]), {}, r"doccano that marks spans"),
    "spans of Prodigy": ("a.jsonl", lines([{"text": "A b", "_task_hash": 1, "spans": [], "answer": "accept"}]), {},
                         r"Prodigy that marks spans"),
    "spans of Label Studio": ("a.json", json.dumps([{"data": {"text": "A b"}, "annotations": [{"result": [
        {"from_name": "l", "type": "labels", "value": {"labels": ["X"]}}]}]}]), {}, r"Label Studio that marks spans"),
    "INCEpTION": ("a.json", json.dumps({"%TYPES": {}, "%FEATURE_STRUCTURES": []}), {}, r"an INCEpTION export"),
    "several questions": ("a.json", json.dumps([{"fields": {"text": "A"}, "responses": {
        "tone": [{"value": "x"}], "topic": [{"value": "y"}]}}]), {}, r"2 questions, none of them 'label'.*--label"),
    "two lists of records": ("a.json", json.dumps({"train": LINES, "test": LINES}), {}, r"2 keys hold records"),
    "no records": ("a.json", json.dumps({"a": 1, "b": "x"}), {}, r"no records found\. .* the keys .*a, b"),
    "numbers for records": ("a.json", "[1, 2]", {}, r"record 1: expected an object .* found int"),
    "broken JSON": ("a.json", '[{"text": "a"', {}, r"a\.json, line 1: broken JSON"),
    "columns of different lengths": ("a.json", json.dumps({"text": ["a", "b"], "label": ["x"]}), {}, r"'text' 2, 'label' 1"),
    "objects within records": ("a.jsonl", lines([{"data": {"text": "a"}, "label": "x"}]), {}, r"--text data\.text"),
    "an empty file": ("a.csv", "", {}, r"the file is empty"),
    "no file of texts": ("a.weird", csv(), {}, r"give its name that ending"),
    "a workbook named CSV": ("a.csv", b"PK\x03\x04rest", {}, r"a workbook or zip archive, whatever its name says"),
    "text named workbook": ("a.xlsx", csv(), {}, r"a text file, no Excel workbook"),
    "a locked workbook": ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", {}, r"protected by a password"),
    "a sheet of no workbook": ("a.csv", csv(), {"options": Options(sheet="one")}, r"--sheet names a sheet of an Excel"),
    "a header of JSON": ("a.jsonl", lines(LINES), {"options": Options(header=Header(1))}, r"--skip and --columns are for"),
    "no language": ("a.csv", csv(), {"language": "English"}, r"--language: 'English' is no language code"),
    "archive of two": ("a.zip", b"", {}, r"several files of texts in the archive; it holds a\.csv, b\.csv"),
    "archive of none": ("a.zip", b"", {}, r"no file of texts in the archive; it holds a\.pdf"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_kind_of_file_is_refused_with_what_mends_it(root: Path, tmp_path: Path, kind: str) -> None:
    name, content, said, message = REFUSED[kind]
    path = written(tmp_path / name, content)
    if kind.startswith("archive"):
        archive(path, {"a.csv": csv(), "b.csv": csv()} if kind == "archive of two" else {"a.pdf": "x"})
    with pytest.raises(StandinError, match=f"(?s){message}"):
        add("my-task", path, **said)
    assert not (root / "data").exists()
    assert not (root / "tasks").exists()


def test_what_the_messages_name_mends_it(root: Path, tmp_path: Path) -> None:
    """The options that the messages of the cases above print, as they print them."""
    spellings = written(
        tmp_path / "a.csv", csv([("a", "not spam"), ("b", "not  spam"), ("c", "not_spam"), ("d", "spam")])
    )
    rows, _ = added(spellings, values=mapping(["not  spam=not spam", "not_spam=not spam"]))
    assert [label for _, label in rows] == ["not spam"] * 3 + ["spam"]
    (root / "tasks/my-task.yaml").unlink()
    apart = written(tmp_path / "b.csv", csv([*ROWS, ("More", "Good")]))
    assert added(apart, values={"Good": "Good"}, replace=True)[0][-1] == ("More", "Good")


def test_a_folder_is_named_with_what_it_holds(root: Path, tmp_path: Path) -> None:
    for name, file, message in (
        ("two", "train.csv", r"a folder, expected a file\. It holds train\.csv: name one, as in .*two/train\.csv"),
        ("brat", "a.ann", r"Brat or INCEpTION annotations, which mark spans"),
        ("classes", "good/1.txt", r"If each folder in it is a label"),
        ("nothing", ".keep", r"a folder, expected a file \("),
    ):
        written(tmp_path / name / file, csv())
        with pytest.raises(StandinError, match=message):
            add("my-task", tmp_path / name)


WORKBOOKS: dict[str, tuple[dict[str, Sequence[Sequence[object]]], dict[str, Any]]] = {
    "one sheet": ({"a": [("text", "label"), *ROWS]}, {}),
    "an empty sheet beside": ({"a": [("text", "label"), *ROWS], "b": []}, {}),
    "a named sheet": ({"a": [("x",)], "b": [("text", "label"), *ROWS]}, {"options": Options(sheet="b")}),
    "empty rows and columns": ({"a": [(), ("text", "label", None), *ROWS, (), (None, None)]}, {}),
    "notes beside": ({"a": [("text", "label"), *((*row, None, "look here") for row in ROWS)]}, {}),
    "a merged row above": ({"a": [("Answers",), ("text", "label"), *ROWS]}, {"options": Options(header=Header(1))}),
}  # fmt: skip


@pytest.mark.parametrize("kind", WORKBOOKS)
def test_a_workbook_gives_its_texts_and_labels(root: Path, tmp_path: Path, kind: str) -> None:
    sheets, said = WORKBOOKS[kind]
    rows, summary = added(sheet(tmp_path / "a.xlsx", sheets), **said)
    assert rows == list(ROWS)
    assert "read the values of sheet" in summary


def test_several_sheets_are_asked_for_and_a_merged_row_is_named(root: Path, tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", {"first one": [("text", "label"), *ROWS], "b": [("text", "label")]})
    with pytest.raises(StandinError, match=r"2 sheets hold data \('first one', 'b'\).*--sheet 'first one'"):
        add("my-task", path)
    with pytest.raises(StandinError, match=r"--sheet 'c': .*Known: b, first one"):
        add("my-task", path, options=Options(sheet="c"))
    path = sheet(tmp_path / "b.xlsx", {"a": [("Answers",), ("text", "label"), *ROWS]})
    with pytest.raises(StandinError, match=r"Row 2 holds that name: --skip 1"):
        add("my-task", path)


def test_cells_of_a_workbook_are_values_and_no_formula_is_run(root: Path, tmp_path: Path) -> None:
    from datetime import datetime

    rows = [("one text", 1.0, datetime(2024, 5, 6)), ("another", 0, None), ("third one", True, None)]
    found, _ = added(sheet(tmp_path / "a.xlsx", {"a": [("text", "label", "when"), *rows]}), values={"true": "1"})
    assert found == [("one text", "1"), ("another", "0"), ("third one", "1")]
    first = Path("data/raw/my-task/train.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["when"] == "2024-05-06"
    path = sheet(tmp_path / "b.xlsx", {"a": [("text", "label"), ("one text", '=HYPERLINK("x")'), ("two", "=1+1")]})
    with pytest.raises(
        StandinError, match=r"2 rows with formulas without a saved value, which read as empty \(the first is row 2\)"
    ):
        add("other", path)


def bomb(path: Path) -> None:
    archive(path, {"xl/workbook.xml": b"0" * (80 << 20)})


def entities(path: Path) -> None:
    archive(path, {"xl/workbook.xml": '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'})


def no_workbook(path: Path) -> None:
    archive(path, {"word/document.xml": "<x/>"})


def broken(path: Path) -> None:
    sheet(path, {"a": [("text", "label"), *ROWS]})
    content = bytearray(path.read_bytes())
    content[60:90] = b"\0" * 30
    path.write_bytes(bytes(content))


def broken_xml(path: Path) -> None:
    sheet(path, {"a": [("text", "label"), *ROWS]})
    with zipfile.ZipFile(path) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    archive(path, parts | {"xl/workbook.xml": parts["xl/workbook.xml"][:200]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb, r"bytes unpack to more than"),
        (entities, r"its XML defines entities"),
        (no_workbook, r"not an Excel workbook"),
        (broken, r"broken archive|cannot be unpacked"),
        (broken_xml, r"not an Excel workbook, or a broken one"),
    ],
)
def test_a_hostile_or_broken_workbook_is_a_message(
    root: Path, tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "a.xlsx")
    with pytest.raises(StandinError, match=message):
        add("my-task", tmp_path / "a.xlsx")


def test_a_stray_cell_far_below_is_no_part_of_the_sheet(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openpyxl

    monkeypatch.setattr(excel, "MOST_BLANK", 20)
    book = openpyxl.Workbook()
    for row in [("text", "label"), *ROWS]:
        book.active.append(list(row))
    book.active["C40"] = "stray"
    book.active["XFD1"] = "beyond all columns that are read"
    book.save(tmp_path / "a.xlsx")
    rows, said = added(tmp_path / "a.xlsx")
    assert rows == list(ROWS)
    assert "left out" not in said


def test_an_archive_of_one_file_is_unpacked_within_limits(root: Path, tmp_path: Path) -> None:
    rows, said = added(archive(tmp_path / "a.zip", {"data/x.csv": csv(), "__MACOSX/x.csv": "", "readme.pdf": ""}))
    assert rows == list(ROWS)
    assert "unpacked x.csv" in said
    with pytest.raises(StandinError, match=r"a\.zip/x\.csv: there is no column 'body'"):
        add("other", tmp_path / "a.zip", text="body")
    with pytest.raises(StandinError, match="bytes unpack to more than"):
        add("other", archive(tmp_path / "b.zip", {"x.csv": "0" * (80 << 20)}))


@pytest.mark.parametrize("kind", ["feather", "file", "stream", "parquet"])
def test_arrow_files_give_rows_and_the_names_of_the_hubs_classes(root: Path, tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": [t for t, _ in ROWS], "label": [int(x == "good") for _, x in ROWS]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    path = tmp_path / f"a.{ {'file': 'arrow', 'stream': 'arrow'}.get(kind, kind) }"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
            writer.write_table(table)
    assert added(path)[0] == list(ROWS)
    assert load_task("my-task").source.values == {"0": "bad", "1": "good"}
    path.write_bytes(b"ARROW1\0\0rubbish" if kind != "parquet" else b"PAR1rubbish")
    with pytest.raises(StandinError, match=r"not a (Arrow|Parquet) file, or a broken one"):
        add("other", path)


def test_columns_left_out_are_said_with_what_they_hold(root: Path, tmp_path: Path) -> None:
    _, said = added(written(tmp_path / "a.csv", csv([(*row, "", "x") for row in ROWS], "text,label,,")))
    assert "2 columns without a name left out; 4 of their cells hold something" in said


def test_more_than_a_hundred_labels_are_read_with_a_warning(root: Path, tmp_path: Path) -> None:
    rows = [(f"Request number {n} of somebody", f"intent {n % 120}") for n in range(480)]
    _, said = added(written(tmp_path / "a.csv", csv(rows)))
    assert "look at: 120 labels" in said
    assert "intent 19 4 and 100 more, words:" in said
    assert len(load_task("my-task").label_names) == 120


def test_labels_that_are_numbers_or_read_as_missing_are_shown(root: Path, tmp_path: Path) -> None:
    _, said = added(written(tmp_path / "a.csv", csv([("one text", 1), ("another", 0), ("third", "nan")])))
    assert "look at: label 'nan' (1) reads as a missing value: --value nan= leaves" in said
    (root / "tasks/my-task.yaml").unlink()
    _, said = added(written(tmp_path / "b.csv", csv([("one text", 1), ("another", 0)])), replace=True)
    assert "look at: the labels are numbers: say what they mean with --value 0=NAME" in said


def test_the_copy_of_one_file_is_the_same_bytes_whenever_it_is_written(root: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps(LINES))
    added(path)
    first = Path("data/raw/my-task/train.jsonl").read_bytes()
    added(path)  # not other data, so nothing needs to be replaced
    assert Path("data/raw/my-task/train.jsonl").read_bytes() == first


def test_a_file_of_no_fault_is_copied_as_it_is(root: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", csv(sep=";"))
    added(path)
    assert Path("data/raw/my-task/train.csv").read_bytes() == path.read_bytes()


def test_the_pipeline_reads_what_no_command_has_read_before(tmp_path: Path) -> None:
    """A file that somebody puts into data/raw by hand: delimiters, nameless columns and empty rows are read there too."""
    table = read_table(
        written(tmp_path / "a.csv", "sep=|\n" + csv([*((*r, "") for r in ROWS), ("", "", "")], "text,label,", "|"))
    )
    assert [(record["text"], record["label"]) for _, record in table.records] == list(ROWS)
    assert table.notes == ("1 column without a name left out; its cells are empty", "1 empty row passed over")


@pytest.mark.skipif(not CASES.exists(), reason="../shared/cases is not there")
def test_the_cases_that_people_met(root: Path) -> None:
    files = CASES / "files"
    rows, said = added(files / "nameless-columns.csv", text="v2", label="v1")
    assert rows[0] == ("Go on, then", "ham")
    assert "3 columns without a name left out" in said
    with pytest.raises(StandinError, match=r"--encoding cp1252 reads 'The café"):
        add("cafe", files / "cp1252.csv")
    found = add("cafe", files / "cp1252.csv", options=Options("cp1252"))
    assert found.parts["train"].rows[2].text == "It costs 5 €"
    assert "5 €" in Path("data/raw/cafe/train.csv").read_text(encoding="utf-8")
    add("yesno", files / "yes-no.csv", label="answer")
    assert load_task("yesno").label_names == ["no", "yes"]
    add("emoji", files / "emoji-labels.csv")
    assert load_task("emoji").label_names == ["👍", "👎"]
    add("japanese", files / "japanese.csv")
    assert load_task("japanese").language == "ja"


def test_mutated_files_of_every_kind_give_rows_or_a_message(tmp_path: Path) -> None:
    """Three hundred broken workbooks, archives, Arrow files, exports and encodings, by a fixed seed."""
    frame = pa.table({"text": [t for t, _ in ROWS], "label": [x for _, x in ROWS]})
    feather.write_feather(frame, tmp_path / "seed.feather")
    good = {
        "a.xlsx": sheet(tmp_path / "seed.xlsx", {"a": [("text", "label"), *ROWS]}).read_bytes(),
        "a.zip": archive(tmp_path / "seed.zip", {"x.csv": csv(), "y.txt": "x"}).read_bytes(),
        "a.feather": (tmp_path / "seed.feather").read_bytes(),
        "a.json": json.dumps([label_studio(t, x, x) for t, x in ROWS]).encode(),
        "b.json": json.dumps({"data": LINES, "n": {"a": [1, {"b": 2}]}}).encode(),
        "a.jsonl": lines([{"text": t, "_task_hash": 1, "accept": [x], "answer": "accept"} for t, x in ROWS]).encode(),
        "a.csv": csv([(t, f"['{x}']", 1, 0) for t, x in ROWS], "text,label,ham,spam").encode("utf-16"),
    }
    options = (Options(), Options("cp1252"), Options("utf-16"), Options(header=Header(1)))
    for seed in range(300):
        rng = random.Random(seed)
        name = rng.choice(sorted(good))
        folder = tmp_path / str(seed)
        path = written(folder / name, mutated(good[name], rng))
        try:
            opened, columns = shape(open_file(path, rng.choice(options), "text", folder), Columns(id=None))
            write_records(opened.table, folder / "records.jsonl")
            rows_of(opened.table, Reading(columns, check_labels(opened.table, str(columns.label), {})), "train")
        except StandinError:
            continue
        except BaseException as error:
            raise AssertionError(f"seed {seed}, {name}: {type(error).__name__}: {error}") from error
