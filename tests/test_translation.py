"""Translation: with a tiny NLLB of random weights, the arithmetic of sentences, chunks and language tokens."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from standin.config import parse_params
from standin.corpus import SyntheticRow, read_rows, write_rows
from standin.errors import StandinError
from standin.generation.translation import SENTENCE_END, language_code, load_translator, sentence_count, translate
from standin.stages import translate as stage
from standin.task import Task, load_task

PROJECT = Path(__file__).parents[1]
TEXTS = ["The bus is late. Again!", "No trees\nno shade", "Why?", "The bus is late."]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An NLLB of 20,000 random weights that spells: one token a letter."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    folder = tmp_path_factory.mktemp("tiny-nllb")
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.!?,"]
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3} | {letter: n for n, letter in enumerate(letters, 4)}
    tokenizer = NllbTokenizer(vocab=vocab, merges=[], model_max_length=64)
    torch.manual_seed(3)
    config = M2M100Config(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64, init_std=0.5,
        decoder_start_token_id=2, bos_token_id=0, pad_token_id=1, eos_token_id=2,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def nothing(done: int) -> None:
    """Progress that is not watched."""


def test_language_codes_of_the_common_languages_and_of_any_other_by_its_flores_code() -> None:
    assert [language_code(name) for name in ("en", "de", "zh", "gle_Latn")] == [
        "eng_Latn", "deu_Latn", "zho_Hans", "gle_Latn",
    ]  # fmt: skip
    with pytest.raises(StandinError, match=r"language 'german' is not in the translation table.*FLORES-200"):
        language_code("german")


def test_every_code_of_the_table_is_one_of_nllb() -> None:
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    from standin.generation.translation import CODES

    assert set(CODES.values()) <= set(FAIRSEQ_LANGUAGE_CODES)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        ("One line\n\nanother", ["One line", "another"]),
        ("At 3.50 euros it is a bargain…", ["At 3.50 euros it is a bargain…"]),
        ("树很少。没有阴凉！", ["树很少。", "没有阴凉！"]),
        ("", []),
    ],
)
def test_texts_are_split_into_sentences_and_joined_as_they_were(text: str, sentences: list[str]) -> None:
    pieces = SENTENCE_END.split(text)
    assert [piece for piece in pieces[::2] if piece] == sentences
    assert "".join(pieces) == text
    assert sentence_count([text, text]) == len(set(sentences))


def test_answers_begin_with_the_target_language_and_hold_no_special_tokens(tiny: Path) -> None:
    import torch

    german = load_translator(str(tiny), "main", "en", "de", "cpu")
    french = load_translator(str(tiny), "main", "en", "fr", "cpu")
    assert german.tokenizer.convert_ids_to_tokens(german.target) == "deu_Latn"
    inputs = german.tokenizer("The bus is late.", return_tensors="pt")
    assert german.tokenizer.convert_ids_to_tokens(inputs.input_ids[0].tolist())[0] == "eng_Latn"
    with torch.inference_mode():
        answer = german.model.generate(**inputs, forced_bos_token_id=german.target, max_new_tokens=3)
    assert answer[0, 1] == german.target
    found = [translate(TEXTS, one, 8, 4, nothing).texts for one in (german, french)]
    assert found[0] != found[1], "another target language, another translation"
    assert not any(mark in text for texts in found for text in texts for mark in ("</s>", "<pad>", "deu_Latn"))


def test_equal_texts_are_translated_equally_whatever_stands_beside_them(tiny: Path) -> None:
    translator = load_translator(str(tiny), "main", "en", "de", "cpu")
    done: list[int] = []
    found = translate(TEXTS, translator, 8, 2, done.append)
    assert found.sentences == sum(done) == sentence_count(TEXTS) == 5
    assert done == [2, 2, 1], "chunks of two sentences"
    assert found.texts[0].startswith(found.texts[3]), "the first sentence of one text is the whole of another"
    assert "\n" in found.texts[1], "line breaks stay"
    assert translate(TEXTS, translator, 8, 2, nothing) == found
    assert translate(TEXTS[::-1], translator, 8, 2, nothing).texts == found.texts[::-1]


def test_translations_that_reach_the_token_limit_are_counted(tiny: Path) -> None:
    translator = load_translator(str(tiny), "main", "en", "de", "cpu")
    short, long = (translate(TEXTS, translator, limit, 4, nothing) for limit in (2, 60))
    assert short.cut == short.sentences
    assert long.cut <= short.cut


def test_a_sentence_longer_than_the_model_is_cut_and_not_fatal(tiny: Path) -> None:
    translator = load_translator(str(tiny), "main", "en", "de", "cpu")
    long, longer = translate(["late " * 50, "late " * 100], translator, 8, 1, nothing).texts
    assert long == longer, "both are cut at the 64 tokens that the model takes"


def test_a_model_that_cannot_be_loaded_is_named_with_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        StandinError, match=r"translate\.model '.*absent', revision 'main', cannot be loaded.*prompts\.language"
    ):
        load_translator(str(tmp_path / "absent"), "main", "en", "de", "cpu")


def test_a_model_that_does_not_know_the_language_is_refused(tiny: Path) -> None:
    with pytest.raises(StandinError, match=r"does not know the language code 'xxx_Latn'.*nllb-200"):
        load_translator(str(tiny), "main", "en", "xxx_Latn", "cpu")


def row(n: int, text: str) -> SyntheticRow:
    return SyntheticRow(
        id=f"g{n}", text=text, label="housing", split="train", plan_id=f"p{n}", shots=2, engine="e", model="m"
    )


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Task]:
    """City topics in some language; the working directory is a project with generated texts."""
    task = load_task("city-topics", PROJECT)
    monkeypatch.chdir(tmp_path)
    write_rows(Path("data/generated/texts.jsonl"), [row(n, text) for n, text in enumerate(TEXTS)])
    return lambda language: task.model_copy(update={"language": language})


def test_where_no_text_was_asked_for_no_model_is_loaded(city: Callable[[str], Task]) -> None:
    german = city("de")
    write_rows(stage.GENERATED, [])
    params = parse_params({"translate": {"model": "nowhere"}})
    assert stage.run(params, german, "") == {"translated_texts": 0}
    assert read_rows(stage.TRANSLATED, SyntheticRow) == []


def test_texts_in_the_tasks_language_are_copied(
    city: Callable[[str], Task], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.run(parse_params({}), city("en"), "") == {"translated_texts": 0}
    assert Path("data/drafts/texts.jsonl").read_bytes() == Path("data/generated/texts.jsonl").read_bytes()
    assert capsys.readouterr().out == "translate: prompts and task are both 'en': nothing to translate, texts copied\n"


def test_without_generated_texts_the_missing_file_is_named(city: Callable[[str], Task]) -> None:
    shutil.rmtree("data/generated")
    for language in ("en", "de"):
        with pytest.raises(StandinError, match=r"data/generated/texts\.jsonl: there is no such file"):
            stage.run(parse_params({}), city(language), "")


def test_ids_and_labels_stay_where_texts_are_translated(city: Callable[[str], Task], tiny: Path) -> None:
    params = parse_params(
        {"translate": {"model": str(tiny), "max_tokens": 8, "chunk": 2}, "runtime": {"device": "cpu"}}
    )
    metrics = stage.run(params, city("de"), "")
    before = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    after = read_rows(Path("data/drafts/texts.jsonl"), SyntheticRow)
    assert [(one.id, one.label, one.plan_id) for one in after] == [(one.id, one.label, one.plan_id) for one in before]
    assert [one.text for one in after] != [one.text for one in before]
    assert metrics["translated_texts"] == 4
    assert metrics["translated_sentences"] == 5
    again = Path("data/drafts/texts.jsonl").read_bytes()
    stage.run(params, city("de"), "")
    assert Path("data/drafts/texts.jsonl").read_bytes() == again


def test_a_copy_imports_nothing_heavy() -> None:
    code = "import sys, standin.stages.translate; print(sorted({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
