"""`standin subjectivity pairs`: questions as a CSV, answers back, and what the stage makes of them."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from standin.cli import app
from standin.errors import StandinError
from standin.measures.judgements import COLUMNS, Answer, counted_wins, questions, read_answers, write_answers
from standin.measures.rankings import ranking
from standin.measures.subjectivity import compared_tasks, reference_tasks

ROOT = Path(__file__).resolve().parents[1]
TASKS = compared_tasks("city-topics", "Say which department has to act.", ["transport", "housing"])
FILE, KEPT = Path("city-topics-pairs.csv"), Path("tasks/judgements/city-topics.csv")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tasks").mkdir()
    for name in ("params.yaml", "tasks/city-topics.yaml"):
        shutil.copy(ROOT / name, name)


def pairs(*words: str) -> Result:
    return CliRunner().invoke(app, ["subjectivity", "pairs", *words])


def rows(path: Path = FILE) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill(answers: dict[int, str], path: Path = FILE, delimiter: str = ",", **others: str) -> None:
    """Answers by the row's number as a spreadsheet counts it; ``others``: cells of row 2, by column."""
    filled = rows(path)
    for number, said in answers.items():
        filled[number - 2]["answer"] = said
    filled[0] |= {name.replace("_", " "): value for name, value in others.items()}
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(filled)


class TestQuestions:
    def test_a_judge_sees_each_pair_once_and_the_next_the_other_way_round(self) -> None:
        asked = [(row[1], row[2], row[4]) for row in questions(TASKS, ["ann", "bo"], both_orders=False)]
        ann, bo = ({(a, b) for judge, a, b in asked if judge == who} for who in ("ann", "bo"))
        assert len(asked) == 110
        assert len(ann) == len({frozenset(pair) for pair in ann}) == 55
        assert bo == {(b, a) for a, b in ann}

    def test_every_task_is_shown_first_about_half_the_time(self) -> None:
        first = [row[2] for row in questions(TASKS, ["ann"], both_orders=False)]
        assert {first.count(task.name) for task in TASKS} <= {4, 5, 6}

    def test_both_orders_are_asked_of_each_judge_where_that_is_wanted(self) -> None:
        asked = {(row[2], row[4]) for row in questions(TASKS, ["ann"], both_orders=True)}
        assert len(asked) == 110

    def test_judges_have_orders_of_their_own_that_stay(self) -> None:
        one, other = (list(questions(TASKS, [who], both_orders=False)) for who in ("ann", "bo"))
        assert one == list(questions(TASKS, ["ann"], both_orders=False))
        assert [row[2:6] for row in one] != [row[2:6] for row in other]

    def test_a_reference_task_is_not_compared_with_itself(self) -> None:
        found = compared_tasks("humor", "Say whether a text is funny.", ["yes", "no"])
        assert len(found) == len(reference_tasks()) == 10
        assert found[-1].description == "Say whether a text is funny."


class TestWriting:
    def test_the_file_holds_a_question_a_row_and_says_what_to_do(self) -> None:
        said = pairs()
        assert said.exit_code == 0
        assert "110 questions for judge-1, judge-2, 55 each; each pair once, the next judge the other" in said.output
        assert "standin subjectivity pairs --read city-topics-pairs.csv" in said.output
        assert tuple(rows()[0]) == COLUMNS
        assert len(rows()) == 110
        assert {row["answer"] for row in rows()} == {""}
        assert {row["question"] for row in rows()} == {"Which of the two tasks is more objective: 1, 2 or same?"}

    def test_the_number_of_questions_is_that_of_rows(self) -> None:
        assert "55 questions for ann; each pair once" in pairs("--judge", "ann").output
        assert len(rows()) == 55
        said = pairs("--judge", "ann", "--judge", "bo", "--both-orders", "--to", "both.csv").output
        assert "220 questions for ann, bo, 110 each; each pair in both orders" in said
        assert len(rows(Path("both.csv"))) == 220

    def test_a_file_that_is_there_is_not_overwritten(self) -> None:
        FILE.write_text("my answers")
        found = pairs()
        assert isinstance(found.exception, StandinError)
        assert "is there already" in str(found.exception)
        assert FILE.read_text() == "my answers"

    @pytest.mark.parametrize("judges", [("ann", "ann"), ("ann", " ")])
    def test_judges_differ_and_have_names(self, judges: tuple[str, str]) -> None:
        assert "must differ" in str(pairs("--judge", judges[0], "--judge", judges[1]).exception)
        assert not FILE.exists()


class TestReading:
    def test_a_part_is_enough_and_reading_again_changes_nothing(self) -> None:
        pairs("--judge", "ann")
        fill({2: "1", 3: " Same ", 4: "2"})
        said = pairs("--read", str(FILE)).output
        assert "3 of 55 questions answered (ann 3); 52 left open, which is fine" in said
        assert "tasks/judgements/city-topics.csv: 3 answers of 1 person; 3 new, 0 changed" in said
        assert sorted(row["answer"] for row in rows(KEPT)) == ["1", "2", "same"]
        assert "`dvc repro subjectivity` ranks the tasks by them" in said
        before = KEPT.read_bytes()
        assert "3 answers of 1 person; 0 new, 0 changed" in pairs("--read", str(FILE)).output
        assert KEPT.read_bytes() == before

    def test_for_another_task_than_that_of_the_parameters_a_run_of_it_is_named(self) -> None:
        shutil.copy(ROOT / "tasks/ag-news.yaml", "tasks/ag-news.yaml")
        file = Path("ag-news-pairs.csv")
        pairs("--task", "ag-news", "--judge", "ann")
        fill({2: "1"}, file)
        said = pairs("--task", "ag-news", "--read", str(file)).output
        assert "`standin run -S base.task=ag-news` ranks the tasks by them" in said

    def test_later_answers_join_and_replace_and_blanks_take_nothing_away(self) -> None:
        pairs("--judge", "ann")
        fill({2: "1", 3: "1"})
        pairs("--read", str(FILE))
        fill({2: "2", 3: "", 4: "1"}, delimiter=";")
        assert "3 answers of 1 person; 1 new, 1 changed" in pairs("--read", str(FILE)).output

    def test_models_are_told_apart_from_people(self) -> None:
        pairs("--judge", "ann", "--judge", "llm:qwen3-8b")
        fill(dict.fromkeys(range(2, 112), "1"))
        assert "110 answers of 1 person and 1 model" in pairs("--read", str(FILE)).output

    @pytest.mark.parametrize(
        ("answers", "others", "said"),
        [
            ({3: "maybe"}, {}, "row 3: column 'answer' holds 'maybe', allowed: 1, 2, same, or nothing"),
            ({2: "1"}, {"judge": ""}, "row 2: column 'judge' is empty beside an answer"),
            (
                {2: "1"},
                {"task_1": "humour"},
                "row 2: column 'task 1' holds 'humour', no task here: did you mean 'humor'",
            ),
            (
                {2: "1"},
                {"task_1": "humor", "task_2": "humor"},
                "row 2: column 'task 2' holds 'humor', as 'task 1' does",
            ),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_kept(
        self, answers: dict[int, str], others: dict[str, str], said: str
    ) -> None:
        pairs()
        fill(answers, **others)
        assert f"city-topics-pairs.csv, {said}" in str(pairs("--read", str(FILE)).exception)
        assert not KEPT.exists()

    def test_all_that_is_wrong_is_named_up_to_a_few_rows_and_the_rest_counted(self) -> None:
        pairs()
        fill({2: "1", **dict.fromkeys(range(3, 15), "perhaps")}, judge="")
        said = str(pairs("--read", str(FILE)).exception)
        assert re.findall(r"row (\d+): column '(judge|answer)'", said) == [
            ("2", "judge"),
            *((str(n), "answer") for n in range(3, 10)),
        ]
        assert said.endswith("and 5 more\nNothing was taken from the file.")
        assert not KEPT.exists()

    def test_two_answers_of_a_judge_to_one_question_are_refused(self) -> None:
        pairs("--judge", "ann")
        twice = rows()[1]
        fill({2: "1", 3: "2"}, task_1=twice["task 1"], task_2=twice["task 2"])
        assert "row 3: column 'answer' holds '2', and row 2 holds '1'" in str(pairs("--read", str(FILE)).exception)

    def test_a_column_that_is_gone_is_named(self) -> None:
        FILE.write_text("judge,task 1,task 2,answers\nann,humor,news_topic,1\n")
        said = str(pairs("--read", str(FILE)).exception)
        assert "there is no column 'answer': did you mean 'answers'" in said

    def test_no_answers_keep_nothing(self) -> None:
        pairs()
        assert "nothing to keep" in pairs("--read", str(FILE)).output
        assert not KEPT.exists()

    def test_what_writes_questions_does_not_go_with_reading(self) -> None:
        assert "leave --to, --judge" in str(pairs("--read", str(FILE), "--both-orders").exception)

    def test_excel_takes_the_questions_for_utf_8_and_a_judge_is_one_judge(self) -> None:
        pairs("--judge", "J\u00fcrgen")
        assert FILE.read_bytes().startswith(b"\xef\xbb\xbf")
        fill({2: "1", 3: "2.0"})
        pairs("--read", str(FILE))
        assert [one.said for one in read_answers(KEPT, [task.name for task in TASKS])].count("2") == 1
        FILE.write_bytes(FILE.read_text(encoding="utf-8-sig").encode("cp1252"))
        assert "--encoding cp1252 reads" in str(pairs("--read", str(FILE)).exception)
        assert "2 answers of 1 person; 0 new" in pairs("--read", str(FILE), "--encoding", "cp1252").output

    def test_who_answers_for_the_first_time_is_said(self) -> None:
        pairs("--judge", "ann")
        fill({2: "1"})
        assert "first time" not in pairs("--read", str(FILE)).output
        fill({2: "1"}, judge="Ann")
        assert "Answers for the first time: Ann" in pairs("--read", str(FILE)).output

    def test_a_kill_leaves_the_old_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write_answers(KEPT, [Answer("ann", "humor", "news_topic", "1")])
        before = KEPT.read_bytes()

        def killed(_: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            write_answers(KEPT, [Answer("ann", "humor", "news_topic", "2")])
        assert KEPT.read_bytes() == before

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (
                "ann,humor,news_topic,1\nann,humor,news_topic,2\n",
                "row 3: ann answers this question a second time; corr",
            ),
            ("\n\nann,humor,news_topic\n", "row 4: broken CSV (3 cells under 4 columns); correct it"),
            (
                "ann,humor,news_topic\n",
                "row 2: broken CSV (3 cells under 4 columns); correct it, or `git checkout tasks/",
            ),
        ],
    )
    def test_damaged_answers_are_not_ranked_and_the_advice_helps(self, lines: str, said: str) -> None:
        KEPT.parent.mkdir()
        KEPT.write_text(f"judge,task 1,task 2,answer\n{lines}")
        with pytest.raises(StandinError, match=re.escape(said)):
            read_answers(KEPT, [task.name for task in TASKS])

    def test_answers_that_somebody_broke_are_named_with_their_row(self) -> None:
        KEPT.parent.mkdir()
        KEPT.write_text("judge,task 1,task 2,answer\nann,humor,news_topic,3\n")
        with pytest.raises(StandinError, match=r"city-topics\.csv, row 2: column 'answer' holds '3'"):
            read_answers(KEPT, [task.name for task in TASKS])


class TestRanking:
    def test_simulated_judges_who_know_the_tasks_give_back_their_order(self) -> None:
        draws, strength = (
            np.random.default_rng(0),
            dict(zip((task.name for task in TASKS), np.arange(11) - 5, strict=True)),
        )
        answers = [
            Answer(row[1], row[2], row[4], "1" if draws.random() < 1 / (1 + np.exp(strength[row[4]] - strength[row[2]])) else "2")
            for row in questions(TASKS, [f"judge {n}" for n in range(20)], both_orders=False)
        ]  # fmt: skip
        names, wins, first = counted_wins(answers, [task.name for task in TASKS])
        assert ranking(wins, first).places == tuple(range(11, 0, -1))
        assert names == [task.name for task in TASKS]
        assert first == pytest.approx(0.5, abs=0.05)

    def test_wins_by_hand(self) -> None:
        answers = [Answer("ann", "humor", "news_topic", "2"), Answer("bo", "news_topic", "humor", "same")]
        names, wins, first = counted_wins(answers, [task.name for task in TASKS])
        assert names == ["news_topic", "humor"]
        assert wins.tolist() == [[0, 1.5], [0.5, 0]]
        assert first == 0.25
