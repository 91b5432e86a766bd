"""``standin predict`` and ``standin opinions``: a trained classifier reads a file of texts."""

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_classifier import BUS, CPU, LABELS, PARK, chosen, started, trained
from tiny_encoder import write_tiny_encoder
from typer.testing import CliRunner

from standin import cli
from standin.classifier.encoders import load, save
from standin.classifier.prediction import predict
from standin.corpus import Row, write_json, write_rows
from standin.errors import StandinError
from standin.evaluation.shares import corrected_shares
from standin.predicting.classifiers import best_arm, readers
from standin.sheets import sheet_text

ROOT = Path(__file__).resolve().parents[1]
LETTERS = [*BUS, " ", *PARK, BUS[0]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of buses and parks."""
    folder = tmp_path_factory.mktemp("made")
    classifier = trained(started(write_tiny_encoder(folder / "encoder"), steps=40)).classifier
    noted = {"arm": "real", "seed": 1, "budget": None, "question_id": None}
    save(classifier, folder / "real", chosen(folder / "encoder"), noted, "card")
    return folder / "real"


@pytest.fixture
def project(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two labels after a run of the arms real and synthetic, of which real is the better one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, name)
    said = yaml.safe_load((ROOT / "tasks/city-topics.yaml").read_text())
    said["labels"] = [label for label in said["labels"] if label["name"] in LABELS]
    said["prompts"]["attributes"] = {}
    write_task(said)
    for arm in ("real", "synthetic"):
        shutil.copytree(made, f"models/{arm}")
    scores(real=0.9, synthetic=0.8)
    write_rows(Path("data/real/test.jsonl"), [
        Row(id=f"t{place}", text=text, label=LABELS[place >= 5]) for place, text in enumerate([*BUS, *PARK])
    ])  # fmt: skip
    Path("letters.csv").write_text(sheet_text(["id", "text"], enumerate(LETTERS)))
    return tmp_path


def write_task(said: dict[str, Any]) -> None:
    Path("tasks").mkdir(exist_ok=True)
    Path("tasks/city-topics.yaml").write_text(yaml.safe_dump(said, sort_keys=False))


def use(group: str, **values: Any) -> None:
    """Set parameters of the project."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params[group] |= values
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def scores(unlearned: str = "", **arms: float) -> None:
    columns = ["arm", "budget", "measure", "value"]
    rows = [[arm, "", "macro_f1", value] for arm, value in arms.items()] + [["majority", "", "macro_f1", 1.0]]
    Path("reports/evaluate").mkdir(parents=True, exist_ok=True)
    Path("reports/evaluate/scores.csv").write_text(sheet_text(columns, rows))
    Path("reports/evaluate/learned.csv").write_text(
        sheet_text(["arm", "budget"], [[unlearned, ""]] if unlearned else [])
    )


def run(*words: str) -> str:
    found = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def wrong(*words: str) -> str:
    with pytest.raises(StandinError) as error:
        CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    return str(error.value)


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def opinions(file: str, which: slice = slice(None)) -> dict[str, Any]:
    found = json.loads(run("opinions", file, "--json"))
    return {
        "shares": [row | {"question": None, "model": None} for row in found["shares"]][which],
        "notes": found["notes"],
    }


def mark_three_texts_otherwise(times: int = 1) -> None:
    """Of the test texts: five texts say bus, of which one is marked environment; of five parks two are transport."""
    write_rows(Path("data/real/test.jsonl"), [
        Row(id=f"t{k}-{n}", text=text, label=LABELS[(k >= 5) ^ (k in (0, 6, 7))])
        for n in range(times) for k, text in enumerate([*BUS, *PARK])
    ])  # fmt: skip


class TestPredict:
    def test_the_rows_come_back_with_label_probability_and_version(self, project: Path) -> None:
        said = run("predict", "letters.csv")
        assert said.splitlines() == [
            "letters-predicted.csv: 12 rows; transport 6, environment 5", "1 row has no text and no label"
        ]  # fmt: skip
        assert Path("letters-predicted.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "for Excel"
        found = rows("letters-predicted.csv")
        assert [row["text"] for row in found] == LETTERS
        assert [row["predicted_label"] for row in found] == ["transport"] * 5 + [""] + ["environment"] * 5 + [
            "transport"
        ]
        shares = predict(load(Path("models/real"), CPU), LETTERS, [None] * 12).max(axis=1)
        told = [float(row["probability"] or "nan") for row in found]
        np.testing.assert_allclose([*told[:5], *told[6:]], [*shares[:5], *shares[6:]], atol=2e-6)
        (version,) = {row["model"] for row in found if row["model"]}
        assert version.startswith("models/real@")
        assert len(version) == len("models/real@") + 12

    @pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
    def test_each_format_holds_the_rows_and_the_probabilities(self, project: Path, suffix: str) -> None:
        Path("in.jsonl").write_text(
            "".join(json.dumps({"text": text, "tags": ["a", 1], "n": 2}) + "\n" for text in ("=late bus", "tree"))
        )
        run("predict", "in.jsonl", "--to", f"out/a.{suffix}", "--probabilities")
        read: Any = {
            "csv": pd.read_csv,
            "jsonl": lambda path: pd.read_json(path, lines=True),
            "parquet": pd.read_parquet,
        }
        found = read[suffix](f"out/a.{suffix}")
        assert list(found.columns) == [
            "text", "tags", "n", "predicted_label", "probability", "model", "p.transport", "p.environment"
        ]  # fmt: skip
        assert list(found["text"]) == [("'" if suffix == "csv" else "") + "=late bus", "tree"], (
            "harmless in a spreadsheet"
        )
        assert list(found["n"]) == [2, 2]
        np.testing.assert_allclose(found["p.transport"] + found["p.environment"], 1, atol=2e-6)
        assert sorted(path.name for path in Path("out").iterdir()) == [f"a.{suffix}"]

    def test_predictions_of_before_are_replaced_and_no_file_is_written_over_unasked(self, project: Path) -> None:
        run("predict", "letters.csv")
        assert "letters-predicted.csv: is there already" in wrong("predict", "letters.csv")
        before = rows("letters-predicted.csv")
        run("predict", "letters-predicted.csv", "--to", "again.csv")
        assert rows("again.csv") == before
        run("predict", "letters.csv", "--overwrite")
        assert "that is the file of the texts" in wrong("predict", "letters.csv", "--to", "letters.csv", "--overwrite")

    def test_versions_tell_classifiers_apart_and_equal_ones_not(self, project: Path) -> None:
        real, copy = (readers(Path(f"models/{arm}"), {})[None] for arm in ("real", "synthetic"))
        assert real.version == copy.version
        head = Path("models/synthetic/2_Dense/model.safetensors")
        head.write_bytes(head.read_bytes()[:-1] + b"\x01")
        assert readers(Path("models/synthetic"), {})[None].version != real.version
        shutil.copytree("models/synthetic", "models/real/seed_2")
        assert readers(Path("models/real"), {})[None].version == real.version, "a second seed below it is another one"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("none.csv",), "none.csv: there is no such file"),
            (("letters.csv", "--text", "txt"), "letters.csv: there is no column 'txt': did you mean 'text'"),
            (("letters.csv", "--model", "models/reel"), "models/reel: there is no such folder: did you mean 'real'"),
            (("letters.csv", "--model", "data"), "data: holds no classifier that Standin wrote"),
            (("letters.csv", "--to", "a.xlsx"), "a.xlsx: written are .csv, .jsonl, .parquet"),
            (("letters.csv", "--question", "q"), "the classifier answers no question; leave them out"),
        ],
    )
    def test_what_is_wrong_is_named(self, project: Path, words: tuple[str, ...], said: str) -> None:
        assert said in wrong("predict", *words)

    def test_an_arm_that_was_skipped_says_why(self, project: Path) -> None:
        write_json(Path("models/cal/none.json"), {"reason": "the arm has no rows"})
        assert "models/cal: holds no classifier: the arm has no rows" in wrong(
            "predict", "letters.csv", "--model", "models/cal"
        )

    def test_a_column_of_a_person_is_not_written_over(self, project: Path) -> None:
        Path("cars.csv").write_text("model,text\nFord,the bus is late\n")
        assert "cars.csv: the column 'model' would be written over: rename it" in wrong("predict", "cars.csv")

    @pytest.mark.parametrize("more", [(), ("--probabilities",)])
    def test_a_person_s_probabilities_stay_and_those_of_a_label_are_not_written_over(
        self, project: Path, more: tuple[str, ...]
    ) -> None:
        Path("in.csv").write_text("p.value,text\n0.05,the bus is late\n")
        run("predict", "in.csv", "--to", "a.csv", *more)
        run("predict", "a.csv", "--to", "b.csv", *more)
        assert rows("b.csv") == rows("a.csv")
        assert rows("b.csv")[0]["p.value"] == "0.05"
        Path("in.csv").write_text("p.transport,text\n0.05,the bus is late\n")
        said = "in.csv: the column 'p.transport' would be written over: rename it in the file, `predict` writes p."
        assert said in wrong("predict", "in.csv", "--overwrite", *more)
        header, row = Path("a.csv").read_text(encoding="utf-8-sig").splitlines()
        Path("a.csv").write_text(f"{header.replace('p.value', 'p.transport')}\n{row}\n")
        assert "p.transport" in wrong("predict", "a.csv", "--to", "c.csv", *more)

    def test_a_file_read_again_keeps_its_texts_and_loses_old_probabilities(self, project: Path) -> None:
        Path("in.jsonl").write_text('{"text": "=late bus"}\n')
        run("predict", "in.jsonl", "--to", "a.csv", "--probabilities")
        run("predict", "a.csv", "--to", "b.csv")
        assert Path("b.csv").read_text(encoding="utf-8-sig").splitlines()[1].startswith("'=late bus,")
        assert list(rows("b.csv")[0]) == ["text", "predicted_label", "probability", "model"]
        assert rows("b.csv")[0]["probability"] == rows("a.csv")[0]["probability"]

    def test_what_of_the_file_is_not_read_is_said(self, project: Path) -> None:
        Path("a.csv").write_text("text,n\nthe bus is late,1\n,\ngreen tree,2\n")
        found = CliRunner().invoke(cli.app, ["predict", "a.csv"], catch_exceptions=False)
        assert "a.csv: " in found.stderr
        assert "blank" in found.stderr or "empty" in found.stderr

    @pytest.mark.parametrize(("cell", "to"), [('"\\ud800"', "a.csv"), ('"\\ud800"', "a.jsonl"), (str(2**70), "a.parquet"),
                                              ("{}", "a.parquet")])  # fmt: skip
    def test_a_cell_that_a_format_cannot_hold_is_a_message_or_its_json_and_leaves_no_file(
        self, project: Path, cell: str, to: str
    ) -> None:
        Path("in.jsonl").write_text('{"text": "the bus is late", "more": ' + cell + "}\n")
        found = CliRunner().invoke(cli.app, ["predict", "in.jsonl", "--to", f"out/{to}"])
        assert found.exit_code == 0 or isinstance(found.exception, StandinError)
        assert [path.name for path in Path("out").iterdir()] == ([to] if found.exit_code == 0 else [])

    def test_decimal_numbers_of_parquet_are_written_as_numbers(self, project: Path) -> None:
        prices = [Decimal("1.50"), None, Decimal("-7.00")]
        pd.DataFrame({"text": LETTERS[:3], "price": prices}).to_parquet("in.parquet")
        for name in ("a.csv", "a.jsonl", "a.parquet"):
            run("predict", "in.parquet", "--to", name)
        assert [row["price"] for row in rows("a.csv")] == ["1.50", "", "-7.00"]
        assert [json.loads(line)["price"] for line in Path("a.jsonl").read_text().splitlines()] == [1.5, None, -7]
        assert list(pd.read_parquet("a.parquet")["price"]) == prices

    @pytest.mark.parametrize(("cell", "name", "why"), [
        (Decimal("0.12345678901234567890"), "a.jsonl", "JSON holds no Decimal as 0.12345678901234567890"),
        (b"\xff", "a.csv", "JSON holds no bytes"),
    ])  # fmt: skip
    def test_a_column_that_the_format_cannot_hold_is_named_before_anything_is_read(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, cell: Any, name: str, why: str
    ) -> None:
        monkeypatch.setattr("standin.predicting.reading.read", lambda *_: pytest.fail("read"))
        pd.DataFrame({"text": ["the bus", "a tree"], "price": [None, cell]}).to_parquet("in.parquet")
        said = wrong("predict", "in.parquet", "--to", name)
        assert said.startswith(f"in.parquet, row 2: the column 'price' cannot be written to {name} ({why}")

    def test_a_place_that_cannot_be_written_is_found_before_anything_is_read(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("standin.predicting.reading.read", lambda *_: pytest.fail("read"))
        with pytest.raises(OSError, match=r"letters\.csv"):
            CliRunner().invoke(cli.app, ["predict", "letters.csv", "--to", "letters.csv/x.csv"], catch_exceptions=False)


class TestBestArm:
    def test_an_arm_that_did_not_learn_at_a_smaller_budget_alone_is_not_left_out(self, project: Path) -> None:
        columns = ["arm", "budget", "measure", "value"]
        cells = [["real", "16", "macro_f1", 0.2], ["real", "96", "macro_f1", 0.95], ["synthetic", "", "macro_f1", 0.8]]
        Path("reports/evaluate/scores.csv").write_text(sheet_text(columns, cells))
        Path("reports/evaluate/learned.csv").write_text(sheet_text(["arm", "budget"], [["real", "16"]]))
        assert best_arm() == "real"
        Path("reports/evaluate/learned.csv").write_text(sheet_text(["arm", "budget"], [["real", "96"]]))
        assert best_arm() == "synthetic"

    def test_a_folder_of_several_classifiers_is_refused(self, project: Path) -> None:
        assert "models: holds several classifiers: name one of models/real, models/synthetic" in wrong(
            "predict", "letters.csv", "--model", "models"
        )

    def test_the_best_arm_that_learned_and_is_here_reads(self, project: Path) -> None:
        assert best_arm() == "real"
        scores(real=0.7, synthetic=0.8, gone=0.9)
        assert best_arm() == "synthetic"
        scores(real=0.7, synthetic=0.8, unlearned="synthetic")
        assert best_arm() == "real"

    def test_without_a_run_or_models_it_says_what_brings_them(self, project: Path) -> None:
        shutil.move("models", "elsewhere")
        assert "`dvc pull models` brings classifiers" in wrong("predict", "letters.csv")
        shutil.move("reports", "other")
        assert "nothing was evaluated yet: run `dvc repro`" in wrong("predict", "letters.csv")


QUESTIONS = [{"id": "trams", "text": "More trams?"}, {"id": "trees", "text": "More trees?"}]


@pytest.fixture
def stances(project: Path) -> Path:
    """The same with two questions and a classifier for each."""
    said = yaml.safe_load(Path("tasks/city-topics.yaml").read_text())
    write_task(said | {"questions": QUESTIONS})
    shutil.move("models/real", "one")
    for question in ("trams", "trees"):
        shutil.copytree("one", f"models/real/{question}")
        noted = json.loads(Path("one/training.json").read_text()) | {"question_id": question}
        write_json(Path(f"models/real/{question}/training.json"), noted)
    write_rows(Path("data/real/test.jsonl"), [
        Row(id=f"{question}{place}", text=text, label=LABELS[place >= 5], question_id=question, question="More?")
        for question in ("trams", "trees") for place, text in enumerate([*BUS, *PARK])
    ])  # fmt: skip
    return project


class TestQuestions:
    def test_each_text_is_read_as_an_answer_to_its_question(self, stances: Path) -> None:
        Path("a.csv").write_text(
            "text,question,n\nthe bus is late,trams,1\nthe bus is late,More trees?,2\n ,,3\n"  # a blank text answers nothing
        )
        run("predict", "a.csv", "--probabilities")
        *found, blank = rows("a-predicted.csv")
        assert blank["predicted_label"] == ""
        assert [row["model"].split("@")[0] for row in found] == ["models/real/trams", "models/real/trees"]
        for row, words in zip(found, ("More trams?", "More trees?"), strict=True):
            (shares,) = predict(load(Path("one"), CPU), ["the bus is late"], [words])
            assert float(row["p.transport"]) == pytest.approx(shares[0], abs=2e-6)

    def test_all_texts_may_answer_one_question(self, stances: Path) -> None:
        run("predict", "letters.csv", "--question", "trees")
        assert {row["model"].split("@")[0] for row in rows("letters-predicted.csv")} == {"models/real/trees", ""}
        run("predict", "letters.csv", "--model", "models/real/trams", "--overwrite")
        assert {row["model"].split("@")[0] for row in rows("letters-predicted.csv")} == {"models/real/trams", ""}

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "which question do the texts answer? Name it with --question (trams, trees)"),
            (("--question", "tram"), "--question 'tram': did you mean 'trams'"),
            (("--question-column", "id"), "letters.csv, row 2: column 'id' holds '0': Known: trams, trees"),
        ],
    )
    def test_an_unknown_question_is_named(self, stances: Path, words: tuple[str, ...], said: str) -> None:
        assert said in wrong("predict", "letters.csv", *words)

    def test_opinions_are_told_question_by_question(self, stances: Path) -> None:
        Path("a.csv").write_text(
            "text,question\n" + "".join(f"{text},{q}\n" for q in ("trams", "trees") for text in BUS)
        )
        said = run("opinions", "a.csv")
        assert "More trams?\n5 texts read by models/real/trams@" in said
        assert "More trees?\n5 texts read by models/real/trees@" in said
        assert "20 labelled test texts" in " ".join(said.split())

    @pytest.fixture
    def heedless(self, stances: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The classifiers read the texts without the question, which trained them on none."""
        plain = predict
        monkeypatch.setattr(
            "standin.classifier.prediction.predict", lambda known, texts, _: plain(known, texts, [None] * len(texts))
        )

    @pytest.mark.usefixtures("heedless")
    def test_each_question_is_drawn_alike_and_one_that_no_text_answers_is_left_out(self) -> None:
        lines = [f"{text},{question}\n" for question in ("trams", "trees") for text in BUS]
        Path("both.csv").write_text("text,question\n" + "".join(lines))
        Path("one.csv").write_text("text,question\n" + "".join(lines[5:]))
        trams, trees = (opinions("both.csv", place)["shares"] for place in (slice(2), slice(2, 4)))
        assert [row["low"] for row in trams] == [row["low"] for row in trees], "the same texts, the same errors"
        assert opinions("one.csv")["shares"] == trees
        assert "More trams?" not in run("opinions", "one.csv")

    @pytest.mark.usefixtures("heedless")
    def test_what_is_to_be_said_of_the_shares_names_the_question(self) -> None:
        errs_on_half = [(f"{k}-{n}", text, LABELS[n % 2]) for n in range(30) for k, text in enumerate([*BUS, *PARK])]
        test = [
            Row(id="t", text=BUS[0], label="transport", question_id="trams", question="More trams?"),
            *(Row(id=name, text=text, label=label, question_id="trees", question="More trees?")
              for name, text, label in errs_on_half),
        ]  # fmt: skip
        write_rows(Path("data/real/test.jsonl"), test)
        Path("a.jsonl").write_text("".join(
            json.dumps({"text": text, "question": question}) + "\n"
            for question, text in [("trams", BUS[0]), *[("trees", BUS[0])] * 200, *[("trees", " ")] * 3]
        ))  # fmt: skip
        blank, counted, stray = opinions("a.jsonl")["notes"]
        assert blank == "3 rows have no text and no part in the shares."
        assert counted.startswith(
            "question trams: counted only: data/real/test.jsonl holds no labelled text of environment,"
        )
        assert stray.startswith("question trees: no mix of labels explains what the classifier says of these texts:")
        said = " ".join(run("opinions", "a.jsonl").split())
        assert "Corrected by how the classifier errs on 300 labelled test texts" in said, "none of those of trams"
        assert all(note in said for note in (blank, counted, stray))


class TestOpinions:
    def test_shares_are_corrected_by_the_errors_on_the_test_texts(self, project: Path) -> None:
        mark_three_texts_otherwise()
        found = json.loads(run("opinions", "letters.csv", "--json"))
        told = corrected_shares([6, 5], np.array([[4, 2], [1, 3]]), 0.95, 2000, np.random.default_rng(1))
        assert [row["test_texts"] for row in found["shares"]] == [6, 4]
        assert [(row["label"], row["texts"], row["predicted"], row["counted"]) for row in found["shares"]] == [
            ("transport", 11, 6, 0.5455), ("environment", 11, 5, 0.4545)
        ]  # fmt: skip
        for place, row in enumerate(found["shares"]):
            assert [row[name] for name in ("corrected", "low", "high")] == [
                round(float(getattr(told, name)[place]), 4) for name in ("corrected", "low", "high")
            ]
        assert found["notes"] == ["1 row has no text and no part in the shares."]

    @pytest.mark.parametrize(("seed", "confidence"), [(2, 0.95), (1, 0.5)])
    def test_draws_are_of_the_base_seed_and_intervals_of_the_confidence_of_evaluate(
        self, project: Path, seed: int, confidence: float
    ) -> None:
        mark_three_texts_otherwise(times=10)
        Path("many.csv").write_text(sheet_text(["text"], [[text] for text in LETTERS * 10]))
        before = opinions("many.csv")
        use("base", seed=seed)
        use("evaluate", confidence=confidence)
        after = opinions("many.csv")
        assert after == opinions("many.csv"), "equal seeds give equal intervals"
        told = corrected_shares([60, 50], np.array([[40, 20], [10, 30]]), confidence, 2000, np.random.default_rng(seed))
        assert [row["low"] for row in after["shares"]] == [round(low, 4) for low in told.low.tolist()]
        assert [row["low"] for row in after["shares"]] != [row["low"] for row in before["shares"]]
        assert [row["corrected"] for row in after["shares"]] == [row["corrected"] for row in before["shares"]]
        assert f"{confidence:.0%} interval" in run("opinions", "many.csv")

    def test_the_table_is_written_and_shown(self, project: Path) -> None:
        said = run("opinions", "letters.csv", "--to", "shares.csv")
        assert "label        counted  corrected    95% interval" in said
        assert "transport      54.5%      54.5%" in said
        assert "written to shares.csv" in said
        assert [(row["label"], row["counted"]) for row in rows("shares.csv")] == [
            ("transport", "0.5455"), ("environment", "0.4545")
        ]  # fmt: skip
        assert "is there already" in wrong("opinions", "letters.csv", "--to", "shares.csv")
        told = json.loads(run("opinions", "letters.csv", "--json", "--to", "again.csv"))["shares"]
        assert [row["low"] for row in rows("again.csv")] == [str(row["low"]) for row in told]

    def test_without_test_texts_of_a_label_it_counts_alone_and_says_so(self, project: Path) -> None:
        write_rows(Path("data/real/test.jsonl"), [Row(id="t", text=BUS[0], label="transport")])
        said = " ".join(run("opinions", "letters.csv").split())
        assert "counted only: data/real/test.jsonl holds no labelled text of environment" in said
        assert "Corrected by" not in said
        Path("data/real/test.jsonl").unlink()
        said = " ".join(run("opinions", "letters.csv").split())
        assert "holds no labelled text of transport, environment, so that" in said

    def test_what_of_the_file_is_not_read_is_said_beside_the_json(self, project: Path) -> None:
        Path("a.csv").write_text("text,n\nthe bus is late,1\n,\ngreen tree,2\n")
        found = CliRunner().invoke(cli.app, ["opinions", "a.csv", "--json"], catch_exceptions=False)
        assert found.stderr.startswith("a.csv: ")
        assert [row["texts"] for row in json.loads(found.stdout)["shares"]] == [2, 2]

    def test_texts_of_another_kind_are_told_apart(self, project: Path) -> None:
        many = [
            Row(id=f"{k}-{n}", text=text, label=LABELS[n % 2])
            for n in range(30)
            for k, text in enumerate([*BUS, *PARK])
        ]
        write_rows(Path("data/real/test.jsonl"), many)  # it errs half the time on either label
        Path("a.csv").write_text("text\n" + "the bus is late\n" * 200)
        assert "no mix of labels explains what the classifier says" in " ".join(run("opinions", "a.csv").split())

    def test_a_classifier_of_other_labels_is_refused(self, project: Path) -> None:
        write_rows(Path("data/real/test.jsonl"), [Row(id="t", text="x", label="housing")])
        assert "the test texts have the label 'housing' too" in wrong("opinions", "letters.csv")
