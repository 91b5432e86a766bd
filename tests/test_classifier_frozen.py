"""Training and prediction begin after the frozen layers: nothing that they say depends on it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_classifier import CODES, NO_QUESTIONS, TEXTS, started
from tiny_encoder import write_tiny_encoder

from standin.classifier import frozen
from standin.classifier.encoders import Start
from standin.classifier.inputs import Inputs, collate, inputs_of
from standin.classifier.prediction import embed, features, probabilities
from standin.classifier.training import fine_tune

FAMILIES = ["Bert", "Roberta", "DistilBert", "Electra", "MPNet", "DebertaV2", "ModernBert"]
MIXED: list[str | None] = ["should we close the road", None] * 5


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"), dropout=0.0)


@pytest.fixture(autouse=True)
def root(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("root")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return folder


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a tiny encoder of a family, made once."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = write_family(tmp_path_factory.mktemp(family), family)
        return made[family]

    return folder


def write_family(folder: Path, family: str) -> Path:
    """An encoder of the family, of 3 layers and without dropout, beside BERT's word-level tokenizer."""
    import torch
    import transformers

    write_tiny_encoder(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    own: dict[str, dict[str, Any]] = {
        "DistilBert": {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 32, "dropout": 0.0,
                       "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
        "ModernBert": sizes | {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3},
        "DebertaV2": sizes | quiet | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 2,
                                      "pooler_dropout": 0.0, "pooler_hidden_size": 32},
        "Electra": sizes | quiet | {"embedding_size": 16},  # projected, as in the published small models
        "Roberta": sizes | quiet | {"type_vocab_size": 2},
    }  # fmt: skip
    given = {"vocab_size": 40, "pad_token_id": 0, "max_position_embeddings": 66, "initializer_range": 0.2}
    config = getattr(transformers, f"{family}Config")(**given, **own.get(family, sizes | quiet))
    getattr(transformers, f"{family}Model")(config).save_pretrained(folder)
    if family in {"DistilBert", "ModernBert", "MPNet"}:  # they read no token types
        told = folder / "tokenizer_config.json"
        kept = told.read_text().rstrip().removesuffix("}").rstrip()
        told.write_text(kept + ', "model_input_names": ["input_ids", "attention_mask"]}')
    return folder


def both(start: Start, questions: list[str | None] = NO_QUESTIONS) -> tuple[Inputs, Inputs]:
    """The texts with the states of the frozen layers, and without."""
    known = inputs_of(start, TEXTS, questions)
    assert len(known.states) == len(TEXTS)
    return known, Inputs(known.encodings)


def forwards(model: Any) -> list[bool]:
    return ["forward" in vars(layer) for layer in model.base_model.modules()]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_says_the_same_from_the_states_and_from_the_tokens(
    families: Any, family: str, pooling: str, layers: int
) -> None:
    start = started(families(family), frozen_layers=layers, pooling=pooling)
    classifier = start.classifier(1)
    known, plain = both(start, MIXED)
    assert probabilities(classifier, known) == pytest.approx(probabilities(classifier, plain), abs=1e-5)
    assert features(classifier, known) == pytest.approx(features(classifier, plain), abs=1e-4)
    for one, other in zip(embed(classifier, known), embed(classifier, plain), strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert not any(forwards(classifier.model))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("family", ["Bert", "MPNet", "DebertaV2", "ModernBert"])
def test_training_from_the_states_gives_the_classifier_that_training_from_the_tokens_gives(
    families: Any, family: str, pooling: str, layers: int
) -> None:
    start = started(families(family), frozen_layers=layers, pooling=pooling, steps=3, learning_rate=1e-3)
    known, plain = (fine_tune(start, one, CODES, 1, lambda _: None) for one in both(start, MIXED))
    found = [probabilities(one.classifier, Inputs(start.encode(TEXTS, MIXED))) for one in (known, plain)]
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert [one.loss for one in known.history] == pytest.approx([one.loss for one in plain.history], abs=1e-4)
    assert not any(forwards(known.classifier.model))


def test_a_layer_that_returns_a_tuple_gets_a_tuple_back(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the layers of transformers 4 do: (states, attention)."""
    from transformers.models.bert.modeling_bert import BertEncoder, BertLayer

    own = BertLayer.forward
    monkeypatch.setattr(BertLayer, "forward", lambda self, *args, **named: (own(self, *args, **named), "attention"))

    def encoder_forward(self: Any, hidden: Any, attention_mask: Any = None, *args: Any, **named: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions as Output

        for layer in self.layer:
            hidden, _ = layer(hidden, attention_mask)
        return Output(last_hidden_state=hidden)

    monkeypatch.setattr(BertEncoder, "forward", encoder_forward)
    start = started(encoder, frozen_layers=2)
    known, plain = both(start)
    assert known.values == 2
    classifier = start.classifier(1)
    assert probabilities(classifier, known) == pytest.approx(probabilities(classifier, plain), abs=1e-5)


def test_a_failed_pass_leaves_the_layers_as_they_were(encoder: Path) -> None:
    start = started(encoder, frozen_layers=2)
    known, plain = both(start)
    classifier = start.classifier(1)
    before = probabilities(classifier, plain)
    batch, states = collate(start.tokenizer, known.encodings, known.states)
    with pytest.raises(RuntimeError):
        classifier.forward(batch, states[:, :, :5], known.values)
    assert not any(forwards(classifier.model))
    assert (probabilities(classifier, plain) == before).all()


# The file


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch sizes of all passes through an encoder."""
    from transformers import BertModel

    seen: list[int] = []
    own = BertModel.forward

    def counted(model: Any, input_ids: Any, *args: Any, **named: Any) -> Any:
        seen.append(len(input_ids))
        return own(model, input_ids, *args, **named)

    monkeypatch.setattr(BertModel, "forward", counted)
    return seen


def same(one: Inputs, other: Inputs) -> bool:
    pairs = zip(one.states, other.states, strict=True)
    return one.values == other.values and all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in pairs)


def read(start: Start) -> Inputs:
    return inputs_of(start, TEXTS, NO_QUESTIONS)


def test_a_text_is_computed_once_for_all_runs(encoder: Path, root: Path, passes: list[int]) -> None:
    """The first text runs again each time, because it tells what the layers return."""
    first = read(started(encoder))
    assert passes == [1] * 11
    passes.clear()
    assert same(read(started(encoder)), first)
    assert passes == [1]
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["states.db"]


def test_the_states_are_the_same_bits_with_and_without_the_file_whatever_it_held(encoder: Path, root: Path) -> None:
    start = started(encoder)
    first = read(start)
    shutil.rmtree(root / ".standin")
    inputs_of(start, TEXTS[::-1][:4], NO_QUESTIONS[:4])  # other company, other order
    assert same(read(start), first)
    (root / ".standin/states.db").unlink()
    inputs_of(start, ["rent a flat"], [None])
    assert same(read(start), first)


def test_a_text_comes_out_the_same_in_any_company(encoder: Path) -> None:
    start = started(encoder)
    alone = inputs_of(start, TEXTS[3:4], [None])
    assert same(read(start).at([3]), alone)


def test_a_broken_file_is_done_without(encoder: Path, root: Path) -> None:
    first = read(started(encoder))
    (root / ".standin/states.db").write_bytes(b"no database" * 1000)
    assert same(read(started(encoder)), first)


def test_a_folder_that_cannot_be_written_is_done_without(encoder: Path, root: Path) -> None:
    first = read(started(encoder))
    shutil.rmtree(root / ".standin")
    (root / ".standin").write_text("a file stands where the folder would be")  # root may write everywhere else
    assert same(read(started(encoder)), first)


@pytest.mark.parametrize("error", [PermissionError("denied"), frozen.sqlite3.OperationalError("readonly database")])
def test_a_file_that_cannot_be_opened_is_done_without(
    encoder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise error

    first = read(started(encoder))
    monkeypatch.setattr(frozen.sqlite3, "connect", refused)
    assert same(read(started(encoder)), first)


def test_two_processes_share_the_file(encoder: Path, root: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from tiny_classifier import *\n"
        "start = started(Path(sys.argv[1]))\n"
        "for n in range(3): inputs_of(start, TEXTS, NO_QUESTIONS)\n"
        "print(sum(state.sum().item() for state in inputs_of(start, TEXTS, NO_QUESTIONS).states))\n"
    )
    paths = [str(Path(__file__).parent), str(Path(frozen.__file__).parents[2])]
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(encoder), *paths], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    wanted = sum(state.sum().item() for state in read(started(encoder)).states)
    assert [float(one) for one in said] == [wanted, wanted]


@pytest.mark.parametrize("changed", [{"frozen_layers": 2}, {"dtype": "bfloat16"}, "another encoder"])
def test_another_encoder_depth_or_precision_has_states_of_its_own(
    encoder: Path, tmp_path: Path, passes: list[int], changed: Any
) -> None:
    first = read(started(encoder))
    passes.clear()
    if isinstance(changed, str):
        other = started(write_tiny_encoder(tmp_path, dropout=0.0, seed=1))
    else:
        other = started(encoder, **changed)
    assert not same(read(other), first)
    assert passes == [1] * 11


def test_what_is_above_the_frozen_layers_shares_their_states(encoder: Path, passes: list[int]) -> None:
    read(started(encoder))
    passes.clear()
    read(started(encoder, pooling="cls", seeds=[9]))
    assert passes == [1]


def test_too_many_texts_run_through_all_layers(
    encoder: Path, root: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = sum(len(one["input_ids"]) for one in started(encoder).encode(TEXTS, NO_QUESTIONS))
    monkeypatch.setattr(frozen, "LARGEST", 4 * 32 * tokens - 1)  # bytes of float32 states of 32 dimensions, less one
    found = read(started(encoder))
    assert (len(found), found.states, passes) == (10, (), [])
    assert not list(root.iterdir())
    monkeypatch.setattr(frozen, "LARGEST", 4 * 32 * tokens)
    assert len(read(started(encoder)).states) == 10


def test_a_file_that_has_grown_too_large_is_begun_anew(
    encoder: Path, root: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(started(encoder))
    monkeypatch.setattr(frozen, "LARGEST_FILE", 1)
    assert same(read(started(encoder, frozen_layers=1)), first)
    passes.clear()
    assert same(read(started(encoder)), first)
    assert passes == [1] * 11


def test_without_frozen_layers_nothing_is_kept(encoder: Path, root: Path, passes: list[int]) -> None:
    assert read(started(encoder, frozen_layers=0)).states == ()
    assert passes == []
    assert not list(root.iterdir())
