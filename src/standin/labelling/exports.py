"""The texts to label as files for a spreadsheet, Label Studio and Argilla.

Every file carries the text's id and digest, by which the answers find it again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from standin.corpus import Row, write_json_lines, write_whole
from standin.errors import StandinError
from standin.labelling.labels import Labelled, digest, given_to
from standin.sheets import write_sheet
from standin.task import Task

COLUMNS = ("text_id", "text", "label", "question", "labels", "annotator", "digest")
KINDS = {".csv": "a spreadsheet", ".json": "Label Studio", ".jsonl": "Argilla"}


def export(path: Path, rows: Sequence[Row], task: Task, labels: Mapping[str, Labelled], annotator: str) -> list[Path]:
    """Write the texts to a file of the kind that its ending says, and what the tool must know beside it.

    ``.csv``: columns to be filled in (``label``). ``.json``: tasks of Label Studio, and a labelling configuration in
    ``.xml``. ``.jsonl``: records as ``dataset.records.log`` of Argilla takes them, and ``.settings.json`` for
    ``rg.Settings.from_json``.

    Args:
        path: the file, which may not be there yet: it may be filled in.
        rows: the texts.
        task: its labels with descriptions.
        labels: what people said already; of the annotator's answers the sheet shows the label.
        annotator: who will fill the sheet in; empty leaves that to the import.

    Returns:
        The files that were written.
    """
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        known = ", ".join(f"{ending} ({what})" for ending, what in KINDS.items())
        raise StandinError(f"{path}: the ending says for whom the file is: {known}")
    beside = {".json": path.with_suffix(".xml"), ".jsonl": path.with_suffix(".settings.json")}.get(suffix)
    files = [path, *([beside] if beside else [])]
    if there := [file for file in files if file.exists()]:
        raise StandinError(f"{there[0]} exists, and is not written over: import it, or name another file")
    if suffix == ".csv":
        _write_sheet(path, rows, task, labels, annotator)
    elif suffix == ".json":
        write_whole(path, json.dumps([{"data": _data(row)} for row in rows], ensure_ascii=False, indent=2) + "\n")
        write_whole(path.with_suffix(".xml"), labelling_configuration(task))
    else:
        write_json_lines(path, [{"id": row.id} | _data(row) for row in rows])
        settings = json.dumps(argilla_settings(task), ensure_ascii=False, indent=2)
        write_whole(path.with_suffix(".settings.json"), settings + "\n")
    return files


def _data(row: Row) -> dict[str, str]:
    found = {"text_id": row.id, "text": row.text, "digest": f"#{digest(row.text)}"}
    return found | ({"question": row.question or row.question_id} if row.question_id is not None else {})


def _write_sheet(path: Path, rows: Sequence[Row], task: Task, labels: Mapping[str, Labelled], annotator: str) -> None:
    names = " | ".join(task.label_names)
    cells = []
    for row in rows:
        data, known = _data(row), given_to(row, labels)
        given = known.votes.get(annotator) if known else None
        cells.append((row.id, row.text, given or "", data.get("question", ""), names, annotator, data["digest"]))
    write_sheet(path, COLUMNS, cells, to_fill_in=True)


def labelling_configuration(task: Task) -> str:
    """Label Studio's labelling configuration: one of the task's labels for each text, the question above it."""
    asked = ['  <Header value="$question"/>'] if task.questions else []
    lines = [
        "<View>",
        f'  <Header value={quoteattr(task.description)} size="5"/>',
        *asked,
        '  <Text name="text" value="$text"/>',
        '  <Choices name="label" toName="text" choice="single" required="true">',
        *(f"    <Choice value={quoteattr(each.name)} hint={quoteattr(each.description)}/>" for each in task.labels),
        "  </Choices>",
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def argilla_settings(task: Task) -> dict[str, object]:
    """A data set's settings as Argilla 2 writes and reads them (``Settings.to_json``, ``Settings.from_json``)."""
    meant = "\n".join(f"- {each.name}: {each.description}" for each in task.labels)
    options = [{"value": each.name, "text": each.name, "description": each.description} for each in task.labels]
    visible = {"visible_options": len(options)} if len(options) >= 3 else {}  # fewer are refused there
    fields = [("text", "Text"), *([("question", "Question")] if task.questions else [])]
    return {
        "guidelines": f"{task.description}\n\n{meant}",
        "fields": [
            {"name": name, "title": title, "required": True, "settings": {"type": "text", "use_markdown": False}}
            for name, title in reversed(fields)
        ],
        "questions": [
            {"name": "label", "title": "Label", "description": None, "required": True,
             "settings": {"type": "label_selection", "options": options, **visible}}
        ],
        "metadata": [
            {"name": name, "title": title, "visible_for_annotators": False, "settings": {"type": "terms"}}
            for name, title in (("text_id", "Id of the text"), ("digest", "Digest of the text"))
        ],
        "vectors": [],
        "allow_extra_metadata": True,
    }  # fmt: skip
