"""``standin data add``: bringing one's own file into a project."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from data_files import sheet
from typer.testing import CliRunner

from standin.config import parse_params
from standin.corpus import Row
from standin.errors import StandinError
from standin.sources import adding, sizes
from standin.sources.adding import add, mapping
from standin.sources.commands import register
from standin.sources.files import RawRows
from standin.sources.splits import draw
from standin.task import Columns, Source, load_task


def command(folder: Path, *parts: str) -> str:
    return subprocess.run(parts, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git repository with an empty .dvc folder, where ``dvc add`` only writes its pointer: the real one takes 2 s."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    command(root, "git", "init", "--quiet")
    monkeypatch.chdir(root)
    real = adding._run

    def run(folder: Path, *parts: str) -> str:
        if parts[1:3] != ("-m", "dvc"):
            return real(folder, *parts)
        target = folder / parts[-1]
        target.with_name(f"{target.name}.dvc").write_text("outs:\n", encoding="utf-8")
        target.with_name(".gitignore").write_text(f"/{target.name}\n", encoding="utf-8")
        return ""

    monkeypatch.setattr(adding, "_run", run)
    return root


def file(path: Path, *rows: tuple[object, object], columns: tuple[str, str] = ("text", "label")) -> Path:
    path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows), encoding="utf-8")
    return path


ROWS = (("Shall we meet at six?", "ham"), ("WIN a cruise, text YES to 80808", "spam"), ("On my way", "ham"))


def test_the_file_is_copied_checked_and_versioned(project: Path, tmp_path: Path) -> None:
    found = add("my-mail", file(tmp_path / "mail.jsonl", *ROWS))
    target = project / "data/raw/my-mail/train.jsonl"
    assert target.read_bytes() == (tmp_path / "mail.jsonl").read_bytes()
    assert command(project, "git", "diff", "--cached", "--name-only").split() == [
        "data/raw/.gitignore",
        "data/raw/my-mail.dvc",
    ]
    said = found.summary()
    assert "data/raw/my-mail/train.jsonl: 3 texts, labels: ham 2, spam 1, words: 3 to 7, median 5" in said
    assert "tasks/my-mail.yaml" in said


def voted(path: Path, *votes: object, column: str = "annotations") -> Path:
    rows = [{"text": f"{text} {n}", "label": label, column: votes[n]} for n, (text, label) in enumerate(ROWS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "votes",
    [
        (["ham", "ham", "spam"], ["spam"], None),
        ("ham|ham|spam", "spam", ""),
        ({"ham": 2, "spam": 1}, {"spam": 1}, None),
    ],
)
def test_votes_in_a_column_of_their_name_are_read(project: Path, tmp_path: Path, votes: tuple[object, ...]) -> None:
    found = add("my-mail", voted(tmp_path / "a.jsonl", *votes))
    assert load_task("my-mail").source.columns.annotations == "annotations"
    assert [row.annotations for row in found.parts["train"].rows] == [("ham", "ham", "spam"), ("spam",), None]
    assert "column 'annotations' is read as several annotators' votes" in found.summary()


def test_votes_for_a_value_that_is_left_out_are_votes(project: Path, tmp_path: Path) -> None:
    path = voted(tmp_path / "a.jsonl", ["ham", "unsure"], ["spam"], None)
    said = add("other", path).summary()
    assert "look at: column 'annotations' is not read as annotators' votes (" in said
    assert "a.jsonl, line 1: annotation 'unsure' is not in the task" in said
    assert 'write `annotations: "annotations"` under source.columns in tasks/other.yaml' in said
    assert load_task("other").source.columns.annotations is None
    found = add("my-mail", path, values={"unsure": ""})
    assert found.parts["train"].rows[0].annotations == ("ham", "unsure")


def test_votes_that_only_one_of_two_files_has_are_said_and_not_read(project: Path, tmp_path: Path) -> None:
    train = voted(tmp_path / "a.jsonl", ["ham", "ham"], ["spam"], None)
    said = add("my-mail", train, test=file(tmp_path / "b.jsonl", ("A text", "ham"), ("Two", "spam"))).summary()
    assert "column 'annotations' is not read as annotators' votes" in said
    assert "b.jsonl: there is no such column" in said


def test_votes_in_a_column_of_another_name_are_said(project: Path, tmp_path: Path) -> None:
    path = voted(tmp_path / "a.jsonl", ["ham", "spam"], ["spam"], None, column="votes")
    look = "look at: column 'votes' holds several labels for a text: where they are annotators' votes, write"
    assert look in add("my-mail", path).summary()
    task = Path("tasks/my-mail.yaml")
    assert "    annotations: null\n" in task.read_text(encoding="utf-8")
    assert look in add("my-mail", path).summary(), "the task file is there and does not name it"
    named = task.read_text(encoding="utf-8").replace("annotations: null", 'annotations: "votes"')
    task.write_text(named, encoding="utf-8")
    assert "look at: column" not in add("my-mail", path).summary()


@pytest.mark.parametrize(
    "cells", [(["a", "word"], ["list"], None), ("good | bad", "so", ""), (["ham"], ["spam"], None)]
)
def test_what_is_no_vote_is_not_spoken_of(project: Path, tmp_path: Path, cells: tuple[object, ...]) -> None:
    assert "votes" not in add("my-mail", voted(tmp_path / "a.jsonl", *cells, column="tokens")).summary()


def test_the_starter_task_is_complete_and_names_what_was_found(project: Path, tmp_path: Path) -> None:
    rows = [(text, {"ham": "Sci/Tech", "spam": 'yes: "no"'}[str(label)]) for text, label in ROWS]
    train = file(tmp_path / "a.jsonl", *rows, columns=("body", "kind"))
    test = file(tmp_path / "b.jsonl", *rows[:1], columns=("body", "kind"))
    add("my-mail", train, test=test, text="body", label="kind", values={"Sci/Tech": "science"})
    task = load_task("my-mail")
    assert task.label_names == ["science", 'yes: "no"']
    assert task.source.values == {"Sci/Tech": "science"}
    assert (task.source.train, task.source.test) == ("data/raw/my-mail/train.jsonl", "data/raw/my-mail/test.jsonl")
    assert (task.source.columns.text, task.source.columns.label, task.source.columns.id) == ("body", "kind", None)


def test_a_column_of_ids_is_used_where_it_names_every_row(project: Path, tmp_path: Path) -> None:
    for name, ids in (("unique", (1, 2, 3)), ("repeated", (1, 1, 2))):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(
            "".join(json.dumps({"id": n, "text": t, "label": x}) + "\n" for n, (t, x) in zip(ids, ROWS, strict=True)),
            encoding="utf-8",
        )
        add(name, path)
        assert load_task(name).source.columns.id == ("id" if name == "unique" else None)


def test_labels_that_only_the_test_texts_have_come_with_the_options_for_each(project: Path, tmp_path: Path) -> None:
    train = file(tmp_path / "a.jsonl", *ROWS)
    test = file(tmp_path / "b.jsonl", ("One", "ham"), ("Two", "it's news"), ("Three", "SPAM"), ("Four", "it's news"))
    with pytest.raises(StandinError) as error:
        add("my-mail", train, test=test)
    said = str(error.value)
    assert "b.jsonl: column 'label' holds 2 labels that" in said
    assert "\"it's news\" (2), 'SPAM' (1). Add " in said
    taken = [shlex.split(option)[1] for option in re.findall(r"--value (?:'(?:[^']|'\"'\"')*'|[^ :]+)", said)]
    assert taken == ["it's news=", "SPAM=spam", "it's news=it's news"]
    found = add("my-mail", train, test=test, values=mapping(taken[:2]))
    assert [row.label for row in found.parts["test"].rows] == ["ham", "spam"]
    assert load_task("my-mail").label_names == ["ham", "spam"]
    found = add("three-kinds", train, test=test, values=mapping(taken[1:]))
    assert [row.label for row in found.parts["test"].rows] == ["ham", "it's news", "spam", "it's news"]
    assert load_task("three-kinds").label_names == ["ham", "it's news", "spam"]


def test_a_task_file_may_map_leave_out_or_take_a_label_of_the_test_texts(project: Path, tmp_path: Path) -> None:
    train, test = file(tmp_path / "a.jsonl", *ROWS), file(tmp_path / "b.jsonl", ("One", "news"), ("Two", "ham"))
    add("my-mail", train, test=test, values={"news": ""})
    path = Path("tasks/my-mail.yaml")
    plain = path.read_text(encoding="utf-8").replace('  values:\n    "news": ""\n', "")
    path.write_text(plain, encoding="utf-8")
    with pytest.raises(StandinError) as error:
        add("my-mail", train, test=test)
    (advised,) = re.findall(r"as in `(.*?)`, or \"\" to leave such rows out; or add it to labels", str(error.value))
    label = "  - {name: news, phrase: news, description: news}\n# Stance tasks"
    for old, new, labels in (
        ("  columns:\n", f"  values: {{{advised}}}\n  columns:\n", ["ham", "ham"]),
        ("  columns:\n", '  values: {news: ""}\n  columns:\n', ["ham"]),
        ("# Stance tasks", label, ["news", "ham"]),
    ):
        path.write_text(plain.replace(old, new), encoding="utf-8")
        assert [row.label for row in add("my-mail", train, test=test).parts["test"].rows] == labels


def test_the_starter_task_has_every_key_of_a_source_with_its_default(project: Path, tmp_path: Path) -> None:
    add("my-mail", file(tmp_path / "a.jsonl", *ROWS))
    found = yaml.safe_load(Path("tasks/my-mail.yaml").read_text(encoding="utf-8"))["source"]
    assert found["columns"].keys() == Columns.model_fields.keys()
    for_published = {"hub", "local", "licence", "citation", "other_questions", "other_labels", "remove"}
    assert found.keys() == Source.model_fields.keys() - {"values"} - for_published, "values are written where some are"
    optional = {name: each.default for name, each in Source.model_fields.items() if not each.is_required()}
    assert {name: found[name] for name in optional if name in found} == {
        "measurement": optional["measurement"],
        "validation": None,
    }


def test_unlabelled_texts_get_two_labels_to_be_edited(project: Path, tmp_path: Path) -> None:
    found = add("raw-texts", file(tmp_path / "a.csv.jsonl", *ROWS), label=None)
    assert "labels: none" in found.summary()
    assert load_task("raw-texts").source.columns.label is None
    assert len(load_task("raw-texts").labels) == 2


def test_a_task_file_that_exists_is_kept_and_its_reading_holds(project: Path, tmp_path: Path) -> None:
    train = file(tmp_path / "a.jsonl", *ROWS)
    add("my-mail", train)
    path = project / "tasks/my-mail.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('title: "my-mail"', "title: Mine"), encoding="utf-8")
    assert not add("my-mail", train).task_written
    assert load_task("my-mail").title == "Mine"
    with pytest.raises(StandinError, match=r"label 'junk' is not in the task"):
        add("my-mail", file(tmp_path / "b.jsonl", ("x", "junk")), replace=True)
    with pytest.raises(StandinError, match=r"source\.values, instead of --value"):
        add("my-mail", train, values={"a": "ham"})
    csv = tmp_path / "c.csv"
    csv.write_text("text,label\nhello,ham\nbuy,spam\n", encoding="utf-8")
    add("my-mail", csv, replace=True)
    written = (project / "data/raw/my-mail/train.jsonl").read_text(encoding="utf-8")
    assert written == '{"text": "hello", "label": "ham"}\n{"text": "buy", "label": "spam"}\n'
    path.write_text(path.read_text(encoding="utf-8").replace("train.jsonl", "train.tsv"), encoding="utf-8")
    with pytest.raises(StandinError, match=r"source\.train is 'data/raw/my-mail/train\.tsv', but c\.csv goes to"):
        add("my-mail", csv, replace=True)


def test_other_data_is_replaced_only_when_told_to(project: Path, tmp_path: Path) -> None:
    add("my-mail", file(tmp_path / "a.jsonl", *ROWS))
    target = project / "data/raw/my-mail/train.jsonl"
    before = target.read_bytes()
    other = file(tmp_path / "b.jsonl", *ROWS, ("One more", "ham"))
    with pytest.raises(StandinError, match=r"data/raw/my-mail/train\.jsonl holds other data.*--replace"):
        add("my-mail", other)
    assert target.read_bytes() == before
    add("my-mail", other, replace=True)
    assert target.read_bytes() == other.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["train.jsonl"]


def test_the_same_data_in_another_format_is_other_data(project: Path, tmp_path: Path) -> None:
    add("my-mail", file(tmp_path / "a.jsonl", *ROWS))
    (project / "tasks/my-mail.yaml").unlink()
    csv = tmp_path / "a.csv"
    csv.write_text("text,label\nhello,ham\nbuy,spam\n", encoding="utf-8")
    with pytest.raises(StandinError, match=r"train\.jsonl holds other data"):
        add("my-mail", csv)
    add("my-mail", csv, replace=True)
    assert [path.name for path in (project / "data/raw/my-mail").iterdir()] == ["train.csv"]


def test_nothing_is_written_where_something_is_wrong(project: Path, tmp_path: Path) -> None:
    wrong = {
        r"no column 'text': did you mean 'texts'.*--text": file(
            tmp_path / "a.jsonl", *ROWS, columns=("texts", "label")
        ),
        r"no column 'label'.*--unlabelled": file(tmp_path / "b.jsonl", *ROWS, columns=("text", "kind")),
        r"holds 1 label \('ham'\)": file(tmp_path / "c.jsonl", *ROWS[::2]),
        r"holds 0 labels": file(tmp_path / "d.jsonl", ("x", None), ("y", None)),
        r"holds 101 labels \('0', .*, \.\.\.\) for 101 texts": file(
            tmp_path / "e.jsonl", *((f"t{n}", n) for n in range(101))
        ),
        r"line 4: 2 labels \(ham, spam\)": file(tmp_path / "f.jsonl", *ROWS, ("both", "ham|spam")),
        r"line 4: 2 labels \(ham, spam\); a": file(tmp_path / "g.jsonl", *ROWS, ("both", ["ham", "spam"])),
        r"there is no such file": tmp_path / "absent.jsonl",
    }
    for message, path in wrong.items():
        with pytest.raises(StandinError, match=message):
            add("my-mail", path)
    with pytest.raises(StandinError, match=r"'My Mail' is no task name"):
        add("My Mail", file(tmp_path / "h.jsonl", *ROWS))
    assert [path.name for path in project.iterdir() if not path.name.startswith(".")] == []


def test_data_that_is_versioned_but_not_pulled_is_not_overwritten(project: Path, tmp_path: Path) -> None:
    (project / "data/raw").mkdir(parents=True)
    (project / "data/raw/my-mail.dvc").write_text("outs:\n", encoding="utf-8")
    with pytest.raises(StandinError, match=r"`dvc pull data/raw/my-mail` first"):
        add("my-mail", file(tmp_path / "a.jsonl", *ROWS), replace=True)


def test_data_that_git_keeps_is_left_alone(project: Path, tmp_path: Path) -> None:
    (project / "data/raw/city").mkdir(parents=True)
    (project / "data/raw/city/train.jsonl").write_text("{}\n", encoding="utf-8")
    command(project, "git", "add", "data/raw/city")
    with pytest.raises(StandinError, match=r"data/raw/city: these files are kept in Git itself"):
        add("city", file(tmp_path / "a.jsonl", *ROWS), replace=True)


def test_a_folder_without_dvc_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StandinError, match=r"no DVC repository.*project's root"):
        add("my-mail", file(tmp_path / "a.jsonl", *ROWS))


def test_values_are_written_with_an_equals_sign() -> None:
    assert mapping(["SPAM=spam", "a=b=ham", "unsure="]) == {"SPAM": "spam", "a=b": "ham", "unsure": ""}
    with pytest.raises(StandinError, match=r"--value 'SPAM': .* as in SPAM=spam"):
        mapping(["SPAM"])


def app() -> typer.Typer:
    found = typer.Typer()
    found.callback()(lambda: None)
    register(found)
    return found


def test_the_command_adds_and_says_a_mistake_without_a_traceback(project: Path, tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", ("Meet at six?", "H"), ("WIN", "S"))
    done = CliRunner().invoke(app(), ["data", "add", "my-mail", str(path), "--value", "H=ham", "--value", "S=spam"])
    assert done.exit_code == 0, done.output
    assert "labels: ham 1, spam 1" in done.output
    failed = CliRunner().invoke(app(), ["data", "add", "my-mail", str(tmp_path / "absent.csv")])
    assert failed.exit_code == 1
    assert "absent.csv: there is no such file" in failed.output
    assert isinstance(failed.exception, SystemExit)


def test_registering_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys, standin.sources.commands; "
        "print(sorted({'numpy', 'pandas', 'yaml', 'standin.sources.adding'} & set(sys.modules)))"
    )
    source = Path(__file__).parents[1] / "src"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_dvc_keeps_the_data_and_git_the_pointer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "project"
    root.mkdir()
    command(root, "git", "init", "--quiet")
    command(root, sys.executable, "-m", "dvc", "init", "--quiet")
    monkeypatch.chdir(root)
    add("my-mail", file(tmp_path / "a.jsonl", *ROWS))
    assert "train.jsonl" not in command(root, "git", "status", "--porcelain", "--untracked-files=all")
    assert "A  data/raw/my-mail.dvc" in command(root, "git", "status", "--porcelain")
    (root / "data/raw/my-mail/train.jsonl").unlink()
    command(root, sys.executable, "-m", "dvc", "checkout", "--quiet")
    assert (root / "data/raw/my-mail/train.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()


def test_a_rare_label_spelt_like_a_frequent_one_is_shown(project: Path, tmp_path: Path) -> None:
    rows = [(f"text number {n}", ("complaint", "praise")[n % 2]) for n in range(40)]
    said = add("typo", file(tmp_path / "t.jsonl", *rows, ("one more", "complaintt"))).summary()
    assert "look at: label 'complaintt' (1) is spelt almost like 'complaint' (20)" in said
    said = add("fine", file(tmp_path / "f.jsonl", *rows, ("one more", "question"))).summary()
    assert "spelt almost" not in said


def test_a_csv_with_semicolons_is_read_and_a_sheet_is_not(project: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('comment;topic\n"good, cheap";praise\n"cold; late";complaint\n', encoding="utf-8")
    found = add("sheet", tmp_path / "a.csv", text="comment", label="topic")
    assert [row.text for row in found.parts["train"].rows] == ["good, cheap", "cold; late"]
    (tmp_path / "b.csv").write_text('"comment, full";topic\nfine;praise\ncold;complaint\n', encoding="utf-8")
    assert len(add("sheet3", tmp_path / "b.csv", text="comment, full", label="topic").parts["train"].rows) == 2
    (tmp_path / "a.ods").write_bytes(b"PK")
    with pytest.raises(
        StandinError, match=r"a\.ods: files of this kind are not read.*Save the sheet as \.xlsx or \.csv"
    ):
        add("sheet2", tmp_path / "a.ods")


def test_a_starter_file_says_what_waits_for_words(project: Path, tmp_path: Path) -> None:
    add("my-mail", file(tmp_path / "mail.jsonl", *ROWS))
    said = load_task("my-mail").unedited()
    assert said is not None
    assert "tasks/my-mail.yaml: warning: prompts.context; labels, ham: description; labels, spam: description" in said
    path = project / "tasks/my-mail.yaml"
    path.write_text(re.sub("edit: ", "", path.read_text(encoding="utf-8"), flags=re.IGNORECASE), encoding="utf-8")
    assert load_task("my-mail").unedited() is None


WORDS = [
    "accordion",
    "barley",
    "cobalt",
    "dolphin",
    "ember",
    "fjord",
    "gravel",
    "hazel",
    "ivory",
    "jigsaw",
    "kettle",
    "lantern",
    "marble",
    "nutmeg",
    "orchid",
    "pebble",
    "quartz",
    "ribbon",
    "saffron",
    "timber",
    "umbrella",
    "velvet",
    "walnut",
    "xylophone",
    "yarrow",
    "zephyr",
    "anchor",
    "bramble",
    "cinder",
    "dapple",
]


def unlike(number: int, base: int = 0) -> str:
    """Texts of which no two are nearly equal: their words are drawn by the digits of a hash."""
    digest = hashlib.sha256(f"{base} {number}".encode()).digest()
    return " ".join(WORDS[byte % len(WORDS)] for byte in digest[:8])


def options_in(said: str) -> dict[str, str]:
    return dict(re.findall(r"-S (?:')?([a-z._]+)=([^ '\n]+)", said.splitlines()[-1]))


def test_few_texts_get_split_sizes_that_fit(project: Path, tmp_path: Path) -> None:
    rows = tuple((unlike(n), ("ham", "spam")[n % 2]) for n in range(100))
    said = add("few", file(tmp_path / "few.jsonl", *rows)).summary()
    options = options_in(said)
    sizes = [int(options[f"prepare.{split}"]) for split in ("shots", "validation", "pool", "test")]
    assert 80 <= sum(sizes) <= 100
    assert min(sizes) >= 5
    assert options["select.budgets"] == f"[{int(options['prepare.pool']) // 5}]"
    assert "standin run --preview 5 -S base.task=few" in said


def test_enough_texts_need_no_other_sizes(project: Path, tmp_path: Path) -> None:
    rows = tuple((unlike(n), ("ham", "spam")[n % 2]) for n in range(680))
    said = add("many", file(tmp_path / "many.jsonl", *rows)).summary()
    assert said.splitlines()[-1] == "run: standin run -S base.task=many"
    test = file(tmp_path / "test.jsonl", *((unlike(n, 1), ("ham", "spam")[n % 2]) for n in range(30)))
    said = add("tested", file(tmp_path / "many.jsonl", *rows), test=test).summary()
    assert said.splitlines()[-1] == "run: standin run -S base.task=tested -S prepare.test=30"


@pytest.mark.parametrize("alike", [0, 50, 90, 100])
def test_sizes_that_are_printed_run_however_many_texts_are_nearly_equal(
    project: Path, tmp_path: Path, alike: int
) -> None:
    """The stage prepare draws them from the copy that was written, under this base seed and the next two."""
    from standin.stages import prepare

    same = "the bus in our street came too late again this morning said the driver"
    rows = [(f"{same} {n}" if n < alike else unlike(n), ("ham", "spam")[n % 2]) for n in range(100)]
    workbook = sheet(tmp_path / "a.xlsx", {"a": [("text", "label"), *rows]})  # ids of the copy are not the sheet's
    said = add("alike", workbook).summary()
    options = options_in(said)
    sizes = {key.partition(".")[2]: yaml.safe_load(value) for key, value in options.items() if "prepare." in key}
    assert ("look at: many texts are nearly equal" in said) == (alike > 50)
    assert ("near_duplicate" in sizes) == (alike == 100)
    for seed in (1, 2, 3):
        params = parse_params({"base": {"task": "alike", "seed": seed}, "prepare": sizes,
                               "select": {"budgets": yaml.safe_load(options["select.budgets"])}})  # fmt: skip
        found = prepare.run(params, load_task("alike"), "")
        assert found["real_texts"]["pool"] == sizes["pool"]


def test_too_few_texts_are_said_to_be_too_few(project: Path, tmp_path: Path) -> None:
    said = add("few", file(tmp_path / "few.jsonl", *ROWS)).summary()
    assert "look at: the texts are too few to be split" in said


def test_unlabelled_texts_are_the_pool_whatever_its_size(project: Path, tmp_path: Path) -> None:
    said = add("raw", file(tmp_path / "a.jsonl", *((unlike(n), None) for n in range(60))), label=None).summary()
    assert options_in(said) == {"base.task": "raw", "select.budgets": "[12]"}


def test_a_labelled_test_file_joins_unlabelled_texts_later(project: Path, tmp_path: Path) -> None:
    texts = tmp_path / "a.jsonl"
    texts.write_text("".join(json.dumps({"text": unlike(n)}) + "\n" for n in range(60)), encoding="utf-8")
    add("raw", texts, label=None)
    labelled = file(tmp_path / "test.jsonl", *((unlike(n), ("first", "second")[n % 2]) for n in range(60, 80)))
    path = project / "tasks/raw.yaml"
    with pytest.raises(StandinError, match=r"source.test is None, but test.jsonl goes to 'data/raw/raw/test.jsonl'"):
        add("raw", texts, test=labelled, replace=True)
    known = (
        path.read_text().replace("test: null", "test: data/raw/raw/test.jsonl").replace("label: null", "label: label")
    )
    path.write_text(known)
    found = add("raw", texts, test=labelled, replace=True)
    assert {row.label for row in found.parts["train"].rows} == {None}
    assert {row.label for row in found.parts["test"].rows} == {"first", "second"}


def test_a_validation_file_is_kept_beside_the_others_and_named_in_the_starter_task(
    project: Path, tmp_path: Path
) -> None:
    """Sizes fit: of its 30 texts ten are train's too, which leave train, and two are nearly test's, which leave it."""
    rows = tuple((unlike(n), ("ham", "spam")[n % 2]) for n in range(720))
    test = [(unlike(n, 1), ("ham", "spam")[n % 2]) for n in range(300)]
    near = [(" ".join(text.split()[:-1]), label) for text, label in test[:2]]
    own = [*rows[:10], *((unlike(n, 2), ("ham", "spam")[n % 2]) for n in range(18)), *near]
    files = {
        name: file(tmp_path / f"{name}.jsonl", *found)
        for name, found in {"train": rows, "test": tuple(test), "validation": tuple(own)}.items()
    }
    found = add("apart", files["train"], test=files["test"], validation=files["validation"])
    assert load_task("apart").source.validation == "data/raw/apart/validation.jsonl"
    assert (project / "data/raw/apart/validation.jsonl").read_bytes() == files["validation"].read_bytes()
    assert "data/raw/apart/validation.jsonl: 30 texts" in found.summary()
    assert options_in(found.summary()) == {"base.task": "apart", "prepare.validation": "28"}
    (project / "data/raw/apart/validation.jsonl").rename(tmp_path / "away.jsonl")
    with pytest.raises(
        StandinError, match=r"source.validation is 'data/raw/apart/validation.jsonl': give that file with"
    ):
        add("apart", files["train"], test=files["test"], replace=True)
    add("plain", files["train"])
    assert "  validation: null\n" in (project / "tasks/plain.yaml").read_text()


def test_sizes_that_are_printed_run_beside_a_validation_file(project: Path, tmp_path: Path) -> None:
    from standin.stages import prepare

    rows = tuple((unlike(n), ("ham", "spam")[n % 2]) for n in range(100))
    own = tuple(
        (" ".join(text.split()[:-1]) if n < 5 else unlike(n, 2), label) for n, (text, label) in enumerate(rows[:20])
    )
    own += (own[9], (own[10][0].upper(), own[10][1]))  # both stand there twice and count once
    found = add("few", file(tmp_path / "a.jsonl", *rows), validation=file(tmp_path / "v.jsonl", *own))
    options = options_in(found.summary())
    sizes = {key.partition(".")[2]: yaml.safe_load(value) for key, value in options.items() if "prepare." in key}
    assert sizes["validation"] == 15, "five may be like a test text"
    assert sizes["pool"] + sizes["test"] + sizes["shots"] >= 90, "none of train's is kept for validation"
    for seed in (1, 2, 3):
        params = parse_params({"base": {"task": "few", "seed": seed}, "prepare": sizes,
                               "select": {"budgets": yaml.safe_load(options["select.budgets"])}})  # fmt: skip
        assert prepare.run(params, load_task("few"), "")["real_texts"]["validation"] == 15


def test_a_labelled_validation_file_joins_unlabelled_texts_later(project: Path, tmp_path: Path) -> None:
    texts = tmp_path / "a.jsonl"
    texts.write_text("".join(json.dumps({"text": unlike(n)}) + "\n" for n in range(60)), encoding="utf-8")
    add("raw", texts, label=None)
    labelled = file(tmp_path / "v.jsonl", *((unlike(n), ("first", "second")[n % 2]) for n in range(60, 80)))
    path = project / "tasks/raw.yaml"
    with pytest.raises(StandinError, match=r"source.validation is None, but v.jsonl goes to 'data/raw/raw/validation"):
        add("raw", texts, validation=labelled, replace=True)
    known = path.read_text().replace("validation: null", "validation: data/raw/raw/validation.jsonl")
    path.write_text(known.replace("label: null", "label: label"))
    found = add("raw", texts, validation=labelled, replace=True)
    assert {row.label for row in found.parts["train"].rows} == {None}
    assert options_in(found.summary()) == {"base.task": "raw", "prepare.validation": "20", "select.budgets": "[12]"}


def test_validation_texts_that_nobody_labelled_are_none(project: Path, tmp_path: Path) -> None:
    from standin.stages import prepare

    texts, own = (file(tmp_path / f"{base}.jsonl", *((unlike(n, base), None) for n in range(60))) for base in (0, 1))
    options = options_in(add("raw", texts, label=None, validation=own).summary())
    assert options == {"base.task": "raw", "prepare.validation": "0", "select.budgets": "[12]"}
    params = parse_params({"prepare": {"validation": 0}, "select": {"budgets": [12]}})
    assert prepare.run(params, load_task("raw"), "")["real_texts"]["pool"] == 60


def test_of_few_texts_none_is_kept_for_what_has_a_file_of_its_own(project: Path, tmp_path: Path) -> None:
    train, test, own = (
        file(tmp_path / f"{base}.jsonl", *((unlike(n, base), ("ham", "spam")[n % 2]) for n in range(100)))
        for base in range(3)
    )
    options = options_in(add("few", train, test=test, validation=own).summary())
    assert "prepare.validation" not in options, "100 texts are more than params.yaml asks for"
    assert options["prepare.test"] == "100"
    assert int(options["prepare.pool"]) + int(options["prepare.shots"]) >= 90


def test_of_unlabelled_texts_those_of_the_validation_file_are_not_in_the_pool(project: Path, tmp_path: Path) -> None:
    texts = [(unlike(n), None) for n in range(60)]
    own = file(tmp_path / "v.jsonl", *((text, None) for text, _ in texts[:10]))
    found = add("raw", file(tmp_path / "a.jsonl", *texts, texts[20]), label=None, validation=own)
    assert options_in(found.summary())["select.budgets"] == "[10]", "a fifth of 50"


def test_the_question_with_the_fewest_validation_texts_counts() -> None:
    def raw(base: int, **questions: int) -> RawRows:
        rows = [
            Row(id=f"{base}{question}{n}", text=unlike(n, base + place), label="ab"[n % 2], question_id=question)
            for place, (question, number) in enumerate(questions.items())
            for n in range(number)
        ]
        return RawRows(tuple(rows), 0, 0, 0)

    found = sizes.fitting(
        {"train": raw(0, cars=700, rent=700), "validation": raw(2, cars=30, rent=20)}, parse_params({})
    )
    assert found.sizes == {"validation": 20}


def test_sizes_are_those_of_the_projects_own_parameters(project: Path, tmp_path: Path) -> None:
    (project / "params.yaml").write_text(
        "prepare: {shots: 8, validation: 8, pool: 40, test: 8}\nselect: {budgets: [9]}\n"
    )
    rows = tuple((unlike(n), ("ham", "spam")[n % 2]) for n in range(100))
    said = add("few", file(tmp_path / "few.jsonl", *rows)).summary()
    assert said.splitlines()[-1] == "run: standin run -S base.task=few"


def test_of_many_texts_some_are_tried(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,500 texts nearly all are alike: a sample shows that, where the question has enough of them."""
    (project / "params.yaml").write_text(
        "prepare: {shots: 8, validation: 8, pool: 40, test: 8}\nselect: {budgets: [9]}\n"
    )
    seen = []
    monkeypatch.setattr(sizes, "SAMPLE", 300)
    monkeypatch.setattr(sizes, "draw", lambda rows, *rest: (seen.append(len(rows)), draw(rows, *rest)))
    rows = tuple((unlike(n), ("ham", "spam")[n % 2]) for n in range(1500))
    assert options_in(add("many", file(tmp_path / "a.jsonl", *rows)).summary()) == {"base.task": "many"}
    assert seen == [300]
    same = tuple((f"the same text as before it, number {n}", ("ham", "spam")[n % 2]) for n in range(1500))
    assert "near_duplicate" in add("same", file(tmp_path / "b.jsonl", *same)).summary()
