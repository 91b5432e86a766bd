"""Every task of a study reads the layout that its data set has on the hub, after its data card, with made-up texts.

The hub itself is not asked: what the cards do not say the task files mark as not verified.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from standin.sources.checking import check_tasks
from standin.task import load_task

datasets = pytest.importorskip("datasets")

ROOT = Path(__file__).resolve().parents[1]
MANY = 30
"""Rows of a class in every split: enough for each to be among the test texts where they are a share."""
EMOTIONS = ["admiration", "anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"]
"""Of the 28 names on the card."""
STANCES = ["none", "against", "favor"]


def classes(names: list[str], text: str = "text", label: str = "label") -> Any:
    """A split with a text and the number of a class."""
    features = datasets.Features({text: datasets.Value("string"), label: datasets.ClassLabel(names=names)})
    codes = [code for code in range(len(names)) for _ in range(MANY)]
    return datasets.Dataset.from_dict(
        {text: [f"made-up text {n} of {code}" for n, code in enumerate(codes)], label: codes}, features
    )


def emotions(split: str) -> Any:
    features = datasets.Features({
        "text": datasets.Value("string"), "labels": datasets.List(datasets.ClassLabel(names=EMOTIONS)),
        "id": datasets.Value("string"),
    })  # fmt: skip
    codes = [[code] for code in range(len(EMOTIONS)) for _ in range(MANY)] + [[1, 4], [5, 6]]
    texts = [f"made-up text {n}" for n in range(len(codes))]
    ids = [f"{split}{n}" for n in range(len(codes))]
    return datasets.Dataset.from_dict({"text": texts, "labels": codes, "id": ids}, features)


def relations() -> Any:
    numbers = ["P206", "P413", "P364", "P410", "P25", "P26"]
    held = {"text": "a", "type": "Q1", "indices": [[0]]}
    rows = [{"relation": number, "tokens": ["word", str(n), "of", number], "head": held, "tail": held, "names": ["", ""]}
            for number in numbers for n in range(MANY)]  # fmt: skip
    return datasets.Dataset.from_list(rows)


def comments(start: int) -> Any:
    """The columns of X-Stance: the ten questions and one more, in two languages."""
    asked = [int(str(question.value)) for question in load_task("x-stance", ROOT).questions]
    rows = [
        {"question": f"Frage {number}?", "id": start + n, "question_id": number, "language": ("de", "fr")[n % 8 == 0],
         "comment": f"Kommentar {start + n}", "label": ("FAVOR", "AGAINST")[n // 8 % 2], "numerical_label": 100,
         "author": "a", "topic": "t"}
        for n, number in enumerate([number for number in [*asked, 1] for _ in range(8 * MANY // 2)])
    ]  # fmt: skip
    return datasets.Dataset.from_list(rows)


def plain(**columns: list[Any]) -> Any:
    return datasets.Dataset.from_dict(columns)


def splits(made: Any, *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, made)


def offered(dataset: str, config: str | None, data_dir: str | None) -> dict[str, Any]:
    """What the hub has under these names. KeyError where it has nothing."""
    stances = {f"stance_{target}" for target in ("abortion", "atheism", "climate", "feminist", "hillary")}
    tweets = {"irony": ["non_irony", "irony"], "emotion": ["anger", "joy", "optimism", "sadness"]}
    tweets |= dict.fromkeys(stances, STANCES)
    texts = [f"made-up text {n}" for n in range(4 * MANY)]
    if dataset == "cardiffnlp/tweet_eval":
        return splits(classes(tweets[str(config)]), "train", "test", "validation")
    return {
        ("fancyzhx/ag_news", None, None): lambda: splits(
            classes(["World", "Sports", "Business", "Sci/Tech"]), "train", "test"
        ),
        ("stanfordnlp/imdb", "plain_text", None): lambda: splits(classes(["neg", "pos"]), "train", "test"),
        ("ucirvine/sms_spam", "plain_text", None): lambda: splits(classes(["ham", "spam"], "sms"), "train"),
        ("google-research-datasets/go_emotions", "simplified", None): lambda: {
            split: emotions(split) for split in ("train", "test", "validation")
        },
        ("thunlp/few_rel", None, "default/val_wiki"): lambda: splits(relations(), "train"),
        ("takala/financial_phrasebank", None, "sentences_50agree"): lambda: splits(
            classes(["negative", "neutral", "positive"], "sentence"), "train"
        ),
        ("raquiba/Sarcasm_News_Headline", None, None): lambda: splits(
            plain(headline=texts, is_sarcastic=[0, 1] * (2 * MANY), article_link=["x"] * len(texts)), "train", "test"
        ),
        ("CreativeLang/ColBERT_Humor_Detection", None, None): lambda: splits(
            plain(text=texts, humor=[True, False] * (2 * MANY)), "train"
        ),
        ("ZurichNLP/x_stance", None, "default"): lambda: {
            split: comments(100_000 * place) for place, split in enumerate(("train", "validation", "test"))
        },
    }[dataset, config, data_dir]()


@pytest.mark.parametrize("name", sorted(
    path.stem for path in (ROOT / "tasks").glob("*.yaml") if load_task(path.stem, ROOT).source.hub
))  # fmt: skip
def test_the_layout_on_the_hub_gives_texts_of_every_label(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(dataset: str, config: str | None, data_dir: str | None, revision: str) -> dict[str, Any]:
        scripted = dataset in ("thunlp/few_rel", "takala/financial_phrasebank", "ZurichNLP/x_stance")
        assert revision == ("refs/convert/parquet" if scripted else "main")
        return offered(dataset, config, data_dir)

    monkeypatch.setattr(datasets, "load_dataset", load)
    (tmp_path / "tasks").mkdir()
    shutil.copy(ROOT / f"tasks/{name}.yaml", tmp_path / "tasks")
    (found,) = check_tasks([name], None, tmp_path)
    assert found.good, found.lines
    task = load_task(name, ROOT)
    for part in ("train", "test", "validation", "warmstart"):
        assert (f"{part} " in found.found) == (getattr(task.source, part) is not None)
    for label in task.label_names:
        assert found.found.count(f"{label} ") >= 2
