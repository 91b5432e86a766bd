"""People's labels from texts that nobody has labelled to a classifier, and a second round: as a person does it."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator

import pytest
from test_pipeline import Project, small_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("labelling")]
BUDGET = 8


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose task has texts alone; the labels of the example task stand in for people's answers."""
    root = tmp_path_factory.mktemp("labelling") / "a project"
    made = small_project(root)
    lines = (root / "data/raw/city-topics/texts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    plain = (root / "tasks/city-topics.yaml").read_text().replace("city-topics", "city-plain")
    (root / "tasks/city-plain.yaml").write_text(plain.replace("    label: label\n", "    label: null\n"))
    raw = root / "data/raw/city-plain/texts.jsonl"
    raw.parent.mkdir(parents=True)
    texts = ({"id": row["id"], "text": row["text"]} for row in rows[:160])
    raw.write_text("".join(json.dumps(row) + "\n" for row in texts), encoding="utf-8")
    (root / "later.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[160:240]), encoding="utf-8")
    (root / "truth.json").write_text(json.dumps({row["id"]: row["label"] for row in rows}), encoding="utf-8")
    made.change(base={"task": "city-plain"}, subjectivity={"texts": 0}, generator={"texts": 4})
    yield made
    shutil.rmtree(root, ignore_errors=True)


def answer(project: Project, path: str) -> None:
    """Fill in the sheet as a person would."""
    truth = json.loads((project.root / "truth.json").read_text(encoding="utf-8"))
    with (project.root / path).open(newline="", encoding="utf-8-sig") as file:
        rows = [row | {"label": truth[row["text_id"]]} for row in csv.DictReader(file)]
    with (project.root / path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_the_whole_loop_from_texts_alone_to_predictions_and_a_second_round(project: Project) -> None:
    said = project.run("standin", "run")
    assert "the pool has no labels" in said
    pool = {row["id"] for row in project.rows("data/real/pool.jsonl")}
    assert len(pool) > 100, "not prepare.pool, the whole"
    assert f"select random: a budget of {BUDGET} means {BUDGET} texts to label, one selection for all seeds" in said
    assert "arms: random is skipped: random needs labels" in said
    assert "standin label export texts.csv" in (project.root / "reports/report.html").read_text(encoding="utf-8")

    named = "data/labels/city-plain.jsonl"
    missing = project.run("standin", "run", "-S", f"select.labels={named}", fails=True)
    assert "`standin label` asks for labels and writes" in missing

    said = project.run("standin", "label", "export", "texts.csv")
    assert f"(random {BUDGET}, sqbc {BUDGET})" in said
    answer(project, "texts.csv")
    said = project.run("standin", "label", "import", "texts.csv")
    assert "left in this round: 0" in said
    first = {row["id"] for row in project.rows(named)}
    assert BUDGET <= len(first) <= 2 * BUDGET
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "labels, round 1")

    said = project.run("standin", "run", "-S", f"select.labels={named}")
    assert "Running stage 'generate'" not in said
    assert "arms: random is skipped" not in said
    assert f"{len(pool) - len(first)} of {len(pool)} texts without a label yet" in said, "real wants the whole pool"
    for arm, sources in (("random", 1), ("sqbc_synthetic", 2)):
        rows = project.rows(f"data/arms/{arm}.jsonl")
        assert len({row["id"] for row in rows} & first) == BUDGET, (arm, sources)
        assert (project.root / f"models/{arm}/model.safetensors").exists()
    (project.root / "letters.csv").write_text("text\nThe bus is late\nMy rent is too high\n", encoding="utf-8")
    project.run("standin", "predict", "letters.csv", "--model", "models/random", "--to", "said.csv")
    assert (project.root / "said.csv").exists()

    raw = project.root / "tasks/city-plain.yaml"
    known = raw.read_text().replace("  test: null\n", "  test: data/raw/city-plain/test.jsonl\n")
    raw.write_text(known.replace("    label: null\n", "    label: label\n"))
    shutil.copyfile(project.root / "later.jsonl", project.root / "data/raw/city-plain/test.jsonl")
    said = project.run("standin", "run")
    assert "Running stage 'generate'" not in said, "nothing starts anew"
    assert {row["id"] for row in project.rows("data/real/pool.jsonl")} <= pool
    assert Counter(row["seed"] for row in project.rows("data/predictions/random.jsonl")) == {1: 40, 2: 40}
    assert "No scores" not in (project.root / "reports/report.html").read_text(encoding="utf-8")

    project.run("standin", "label", "next")
    said = project.run("standin", "run")
    for strategy in ("random", "sqbc"):
        ranked = project.rows(f"data/selected/{strategy}.jsonl")
        assert not first & {row["id"] for row in ranked}, "what is labelled is not asked again"
    assert "arms: random is skipped: random (budget 8, all seeds): 8 of 8 texts without a label yet" in said
    project.run("standin", "label", "export", "second.csv")
    answer(project, "second.csv")
    project.run("standin", "label", "import", "second.csv")
    project.run("standin", "run")
    trained = {row["id"] for row in project.rows("data/arms/random.jsonl")}
    assert first & pool <= trained | (first - {row["id"] for row in project.rows("data/real/pool.jsonl")})
    assert len(trained - first) == BUDGET, "the budget of a round counts new texts"
