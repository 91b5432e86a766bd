"""Phrase lists: a person adds a sentence or a language, and a broken file is one clear message."""

import shutil
from pathlib import Path

import pytest
import yaml

from standin.errors import StandinError
from standin.generation import talk
from standin.generation.talk import Phrases, fold, load

FOLDER = Path(talk.__file__).with_name("phrases")
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_the_lists_of_seventeen_languages_come_with_the_package() -> None:
    languages = ["cs", "da", "de", "en", "es", "fr", "it", "ja", "ko", "nb", "nl", "pl", "pt", "ru", "sv", "tr", "zh"]
    assert languages == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_announces_labels_closes_and_refuses(language: str) -> None:
    lists = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    needed = {
        "sure",
        "here",
        "texts",
        "labels",
        "fields",
        "closings",
        "units",
        "refusals",
        "assistant",
        "asker",
        "thoughts",
    }
    assert needed <= lists.keys() <= Phrases.model_fields.keys()


def test_a_language_is_added_by_a_file(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "phrases")
    answer = fold("Toki! T\u00e4ss\u00e4 on kommentti: bussi")
    assert not load(folder).announcement.match(answer)
    (folder / "fi.yaml").write_text(
        "sure: [toki]\nhere: [t\u00e4ss\u00e4 on]\ntexts: [kommentti]\n"
        "refusals: ['en (?:valitettavasti )?voi {write}']\nparts: {write: auttaa|kirjoittaa}\n",
        encoding="utf-8",
    )
    found = load(folder)
    announced = found.announcement.match(answer)
    assert announced is not None
    assert announced.end() == len("Toki! T\u00e4ss\u00e4 on kommentti: ")
    assert found.refusal.match(fold("En valitettavasti voi kirjoittaa sit\u00e4"))
    assert not found.refusal.match(fold("En voi nukkua"))


def test_an_entry_ends_where_a_word_ends_and_accents_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text("closings: [hint, caf\u00e9]\n", encoding="utf-8")
    closing = load(tmp_path).closing
    assert [bool(closing.match(fold(text))) for text in ("Hint: so", "hinterland", "Cafe", "CAF\u00c9")] == [True, False, True, True]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("closings: ['note(']\n", ["xx.yaml", "closings", "'note('", "no regular expression"]),
        ("closings: ['(?:note)?']\n", ["xx.yaml", "closings", "'(?:note)?'", "nothing stands"]),
        (
            "refusals: ['i {canot} write']\nparts: {cannot: can't}\n",
            ["xx.yaml", "refusals", "{canot}", "did you mean 'cannot'"],
        ),
        ("closing: [note]\n", ["xx.yaml", "closing", "did you mean 'closings'"]),
        ("closings: note\n", ["xx.yaml", "closings", "'note'"]),
        ("closings: [note\n", ["xx.yaml", "line", "broken YAML"]),
        ("parts: {write: '(a'}\nrefusals: ['{write}']\n", ["xx.yaml", "refusals", "no regular expression"]),
        ("- note\n", ["xx.yaml"]),
    ],
)
def test_a_broken_list_is_one_message(tmp_path: Path, content: str, said: list[str]) -> None:
    (tmp_path / "xx.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(StandinError) as error:
        load(tmp_path)
    assert all(part in str(error.value) for part in said), error.value
    assert "\n" not in str(error.value)


def test_without_any_list_the_message_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(StandinError, match="no phrase list"):
        load(tmp_path)


def test_an_empty_list_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text("", encoding="utf-8")
    found = load(tmp_path)
    for name in found.__slots__:
        assert getattr(found, name).match("Here is a comment: note") is None, name
