from pathlib import Path

import pytest

from standin.config import STRATEGY_EVIDENCE, parse_params
from standin.errors import StandinError
from standin.ingredients import Part, answerer, has_generated, part, strategy, training_names
from standin.overrides import load_params_with
from standin.report.naming import arm_words


def test_a_name_is_a_source_and_a_size() -> None:
    assert part("synthetic") == Part("synthetic")
    assert part("synthetic:20") == Part("synthetic", 20)
    assert part("real:synthetic") == Part("real", "synthetic")


def test_an_arm_is_taken_apart() -> None:
    names = ["sqbc", "misaligned:5", "probe"]
    assert answerer(names) == "probe"
    assert answerer(["real"]) is None
    assert training_names(names) == ["sqbc", "misaligned:5"]
    assert [strategy(name) for name in names] == ["sqbc", None, None]
    assert has_generated(names)
    assert not has_generated(["real", "sqbc"])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], r"arms\.own names no source; known: real, labelled, shots, synthetic, misaligned, random, sqbc, probe"),
        (["reel"], r"arms\.own: no source 'reel': did you mean 'real'\?"),
        (["reel:3"], r"arms\.own: no source 'reel': did you mean 'real'\?"),
        (["synthetic:0"], r"'synthetic:0': after the colon stands a number of texts \(1 or more\), or the source"),
        (["synthetic:"], "'synthetic:': after the colon stands a number"),
        (["synthetic:-3"], "'synthetic:-3': after the colon stands a number"),
        (["synthetic:0.5"], "'synthetic:0.5': after the colon stands a number"),
        (["synthetic:²"], "'synthetic:²': after the colon stands a number"),
        (["real:real"], r"'real:real': after the colon .* \(labelled, shots, synthetic, misaligned\)"),
        (["real:sqbc"], "'real:sqbc': after the colon stands"),
        (
            ["sqbc:20"],
            "'sqbc:20': only real, labelled, shots, synthetic, misaligned take a number; a strategy's is its",
        ),
        (["llm:3"], "'llm:3': only real, labelled, shots, synthetic, misaligned take a number"),
        (["real", "real"], "arms.own names a source twice: real, real"),
        (["real", "probe", "llm"], "probe and llm cannot both answer"),
        (["llm", "shots"], r"llm learns from no texts here \(it is asked as it is\): let it stand alone"),
        (["warmstart", "real"], r"warmstart learns from no texts here \(every arm begins from it\)"),
        (["probe"], r"probe needs texts to learn from, as in \[real, probe\]"),
        (["ngrams"], r"ngrams needs texts to learn from, as in \[real, ngrams\]"),
        (["real", "probe", "ngrams"], "probe and ngrams cannot both answer: leave one of them"),
        (["real", "ngram"], "no source 'ngram': did you mean 'ngrams'"),
        (["ngrams:3", "real"], "'ngrams:3': only real, labelled, shots, synthetic, misaligned take a number"),
    ],
)
def test_an_arm_that_cannot_be_made_is_refused_with_what_to_write(names: list[str], said: str) -> None:
    with pytest.raises(StandinError, match=said):
        parse_params({"arms": {"own": names}, "evaluate": {"references": []}})


@pytest.mark.parametrize("name", sorted({*STRATEGY_EVIDENCE} - {"random", "sqbc"}))
def test_a_strategy_that_params_do_not_list_is_added_as_the_message_says(name: str) -> None:
    with pytest.raises(StandinError, match=f"arms.own: the strategy {name!r} is not in select.strategies") as refused:
        parse_params({"arms": {"own": [name]}, "evaluate": {"references": []}})
    add = str(refused.value).split("'")[-2]
    params = load_params_with([add, f"+arms.own=[{name}]"], Path(__file__).parents[1])
    assert params.arms["own"] == [name]
    assert name in params.select.strategies


def test_a_misspelt_strategy_is_recognized_where_params_do_not_list_it() -> None:
    with pytest.raises(StandinError, match=r"no source 'margn': did you mean 'margin'\?"):
        parse_params({"arms": {"own": ["margn"]}, "evaluate": {"references": []}})


def test_every_kind_of_arm_has_words_of_its_own() -> None:
    arms = {
        "half": ["synthetic:20"],
        "equal": ["real:synthetic"],
        "other": ["misaligned"],
        "frozen": ["sqbc", "synthetic", "probe"],
        "alone": ["synthetic", "probe"],
        "letters": ["real:32", "ngrams"],
        "model": ["llm"],
        "warm": ["warmstart"],
    }
    assert {arm: arm_words(arm, 48 if arm == "frozen" else "", arms) for arm in arms} == {
        "half": "20 synthetic texts alone",
        "equal": "as many labelled texts as synthetic",
        "other": "synthetic of another question",
        "frozen": "48 chosen by SQBC + synthetic, encoder frozen",
        "alone": "synthetic texts alone, encoder frozen",
        "letters": "32 labelled texts, by character n-grams",
        "model": "the LLM asked as it is",
        "warm": "the warm start as it is",
    }
