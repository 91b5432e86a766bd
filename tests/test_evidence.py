"""The runner that judges the papers' claims: its figures on made-up predictions whose answers are known."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import evidence_runs
from evidence import CLAIMS, RESAMPLES, difference, judged, measure, pooled, scored, share, tables
from evidence_runs import ARMS, others, records, tweets, write

from standin.evaluation.uncertainty import Estimate

TRUTH = ["against"] * 6 + ["favor"] * 3 + ["none"] * 3
SWAPPED = ["favor"] * 6 + ["against"] * 3 + ["none"] * 3
MISSED = ["against"] * 6 + ["none"] * 3 + ["favor"] * 3
"""Against found, favor not: macro-F1 of the two is 0.5."""


def test_a_base_seed_is_the_mean_of_its_training_seeds_by_the_scored_labels() -> None:
    found = scored(TRUTH, {"real": [[TRUTH, MISSED], [TRUTH, TRUTH]]}, ["against", "favor"])
    assert found.by_draw["real"].tolist() == [0.75, 1.0]
    assert found.resamples["real"].shape == (2, RESAMPLES)
    assert scored(TRUTH, {"real": [[MISSED], [TRUTH]]}).by_draw["real"][0] == pytest.approx(1 / 3)


def test_a_warm_start_of_one_training_seed_is_paired_with_each_of_the_others() -> None:
    said = {"synthetic": [[TRUTH, MISSED], [TRUTH, TRUTH]], "warmstart": [[MISSED], [MISSED]]}
    found = difference(scored(TRUTH, said, ["against", "favor"]), "synthetic", "warmstart")
    assert found.value == pytest.approx(0.375)


def test_the_error_is_that_between_base_seeds_where_other_texts_change_nothing() -> None:
    """Arms that are all right or all wrong score alike on every resample: differences 0, 0 and 1."""
    said = {"real": [[TRUTH, TRUTH]] * 3, "synthetic": [[TRUTH, TRUTH], [TRUTH, TRUTH], [SWAPPED, SWAPPED]]}
    measured = scored(TRUTH, said, ["against", "favor"])
    found = difference(measured, "real", "synthetic")
    assert (found.value, found.error, found.freedom) == pytest.approx((1 / 3, 1 / 3, 2))
    assert share(measured, "synthetic", "real").value == pytest.approx(2 / 3)


def test_other_texts_count_where_all_base_seeds_say_the_same() -> None:
    one_wrong = ["favor", *TRUTH[1:]]
    found = difference(scored(TRUTH, {"real": [[TRUTH]] * 3, "sqbc": [[one_wrong]] * 3}), "real", "sqbc")
    assert found.error > 0
    assert found.freedom == pytest.approx(len(TRUTH) - 1)


def test_one_base_seed_has_the_interval_of_its_training_seeds_and_no_verdict() -> None:
    """A single run is told as the stage evaluate tells it: training seeds 0, 0 and 1 apart, texts changing nothing."""
    said = {"real": [[TRUTH] * 3], "synthetic": [[TRUTH, TRUTH, SWAPPED]]}
    found = difference(scored(TRUTH, said, ["against", "favor"]), "real", "synthetic")
    assert (found.value, found.error, found.freedom) == pytest.approx((1 / 3, 1 / 3, 2))
    claim = CLAIMS[0]
    assert judged({claim: Estimate(-0.2, 0.001, 30)}, 1)[claim.name]["verdict"] == "one base seed"


def test_over_tasks_errors_add_up_as_of_a_mean_and_degrees_of_freedom_after_welch() -> None:
    found = pooled([Estimate(0.3, 0.03, 2), Estimate(0.1, 0.04, 2)])
    assert (found.value, found.error) == pytest.approx((0.2, 0.025))
    assert found.freedom == pytest.approx(25**2 / (81 / 2 + 256 / 2))
    assert pooled([Estimate(0.3, 0.03, 2)] * 4).freedom == pytest.approx(8)


def test_verdicts_go_by_the_claim_s_direction_and_by_holm_s_correction() -> None:
    below, above, third, fourth = CLAIMS[:4]
    assert (below.sign, above.sign) == (-1, 1)
    clear, unclear = Estimate(-0.2, 0.02, 30), Estimate(0.05, 0.024, 1000)  # p of the second: 0.037, before Holm
    found = judged({below: clear, above: clear, third: unclear, fourth: Estimate(0.0, 0.02, 30)}, 3)
    assert [one["verdict"] for one in found.values()] == ["holds", "the opposite", "not clear", "within the noise"]
    assert judged({third: unclear}, 3)[third.name]["verdict"] == "holds"
    assert found["synthetic < real"]["interval"] == [-0.2408, -0.1592]  # 2.0423 standard errors to each side


def kept(folder: Path, task: str, seed: int, lost: list[str], training_seeds: int = 2, commit: str = "c0ffee") -> None:
    """A run whose arms are all right, but for ``synthetic``, which gives all texts one label."""
    run = folder / "runs" / f"{task}-0-{seed}"
    labels = ("spam", "ham") if task == "sms-spam" else ("favor", "against")
    truth = [{"id": f"t{place}", "label": labels[place % 2]} for place in range(100)]
    write(run / "truth.jsonl", truth)
    seeds = range(1, training_seeds + 1)
    for arm in ARMS if task in evidence_runs.STANCE else ARMS[:-1]:
        said = {"label": labels[1]} if arm == "synthetic" else {}
        write(run / f"{arm}.jsonl", [row | {"seed": training} | said for training in seeds for row in truth])
    figures = {
        "made_by": {"commit": commit, "settings": ["prepare.pool=300"]},
        "curate": [{"kept": 90}],
        "evaluate": [{"unlearned_arms": lost}],
        "seconds": 1,
    }
    (run / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


def test_measuring_reads_the_runs_that_are_there_and_names_the_arms_that_had_not_learned(tmp_path: Path) -> None:
    kept(tmp_path, "sms-spam", 1, [])
    kept(tmp_path, "sms-spam", 3, ["synthetic"], training_seeds=5)
    found = measure(tmp_path, 0, [1, 2, 3])
    spam = found["tasks"]["sms-spam"]
    assert (spam["base_seeds"], spam["training_seeds"]) == ([1, 3], 2)
    assert spam["not_learned"] == {"synthetic": [3]}
    below = spam["claims"]["synthetic < real"]
    assert (below["difference"], below["verdict"]) == (pytest.approx(1 / 3 - 1, abs=1e-4), "not learned")
    assert spam["claims"]["sqbc > random"] == {
        "by": "Wagner 2025", "difference": 0.0, "interval": [0.0, 0.0], "p": 1.0, "p_holm": 1.0,
        "verdict": "within the noise",
    }  # fmt: skip
    assert "synthetic > warmstart_alone" not in spam["claims"]
    assert spam["retained"] == {"share": 1.0, "interval": [1.0, 1.0]}
    assert found["pools"] == {}
    assert "| synthetic < real | Li 2023 | -0.667 (-0.667 to -0.667) not learned |" in tables(found)
    kept(tmp_path, "sms-spam", 3, [])
    assert measure(tmp_path, 0, [1, 3])["tasks"]["sms-spam"]["claims"]["synthetic < real"]["verdict"] == "holds"


def test_only_tasks_with_two_base_seeds_count_in_the_mean_over_tasks(tmp_path: Path) -> None:
    for task, seeds in (("sms-spam", (1, 2)), ("semeval-climate", (1, 2)), ("semeval-atheism", (1,))):
        for seed in seeds:
            kept(tmp_path, task, seed, [])
    kept(tmp_path, "semeval-climate", 3, [])
    found = measure(tmp_path, 0, [1, 2, 3])["pools"]
    assert list(found) == ["all"]
    assert found["all"]["tasks"] == ["semeval-climate", "sms-spam"]
    assert found["all"]["claims"]["synthetic < real"]["verdict"] == "holds"
    kept(tmp_path, "semeval-climate", 3, ["synthetic"])
    assert measure(tmp_path, 0, [1, 2, 3])["pools"]["all"]["claims"]["synthetic < real"]["verdict"] == "not learned"


def test_runs_of_other_code_or_settings_are_not_put_together(tmp_path: Path) -> None:
    kept(tmp_path, "sms-spam", 1, [])
    kept(tmp_path, "sms-spam", 2, [], commit="decade")
    with pytest.raises(AssertionError, match="sms-spam: runs of different code or settings"):
        measure(tmp_path, 0, [1, 2])


def test_answers_are_held_against_their_own_texts_in_whatever_order_a_run_has_them(tmp_path: Path) -> None:
    for seed in (1, 2):
        kept(tmp_path, "sms-spam", seed, [])
    run = tmp_path / "runs/sms-spam-0-2"
    labels = [row["label"] for row in records(run / "truth.jsonl")]
    order = sorted(range(100), key=lambda place: (labels[place], place))
    for path in run.glob("*.jsonl"):
        rows = records(path)
        write(path, [rows[at + place] for at in range(0, len(rows), 100) for place in order])
    spam = measure(tmp_path, 0, [1, 2])["tasks"]["sms-spam"]
    assert spam["retained"] == {"share": 1.0, "interval": [1.0, 1.0]}
    assert spam["claims"]["synthetic < real"]["difference"] == pytest.approx(1 / 3 - 1, abs=1e-4)


def test_runs_on_other_test_texts_are_not_put_together(tmp_path: Path) -> None:
    for seed in (1, 2):
        kept(tmp_path, "sms-spam", seed, [])
    write(tmp_path / "runs/sms-spam-0-2/truth.jsonl", [{"id": "other", "label": "ham"}])
    with pytest.raises(AssertionError, match="other test texts"):
        measure(tmp_path, 0, [1, 2])


def test_a_target_s_warm_start_holds_the_other_targets_and_never_its_own(tmp_path: Path) -> None:
    if not evidence_runs.DATA.exists():
        pytest.skip("../shared/datasets with its stance data sets is not there")
    own, rest = tweets("climate", "train", "validation"), others("climate")
    assert {row["question_id"] for row in rest} == {"abortion", "atheism", "feminist"}
    assert len(rest) == 653 + 513 + 664  # as published
    assert len(own) == 395
    assert not any("#SemST" in row["text"] for row in (*own, *rest))
