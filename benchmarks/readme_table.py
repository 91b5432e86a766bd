"""Make the README's table and figure of the default run: ``python benchmarks/readme_table.py``."""

import csv
import json
from pathlib import Path

from standin.report.figures import arms

ROOT = Path(__file__).resolve().parents[1]
FIGURE = ROOT / "docs/default-run.svg"
BANNER = "Demonstration data: no evidence about the method"
BEGIN, END = "<!-- default-run -->", "<!-- /default-run -->"


def table(root: Path = ROOT) -> str:
    """The arms' scores and one line on the texts, as Markdown."""
    with (root / "reports/evaluate/scores.csv").open(newline="", encoding="utf-8") as file:
        scores = {(row["arm"], row["measure"]): row for row in csv.DictReader(file)}
    texts = json.loads((root / "reports/arms/metrics.json").read_text(encoding="utf-8"))["arm_texts"]
    curated = json.loads((root / "reports/curate/metrics.json").read_text(encoding="utf-8"))
    lines = ["| arm | texts | macro-F1 | 95 % interval | accuracy |", "|---|---:|---:|---:|---:|"]
    for arm in dict.fromkeys(arm for arm, _ in scores):
        f1, accuracy = scores[arm, "macro_f1"], scores[arm, "accuracy"]
        interval = f"{float(f1['low']):.3f} to {float(f1['high']):.3f}"
        values = f"{float(f1['value']):.3f} | {interval} | {float(accuracy['value']):.3f}"
        lines.append(f"| {arm} | {texts.get(arm, '')} | {values} |")
    lines += ["", f"{curated['planned']} synthetic texts were planned and {curated['kept']} kept."]
    return "\n".join(lines)


def figure(root: Path = ROOT) -> str:
    """The arms' scores as SVG, under the banner of demonstration data."""
    with (root / "reports/evaluate/scores.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "macro_f1"]
    numbers = ("value", "low", "high")
    scores = [{"name": row["arm"], **{name: round(float(row[name]), 4) for name in numbers}} for row in rows]
    return arms(scores, 0.95, BANNER).svg


def filled(readme: str, root: Path = ROOT) -> str:
    """The README with the table of the reports between its two marks."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{table(root)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    FIGURE.write_text(figure(), encoding="utf-8")
    readme.write_text(filled(readme.read_text(encoding="utf-8")), encoding="utf-8")
