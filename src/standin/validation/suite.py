"""The checks over the curated texts.

Critical is what would make a training set wrong (labels, ids, lengths, leaks, sums) or tell that generation or curation
went astray (the bounds of ``validate`` in params.yaml). A warning is what a person should look at and a good data set
may show: texts longer than real ones, a judge that often disagrees, texts that copy an example or only name a label.
"""

import html
from collections.abc import Iterator, Sequence

from standin.config import Validate
from standin.corpus import REASONS
from standin.curation.lengths import Unit
from standin.validation.columns import NO_QUESTION, OWN, Tables
from standin.validation.result import Check, Severity

LENGTH_RATIO = 2.0
"""The mean length of synthetic texts may be up to twice or down to half of the real texts' before the warning."""
COPIED = 0.2
"""Share of the planned texts that may be copies of their prompt's examples before the warning. They are removed, so no
run stops for them (texts_per_label does, where too few are left), but a model that copies a fifth does not generate."""
OFF_TASK = 0.3
"""Share of the planned texts that may be far from the task before the warning. They are removed too; so many say that
the model does not write what it is asked for."""
JUDGED_AGREEMENT = 0.7
"""Share of judged texts with the label asked for; a judge that guesses reaches 0.5 with two labels."""

BOUNDED = (
    ("refused", "max_refused", "Reword the prompts in the task file, use another model (generator.model)"),
    ("unparsable", "max_unparsable", "Raise generator.max_tokens, use another model (generator.model)"),
    ("invalid", "max_invalid", "See invalid_by in reports/curate/metrics.json, mend prompts or curate's lengths"),
    ("contaminated", "max_contaminated", "See survivor and score in data/synthetic/removed.jsonl"),
    ("duplicate", "max_duplicates", "Raise generator.temperature or generator.shots, or generator.diversity_every"),
)


def make_checks(
    bounds: Validate,
    labels: Sequence[str],
    questions: Sequence[str],
    tables: Tables,
    planned: int,
    real_length: float | None,
    unit: Unit = "words",
) -> list[Check]:
    """All checks that the tables can answer; ones over no row at all are left out, as they would hold or fail idly.

    Args:
        bounds: the group ``validate``.
        labels: the task's label names.
        questions: the ids of its questions; none in a task without questions.
        tables: the columns to check.
        planned: number of planned rows.
        real_length: mean length of the real texts of shots and validation, or None where there are none.
        unit: what lengths are counted in.
    """
    checks = [*_sums(planned), *_labels(bounds)]
    if tables.texts:
        checks += [*_texts(labels, questions), *_lengths(bounds, real_length, unit), *_leaks(unit)]
    if tables.plan:
        checks += [*_fates(), *_shares(bounds)]
    if any(row["judged_agrees"] is not None for row in tables.plan):
        checks.append(
            Check(
                name="judged_agreement",
                table="plan",
                severity="warning",
                says=f"the judge should find the label asked for in at least {JUDGED_AGREEMENT:.0%} of the texts",
                advice="Give examples (generator.shots), or set verify.remove; or the judge is weak: see verify.by.",
                expectation="ExpectColumnMeanToBeBetween",
                arguments={"column": "judged_agrees", "min_value": JUDGED_AGREEMENT},
                unit="share",
            )
        )
    return checks


def _sums(planned: int) -> Iterator[Check]:
    yield Check(
        name="sums_add_up",
        table="plan",
        severity="critical",
        says=f"kept and removed rows must make the {planned} planned ones",
        advice="data/generated and data/synthetic do not belong together: `dvc repro curate`.",
        expectation="ExpectTableRowCountToEqual",
        arguments={"value": planned},
        unit="rows",
    )


def _labels(bounds: Validate) -> Iterator[Check]:
    yield Check(
        name="texts_per_label",
        table="labels",
        severity="critical",
        says=f"every label of every question must have at least {bounds.min_texts_per_label} texts",
        advice="See data/synthetic/removed.jsonl for what was removed; generate more (generator.texts), or lower "
        "validate.min_texts_per_label in params.yaml.",
        expectation="ExpectColumnValuesToBeBetween",
        arguments={"column": "texts", "min_value": bounds.min_texts_per_label},
        unit="labels",
    )
    yield Check(
        name="label_gap",
        table="labels",
        severity="critical",
        says=f"the largest and the smallest label's shares may differ by at most {bounds.max_label_gap:.1%} "
        "in any question",
        advice="See kept_per_label in reports/curate/metrics.json; mend the prompts of the label that loses most, or "
        "raise validate.max_label_gap in params.yaml.",
        expectation="ExpectColumnMaxToBeBetween",
        arguments={"column": "label_gap", "max_value": bounds.max_label_gap},
        unit="share",
    )


def _texts(labels: Sequence[str], questions: Sequence[str]) -> Iterator[Check]:
    names = [html.escape(label) for label in labels]
    rerun = "The file was changed by hand or is stale: `dvc repro --force curate`."

    def critical(name: str, says: str, advice: str, expectation: str, column: str, **arguments: object) -> Check:
        return Check(
            name=name,
            table="texts",
            severity="critical",
            says=says,
            advice=advice,
            expectation=expectation,
            arguments={"column": column, **arguments},
        )

    yield critical("ids_unique", "every text must have an id of its own", rerun, "ExpectColumnValuesToBeUnique", "id")
    yield critical("label_present", "every text must have a label", rerun, "ExpectColumnValuesToNotBeNull", "label")
    yield critical(
        "labels_known",
        f"labels must be among {', '.join(labels)}",
        "Labels of the task file changed after generation: `dvc repro generate`.",
        "ExpectColumnValuesToBeInSet",
        "label",
        value_set=names,
    )
    # Not ExpectColumnDistinctValuesToEqualSet: where a foreign label fails it, 1.24 cannot render the page (KeyError).
    yield critical(
        "labels_complete",
        "every label of the task must occur",
        "See data/synthetic/removed.jsonl for what became of its texts; mend its prompts, or generate more.",
        "ExpectColumnDistinctValuesToContainSet",
        "label",
        value_set=names,
    )
    yield critical(
        "questions_known",
        "every text must belong to a question of the task" if questions else "no text may have a question",
        "Questions of the task file changed after generation: `dvc repro generate`.",
        "ExpectColumnValuesToBeInSet",
        "question",
        value_set=list(questions) or [NO_QUESTION],
    )
    yield critical("not_blank", "no text may be blank", rerun, "ExpectColumnValuesToBeInSet", "is_blank", value_set=[0])
    yield critical(
        "no_exact_duplicates",
        "no text may stand twice in a question",
        rerun,
        "ExpectColumnValuesToBeInSet",
        "is_duplicate",
        value_set=[0],
    )


def _lengths(bounds: Validate, real_length: float | None, unit: Unit) -> Iterator[Check]:
    least, most = bounds.lengths(unit)
    yield Check(
        name=unit,
        table="texts",
        severity="critical",
        says=f"every text must have {least} to {most} {unit}",
        advice=f"Let curation remove such texts (curate.min_{unit}, curate.max_{unit} in params.yaml), or widen "
        f"validate.min_{unit} and validate.max_{unit}.",
        expectation="ExpectColumnValuesToBeBetween",
        arguments={"column": unit, "min_value": least, "max_value": most},
    )
    if real_length is not None:
        low, high = round(real_length / LENGTH_RATIO, 6), round(real_length * LENGTH_RATIO, 6)
        yield Check(
            name=f"mean_{unit}",
            table="texts",
            severity="warning",
            says=f"texts should have {low:.3g} to {high:.3g} {unit} on average "
            f"(shots and validation: {real_length:.3g})",
            advice="State the length in prompts.generation of the task file, or set generator.max_tokens.",
            expectation="ExpectColumnMeanToBeBetween",
            arguments={"column": unit, "min_value": low, "max_value": high},
            unit=unit,
        )


def _leaks(unit: Unit) -> Iterator[Check]:
    yield Check(
        name="no_contamination",
        table="texts",
        severity="critical",
        says="no text may stand in the validation or test split",
        advice="Training on it would flatter the evaluation: `dvc repro --force curate` removes it.",
        expectation="ExpectColumnValuesToBeInSet",
        arguments={"column": "is_contaminated", "value_set": [0]},
    )
    yield Check(
        name="copies_of_shots",
        table="texts",
        severity="warning",
        says="no text should repeat an example word for word",
        advice="Ask for variation in prompts.few_shot, raise generator.temperature, or use a stronger model.",
        expectation="ExpectColumnValuesToBeInSet",
        arguments={"column": "copies_shot", "value_set": [0]},
    )
    yield Check(
        name="names_label",
        table="texts",
        severity="warning",
        says=f"a text should hold at least {OWN[unit]} {unit} beside its label's name and phrase",
        advice=f"The model repeats the instruction: give examples (generator.shots) or raise curate.min_{unit}.",
        expectation="ExpectColumnValuesToBeInSet",
        arguments={"column": "names_label", "value_set": [0]},
    )


def _fates() -> Iterator[Check]:
    yield Check(
        name="plan_ids_unique",
        table="plan",
        severity="critical",
        says="every planned row must be kept or removed once",
        advice="data/generated and data/synthetic do not belong together: `dvc repro curate`.",
        expectation="ExpectColumnValuesToBeUnique",
        arguments={"column": "id"},
        unit="rows",
    )
    yield Check(
        name="reasons_known",
        table="plan",
        severity="critical",
        says=f"reasons of removal must be among {', '.join(REASONS)}",
        advice="data/synthetic/removed.jsonl was changed by hand: `dvc repro --force curate`.",
        expectation="ExpectColumnValuesToBeInSet",
        arguments={"column": "fate", "value_set": ["kept", *REASONS]},
        unit="rows",
    )


def _shares(bounds: Validate) -> Iterator[Check]:
    for reason, key, advice in BOUNDED:
        most: float = getattr(bounds, key)
        says = f"at most {most:.1%} of the planned texts may be {reason}"
        yield _share(reason, most, "critical", says, f"{advice}, or raise validate.{key} in params.yaml.")
    yield _share(
        "copied",
        COPIED,
        "warning",
        f"at most {COPIED:.0%} of the planned texts should be copies of an example",
        "The model repeats its prompt: ask for variation in prompts.few_shot, raise generator.temperature, or "
        "use a stronger model.",
    )
    yield _share(
        "off_task",
        OFF_TASK,
        "warning",
        f"at most {OFF_TASK:.0%} of the planned texts should be far from the task",
        "Read some in data/synthetic/removed.jsonl. Say in prompts.context and the labels' descriptions what "
        "such texts are about, give examples (generator.shots), or lower curate.off_task.",
    )


def _share(reason: str, most: float, severity: Severity, says: str, advice: str) -> Check:
    """A bound on the share of planned texts that were removed for a reason."""
    return Check(
        name=f"share_{reason}",
        table="plan",
        severity=severity,
        says=says,
        advice=advice,
        expectation="ExpectColumnMeanToBeBetween",
        arguments={"column": f"is_{reason}", "max_value": most},
        unit="share",
    )
