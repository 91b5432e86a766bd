"""Make the README's table and figure of the default run: ``python benchmarks/readme_table.py``."""

import csv
from pathlib import Path

from standin.config import load_params
from standin.corpus import read_json
from standin.report.figures import arms
from standin.report.naming import arm_words
from standin.report.words import decimal

ROOT = Path(__file__).resolve().parents[1]
FIGURE = ROOT / "docs/default-run.svg"
BANNER = "Demonstration data: no evidence about the method"
BEGIN, END = "<!-- default-run -->", "<!-- /default-run -->"


def table(root: Path = ROOT) -> str:
    """The named differences with intervals and verdicts, to two decimals: the third is another on other processors."""
    with (root / "reports/evaluate/comparisons.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "macro_f1"]
    curated = read_json(root / "reports/curate/metrics.json")
    lines = ["| difference in macro-F1 | | 95 % interval | verdict |", "|---|---:|---:|---|"]
    for row in rows:
        value, low, high = (decimal(float(row[name]), 2, "+") for name in ("difference", "low", "high"))
        alone = row["verdict_holm"] == "no difference" and float(row["low"]) * float(row["high"]) > 0
        verdict = "not clear" if alone else row["verdict_holm"]
        lines.append(f"| {row['arm_a']} - {row['arm_b']} | {value} | {low} to {high} | {verdict} |")
    kept = round(100 * curated["kept"] / curated["planned"])
    return "\n".join([*lines, "", f"Of {curated['planned']} planned synthetic texts {kept} % were kept."])


def figure(root: Path = ROOT) -> str:
    """The arms' scores as SVG, under the banner of demonstration data."""
    with (root / "reports/evaluate/scores.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "macro_f1"]
    named = load_params(root).arms
    numbers = ("value", "low", "high")
    scores = [
        {"name": arm_words(row["arm"], row["budget"], named), **{name: round(float(row[name]), 4) for name in numbers}}
        for row in rows
    ]
    return arms(scores, 0.95, BANNER).svg


def filled(readme: str, root: Path = ROOT) -> str:
    """The README with the table of the reports between its two marks."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{table(root)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    FIGURE.write_text(figure(), encoding="utf-8")
    readme.write_text(filled(readme.read_text(encoding="utf-8")), encoding="utf-8")
