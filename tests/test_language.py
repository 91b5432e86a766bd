"""Which language texts are in: guessed when they are added, and counted among the synthetic ones."""

import json
from pathlib import Path

import pytest

from standin.config import Evaluate, Params
from standin.corpus import Row, SyntheticRow
from standin.curation.language import language_of, others
from standin.errors import StandinError
from standin.language_codes import named, short_code
from standin.languages import language_warning
from standin.sources.adding import add
from standin.stages.curate import _languages
from standin.task import Task, load_task

SENTENCES = {
    "en": ["The bus in our street came too late again this morning", "Could somebody please repair the broken light?"],
    "da": ["Cyklerne holder på fortovet foran skolen hver morgen", "Kan nogen ikke reparere den ødelagte lampe?"],
    "de": [
        "Der Bus in unserer Straße kam heute früh wieder zu spät",
        "Könnte bitte jemand die kaputte Lampe reparieren?",
    ],
    "fr": ["Le bus de notre rue est encore arrivé en retard ce matin", "Quelqu'un pourrait-il réparer ce lampadaire ?"],
    "ja": ["待ち時間が長くて、店員も不親切でした。", "この店はとても美味しかったので、また行きたいです。"],
    "zh": ["这家店的服务很差，等了很久。", "味道很好，下次还会再来。"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_handful_of_texts_tells_their_language(language: str) -> None:
    assert language_of(SENTENCES[language]) == language
    assert language_of(SENTENCES[language]) == language_of(SENTENCES[language] * 3)


@pytest.mark.parametrize("texts", [[], ["ok"], ["12345 67"], ["🙂🙂", "👍"], ["", " "]])
def test_texts_that_say_too_little_have_no_known_language(texts: list[str]) -> None:
    assert language_of(texts) is None


def test_texts_surely_in_another_language_are_counted_and_kin_and_short_ones_are_not() -> None:
    texts = [*SENTENCES["da"], *SENTENCES["en"], *SENTENCES["fr"], "ok", "12345"]
    found = others(texts, "en")
    assert found.texts == 8
    assert found.languages["fr"] == 2
    assert "en" not in found.languages
    sure = "Hvad mon de nye cykelstier i København bliver til, når først der er gravet op overalt?"
    assert others([sure], "en").languages == {"da": 1}
    assert others([sure], "nb").languages == {}, "Norwegian's kin"
    assert others(["Win a prize now"], "da").languages == {}, "short, so nothing is sure"
    assert others(SENTENCES["de"], "deu_Latn").languages == {}
    assert others([], "en").share == 0


def test_codes_of_one_language_are_one() -> None:
    assert {short_code(code) for code in ("de", "deu", "deu_Latn", "de-AT")} == {"de"}
    assert short_code("nb") == short_code("nob_Latn") == "no"
    assert short_code("gle_Latn") == "gle"
    assert named("da") == "Danish (da)"
    assert named("gle_Latn") == "'gle_Latn'"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    monkeypatch.setattr("standin.sources.adding._run", lambda *_: "")
    monkeypatch.chdir(root)
    return root


def file(path: Path, texts: list[str]) -> Path:
    records = [{"text": text, "label": ("a", "b")[n % 2]} for n, text in enumerate(texts)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_danish_file_is_not_silently_english(root: Path, tmp_path: Path) -> None:
    said = add("cykler", file(tmp_path / "a.jsonl", SENTENCES["da"])).summary()
    assert "language: Danish (da), as the texts read; --language says another one" in said
    for model in ("generator.model 'smollm2", "embed.model 'all-minilm", "finetune.encoder 'all-minilm"):
        assert model in said
    task = load_task("cykler")
    assert (task.language, task.prompts.language) == ("da", "da")
    assert task.prompts.generation.endswith("Answer with the text only. Write in Danish.")
    assert task.prompts.diversity.endswith("Write in Danish.")
    again = add("cykler", file(tmp_path / "b.jsonl", SENTENCES["fr"]), replace=True).summary()
    assert "look at: the texts read as French (fr), but tasks/cykler.yaml says language: da" in again


def test_english_texts_are_asked_for_in_no_other_words_than_before(root: Path, tmp_path: Path) -> None:
    said = add("english", file(tmp_path / "a.jsonl", SENTENCES["en"])).summary()
    assert "language: English (en)" in said
    assert "was made for" not in said
    task = load_task("english")
    assert task.prompts.language == "en"
    assert "Write in" not in task.prompts.generation


def test_a_language_that_was_named_holds_and_a_contradiction_is_shown(root: Path, tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", SENTENCES["en"])
    assert (
        "look at: the texts read as English (en), but you said --language de"
        in add("named", path, language="de").summary()
    )
    assert load_task("named").language == "de"
    with pytest.raises(StandinError, match=r"tasks/named\.yaml exists and says language: de: write fr there"):
        add("named", path, language="fr")


def test_an_unknown_language_is_said_to_be_unknown(root: Path, tmp_path: Path) -> None:
    said = add("short", file(tmp_path / "a.jsonl", ["ok", "no"])).summary()
    assert "look at: the texts' language is not known, so tasks/short.yaml says 'en'" in said


@pytest.fixture
def danish(root: Path, tmp_path: Path) -> Task:
    add("cykler", file(tmp_path / "a.jsonl", SENTENCES["da"]))
    return load_task("cykler")


def synthetic(texts: list[str]) -> list[SyntheticRow]:
    return [SyntheticRow(id=t, text=t, label="a", plan_id=t, shots=0, engine="e", model="m") for t in texts]


def real(texts: list[str]) -> list[Row]:
    return [Row(id=text, text=text) for text in texts]


def test_synthetic_texts_in_another_language_are_counted_and_said_and_stay(
    danish: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _languages(danish, synthetic([*SENTENCES["da"], *SENTENCES["en"]]), real(SENTENCES["da"]))
    assert found["other_language"] == 2
    assert found["other_language_share"] == 0.5
    assert found["real_other_language_share"] == 0
    assert found["other_languages"] == {"en": 2}
    assert (
        "curate: warning: 2 of 4 kept texts are not in Danish (da) but in English (en) 2; they stay"
        in capsys.readouterr().out
    )


def test_texts_that_share_a_language_are_not_spoken_of(danish: Task, capsys: pytest.CaptureFixture[str]) -> None:
    assert _languages(danish, synthetic(SENTENCES["da"]), real(SENTENCES["da"]))["other_language"] == 0
    mixed = [*SENTENCES["da"] * 2, *SENTENCES["en"]]  # as mixed as the real ones are
    _languages(danish, synthetic(mixed), real(mixed))
    assert capsys.readouterr().out == ""


def test_real_texts_in_another_language_than_the_task_says_are_told(
    danish: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    _languages(danish, synthetic(SENTENCES["en"]), real(SENTENCES["en"]))
    assert (
        "curate: warning: the real texts read as English (en), but language in tasks/cykler.yaml is 'da'"
        in capsys.readouterr().out
    )


def test_a_model_is_not_warned_of_for_another_spelling_of_its_language(danish: Task) -> None:
    english = danish.model_copy(update={"language": "eng_Latn"})
    assert language_warning(Params(), english, "embed") is None
    for stage in ("generate", "embed", "warmstart", "learner", "finetune"):
        assert "was made for en texts" in str(language_warning(Params(), danish, stage))


def test_an_arm_that_reads_no_encoder_is_not_warned_of(danish: Task) -> None:
    mixed = Params(arms={"letters": ["real", "ngrams"], "tuned": ["real"]}, evaluate=Evaluate(references=[]))
    assert language_warning(mixed, danish, "finetune", "letters") is None
    assert "was made for en texts" in str(language_warning(mixed, danish, "finetune", "tuned"))
    assert "was made for en texts" in str(language_warning(mixed, danish, "finetune"))
    alone = mixed.model_copy(update={"arms": {"letters": ["real", "ngrams"], "asked": ["llm"]}})
    assert language_warning(alone, danish, "finetune") is None


OTHER_SCRIPTS = {
    "Спасибо": "Cyrillic",
    "متى تفتحون المتجر؟": "ar",
    "شكرا": "Arabic",
    "מתי אתם פותחים?": "he",
    "언제 열어요?": "ko",
    "เปิดกี่โมง": "th",
}


def test_a_text_in_another_script_is_in_another_language_however_short() -> None:
    for text, name in OTHER_SCRIPTS.items():
        assert others([text], "en").languages == {name: 1}, text
    assert others(["ok", "Merci", "Danke", "naïve café", "Γ-rays and β-carotene", "🙂🙂", ""], "en").languages == {}
    assert others(["Спасибо"], "uk").languages == {}
    assert others(["ありがとう", "感謝"], "ja").languages == {}
    assert others(["Спасибо", "شكرا"], "xyz").languages == {}, "nobody knows how it is written"
    assert others(["iPhone 15 Pro"], "ru").languages == {}, "Latin letters stand in texts of every language"


def test_a_file_of_mixed_languages_is_said_to_be_mixed(root: Path, tmp_path: Path) -> None:
    english = [f"Could somebody please repair the broken light in street number {n}?" for n in range(24)]
    said = add("mixed", file(tmp_path / "a.jsonl", [*english, *SENTENCES["fr"], *OTHER_SCRIPTS])).summary()
    assert "language: English (en), as the texts read" in said
    assert "look at: 8 of 32 texts read as another language (fr 2, Arabic 1, Cyrillic 1, ar 1, he 1, ...)" in said
    alone = add("few", file(tmp_path / "b.jsonl", [*english * 3, SENTENCES["fr"][0]])).summary()
    assert "read as another language" not in alone
    wrong = add("wrong", file(tmp_path / "c.jsonl", SENTENCES["en"] * 5), language="de").summary()
    assert "read as another language" not in wrong, "it is the named language that does not fit"
