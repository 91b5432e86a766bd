"""Answers follow their texts where data is added anew, and what `standin label` says to do next is what is to be done."""

from pathlib import Path

import pytest
import yaml
from test_labelling import CHOSEN, FILE, TEXTS, label, project
from typer.testing import CliRunner

from standin import cli
from standin.corpus import Row, SelectedRow, write_json_lines, write_rows
from standin.labelling.labels import Labelled, digest, read_labels, write_labels
from standin.labelling.moving import follow

__all__ = ["project"]
ORDER = list(TEXTS)


def rows(*texts: str, question: str | None = None, first: int = 1) -> list[Row]:
    return [Row(id=f"train-{n:05d}", text=text, question_id=question) for n, text in enumerate(texts, first)]


def answers(given: list[Row], round_: int | None = 1) -> dict[str, Labelled]:
    return {row.id: Labelled(id=row.id, digest=digest(row.text), votes={"me": "a"}, round=round_) for row in given}


def texts_of(labels: dict[str, Labelled], given: list[Row]) -> dict[str, str]:
    """Text -> id, of the answers that stand under the id of their text."""
    by_digest = {(row.id, digest(row.text)): row.text for row in given}
    return {by_digest[name, each.digest]: name for name, each in labels.items() if (name, each.digest) in by_digest}


def test_a_text_at_the_top_moves_every_answer_by_one_and_none_is_lost() -> None:
    old, new = rows("one", "two", "three"), rows("zero", "one", "two", "three")
    found = follow(answers(old[:2]), new, {})
    assert (found.moved, found.aside) == (2, 0)
    assert texts_of(found.labels, new) == {"one": "train-00002", "two": "train-00003"}
    assert {name: each.id for name, each in found.labels.items()} == {name: name for name in found.labels}
    assert {each.round for each in found.labels.values()} == {1}
    back = follow(found.labels, old, {})
    assert texts_of(back.labels, old) == {"one": "train-00001", "two": "train-00002"}


def test_an_answer_without_its_text_is_kept_aside_and_returns_with_it() -> None:
    old, new = rows("one", "two"), rows("two", "three")
    found = follow(answers(old), new, {})
    assert (found.moved, found.aside) == (1, 1)
    assert texts_of(found.labels, new) == {"two": "train-00001"}
    assert len(found.labels) == 2
    again = follow(found.labels, new, {})
    assert (again.labels, again.moved, again.aside) == (found.labels, 0, 0), "said once"
    assert texts_of(follow(found.labels, old, {}).labels, old) == {"one": "train-00001", "two": "train-00002"}


def test_of_two_answers_to_one_text_that_at_home_or_of_the_earlier_round_counts_and_the_other_stays() -> None:
    given = rows("one", "two")
    twice = answers(given) | {"old": Labelled(id="old", digest=digest("one"), votes={"me": "b"})}
    found = follow(twice, given, {})
    assert found.labels["train-00001"].label == "a"
    assert sorted(each.label or "" for each in found.labels.values()) == ["a", "a", "b"]
    later = Labelled(id="a2", digest=digest("one"), votes={"me": "b"}, round=2)
    earlier = Labelled(id="z1", digest=digest("one"), votes={"me": "a"}, round=1)
    found = follow({"a2": later, "z1": earlier}, given, {})
    assert (found.labels["train-00001"].label, found.moved, found.aside) == ("a", 1, 1)


def test_a_text_that_stands_twice_has_the_id_that_it_has_in_the_pool() -> None:
    new = rows("zero", "one", "two", "one")
    assert texts_of(follow(answers(rows("one")), new, {}).labels, new) == {"one": "train-00002"}


def test_an_answer_moves_within_its_question_alone() -> None:
    old = rows("one", question="q") + rows("two", question="r", first=2)
    new = rows("zero", "one", question="q") + rows("two", question="r", first=3)
    known = {(row.id, digest(row.text)): row.question_id for row in old}
    assert texts_of(follow(answers(old), new, known).labels, new) == {"one": "train-00002", "two": "train-00003"}
    assert follow(answers(old), new, {}).moved == 0, "nobody knows which question was asked"
    turned = rows("zero", "one", question="r") + rows("two", question="q", first=3)
    assert follow(answers(old), turned, known).moved == 0
    both = rows("zero", "one", question="q") + rows("one", question="r", first=3)
    assert follow(answers(old[:1]), both, known).moved == 0


def pool_of(given: list[Row]) -> None:
    write_rows(Path("data/real/pool.jsonl"), given)


def test_data_add_says_how_many_answers_moved_and_the_next_question_waits_for_the_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".dvc").mkdir()
    monkeypatch.setattr("standin.sources.adding._run", lambda *_: "")
    texts = [f"Text number {n} is about the {'bus' if n % 2 else 'rent'} in our street" for n in range(40)]

    def add(*given: str) -> str:
        write_json_lines(Path("in.jsonl"), [{"text": text} for text in given])
        done = CliRunner().invoke(cli.app, ["data", "add", "bike", "in.jsonl", "--unlabelled", "--replace"])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    assert "answers" not in add(*texts)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["base"]["task"] = "bike"
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    file = Path("data/labels/bike.jsonl")
    old = rows(*texts)
    pool_of(old)
    write_labels(
        file, [Labelled(id=row.id, digest=digest(row.text), votes={"me": "first"}, round=1) for row in old[:5]]
    )
    before = file.read_bytes()
    assert "no longer" not in add(*texts)
    assert file.read_bytes() == before

    new = ["Do you repair cargo bikes?", *texts[:3], *texts[4:]]
    said = add(*new)
    assert "look at: data/labels/bike.jsonl: 4 of 5 answers no longer belong to their ids" in said
    assert "3 texts were found under another id: the answers moved" in said
    assert "1 text was not found, or not without doubt" in said
    assert said.index("no longer belong") < said.index("try first")
    assert set(texts_of(read_labels(file), rows(*new))) == {*texts[:3], texts[4]}
    assert len(read_labels(file)) == 5
    assert "no longer" not in add(*new), "once"

    for words in (("export", "a.csv"), ("next",), ()):
        assert "3 answers belong to texts that the pool has under another id" in label(*words, fails=True)
    assert "`standin run` first" in label("status")
    pool_of(rows(*new))
    assert "another id" not in label("status")
    assert "answers 4 texts of the pool (4 in closed rounds); 1 answer to texts that are not in it" in label(
        "status", width=200
    )


def test_after_a_closed_round_the_run_that_selects_is_what_is_to_be_done() -> None:
    label(typed="1\n2\n3\n")
    assert "new texts: standin label next" in label("status")
    label("next")
    said = label("status")
    assert "label next" not in said
    assert "all texts that were selected (a budget of 2) are answered in closed rounds; 0 left" in said
    assert "means 0 texts" not in said
    assert "these texts were selected before the last round was closed; select new ones: standin run" in said
    assert "`standin run` selects new texts" in label("next", fails=True)


def test_few_answers_are_not_said_to_train_what_they_cannot() -> None:
    write_rows(  # one budget, as a smaller one may be whole already
        Path("data/selected/sqbc.jsonl"),
        [SelectedRow(seed=1, budget=2, rank=rank, id=name, score=0) for rank, name in enumerate(CHOSEN["sqbc"], 1)],
    )
    write_rows(
        Path("data/selected/random.jsonl"),
        [SelectedRow(seed=1, budget=2, rank=rank, id=name, score=0) for rank, name in enumerate(CHOSEN["random"], 1)],
    )
    label(typed="1\nq\n")
    said = label("status", width=300)
    assert "train on them" not in said
    assert "A run now would skip the strategies' arms, as texts of each are unanswered (random 1, sqbc 1)" in said
    assert f"standin run -S select.labels={FILE.as_posix()} -S '+arms.mine=[labelled]'" in said
    label(typed="1\nq\n")
    assert "train on those of sqbc: standin run" in label("status", width=300)


def test_with_every_text_answered_no_further_round_is_offered() -> None:
    write_json_lines(Path("a.jsonl"), [{"id": name, "label": "housing"} for name in TEXTS])
    said = label("import", "a.jsonl")
    assert "every text of the pool is answered" in said
    assert "label next" not in said


def test_next_says_what_becomes_of_the_models_and_how_to_keep_one() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["select"]["labels"] = FILE.as_posix()
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    label(typed="1\n2\n3\n")
    said = label("next")
    assert "empties the models of random, sqbc, random_synthetic, sqbc_synthetic until the new texts are" in said
    assert "`dvc get . models/random --rev city-topics-round-1 -o models/random-1`" in said
    assert f"git add {FILE.as_posix()} params.yaml dvc.lock reports && git commit" in said
    assert "standin run -S '+arms.mine=[labelled]'" in said
    params["arms"]["mine"] = ["labelled"]
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    write_json_lines(Path("a.jsonl"), [{"id": "p4", "label": "housing"}])
    label("import", "a.jsonl")
    assert "arms.mine" not in label("next")


def test_an_answer_goes_to_the_first_of_two_copies_as_only_that_is_in_the_pool() -> None:
    new = rows("one", "zero", "one")
    given = {"train-00003": Labelled(id="train-00003", digest=digest("one"), votes={"me": "a"}, round=1)}
    found = follow(given, new, {})
    assert list(found.labels) == ["train-00001"]
    assert (found.moved, found.aside) == (1, 0)
    asked = rows("one", "zero", "one", question="q") + rows("two", question="r", first=4)
    assert follow(given, asked, {}).labels == given, "it names its text, and nobody knows which question was asked"
