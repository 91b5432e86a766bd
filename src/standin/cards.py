"""The data card of a release: what the synthetic texts are, from parameters, task and reports, and from nothing else.

Markdown with YAML front matter as Hugging Face reads it of a data set's README (hub-docs, datasetcard.md). No text of
the data stands in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from standin.config import Params
from standin.corpus import REASONS
from standin.embedded import GENERATOR
from standin.errors import counted
from standin.sources.differing import measured
from standin.task import Task

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
MEASURES = {
    "remote_clique_cosine": "remote clique: mean cosine distance to all others",
    "chamfer_cosine": "Chamfer: mean cosine distance to the nearest other",
}
NO_LICENSE = "# license: nobody has chosen one yet; `standin release --license cc-by-4.0` writes it here"


@dataclass(frozen=True, slots=True)
class Release:
    """What is released: ``commit`` is the one the texts belong to, ``task_object`` git's name of the task file there.

    ``repository`` is an address, or a word where there is none; ``note`` says what is new.
    """

    name: str
    version: str
    commit: str
    task_object: str
    repository: str
    license: str | None = None
    note: str = ""

    @property
    def tag(self) -> str:
        """The git tag, as GTO writes it."""
        return f"{self.name}@{self.version}"


def card(release: Release, params: Params, task: Task, reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The card's text.

    Args:
        release: what it is of.
        params: of the commit.
        task: of the commit.
        reports: metrics of the stages ``generate``, ``curate``, ``validate`` and ``diversity``, and ``headline``.
    """
    kept = reports["curate"]["kept"]
    parts = [
        *_front(release, task, kept),
        f"# {release.name} {release.version}",
        f"{counted(kept, 'text')} written for the task `{task.name}` ({task.title}). {task.description}",
    ]
    if task.demonstration:
        parts.append("> Demonstration: the task's real texts are no human data, and figures here no evidence.")
    if release.note:
        parts.append(release.note)
    parts += [
        *_content(reports["curate"]),
        *_making(release, params, task, reports),
        *_checks(reports),
        *_diversity(reports["diversity"]),
        *_use(params, reports),
        *_personal(params, reports["curate"]),
        *_getting(release),
    ]
    return "\n\n".join(parts) + "\n"


def _front(release: Release, task: Task, kept: int) -> Iterator[str]:
    values = {
        "pretty_name": f"Synthetic texts: {task.title}",
        "language": [task.language.partition("_")[0]],
        "size_categories": [next((name for bound, name in SIZES if kept < bound), "n>1M")],
        "task_categories": ["text-classification"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "multilinguality": ["monolingual"],
        "tags": ["synthetic", "standin"],
        "configs": [{"config_name": "default", "data_files": "texts.jsonl"}],
    }
    chosen = f"license: {release.license}" if release.license else NO_LICENSE
    lines = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1_000)
    yield f"---\n{chosen}\n{lines}---"


def _content(curated: Mapping[str, Any]) -> Iterator[str]:
    yield "## Content"
    rows = [(label, f"{count:,}", f"{count / max(curated['kept'], 1):.1%}")
            for label, count in curated["kept_per_label"].items()]  # fmt: skip
    yield _table(("label", "texts", "share"), rows)
    if "kept_per_question" in curated:
        yield _table(("question", "texts"), [(name, f"{n:,}") for name, n in curated["kept_per_question"].items()])
    yield (
        "`data/synthetic/texts.jsonl` has one object a line: `id`, `text`, `label` (what was asked for), `plan_id`, "
        "`shots`, `engine`, `model`, and `judged_label` where a judge was asked. `removed.jsonl` holds what was taken "
        "out, with the reason."
    )


def _making(release: Release, params: Params, task: Task, reports: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    made = params.generator
    model = Path(made.model).name if made.engine == "replay" or Path(made.model).is_absolute() else made.model
    yield "## How the texts were made"
    source = f"`tasks/{task.name}.yaml`, git object `{release.task_object}`: labels, descriptions and prompts"
    rows = [("task", source), ("seed", f"{params.base.seed} (`base.seed`: plan, prompts and generation)")]
    if made.engine == "replay":
        rows.append(("recorded texts", f"drawn from `{model}`; the column `model` says what wrote each of them"))
    else:
        revision = "" if made.model == GENERATOR or Path(made.model).is_absolute() else f", revision {made.revision}"
        rows.append(("generator", f"{model}{revision}; engine {made.engine}, {made.dtype}"))
        rows.append(("tokens", f"{reports['generate']['tokens_in']:,} read, {reports['generate']['tokens_out']:,} new"))
    if task.prompts.language != task.language:
        rows.append(("translation", f"{params.translate.model}, from {task.prompts.language}"))
    if params.verify.by != "none":
        who = "a classifier trained on labelled examples" if params.verify.by == "classifier" else params.verify.model
        rows.append(("judge of the labels", f"{who}; disagreeing texts {'go' if params.verify.remove else 'stay'}"))
    yield _table(("", ""), rows)
    settings = made.model_dump(by_alias=True) | {"model": model}
    if made.engine == "replay":
        settings = {name: settings[name] for name in ("engine", "model", "texts")}
    yield f"```yaml\n{yaml.safe_dump({'generator': settings}, sort_keys=False, allow_unicode=True)}```"


def _checks(reports: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    curated, suite = reports["curate"], reports["validate"]
    yield "## What was checked"
    yield (
        f"{curated['kept']:,} of {counted(curated['planned'], 'planned text')} were kept ({curated['kept_share']:.1%})."
        f" {suite['passed']} of {suite['expectations']} expectations of the validation suite hold."
    )
    rows = []
    for reason in REASONS:
        if count := curated.get(reason, 0):
            details = curated.get(f"{reason}_by", {})
            by = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in details.items())
            rows.append((reason.replace("_", " "), f"{count:,}", by))
    if rows:
        yield _table(("removed as", "texts", "of these"), rows)
    if "judged_agreement" in curated:
        yield f"The judge agrees with {curated['judged_agreement']:.1%} of the labels that were asked for."


def _diversity(found: Mapping[str, Any]) -> Iterator[str]:
    """Against real texts of the same number, which are the yardstick; nothing where nothing was measured."""
    rows = [
        (said, measured(found["synthetic"], key), measured(found["real"], key))
        for key, said in MEASURES.items()
        if key in found.get("synthetic", {}) and key in found.get("real", {})
    ]
    if near := found.get("similarity_coverage"):
        halves = found.get("similarity_of_real_halves")
        yardstick = "not measured" if halves is None else f"{halves:.3f}"
        rows.append(("similarity of real texts to the nearest of these", f"{near:.3f}", yardstick))
    if rows:
        yield "## Diversity"
        yield _table(("", "synthetic", "real texts"), rows)
        yield (
            f"At {counted(found['texts_compared'], 'text')} each; in brackets where 95 % of random subsets lie. The "
            "yardstick of similarity is one half of the real texts against the other."
        )


def _use(params: Params, reports: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Use and limits"
    yield (
        "Meant for training classifiers of this task beside or in place of labelled texts, and for studying how far "
        "that goes. Not meant as evidence of what people write or think: no person wrote these texts. They carry what "
        "the model believes of its subjects, also where it is wrong or unfair. A label is what the prompt asked for: "
        f"{_read_by_people(reports['curate'].get('reviewed'))}"
    )
    scores = reports["headline"].get("macro_f1", {})
    arms = {tuple(sources): name for name, sources in params.arms.items() if name in scores}
    alone, real = arms.get(("synthetic",)), arms.get(("real",))
    if alone and real:
        yield (
            f"Classifiers trained on these texts alone reach macro-F1 {scores[alone]:.3f} on real test texts, on the "
            f"labelled real texts {scores[real]:.3f}; `reports/report.html` has intervals and what they speak of."
        )


def _read_by_people(reviewed: Mapping[str, int] | None) -> str:
    if not reviewed:
        return "no step of the pipeline has a person check it."
    return (
        f"people read some of the texts ({reviewed['accepted']:,} accepted, {reviewed['edited']:,} edited or given "
        f"another label, {reviewed['rejected']:,} rejected) and checked no others."
    )


def _personal(params: Params, curated: Mapping[str, Any]) -> Iterator[str]:
    made = params.generator
    yield "## Personal data"
    if made.engine == "replay":
        yield "The texts were generated elsewhere: what was in the prompts is not known here."
    elif made.shots:
        where = "a server" if made.engine == "openai" else "a model on the machine of the run"
        yield (
            f"Prompts showed {counted(made.shots, 'real example')} to {where}. Texts that copy their examples "
            f"({curated.get('copied', 0):,}) and texts like test or validation texts ({curated['contaminated']:,}) "
            "were removed."
        )
    else:
        yield (
            f"No real text was in a prompt. Texts like test or validation texts ({curated['contaminated']:,}) were "
            "removed."
        )
    yield (
        "No step of the pipeline searches the texts for names, addresses or numbers of people; a model can repeat what "
        "it was trained on."
    )


def _getting(release: Release) -> Iterator[str]:
    yield "## Get them, make them again"
    yield (
        f"The texts belong to commit `{release.commit}`; the tag `{release.tag}` adds this card. `dvc repro --pull` "
        "takes what is stored and computes the rest."
    )
    yield "\n".join((
        "```console",
        f"dvc get {release.repository} data/synthetic --rev {release.tag}",
        f"dvc artifacts get {release.repository} {release.name} --rev {release.version}",
        f"git clone --branch {release.tag} {release.repository} released && cd released",
        "make setup",
        "dvc repro --pull",
        "```",
    ))  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines: list[Sequence[str]] = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
