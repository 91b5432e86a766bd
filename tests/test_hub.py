"""``standin data fetch``: a task's data set from the hub. The data set is a tiny local one in the hub's layout."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

datasets = pytest.importorskip("datasets")

from standin.errors import StandinError  # noqa: E402
from standin.sources import adding  # noqa: E402
from standin.sources.fetching import fetch  # noqa: E402

TEXTS = ["Shall we meet at six?", "WIN a cruise, text YES", "On my way", "Free entry: call now"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one task whose hub data set is a folder; DVC itself is not run (it takes 2 s)."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(adding, "_version", lambda *_: None)
    features = datasets.Features({"sms": datasets.Value("string"), "kind": datasets.ClassLabel(names=["ham", "spam"])})
    for split, texts in (("train", TEXTS), ("test", [f"{text} please" for text in TEXTS])):
        data = datasets.Dataset.from_dict({"sms": texts, "kind": [0, 1, 0, 1]}, features=features)
        (tmp_path / "hub").mkdir(exist_ok=True)
        data.to_parquet(str(tmp_path / "hub" / f"{split}.parquet"))
    write_task(root, tmp_path / "hub")
    return root


def write_task(root: Path, dataset: Path | str, *, test: str | None = "test", **hub: object) -> None:
    labels = [{"name": name, "phrase": name, "description": name} for name in ("ham", "spam")]
    prompts = {"language": "en", "context": "c", "generation": "g", "few_shot": "{examples}", "example": "{text}"}
    source = {
        "train": "data/raw/mail/train.jsonl.gz",
        "test": "data/raw/mail/test.jsonl.gz" if test else None,
        "warmstart": None,
        "hub": {"dataset": str(dataset), "train": "train", "test": test, "rename": {"sms": "text", "kind": "label"}}
        | hub,
        "columns": {"text": "text", "label": "label", "id": "id"},
    }
    task = {
        "name": "mail", "title": "Mail", "language": "en", "demonstration": False, "description": "d", "labels": labels,
        "questions": [], "source": source, "prompts": prompts | {"diversity": "d", "judge": "{text}"}, "checks": {}, "published": {},
    }  # fmt: skip
    (root / "tasks").mkdir(exist_ok=True)
    (root / "tasks/mail.yaml").write_text(json.dumps(task), encoding="utf-8")


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_splits_become_the_tasks_files_with_named_labels_and_ids(project: Path) -> None:
    said = fetch("mail").summary()
    found = rows(project / "data/raw/mail/train.jsonl.gz")
    assert found[1] == {"id": "train-000002", "text": "WIN a cruise, text YES", "label": "spam"}
    assert [row["text"] for row in found] == TEXTS
    assert rows(project / "data/raw/mail/test.jsonl.gz")[0]["id"] == "test-000001"
    assert "4 texts, labels: ham 2, spam 2" in said


def test_a_renamed_column_takes_the_place_of_its_namesake(project: Path, tmp_path: Path) -> None:
    data = datasets.Dataset.from_dict({"label_text": ["ham", "spam"] * 2, "sms": TEXTS, "label": [0, 1, 0, 1]})
    for split in ("train", "test"):
        data.to_parquet(str(tmp_path / "hub" / f"{split}.parquet"))
    write_task(project, tmp_path / "hub", test=None, rename={"sms": "text", "label_text": "label"})
    fetch("mail")
    found = rows(project / "data/raw/mail/train.jsonl.gz")
    assert [row["label"] for row in found] == ["ham", "spam", "ham", "spam"]


def test_fetching_again_gives_equal_bytes_and_changes_nothing(project: Path) -> None:
    fetch("mail")
    path = project / "data/raw/mail/train.jsonl.gz"
    before = path.read_bytes(), path.stat().st_mtime_ns
    fetch("mail")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_other_data_of_that_name_is_kept_unless_told(project: Path, tmp_path: Path) -> None:
    fetch("mail")
    kept = (project / "data/raw/mail/train.jsonl.gz").read_bytes()
    write_task(project, tmp_path / "hub", train="test")
    with pytest.raises(StandinError, match="--replace"):
        fetch("mail")
    assert (project / "data/raw/mail/train.jsonl.gz").read_bytes() == kept
    fetch("mail", replace=True)
    assert rows(project / "data/raw/mail/train.jsonl.gz")[0]["text"].endswith("please")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": "trian"}, r"source.hub.train is 'trian'.*did you mean 'train'\? Known: test, train"),
        ({"rename": {"smss": "text"}}, r"source.hub.rename: no column 'smss': did you mean 'sms'\?"),
        ({"rename": {"kind": "label"}}, r"there is no text column 'text'"),
        ({"dataset": "/nowhere/at/all"}, r"mail.yaml: source.hub: /nowhere/at/all cannot be loaded .*standin data add mail"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_explained_and_nothing_is_written(
    project: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    write_task(project, str(change.pop("dataset", tmp_path / "hub")), **change)
    with pytest.raises(StandinError, match=message):
        fetch("mail")
    assert not (project / "data/raw/mail").exists()


def test_a_hub_that_cannot_be_reached_is_one_message(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **options: object) -> None:
        raise ConnectionError("Couldn't reach 'someone/mail' on the Hub (LocalEntryNotFoundError)")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    write_task(project, "someone/mail")
    with pytest.raises(StandinError, match=r"Couldn't reach 'someone/mail'.*the network.*standin data add mail TRAIN"):
        fetch("mail")


def test_a_task_without_a_hub_says_how_to_bring_files(project: Path) -> None:
    task = json.loads((project / "tasks/mail.yaml").read_text(encoding="utf-8"))
    del task["source"]["hub"]
    (project / "tasks/mail.yaml").write_text(json.dumps(task), encoding="utf-8")
    with pytest.raises(StandinError, match=r"source.hub.*standin data add mail PATH"):
        fetch("mail")
