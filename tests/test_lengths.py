"""Languages written without spaces are measured in characters: which they are, what is counted, and the whole chain."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from toy_project import TASK

from standin.config import Curate, Params, parse_params
from standin.corpus import Removed, SyntheticRow, read_json, read_rows
from standin.curation.copies import copied
from standin.curation.lengths import characters, length, unit_of, unit_of_texts
from standin.curation.reasons import invalidity
from standin.errors import StandinError
from standin.measures import embeddings
from standin.report.counts import curation_notes
from standin.sources.adding import add
from standin.stages import curate, edit, embed, generate, prepare, translate, validate
from standin.task import load_task

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("code", ["zh", "ja", "th", "lo", "km", "my", "bo", "yue", "dz", "zho_Hans", "zho_Hant", "jpn_Jpan", "tha_Thai", "lao_Laoo", "khm_Khmr", "mya_Mymr", "shn_Mymr", "bod_Tibt", "yue_Hant"])  # fmt: skip
def test_languages_without_spaces_are_measured_in_characters(code: str) -> None:
    assert unit_of(code) == "characters"


@pytest.mark.parametrize("code", ["en", "de", "ko", "vi", "hi", "ar", "ru", "am", "kor_Hang", "vie_Latn", "zho_Latn", "jav_Latn"])  # fmt: skip
def test_languages_with_spaces_are_measured_in_words(code: str) -> None:
    assert unit_of(code) == "words"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("待ち時間が長い。", 8),
        ("iPhone の新しいケース", 6 + 7),
        ("ที่นี่ดีมาก", 6),  # ท น ด ม า ก: vowels and tones above take no place of their own, the long a does
        ("が", 1),
        ("か\u3099", 1),  # the same, decomposed
        (" \n\u200b\u3000", 0),
    ],
)
def test_a_character_is_what_takes_a_place_of_its_own(text: str, expected: int) -> None:
    assert length(text, "characters") == len(characters(text)) == expected


def test_words_are_what_stands_between_white_space() -> None:
    assert length("The tram\nis late", "words") == 4
    assert length("待ち時間が長い", "words") == 1


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("この店はとても美味しかったので、また行きたいです", "characters", None),
        ("この店はとても美味しかったので、また行きたいです", "words", "too_short"),
        ("はい", "characters", "too_short"),
        ("好" * 601, "characters", "too_long"),
        ("好" * 600, "characters", None),
        ("!?。、!", "characters", "no_letter"),
    ],
)
def test_lengths_are_judged_in_the_unit_of_the_language(text: str, unit: Any, expected: str | None) -> None:
    assert invalidity(text, *Curate().lengths(unit), unit) == expected


def test_the_bounds_of_words_stay_those_of_words() -> None:
    limits = Curate(min_words=2, max_words=9, min_characters=4, max_characters=70)
    assert (limits.lengths("words"), limits.lengths("characters")) == ((2, 9), (4, 70))
    with pytest.raises(StandinError, match="min_characters is 9, max_characters is 8: no text is that long"):
        parse_params({"validate": {"min_characters": 9, "max_characters": 8}})


def test_copies_are_found_by_characters_even_where_short_texts_have_spaces() -> None:
    """東京 大阪 ... are four "words" of two characters, of which one changed word would be a quarter."""
    shown, said = "東京 大阪 京都 奈良", "東京 大阪 京都 奈奈"
    assert copied([said], [[shown]], 0.8, "characters") == [(0, 0, 0.875)]
    assert copied([said], [[shown]], 0.8, "words") == []


def test_texts_of_an_unnamed_language_are_measured_by_their_script() -> None:
    assert unit_of_texts(["待ち時間が長い", "iPhoneのケース", "รถไฟมาสาย"]) == "characters"
    assert unit_of_texts(["The tram is late", "トラム"]) == "words"
    assert unit_of_texts([]) == unit_of_texts(["12 :)"]) == "words"


REAL = {
    "ja": {
        "pro": ["駅前の歩道を広げる計画に賛成です。", "自転車道ができて通勤が楽になりました。", "公園に木を植えるのは良い考えだと思います。",
                "夜のバスを増やしてくれて助かっています。", "図書館が日曜も開くようになってうれしい。", "子どもが遊べる広場を残してください。"],
        "con": ["駐車場をなくすのはやめてほしい。", "工事の音がうるさくて眠れません。", "税金をこんなことに使うべきではない。",
                "バス停が遠くなって母が困っています。", "橋の通行料には反対です。", "川沿いの木を切らないでください。"],
    },
    "zh": {
        "pro": ["我支持把市中心改成步行街。", "新的自行车道让上班方便多了。", "公园里多种树是个好主意。",
                "晚上增加公交班次真是太好了。", "图书馆周日开放让我很高兴。", "请保留孩子们玩耍的广场。"],
        "con": ["请不要取消停车场。", "施工噪音太大,晚上睡不着。", "税金不应该花在这种地方。",
                "公交站搬远了,我母亲很不方便。", "我反对收过桥费。", "请不要砍掉河边的树。"],
    },
    "th": {
        "pro": ["เห็นด้วยกับการขยายทางเท้าหน้าสถานี", "ทางจักรยานใหม่ทำให้ไปทำงานสะดวกขึ้น", "ปลูกต้นไม้ในสวนเป็นความคิดที่ดี",
                "ดีใจที่มีรถเมล์ตอนกลางคืนเพิ่มขึ้น", "ห้องสมุดเปิดวันอาทิตย์ดีมาก", "ช่วยเก็บลานเด็กเล่นไว้ด้วย"],
        "con": ["อย่ายกเลิกที่จอดรถเลย", "เสียงก่อสร้างดังจนนอนไม่หลับ", "ไม่ควรใช้ภาษีกับเรื่องแบบนี้",
                "ป้ายรถเมล์ไกลขึ้นแม่ลำบากมาก", "ไม่เห็นด้วยกับค่าผ่านสะพาน", "อย่าตัดต้นไม้ริมแม่น้ำ"],
    },
}  # fmt: skip
MADE = {
    "ja": {
        "pro": ["商店街に屋根をつける案はとても良いと思います。", "新しい路面電車の線を楽しみにしています。", "はい"],
        "con": ["朝のごみ収集車が早すぎて迷惑です。", "Wi-Fiより街灯を直すのが先でしょう。", "プールを閉めるのは納得できません。"],
    },
    "zh": {
        "pro": ["希望尽快建好新的地铁站。", "社区花园办得很好,大家都喜欢。", "好"],
        "con": ["垃圾车来得太早,吵醒全家人。", "先修路灯再谈WiFi吧。", "不同意关闭游泳池。"],
    },
    "th": {
        "pro": ["อยากให้สร้างสถานีรถไฟใหม่เร็วๆ", "สวนของชุมชนสวยมาก ทุกคนชอบ", "ดี"],
        "con": ["รถเก็บขยะมาเช้าเกินไป เสียงดัง", "ซ่อมไฟถนนก่อนทำ WiFi เถอะ", "ไม่เห็นด้วยกับการปิดสระว่ายน้ำ"],
    },
}  # fmt: skip


def drawn(texts: Sequence[str], *_: object) -> np.ndarray:
    """A unit vector a text, drawn by its hash: what an encoder makes of a text is not the point here."""
    seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
    vectors = np.array([np.random.default_rng(seed).standard_normal(64) for seed in seeds], np.float32).reshape(-1, 64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write(path: Path, texts: dict[str, list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"text": t, "label": label}, ensure_ascii=False) for label, own in texts.items() for t in own]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the stages from raw data to the gate on the texts of a language, under the language that the task names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(embeddings, "_encoder", lambda *_: drawn)

    def run(texts: str, named: str) -> dict[str, Any]:
        write(Path("data/raw/toy/texts.jsonl"), REAL[texts])
        write(Path("made.jsonl"), MADE[texts])
        task_file = TASK.replace("language: en", f"language: {named}")
        task_file = task_file.replace("columns: {text: text}", "columns: {text: text, label: label, id: null}")
        Path("tasks").mkdir(exist_ok=True)
        Path("tasks/toy.yaml").write_text(task_file, encoding="utf-8")
        sizes = {"shots": 2, "validation": 2, "pool": 4, "test": 4}
        params: Params = parse_params(
            {"base": {"task": "toy"}, "prepare": sizes, "select": {"budgets": [2]}, "curate": {"near_duplicate_cosine": 1.0},
             "generator": {"engine": "replay", "model": "made.jsonl", "texts": 3}, "validate": {"min_texts_per_label": 2}}
        )  # fmt: skip
        task = load_task("toy")
        Path("data/judged").mkdir(parents=True, exist_ok=True)
        Path("data/judged/texts.jsonl").touch()
        for stage in (prepare, generate, translate, edit):
            stage.run(params, task, "")
        for item in ("real", "generated"):
            embed.run(params, task, item)
        metrics = dict(curate.run(params, task, ""))
        validate.run(params, task, "")
        return metrics

    return run


@pytest.mark.parametrize(("texts", "named"), [("ja", "ja"), ("zh", "zho_Hans"), ("th", "th")])
def test_from_raw_data_to_the_gate_nothing_is_too_short_by_being_one_word(chain: Any, texts: str, named: str) -> None:
    metrics = chain(texts, named)
    assert (metrics["planned"], metrics["kept"], metrics["length_unit"]) == (6, 5, "characters")
    assert metrics["invalid_by"] == {"too_short": 1}
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    assert {row.text for row in kept} == {text for own in MADE[texts].values() for text in own if len(text) > 3}
    assert [row.text for row in read_rows(Path("data/synthetic/removed.jsonl"), Removed)] == [MADE[texts]["pro"][2]]
    assert Path("reports/validate/gate.json").exists()
    said = {row["name"]: row for row in read_json(Path("reports/validate/result.json"))["expectations"]}
    assert said["characters"]["says"] == "every text must have 5 to 600 characters"
    assert said["characters"]["column"] == "characters"
    assert "characters on average" in said["mean_characters"]["says"]
    assert said["names_label"]["says"].startswith("a text should hold at least 5 characters")
    assert said["names_label"]["success"]
    assert not {"words", "mean_words"} & set(said)
    assert "characters, not words" in " ".join(curation_notes(metrics))


def test_a_task_that_names_another_language_is_told_what_that_does(chain: Any, capsys: Any) -> None:
    with pytest.raises(StandinError, match="the synthetic data failed"):
        chain("ja", "en")
    assert (
        "curate: warning: the texts are written without spaces, but language in tasks/toy.yaml is 'en', so each counts "
        "as one word: write their language, as in ja, zh or th"
    ) in capsys.readouterr().out


def test_a_text_that_only_names_its_label_is_found_by_characters() -> None:
    from standin.task import Label
    from standin.validation.columns import make_tables

    label = Label(name="交通", phrase="公共交通", description="公交和地铁")
    said = ["公共交通真的交通好", "公交车每天早上都晚点"]  # without the label's own: 真的好, 3 characters
    rows = [SyntheticRow(id=t, text=t, label="交通", plan_id=t, shots=0, engine="e", model="m") for t in said]
    tables = make_tables([label], [], rows, [], [], [], "characters")
    assert tables.texts["names_label"] == [1, 0]
    assert tables.texts["characters"] == [9, 10]


def test_added_texts_without_spaces_are_counted_in_characters_and_their_language_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    monkeypatch.setattr("standin.sources.adding._run", lambda *_: "")
    path = tmp_path / "reviews.jsonl"
    write(path, {"良い": ["この店は美味しい"], "悪い": ["待ち時間が長くて疲れた"]})
    said = add("reviews", path, root=root).summary()
    assert "2 texts, labels: 良い 1, 悪い 1, characters: 8 to 11, median 9.5" in said
    assert "language: Japanese (ja), as the texts read" in said
    assert "written without spaces" not in said
    assert load_task("reviews", root).language == "ja"
    (root / "tasks/reviews.yaml").unlink()
    said = add("reviews", path, root=root, language="en").summary()
    assert "look at: the texts read as Japanese (ja), but you said --language en" in said
    assert "look at: the texts are written without spaces" in said
    assert "write their language into tasks/reviews.yaml" in said
    task = yaml.safe_load((root / "tasks/reviews.yaml").read_text(encoding="utf-8"))
    assert [label["name"] for label in task["labels"]] == ["悪い", "良い"]


def test_the_case_of_a_japanese_file() -> None:
    path = ROOT.parent / "shared/cases/files/japanese.csv"
    if not path.exists():
        pytest.skip("../shared/cases is not there")
    texts = [line.rpartition(",")[0] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    unit = unit_of("ja")
    assert [invalidity(text, *Curate().lengths(unit), unit) for text in texts] == [None] * len(texts)
