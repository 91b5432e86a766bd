"""A ``standin predict`` that was stopped goes on where it was, for the same texts and the same classifier alone."""

import errno
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_predicting import LETTERS, made, project, rows, run, stances  # noqa: F401  fixtures among them
from tiny_classifier import BUS
from typer.testing import CliRunner

from standin import cli
from standin.classifier import prediction
from standin.corpus import read_json, write_json
from standin.errors import StandinError
from standin.predicting import files, reading
from standin.sheets import sheet_text

DIFFERENT, PLACES = 10, 11
"""Texts of ``letters.csv`` that differ, and rows that hold one."""


class StoppedError(Exception):
    """As if the process ended here."""


class Watched:
    """The classifier's ``predict``: counts texts, and stops at a call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.left: int | None = None
        self.by: type[BaseException] = StoppedError
        self.own = prediction.predict
        monkeypatch.setattr(prediction, "predict", self)

    def __call__(self, classifier: Any, texts: Sequence[str], questions: Sequence[str | None]) -> Any:
        if self.left == 0:
            raise self.by
        self.left = None if self.left is None else self.left - 1
        self.texts += texts
        return self.own(classifier, texts, questions)


@pytest.fixture
def watched(project: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:  # noqa: F811
    """A chunk is two texts."""
    monkeypatch.setattr(reading, "CHUNK", 2)
    return Watched(monkeypatch)


def stop(watched: Watched, *words: str, after: int = 3, by: type[BaseException] = StoppedError) -> Any:
    """Call a command that is stopped after some chunks."""
    watched.left, watched.by = after, by
    found = CliRunner().invoke(cli.app, list(words))
    assert found.exit_code != 0
    watched.left, watched.texts = None, []
    return found


def again(watched: Watched, *words: str) -> tuple[str, int]:
    """Call a command: what it says on stderr, and how many texts it read anew."""
    watched.texts = []
    found = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stderr, len(watched.texts)


def kept() -> list[Path]:
    return sorted(Path(".standin/predicting").glob("*"))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_what_was_read_is_taken_over_and_the_file_has_the_bytes_of_an_unbroken_one(
    watched: Watched, suffix: str
) -> None:
    words = ("predict", "letters.csv", "--probabilities", "--to")
    run(*words, f"whole.{suffix}")
    assert kept() == []
    stop(watched, *words, f"a.{suffix}")
    assert not Path(f"a.{suffix}").exists()
    assert len(kept()) == 1
    said, read = again(watched, *words, f"a.{suffix}")
    # the shortest texts are left; "the bus is late", twice in the file, is among the six that were read
    assert "taking over 7 of 11 texts, read before by the same classifier" in said
    assert read == DIFFERENT - 6
    assert Path(f"a.{suffix}").read_bytes() == Path(f"whole.{suffix}").read_bytes()
    assert kept() == []
    said, read = again(watched, *words, f"b.{suffix}")
    assert ("taking over" in said, read) == (False, DIFFERENT)


def test_a_run_may_be_stopped_time_and_again(watched: Watched) -> None:
    for before in (0, 2, 5, 7):  # the second chunk holds the text that stands there twice
        said = stop(watched, "predict", "letters.csv", after=1).stderr
        assert (f"taking over {before} of 11 texts" in said) == (before > 0)
    said, read = again(watched, "predict", "letters.csv")
    assert ("taking over 9 of 11 texts" in said, read) == (True, 2)


def test_ctrl_c_says_how_to_go_on(watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    found = stop(watched, "predict", "letters.csv", by=KeyboardInterrupt)
    assert found.exit_code == 130
    assert "7 of 11 texts are read and kept; the same command takes them over" in found.stderr
    assert "kept" not in stop(watched, "predict", "letters.csv", "--text", "id", after=0, by=KeyboardInterrupt).stderr
    watched.left, watched.by = 1, KeyboardInterrupt
    monkeypatch.setattr("sys.argv", ["standin", "predict", "letters.csv"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "9 of 11 texts are read and kept; the same command takes them over", "interrupted; run again to go on"
    ]  # fmt: skip


def test_another_model_takes_nothing_over_and_leaves_what_is_there(watched: Watched) -> None:
    head = Path("models/synthetic/2_Dense/model.safetensors")
    head.write_bytes(head.read_bytes()[:-1] + b"\x01")
    stop(watched, "predict", "letters.csv", "--model", "models/real")
    said, read = again(watched, "predict", "letters.csv", "--model", "models/synthetic")
    assert ("taking over" in said, read) == (False, DIFFERENT)
    said, read = again(watched, "predict", "letters.csv", "--model", "models/real", "--overwrite")
    assert ("taking over 7 of 11" in said, read) == (True, DIFFERENT - 6)


def test_a_model_of_the_same_weights_that_reads_otherwise_takes_nothing_over(watched: Watched) -> None:
    stop(watched, "predict", "letters.csv")
    settings = Path("models/real/tokenizer_config.json")
    write_json(settings, read_json(settings) | {"model_max_length": 8})
    assert again(watched, "predict", "letters.csv")[1] == DIFFERENT


def test_a_copy_of_the_model_takes_over_and_is_named_as_what_was_asked(watched: Watched) -> None:
    stop(watched, "predict", "letters.csv", "--model", "models/real")
    shutil.copytree("models/real", "copy")
    assert again(watched, "predict", "letters.csv", "--model", "copy")[1] == DIFFERENT - 6
    assert {row["model"].split("@")[0] for row in rows("letters-predicted.csv")} == {"copy", ""}


@pytest.mark.parametrize(
    "letters",
    [[*LETTERS, "rent"], LETTERS[1:-1], [*LETTERS[:-2], "rent", LETTERS[-1]], LETTERS[::-1]],
    ids=["more", "fewer", "another", "turned round"],
)
def test_other_texts_take_nothing_over(watched: Watched, letters: list[str]) -> None:
    stop(watched, "predict", "letters.csv")
    Path("letters.csv").write_text(sheet_text(["id", "text"], enumerate(letters)))
    said, read = again(watched, "predict", "letters.csv")
    assert "taking over" not in said
    assert read == len({text for text in letters if text.strip()})


def test_the_same_texts_in_another_file_take_over(watched: Watched) -> None:
    stop(watched, "predict", "letters.csv")
    Path("b.jsonl").write_text("".join(json.dumps({"n": n, "body": text}) + "\n" for n, text in enumerate(LETTERS)))
    assert again(watched, "predict", "b.jsonl", "--text", "body", "--to", "b.parquet")[1] == DIFFERENT - 6


def test_the_same_texts_under_another_question_take_nothing_over(stances: Path, watched: Watched) -> None:  # noqa: F811
    stop(watched, "predict", "letters.csv", "--question", "trams")
    assert again(watched, "predict", "letters.csv", "--question", "trees")[1] == DIFFERENT
    assert again(watched, "predict", "letters.csv", "--question", "trams", "--overwrite")[1] == DIFFERENT - 6


def test_another_question_put_to_the_same_classifier_takes_nothing_over(stances: Path, watched: Watched) -> None:  # noqa: F811
    shutil.copytree("one", "warm")
    write_json(Path("warm/training.json"), read_json(Path("one/training.json")) | {"pairs": True})
    stop(watched, "predict", "letters.csv", "--model", "warm", "--question", "more bus?")
    assert again(watched, "predict", "letters.csv", "--model", "warm", "--question", "more tree?")[1] == DIFFERENT
    words = ("predict", "letters.csv", "--model", "warm", "--question", "more bus?", "--overwrite")
    assert again(watched, *words)[1] == DIFFERENT - 6


def test_classifiers_of_several_questions_go_on_too(stances: Path, watched: Watched) -> None:  # noqa: F811
    lines = [f"{text},{question}" for question in ("trams", "trees") for text in BUS]
    Path("a.csv").write_text("text,question\n" + "\n".join(lines) + "\n")
    run("predict", "a.csv", "--to", "whole.csv")
    stop(watched, "predict", "a.csv", after=4)  # three chunks of trams, one of trees
    said, read = again(watched, "predict", "a.csv")
    assert ("taking over 7 of 10 texts" in said, read) == (True, 3)
    assert Path("a-predicted.csv").read_bytes() == Path("whole.csv").read_bytes()


# Damage


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def with_line(path: Path, number: int, line: bytes) -> None:
    found = lines_of(path)
    path.write_bytes(b"\n".join([*found[:number], line, *found[number + 1 :]]))


def changed_number(path: Path) -> None:
    with_line(path, 2, lines_of(path)[2].replace(b"0.", b"1.", 1))


def changed_place(path: Path) -> None:
    with_line(path, 2, lines_of(path)[2].replace(b'"chunk": 1', b'"chunk": 4', 1))


def no_json(path: Path) -> None:
    with_line(path, 2, b"\xff\xfe[[[")


def other_json(path: Path) -> None:
    with_line(path, 2, b"[" * 30)


def of_a_chunk_that_is_not_there(path: Path) -> None:
    with_line(path, 2, lines_of(path)[2].replace(b'"chunk": 1', b'"chunk": 99', 1))


def no_number(path: Path) -> None:
    with_line(path, 2, b'{"chunk": null, "crc": 0, "p": []}')


@pytest.mark.parametrize(
    "damage", [cut, changed_number, changed_place, no_json, other_json, of_a_chunk_that_is_not_there, no_number]
)
def test_a_damaged_line_is_read_anew_and_the_others_are_taken_over(watched: Watched, damage: Any) -> None:
    run("predict", "letters.csv", "--to", "whole.csv")
    stop(watched, "predict", "letters.csv")
    damage(kept()[0])
    # goes on after the damage, is stopped once more, and what it wrote then counts
    stop(watched, "predict", "letters.csv", after=2)
    said, read = again(watched, "predict", "letters.csv")
    assert "taking over 9 of 11 texts" in said
    assert read == DIFFERENT - 8
    assert Path("letters-predicted.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_it_holds_numbers_and_no_text(watched: Watched) -> None:
    stop(watched, "predict", "letters.csv")
    said = kept()[0].read_text()
    assert not any(text in said for text in LETTERS if text.strip())
    assert "letters" not in said + kept()[0].name


@pytest.mark.parametrize("there", ["a file", "a folder", "a link to nothing"])
def test_a_place_that_cannot_be_used_is_done_without(watched: Watched, there: str) -> None:
    run("predict", "letters.csv", "--to", "whole.csv")
    shutil.rmtree(".standin")
    if there == "a file":
        Path(".standin").touch()
    elif there == "a link to nothing":
        Path(".standin").symlink_to("nowhere")
    else:
        stop(watched, "predict", "letters.csv")
        (path,) = kept()
        path.rename(path.with_suffix(".old"))
        path.mkdir()
    said, read = again(watched, "predict", "letters.csv")
    assert "what is read could not be kept for the case of a stop: " in said
    assert read == DIFFERENT
    assert Path("letters-predicted.csv").read_bytes() == Path("whole.csv").read_bytes()


# What is made of it


def test_a_file_that_could_not_be_written_loses_nothing(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    written = files._write
    monkeypatch.setattr(files, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        CliRunner().invoke(cli.app, ["predict", "letters.csv"], catch_exceptions=False)
    monkeypatch.setattr(files, "_write", written)
    assert len(kept()) == 1
    assert again(watched, "predict", "letters.csv")[1] == 0
    assert kept() == []


def test_a_file_that_cannot_be_written_is_told_before_anything_is_read(watched: Watched) -> None:
    Path("in.jsonl").write_text('{"text": "the bus is late", "more": "\\ud800"}\n')
    with pytest.raises(
        StandinError, match=r"in\.jsonl, line 1: the column 'more' cannot be written to in-predicted\.jsonl"
    ):
        CliRunner().invoke(cli.app, ["predict", "in.jsonl"], catch_exceptions=False)
    assert watched.texts == []


def test_opinions_go_on_as_well(watched: Watched) -> None:
    whole = run("opinions", "letters.csv", "--json")
    stop(watched, "opinions", "letters.csv", "--json")
    assert len(kept()) == 1
    assert run("opinions", "letters.csv", "--json") == whole
    assert kept() == []


def test_a_file_of_blank_texts_alone_is_no_reading(watched: Watched) -> None:
    Path("a.jsonl").write_text('{"text": " "}\n{"text": null}\n')
    assert again(watched, "predict", "a.jsonl")[1] == 0
    assert kept() == []


def test_shares_come_back_to_the_last_bit(watched: Watched) -> None:
    stop(watched, "predict", "letters.csv")
    before = [json.loads(line) for line in lines_of(kept()[0]) if line]
    assert [one["chunk"] for one in before] == [0, 1, 2]
    shares = np.array(before[0]["p"])
    assert shares.shape == (2, 2)
    assert shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(axis=1), 1)
