import shutil
from pathlib import Path

import numpy as np
import pytest

from standin.config import Runtime
from standin.errors import StandinError
from standin.measures import embeddings
from standin.measures.embeddings import Embeddings, embed, embed_to, load_encoder, read_embeddings, write_embeddings

MINILM = "all-minilm-l6-v2"
TEXTS = [
    "The tram is late again.",
    "Plant more trees!",
    "Straßenbahn 🚋 zu spät",
    "The tram is late again.",
    "x " * 400,
]


def some(n: int = 3) -> Embeddings:
    return Embeddings(tuple(f"id-{i}" for i in range(n)), np.eye(n, 4, dtype=np.float32))


class TestReadingAndWriting:
    def test_what_is_written_is_read_back(self, tmp_path: Path) -> None:
        write_embeddings(tmp_path / "real", some())
        found = read_embeddings(tmp_path / "real")
        assert found.ids == ("id-0", "id-1", "id-2")
        assert found.vectors.dtype == np.float32
        np.testing.assert_array_equal(found.vectors, some().vectors)

    def test_no_texts_keep_their_dimension(self, tmp_path: Path) -> None:
        write_embeddings(tmp_path, Embeddings((), np.empty((0, 7), np.float32)))
        assert read_embeddings(tmp_path).vectors.shape == (0, 7)

    def test_equal_embeddings_are_written_as_equal_bytes(self, tmp_path: Path) -> None:
        for folder in ("a", "b"):
            write_embeddings(tmp_path / folder, some())
        for name in ("vectors.npy", "ids.jsonl"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    def test_rows_come_in_the_order_asked(self) -> None:
        np.testing.assert_array_equal(some().of(["id-2", "id-0", "id-2"]), np.eye(3, 4)[[2, 0, 2]])
        assert some().of([]).shape == (0, 4)

    def test_an_unknown_id_is_named(self) -> None:
        with pytest.raises(StandinError, match=r"'id-9'.*dvc repro"):
            some().of(["id-0", "id-9"])

    def test_an_id_stands_once(self) -> None:
        with pytest.raises(StandinError, match="'a' stands twice"):
            Embeddings(("a", "b", "a"), np.eye(3, dtype=np.float32))

    def test_vectors_stay_in_their_file_until_they_are_looked_at(self, tmp_path: Path) -> None:
        write_embeddings(tmp_path, some())
        found = read_embeddings(tmp_path)
        assert isinstance(found.vectors, np.memmap)
        assert np.shares_memory(found.of(["id-1", "id-2"]), found.vectors)
        assert not np.shares_memory(found.of(["id-2", "id-1"]), found.vectors)

    @pytest.mark.parametrize("missing", ["vectors.npy", "ids.jsonl"])
    def test_a_missing_file_is_named(self, tmp_path: Path, missing: str) -> None:
        write_embeddings(tmp_path, some())
        (tmp_path / missing).unlink()
        with pytest.raises(StandinError, match=missing):
            read_embeddings(tmp_path)

    def test_vectors_and_ids_that_do_not_fit_are_refused(self, tmp_path: Path) -> None:
        write_embeddings(tmp_path, some())
        np.save(tmp_path / "vectors.npy", np.eye(2, dtype=np.float32))
        with pytest.raises(StandinError, match=r"\(2, 2\).*3 texts"):
            read_embeddings(tmp_path)

    def test_a_pickle_is_not_opened(self, tmp_path: Path) -> None:
        write_embeddings(tmp_path, some())
        np.save(tmp_path / "vectors.npy", np.array([{"an": "object"}]), allow_pickle=True)
        with pytest.raises(StandinError, match="no array of numbers"):
            read_embeddings(tmp_path)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return embed(TEXTS, MINILM, "main", Runtime(threads=1, batch=2))


class TestEmbedding:
    def test_rows_are_unit_vectors_in_the_order_given(self, vectors: np.ndarray) -> None:
        assert vectors.shape == (5, 384)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(vectors[0], vectors[3])

    def test_a_text_has_the_mean_pooled_embedding_of_the_model_itself(self, vectors: np.ndarray) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        from standin.embedded import resolve

        tokenizer, model = AutoTokenizer.from_pretrained(resolve(MINILM)), AutoModel.from_pretrained(resolve(MINILM))
        with torch.inference_mode():
            tokens = model(**tokenizer(TEXTS[2], return_tensors="pt")).last_hidden_state[0]
        mean = tokens.mean(0).numpy()
        np.testing.assert_allclose(vectors[2], mean / np.linalg.norm(mean), atol=1e-5)

    def test_neither_batch_nor_order_nor_neighbours_change_a_vector(self, vectors: np.ndarray) -> None:
        other = embed(TEXTS[::-1][:4], MINILM, "main", Runtime(threads=1, batch=64))
        np.testing.assert_allclose(other, vectors[::-1][:4], atol=2e-6)

    def test_no_texts_give_no_rows_of_the_models_dimension(self) -> None:
        assert embed([], MINILM, "main", Runtime(threads=1)).shape == (0, 384)

    def test_an_encoder_in_a_folder_is_the_same_encoder(self, vectors: np.ndarray, tmp_path: Path) -> None:
        from standin.embedded import resolve

        shutil.copytree(resolve(MINILM), tmp_path / "encoder")
        found = embed(TEXTS[:1], str(tmp_path / "encoder"), "main", Runtime(threads=1))
        np.testing.assert_allclose(found, vectors[:1], atol=2e-6)

    def test_a_plain_transformer_gets_the_mean_of_its_tokens_as_a_unit_vector(self, tmp_path: Path) -> None:
        import torch
        from transformers import AutoTokenizer, BertConfig, BertModel

        from standin.embedded import resolve

        tokenizer = AutoTokenizer.from_pretrained(resolve(MINILM))
        tokenizer.save_pretrained(tmp_path)
        torch.manual_seed(0)
        tiny = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
        )
        model = BertModel(tiny).eval()
        model.save_pretrained(tmp_path)
        with torch.inference_mode():
            mean = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
        assert np.linalg.norm(mean) != pytest.approx(1, abs=0.01)
        found = embed(TEXTS, str(tmp_path), "main", Runtime(threads=1))
        np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)

    @pytest.mark.parametrize("model", ["./encoders/none", "/nowhere/at/all", "models/learner/encoder"])
    def test_a_missing_folder_is_named_without_asking_the_hub(
        self, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: pytest.fail("asked the hub"))
        with pytest.raises(StandinError, match=f"embed.model: there is no folder '{model}'"):
            load_encoder(model, "main", Runtime())

    def test_an_unreachable_hub_is_said_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unreachable(*_: object, **__: object) -> None:
            raise ConnectionError("Name or service not known")

        monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
        with pytest.raises(
            StandinError, match=r"embed.model: cannot load 'someone/encoder'.*Name or service"
        ) as caught:
            load_encoder("someone/encoder", "v2", Runtime())
        assert "'v2'" in str(caught.value)

    def test_a_folder_without_a_model_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(StandinError, match=r"embed\.model: cannot load"):
            load_encoder(str(tmp_path), "main", Runtime(threads=1))


def test_embedding_into_files_a_part_at_a_time_is_embedding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts, four of them different, in parts of two; a text of the second group stands in the first as well."""
    monkeypatch.setattr(embeddings, "PART", 2)
    more = ["Plant more trees!", "A bus."]
    groups = [(tmp_path / "a", list("12345"), TEXTS), (tmp_path / "none", [], []), (tmp_path / "a/b", list("67"), more)]
    assert embed_to(groups, MINILM, "main", Runtime()) == 384
    expected = embed([*TEXTS, *more], MINILM, "main", Runtime())
    np.testing.assert_array_equal(read_embeddings(tmp_path / "a").vectors, expected[:5])
    np.testing.assert_array_equal(read_embeddings(tmp_path / "a/b").vectors, expected[5:])
    assert read_embeddings(tmp_path / "none").vectors.shape == (0, 384)
    assert read_embeddings(tmp_path / "a").ids == tuple("12345")


def test_a_broken_vector_is_named_by_its_row_whichever_part_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "PART", 2)
    broken = some(4)
    broken.vectors[3, 0] = np.nan
    write_embeddings(tmp_path, broken)
    with pytest.raises(StandinError, match=r"row 3 .*'id-3'.*NaN"):
        read_embeddings(tmp_path)
