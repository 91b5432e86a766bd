import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_classifier import BUS, CODES, CPU, LABELS, NO_QUESTIONS, PARK, TEXTS, chosen, started, trained, weights
from tiny_encoder import write_tiny_encoder

from standin.classifier.card import model_card
from standin.classifier.encoders import begin, encode, in_half, load, save, tuned
from standin.classifier.inputs import Inputs, inputs_of
from standin.classifier.prediction import embed, predict, probabilities
from standin.classifier.training import WINDOW, fine_tune, smaller, training_order
from standin.config import Runtime
from standin.errors import StandinError

BOTH = pytest.mark.parametrize("pooling", ["mean", "cls"])


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def states_are_kept_elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path_factory.mktemp("root")))


# Training


@BOTH
@pytest.mark.parametrize("probe", [False, True])
def test_a_separable_task_is_learned(encoder: Path, pooling: str, probe: bool) -> None:
    found = trained(started(encoder, steps=40, pooling=pooling, probe=probe))
    classifier, history = found.classifier, found.history
    seen = predict(classifier, TEXTS, NO_QUESTIONS)
    assert seen.argmax(axis=1).tolist() == CODES.tolist()
    assert seen.min(axis=1).max() < 0.1
    assert predict(classifier, ["late tram", "green park"], [None, None]).argmax(axis=1).tolist() == [0, 1]
    assert history[-1].loss < 0.2 < history[0].loss


@BOTH
@pytest.mark.parametrize("probe", [False, True])
def test_the_same_seed_gives_the_same_classifier_and_another_seed_another(
    encoder: Path, pooling: str, probe: bool
) -> None:
    start = started(encoder, steps=4, pooling=pooling, probe=probe)
    one, again, other = (trained(start, seed) for seed in (1, 1, 2))
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    assert (probabilities(one.classifier, inputs) == probabilities(again.classifier, inputs)).all()
    assert one.history == again.history
    assert (probabilities(one.classifier, inputs) != probabilities(other.classifier, inputs)).any()


@BOTH
def test_the_head_is_drawn_from_the_seed_and_the_encoder_is_not(encoder: Path, pooling: str) -> None:
    start = started(encoder, pooling=pooling)
    one, again, other = (start.classifier(seed) for seed in (1, 1, 2))
    heads = [weights(classifier.head)["weight"] for classifier in (one, again, other)]
    assert (heads[0] == heads[1]).all()
    assert (heads[0] != heads[2]).any()
    layer = "encoder.layer.2.output.dense.weight"
    assert (weights(one.model.base_model)[layer] == weights(other.model.base_model)[layer]).all()


@BOTH
@pytest.mark.parametrize(("frozen", "kept"), [(0, set()), (2, {"0", "1", "embeddings"})])
def test_frozen_layers_and_embeddings_do_not_change_and_all_else_does(
    encoder: Path, frozen: int, kept: set[str], pooling: str
) -> None:
    start = started(encoder, frozen_layers=frozen, steps=3, pooling=pooling)
    first, last = start.classifier(1), trained(start).classifier
    before, after = (weights(one.model.base_model, one.head) for one in (first, last))
    changed = {name for name in before if (before[name] != after[name]).any()}
    places = {name: name.split(".")[2] if "layer." in name else name.split(".")[0] for name in before}
    assert {name for name in before if places[name] in kept}.isdisjoint(changed)
    unread = {"pooler"} if pooling == "mean" else set()  # BERT's pooler reads [CLS], which no mean needs
    trainable = {name for name in before if places[name] not in kept | unread and "key.bias" not in name}
    assert {"weight", "bias"} <= trainable <= changed  # the keys' bias cancels in the softmax, so its gradient is 0


def test_frozen_layers_take_no_part_in_the_backward_pass_and_have_no_dropout(encoder: Path) -> None:
    import torch

    model = started(encoder, frozen_layers=2).classifier(1).model.train()
    out = model(torch.tensor([[2, 5, 6, 3]]), output_hidden_states=True).hidden_states
    assert [state.requires_grad for state in out] == [False, False, False, True]
    again = model(torch.tensor([[2, 5, 6, 3]]), output_hidden_states=True).hidden_states
    assert [bool((one == other).all()) for one, other in zip(out, again, strict=True)] == [True, True, True, False]


@BOTH
def test_dropout_is_drawn_from_the_seed(encoder: Path, tmp_path: Path, pooling: str) -> None:
    """One text and a head that is there already: nothing but dropout can differ."""
    for name, source in (("with", encoder), ("without", write_tiny_encoder(tmp_path / "plain", dropout=0.0))):
        save(started(source, pooling=pooling).classifier(1), tmp_path / name, chosen(source), {}, "")
        start = started(source, steps=2, frozen_layers=0, warm=tmp_path / name)
        inputs = inputs_of(start, BUS[:1], [None])
        one, other = (
            weights(fine_tune(start, inputs, CODES[:1], seed, lambda _: None).classifier.head)["weight"]
            for seed in (1, 2)
        )
        assert (one == other).all() == (name == "without")


def test_the_model_reads_the_texts_in_training_order(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(monkeypatch, holds=8)
    start = started(encoder, epochs=3.0, min_steps=1)  # 30 rows: 3 batches of 8 and one of 6
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    fine_tune(start, inputs, CODES, 5, lambda _: None)
    order = training_order(inputs.lengths(), 30, 8, np.random.default_rng(5))
    read = [tuple(token for token in row if token) for batch in memory.read for row in batch]
    assert [len(batch) for batch in memory.read] == [8, 8, 8, 6]
    assert read == [tuple(inputs.encodings[place]["input_ids"]) for place in order]


def test_the_learning_rate_rises_over_the_warm_up_and_falls_to_0(encoder: Path) -> None:
    history = trained(started(encoder, steps=10, warmup=0.2, learning_rate=1e-3)).history
    rates = [point.learning_rate for point in history]
    assert [point.step for point in history] == list(range(1, 11))
    assert rates[:3] == pytest.approx([0, 5e-4, 1e-3])
    assert rates[-1] == pytest.approx(1e-3 / 8)
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_a_long_training_has_at_most_100_points(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.classifier.training.RECORDED", 3)
    assert [point.step for point in trained(started(encoder, steps=9, batch=2)).history] == [3, 6, 9]


def test_every_step_is_told(encoder: Path) -> None:
    start, told = started(encoder, steps=3), []
    fine_tune(start, inputs_of(start, TEXTS, NO_QUESTIONS), CODES, 1, told.append)
    assert told == [1, 1, 1]


def test_training_prints_nothing_and_leaves_no_file(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trained(started(encoder, steps=2, probe=True))
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@BOTH
@pytest.mark.parametrize("probe", [False, True])
def test_fewer_texts_than_a_batch_and_one_label_are_enough(encoder: Path, pooling: str, probe: bool) -> None:
    start = started(encoder, steps=5, pooling=pooling, probe=probe)
    classifier = fine_tune(start, inputs_of(start, BUS[:1], [None]), CODES[:1], 1, lambda _: None).classifier
    assert predict(classifier, PARK, [None] * 5).argmax(axis=1).tolist() == [0] * 5


@pytest.mark.parametrize("probe", [False, True])
def test_many_labels(encoder: Path, probe: bool) -> None:
    start = begin(chosen(encoder, steps=2, probe=probe), [f"label {n}" for n in range(28)], CPU)
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    classifier = fine_tune(start, inputs, np.arange(10), 1, lambda _: None).classifier
    found = predict(classifier, TEXTS, NO_QUESTIONS)
    assert found.shape == (10, 28)
    assert found.sum(axis=1) == pytest.approx(np.ones(10))


@BOTH
def test_bfloat16_trains_on_float32_weights(encoder: Path, pooling: str) -> None:
    classifier = trained(started(encoder, dtype="bfloat16", pooling=pooling)).classifier
    assert {str(value.dtype) for value in weights(classifier.model, classifier.head).values()} == {"float32"}
    assert predict(classifier, ["late tram", "green park"], [None, None]).argmax(axis=1).tolist() == [0, 1]


# Out of memory


class Memory:
    """Stands in for a GPU that holds a few texts at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, holds: int) -> None:
        import torch
        from transformers import BertModel

        self.read: list[list[list[int]]] = []
        forward = BertModel.forward

        def limited(model: Any, input_ids: Any, *args: Any, **named: Any) -> Any:
            if model.training:
                self.read.append(input_ids.tolist())
            if len(input_ids) > holds:
                raise torch.OutOfMemoryError("out of memory")
            return forward(model, input_ids, *args, **named)

        monkeypatch.setattr(BertModel, "forward", limited)


@BOTH
@pytest.mark.parametrize("weighted", [False, True])
def test_without_memory_for_a_batch_micro_batches_give_the_same_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: str, weighted: bool
) -> None:
    """19 rows: two batches of 8 in 4 micro-batches of 2 each, and a last one of 3 rows in micro-batches of 2 and 1."""
    start = started(
        write_tiny_encoder(tmp_path, dropout=0.0),
        epochs=1.9,
        min_steps=1,
        learning_rate=1e-3,
        pooling=pooling,
        class_weights=weighted,
    )
    codes = np.array([0] * 7 + [1] * 3)

    def found() -> Any:
        return fine_tune(start, inputs_of(start, TEXTS, NO_QUESTIONS), codes, 1, lambda _: None)

    whole = found()
    with monkeypatch.context() as patch:
        memory = Memory(patch, holds=2)
        parts = found()
    assert [len(batch) for batch in memory.read] == [8, 4, *[2] * 9, 1]
    assert (whole.steps, whole.rows_seen) == (parts.steps, parts.rows_seen) == (3, 19)
    assert [point.loss for point in whole.history] == pytest.approx([point.loss for point in parts.history], abs=1e-4)
    before, after = (weights(one.classifier.model, one.classifier.head) for one in (whole, parts))
    with_gradient = [name for name in before if "key.bias" not in name]  # theirs is 0, and AdamW magnifies rounding
    # A step of AdamW is 1e-3. Rounding of gradients near 0 moves single weights by 4e-5, a wrong gradient by 1e-3.
    assert max(np.abs(before[name] - after[name]).max() for name in with_gradient) < 1e-4


def test_a_single_text_that_does_not_fit_is_an_error_that_names_the_parameters(
    encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = started(encoder, batch=2)
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    Memory(monkeypatch, holds=0)
    with pytest.raises(StandinError, match=r"one text of 16 tokens .* lower finetune\.max_tokens"):
        fine_tune(start, inputs, CODES, 1, lambda _: None)


@pytest.mark.parametrize(("batch", "sizes"), [(16, [8, 4, 2, 1]), (12, [6, 3, 1]), (7, [1])])
def test_micro_batches_divide_the_batch(batch: int, sizes: list[int]) -> None:
    found = [batch]
    while found[-1] > 1:
        found.append(smaller(found[-1], batch))
    assert found[1:] == sizes


# The order of the texts


@settings(max_examples=80)
@given(st.integers(1, 40), st.integers(1, 90), st.integers(1, 8), st.integers(0, 99))
def test_every_text_is_drawn_equally_often(texts: int, rows: int, batch: int, seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 50, texts)
    order = training_order(lengths, rows, batch, np.random.default_rng(seed))
    assert order.shape == (rows,)
    counts = np.bincount(order, minlength=texts)
    assert set(counts.tolist()) <= {rows // texts, -(-rows // texts)}


def test_alike_lengths_stand_together_within_a_window() -> None:
    lengths = np.arange(64) % 32
    batches = training_order(lengths, 64, 8, np.random.default_rng(0)).reshape(8, 8)
    assert WINDOW == 8
    assert {(min(lengths[batch]), max(lengths[batch])) for batch in batches} == {(n, n + 3) for n in range(0, 32, 4)}


def test_the_order_is_the_generator_s() -> None:
    lengths = np.arange(50)
    one, again, other = (training_order(lengths, 48, 8, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


# What the model reads


def test_a_question_and_a_text_are_read_as_a_pair(encoder: Path) -> None:
    start = started(encoder)
    (pair,) = start.encode(["yes"], ["should we close the road"])
    (single,) = start.encode(["yes"], [None])
    words = start.tokenizer.convert_ids_to_tokens
    assert words(pair["input_ids"]) == ["[CLS]", "should", "we", "close", "the", "road", "[SEP]", "yes", "[SEP]"]
    assert pair["token_type_ids"] == [0] * 7 + [1] * 2
    assert words(single["input_ids"]) == ["[CLS]", "yes", "[SEP]"]


def test_texts_with_and_without_a_question_keep_their_places(encoder: Path) -> None:
    start = started(encoder)
    mixed = start.encode(["bus", "yes", "tram"], [None, "close the road", None])
    alone = [start.encode([text], [q])[0] for text, q in (("bus", None), ("yes", "close the road"), ("tram", None))]
    assert mixed == alone
    assert start.encode([], []) == []


def test_long_texts_are_cut_and_the_question_stays(encoder: Path) -> None:
    start = started(encoder)
    (pair,) = encode(start.tokenizer, ["late " * 50], ["close the road"], 12)
    assert len(pair["input_ids"]) == 12
    assert pair["token_type_ids"].count(0) == 5  # [CLS] close the road [SEP]


@BOTH
def test_the_question_changes_the_answer(encoder: Path, pooling: str) -> None:
    """Yes is for one question what no is for the other: only pairs can be told apart."""
    questions = ["close the road", "rent a flat"]
    rows = [(text, question) for question in questions for text in ("yes", "no")]
    start = started(encoder, steps=80, frozen_layers=0, learning_rate=3e-3, pooling=pooling)
    inputs = inputs_of(start, [text for text, _ in rows], [question for _, question in rows])
    classifier = fine_tune(start, inputs, np.array([0, 1, 1, 0]), 1, lambda _: None).classifier
    assert probabilities(classifier, inputs).argmax(axis=1).tolist() == [0, 1, 1, 0]


# Predictions


@BOTH
def test_probabilities_come_in_the_order_of_the_texts(encoder: Path, pooling: str) -> None:
    classifier = started(encoder, pooling=pooling).classifier(1)
    many = [" ".join(["bus"] * (n % 9 + 1)) for n in range(70)]
    found = predict(classifier, many, [None] * 70)
    assert found[[0, 8, 44]] == pytest.approx(predict(classifier, [many[0], many[8], many[44]], [None] * 3), abs=1e-6)
    assert predict(classifier, [], []).shape == (0, 2)


@BOTH
def test_embeddings_are_unit_vectors_of_the_last_layer(encoder: Path, pooling: str) -> None:
    import torch

    start = started(encoder, pooling=pooling)
    classifier = start.classifier(1)
    embeddings, shares = embed(classifier, Inputs(start.encode(TEXTS, NO_QUESTIONS)))
    assert (embeddings.dtype, embeddings.shape, shares.dtype, shares.shape) == ("float32", (10, 32), "float32", (10, 2))
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(10), abs=1e-6)
    assert shares == pytest.approx(predict(classifier, TEXTS, NO_QUESTIONS), abs=1e-6)
    tokens = start.tokenizer(TEXTS[0], return_tensors="pt")
    with torch.no_grad():
        last = classifier.model.base_model(**tokens).last_hidden_state[0].numpy()
    wanted = last.mean(axis=0) if pooling == "mean" else last[0]  # one text alone has no padding
    assert embeddings[0] == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


# Saved classifiers


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@BOTH
def test_a_saved_classifier_says_the_same_and_holds_no_place_of_this_machine(
    encoder: Path, tmp_path: Path, pooling: str
) -> None:
    classifier = trained(started(encoder, steps=3, pooling=pooling)).classifier
    settings_ = chosen("all-minilm-l6-v2", steps=3, pooling=pooling)
    for name in ("one", "two"):
        save(classifier, tmp_path / name, settings_, {"arm": "real", "seed": 1}, "# A card\n")
    found = files(tmp_path / "one")
    assert found == files(tmp_path / "two")
    assert {"model.safetensors", "config.json", "tokenizer.json", "training.json", "README.md"} <= set(found)
    assert {"modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"}.isdisjoint(
        found
    ) == (pooling == "cls")
    assert not [name for name, content in found.items() if str(encoder).encode() in content]
    told = json.loads(found["training.json"])
    assert {name: told[name] for name in ("epochs", "min_steps", "max_steps", "pooling", "arm")} == {
        "epochs": 1.0, "min_steps": 3, "max_steps": 3, "pooling": pooling, "arm": "real"
    }  # fmt: skip
    loaded = load(tmp_path / "one", CPU)
    assert (loaded.labels, loaded.pooling, loaded.max_tokens) == (tuple(LABELS), pooling, 16)
    assert (predict(loaded, TEXTS, NO_QUESTIONS) == predict(classifier, TEXTS, NO_QUESTIONS)).all()


@BOTH
def test_a_classifier_trained_in_bfloat16_is_loaded_in_it(encoder: Path, tmp_path: Path, pooling: str) -> None:
    settings_ = {"dtype": "bfloat16", "pooling": pooling}
    classifier = trained(started(encoder, **settings_)).classifier
    in_half(classifier)
    save(classifier, tmp_path, chosen(encoder, **settings_), {}, "", half=True)
    said = predict(load(tmp_path, CPU), TEXTS, NO_QUESTIONS)
    assert (said == predict(classifier, TEXTS, NO_QUESTIONS)).all()
    assert (said != predict(replace(classifier, dtype="float32"), TEXTS, NO_QUESTIONS)).any(), "or this shows nothing"


@BOTH
@pytest.mark.parametrize("other", ["mean", "cls"])
def test_a_saved_classifier_is_a_warm_start_with_its_head_and_its_pooling(
    encoder: Path, tmp_path: Path, pooling: str, other: str
) -> None:
    """Also where ``finetune.pooling`` was changed since."""
    classifier = trained(started(encoder, steps=3, pooling=pooling)).classifier
    save(classifier, tmp_path / "warm", chosen(encoder), {}, "")
    start = started(encoder, pooling=other, warm=tuned(tmp_path / "warm"))
    for seed in (1, 2):
        found = start.classifier(seed)
        assert found.pooling == pooling
        assert (weights(found.head)["weight"] == weights(classifier.head)["weight"]).all()


def logits(classifier: Any, text: str) -> np.ndarray:
    """What transformers' own model and the head say of one text, without ``Classifier.forward``."""
    import torch

    classifier.model.eval()
    with torch.no_grad():
        out = classifier.model(**classifier.tokenizer(text, return_tensors="pt"))
        if classifier.pooling == "cls":
            return out.logits[0].numpy()
        return classifier.head(out.last_hidden_state[0].mean(dim=0)).numpy()


def test_a_classifier_with_a_head_of_its_own_opens_in_transformers(encoder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    classifier = trained(started(encoder, steps=3, pooling="cls")).classifier
    save(classifier, tmp_path, chosen(encoder, pooling="cls"), {}, "")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert model.config.id2label == dict(enumerate(LABELS))
    with torch.no_grad():
        out = model(**AutoTokenizer.from_pretrained(tmp_path)(TEXTS, padding=True, return_tensors="pt"))
    assert out.logits.softmax(dim=1).numpy() == pytest.approx(predict(classifier, TEXTS, NO_QUESTIONS), abs=1e-5)


def test_a_classifier_of_means_opens_in_sentence_transformers(encoder: Path, tmp_path: Path) -> None:
    models = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    classifier = trained(started(encoder, steps=3)).classifier
    save(classifier, tmp_path, chosen(encoder), {}, "")
    found = models.SentenceTransformer(str(tmp_path), device="cpu").encode(TEXTS)
    assert found.shape == (10, 2)
    assert found == pytest.approx(np.stack([logits(classifier, text) for text in TEXTS]), abs=1e-5)


def test_a_folder_without_a_classifier_is_no_warm_start_and_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{}")
    assert tuned(tmp_path) is None
    with pytest.raises(StandinError, match="there is no classifier"):
        load(tmp_path, Runtime())


def test_the_card_says_what_was_trained_on_what_and_how_it_fares(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_bytes(b"rows")
    card = model_card(
        title="arm real", question="Close the road?", pairs=True, encoder="roberta-base", labels=["against", "favor"], rows=48,
        steps=30, seed=1, validation=(0.8123, 0.8333, 48),
        data=tmp_path / "real.jsonl",
    )  # fmt: skip
    for said in ("arm real", "Close the road?", "roberta-base", "against, favor", "48 texts", "30 steps", "0.812",
                 "real.jsonl`, md5 df347a373b8f92aa0ae3dd920a5ec2f6", "Licence", "Intended use", "single people"):  # fmt: skip
        assert said in card
    assert card.startswith("---\npipeline_tag: text-classification\n")


# Mistakes


def test_more_frozen_layers_than_there_are_is_an_error(encoder: Path) -> None:
    with pytest.raises(StandinError, match=r"finetune\.frozen_layers is 4, and the encoder has 3 layers: take 0 to 3"):
        started(encoder, frozen_layers=4).classifier(1)


def test_an_encoder_whose_layers_are_not_found_can_only_be_trained_whole(tmp_path: Path) -> None:
    """ALBERT shares one layer among all."""
    from transformers import AlbertConfig, AlbertModel

    write_tiny_encoder(tmp_path)
    AlbertModel(
        AlbertConfig(vocab_size=40, embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                     intermediate_size=16, pad_token_id=0)
    ).save_pretrained(tmp_path)  # fmt: skip
    assert started(tmp_path, frozen_layers=0).classifier(1).labels == tuple(LABELS)
    with pytest.raises(StandinError, match=r"frozen_layers is 1, but the layers of AlbertModel were not found"):
        started(tmp_path, frozen_layers=1).classifier(1)


@pytest.mark.parametrize("family", ["Roberta", "DistilBert", "Electra", "MPNet"])
def test_lower_layers_of_other_families_are_found(tmp_path: Path, family: str) -> None:
    import transformers

    sizes = (
        {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 16}
        if family == "DistilBert"
        else {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
    )
    config = getattr(transformers, f"{family}Config")(vocab_size=40, pad_token_id=0, **sizes)
    write_tiny_encoder(tmp_path)
    getattr(transformers, f"{family}Model")(config).save_pretrained(tmp_path)
    model = started(tmp_path, frozen_layers=2).classifier(1).model
    trained_layers = {
        name.split("layer.")[1].split(".")[0]
        for name, value in model.named_parameters()
        if "layer." in name and value.requires_grad
    }
    assert trained_layers == {"2"}
    assert not [n for n, value in model.base_model.embeddings.named_parameters() if value.requires_grad]


def test_an_encoder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StandinError, match=r"finetune\.encoder .*nowhere' cannot be loaded"):
        started(tmp_path / "nowhere")


def test_an_encoder_without_weights_is_named(tmp_path: Path) -> None:
    (write_tiny_encoder(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(StandinError, match=rf"finetune\.encoder '{tmp_path}' cannot be loaded: .* safetensors"):
        started(tmp_path).classifier(1)


def test_more_tokens_than_the_encoder_reads_is_an_error(encoder: Path) -> None:
    with pytest.raises(StandinError, match=r"finetune\.max_tokens is 65, and .* reads 64 tokens at most"):
        started(encoder, max_tokens=65)


def test_more_tokens_than_the_encoder_has_places_for_is_an_error_where_the_tokenizer_does_not_know(
    tmp_path: Path,
) -> None:
    told = write_tiny_encoder(tmp_path) / "tokenizer_config.json"
    told.write_text(told.read_text().replace('"model_max_length": 64', '"model_max_length": 512'))
    with pytest.raises(StandinError, match=r"finetune\.max_tokens is 65, and .* reads 64 tokens at most"):
        started(tmp_path, max_tokens=65).classifier(1)


def test_a_gpu_that_is_not_there_is_an_error(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StandinError, match=r"runtime\.device is 'cuda', and torch sees no GPU"):
        begin(chosen(encoder), LABELS, Runtime(device="cuda"))


def test_the_modules_import_nothing_heavy() -> None:
    modules = "card, encoders, frozen, inputs, ngrams, prediction, probe, training"
    code = f"import sys; from standin.classifier import {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0
