"""The report's sentences, made from the numbers and from nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any


def difference(row: Mapping[str, Any]) -> str:
    """One comparison in words: ``row`` holds arm_a, arm_b, difference, low, high, verdict."""
    a, b = row["arm_a"], row["arm_b"]
    if row["verdict"] == "no difference":
        return f"{a} and {b}: no difference beyond the noise ({_signed(row)})"
    return f"{a} is {row['verdict']} than {b} by {abs(float(row['difference'])):.3f} macro-F1 ({_signed(row)})"


def _signed(row: Mapping[str, Any]) -> str:
    return f"{float(row['difference']):+.3f}, interval {float(row['low']):+.3f} to {float(row['high']):+.3f}"


def answer(comparisons: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> list[str]:
    """What the synthetic texts were worth, in at most four sentences.

    Asked in this order, where the arms exist: synthetic alone against real; a selection against random; the selection
    together with synthetic texts against the selection alone; the same against real.
    """
    pairs = [("synthetic", "real")]
    for arm in arms:
        if arm in ("real", "synthetic", "random") or arm.endswith("_synthetic"):
            continue
        pairs += [(arm, "random"), (f"{arm}_synthetic", arm), (f"{arm}_synthetic", "random_synthetic")]
    sentences = []
    for a, b in pairs:
        if found := find(comparisons, a, b):
            sentences.append(f"{difference(found)}.")
    return sentences[:4]


def find(comparisons: Sequence[Mapping[str, Any]], a: str, b: str) -> dict[str, Any] | None:
    """The macro-F1 comparison of two arms at the largest budget, a first; turned round where it is stored as b, a."""
    turned = {"higher": "lower", "lower": "higher"}
    for row in reversed(comparisons):
        if row["measure"] != "macro_f1":
            continue
        pair = (str(row["arm_a"]), str(row["arm_b"]))
        if pair == (a, b):
            return dict(row)
        if pair == (b, a):
            low, high = -float(row["high"]), -float(row["low"])
            verdict = turned.get(row["verdict"], row["verdict"])
            mirrored: dict[str, Any] = {
                "difference": -float(row["difference"]),
                "low": low,
                "high": high,
                "verdict": verdict,
            }
            return {**row, "arm_a": a, "arm_b": b, **mirrored}
    return None
