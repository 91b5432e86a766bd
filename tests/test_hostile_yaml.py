"""YAML of strangers: params files, task files and values of -S end in one short message or in checked values."""

import os
import random
import time
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from standin.checked import MOST_BYTES, Within, parse_yaml, read_yaml
from standin.config import load_params, parse_params
from standin.errors import StandinError, nearest, visible
from standin.overrides import load_params_with
from standin.sources.adding import add
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 2.0
NASTY = (
    "2020-13-45", "!!int x", "0x_", "!!timestamp x", "!!float x", "!!bool x", "!!binary '%'", "9" * 5000, "1e999", ".nan",
    "-.inf", "[" * 1000, "{a: " * 1000, "&a [*a]", "*b", "!!python/object:os.system x", "!!set {a}", "<<: [1]", "null",
    "yes", "{}", "[]", "''", '"\\x1b[2J"', "\u202eabc", "\x85", "\u2028", "\x00", "\ud83d\ude00", "%YAML 9.9", "? [a]\n: b",
    "[1, 2]", "{a: 1}", "- x", "|\n  x", ">-\n", "!!omap [b]", "0b_", "1:99:99", "190:20:30.15", "'" * 9, "\t", ": :",
    "(a+)+$", "'(" + "(" * 2000 + "'", "{x", "'{x}{'", "../../../../etc/passwd", "/etc/passwd", "~root", "9223372036854775808",
)  # fmt: skip


def bomb(levels: int) -> str:
    """A billion values in few lines, where there are nine levels."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 2020-13-45", "f, line 1: broken YAML: '2020-13-45' is no timestamp; put quotation marks around a text"),
        ("b: 1\na: !!int x", "f, line 2: broken YAML: 'x' is no int; put quotation marks around a text"),
        ("a: 0x_", "f, line 1: broken YAML: '0x_' is no int; put quotation marks around a text"),
        ("a: !!timestamp x", "f, line 1: broken YAML: 'x' is no timestamp; put quotation marks around a text"),
        ("a:\n- 1\n- " + "[" * 1000, "f, line 3: nested deeper than 50 levels: a bracket too many?"),
        ("a: &a [*a]", "f, line 1: the alias *a stands within itself"),
        ("a: 1\na: 2", "f, line 2: broken YAML: the key 'a' stands twice"),
        (bomb(9), "f, line 5: the file's aliases stand for more than 100,000 values"),
        (b"a: \xff", "f: not UTF-8 text (byte 3). Save the file as UTF-8."),
        (b"a" * (MOST_BYTES + 1), "f: 10,000,001 bytes; at most 10,000,000 are read"),
        ("a: \x00", "f: broken YAML: unacceptable character #x0000: control characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_one_message(text: str | bytes, said: str) -> None:
    with pytest.raises(StandinError) as error:
        parse_yaml(text, "f")
    assert str(error.value) == said


def test_a_number_of_5000_digits_is_one_short_message() -> None:
    with pytest.raises(StandinError, match=r"^f, line 1: broken YAML: '9+\.\.\.9+' is no int") as error:
        parse_yaml("a: " + "9" * 5000, "f")
    assert len(str(error.value)) < 200


def test_aliases_and_merges_that_people_write_are_read() -> None:
    assert parse_yaml("a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\ne: [*a, *a]", "f") == {
        "a": {"b": 1, "c": 2},
        "d": {"b": 1, "c": 3},
        "e": [{"b": 1, "c": 2}] * 2,
    }
    assert read_yaml(ROOT / "dvc.lock")["schema"] == "2.0"


def test_a_message_of_wrong_values_stays_short() -> None:
    """Six levels of aliases once made a message of 2.8 MB."""
    raw = parse_yaml(bomb(4), "f")
    for wrong in ({"base": {"task": raw["a3"]}}, {f"group{n}": raw for n in range(99)}, {"x" * 10**6: 1}, [raw] * 9):
        began = time.perf_counter()
        with pytest.raises(StandinError) as error:
            parse_params(wrong)
        assert len(str(error.value)) < 2500
        assert len(str(error.value).splitlines()) <= 9
        assert time.perf_counter() - began < SECONDS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty: `git checkout params.yaml` brings the last version back"),
        ("# nothing\n", "the file is empty"),
        ("- base\n", r"expected groups of parameters, found \['base'\]"),
        ("text", "expected groups of parameters, found 'text'"),
    ],
)
def test_a_params_file_without_groups_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(text)
    for read in (lambda: load_params(tmp_path), lambda: load_params_with(["base.seed=2"], tmp_path)):
        with pytest.raises(StandinError, match=said):
            read()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("generator.shots=2020-13-45", "generator.shots is '2020-13-45'"),
        ("generator.shots=" + "[" * 1000, "no value as DVC reads it"),
        ("base.seed.x=5", "'seed' in 'base.seed.x' holds one value, not a group"),
        ("select.budgets.x=5", "'budgets' in 'select.budgets.x' holds one value, not a group"),
    ],
)
def test_a_value_of_s_that_cannot_be_read_is_one_message(change: str, said: str) -> None:
    with pytest.raises(StandinError, match=said) as error:
        load_params_with([change], ROOT)
    assert len(str(error.value).splitlines()) == 1


# Paths


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a/b/../../..", "a\0b", "", ".", "./../x"])
def test_a_path_that_leads_out_of_the_project_is_none(path: str) -> None:
    with pytest.raises(ValidationError, match="lies outside the project: name a file in it"):
        TypeAdapter(Within).validate_python(path)


@pytest.mark.parametrize("path", ["data/x.csv", "./x", "a/../x", "..x/y", "~x"])
def test_a_path_within_the_project_stays_as_it_is(path: str) -> None:
    assert TypeAdapter(Within).validate_python(path) == path


@pytest.mark.parametrize("key", ["train", "test", "warmstart"])
def test_a_task_file_names_no_file_outside(key: str, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    text = (ROOT / "tasks/city-topics.yaml").read_text()
    before = next(line for line in text.splitlines() if line.strip().startswith(f"{key}:"))
    outside = before.partition(":")[0] + ": data/raw/x/../../../../outside/evil.csv"
    (tmp_path / "tasks/city-topics.yaml").write_text(text.replace(before, outside, 1))
    with pytest.raises(StandinError, match=rf"source\.{key}: 'data/raw/x/\S+' lies outside the project"):
        load_task("city-topics", tmp_path)


def test_labels_are_read_from_no_file_outside() -> None:
    with pytest.raises(StandinError, match=r"select\.labels: '\.\./\S+' lies outside the project"):
        parse_params({"select": {"labels": "../../../../etc/passwd"}})


def test_data_are_not_added_through_a_link_that_leads_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    for folder in (project / ".dvc", project / "data/raw", outside):
        folder.mkdir(parents=True)
    (project / "data/raw/mine").symlink_to(outside)
    monkeypatch.setattr("standin.sources.adding._check_repository", lambda *_: None)
    source = tmp_path / "mine.csv"
    source.write_text("text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(20)))
    with pytest.raises(StandinError, match="data/raw/mine: a link leads out of the project"):
        add("mine", source, root=project)
    assert list(outside.iterdir()) == []


# What a message shows


def test_a_message_steers_no_terminal() -> None:
    said = "\x1b]0;title\x07 \x1b[2J \x9b31m \u202etxt.exe \u2066 a\rb \u2028 c\td\ne é 字 \u200f\u200d"
    shown = visible(said)
    assert shown == (
        r"\x1b]0;title\x07 \x1b[2J \x9b31m \u202etxt.exe \u2066 a\rb \u2028" + " c\td\ne é 字 \u200f\u200d"
    )
    assert str(StandinError(said)) == shown


# Mutated files


def mutated(text: str, draw: random.Random) -> str:
    """A params or task file with one to four changes: nasty values, lines moved, characters turned or cut."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(lines))
        kind = draw.randrange(7)
        key, sign, _rest = lines[place].partition(":")
        if kind <= 2:
            lines[place] = f"{key}{sign} {draw.choice(NASTY)}"
        elif kind == 3:
            lines.insert(place, lines[draw.randrange(len(lines))])
        elif kind == 4:
            del lines[place : place + draw.randint(1, 3)]
            lines = lines or [""]
        elif kind == 5:
            lines[place] = draw.choice((" ", "  ", "\t", "- ")) + lines[place]
        else:
            cut = draw.randrange(len(lines[place]) + 1)
            lines[place] = lines[place][:cut] + draw.choice(NASTY) + lines[place][cut:]
    return "\n".join(lines)


def check(number: int, folder: Path) -> dict[str, int]:
    """Read so many mutated files; how many were good."""
    draw = random.Random(20)
    texts = {path: path.read_text() for path in [ROOT / "params.yaml", *sorted((ROOT / "tasks").glob("*.yaml"))]}
    found = {"good": 0, "refused": 0}
    for _ in range(number):
        path = draw.choice(list(texts))
        where = folder / path.relative_to(ROOT)
        where.parent.mkdir(exist_ok=True)
        text = mutated(texts[path], draw)
        where.write_bytes(text.encode("utf-8", "surrogatepass"))
        began = time.perf_counter()
        try:
            load_params(folder) if path.name == "params.yaml" else load_task(path.stem, folder)
            found["good"] += 1
            said = ""
        except StandinError as error:
            found["refused"] += 1
            said = str(error)
        assert time.perf_counter() - began < SECONDS, text
        assert len(said) < 6000, text
        assert visible(said) == said
    return found


def test_mutated_files_end_in_one_message(tmp_path: Path) -> None:
    found = check(400, tmp_path)
    assert min(found.values()) > 40


@pytest.mark.slow
def test_ten_thousand_mutated_files_end_in_one_message(tmp_path: Path) -> None:
    found = check(int(os.environ.get("STANDIN_FUZZ", "10000")), tmp_path)
    assert min(found.values()) > 1000


def test_known_names_are_listed_up_to_twenty() -> None:
    assert nearest("a", map(str, range(10))).endswith("7, 8, 9")
    said = nearest("x" * 500, [f"name{n:03}" for n in range(300)])
    assert said.endswith("name018, name019 and 280 more")
