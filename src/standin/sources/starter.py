"""A starter task file for data that was just added: complete, valid, and to be edited."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from standin.language_codes import NAMES, short_code
from standin.sources.files import Reading

LONGEST_KEY = 1024
"""Characters of a key of YAML, with its quotation marks, that a colon may follow."""
ANSWER = "Answer with the text only."

HEAD = """\
# Started by `standin data add`. Lines with "edit" want your words: prompts decide what is generated.
name: {name}
title: {name}
# Language of the texts, as in en or de. Where prompts.language differs, generated texts are translated.
language: {language}
# true: the texts were written for demonstration; reports then carry a banner.
demonstration: false
description: {about}

# name: the value in the data. phrase and description: how prompts speak of the label.
labels:
{labels}
# Stance tasks list questions here (id, text); each gets its own classifier.
questions: []

# train: where shots and pool are drawn from. test, validation: files of their own; null draws them from train.
# warmstart: labelled rows of other questions, for stance tasks. values: label values in the file -> label names.
# annotations, agreement: annotators' votes, or how many of them agree at least (docs/data.md). measurement: what
# Krippendorff's alpha takes labels for: nominal, ordinal (their order above) or interval (numbers).
source:
  train: {train}
  test: {test}
  validation: {validation}
  warmstart: null
  columns:
    text: {text}
    label: {label}
    id: {id}
    question_id: null
    annotations: {annotations}
    agreement: null
  measurement: nominal
{values}
# Three parts after Li et al. (2023): context, generation, and a diversity turn in the same chat.
# Placeholders: {{label}} {{phrase}} {{description}} {{question}}; few_shot also {{examples}}; example also {{text}}.
"""

PROMPTS = """\
prompts:
  # The language that answers come in; the prompts themselves may be in English.
  language: {language}
  context: {context}
  generation: >-
    Write one text that is an example of {phrase} ({description}). One to three sentences, in the words such a
    person would use. Answer with the text only.
  few_shot: |-
    Here are real examples of {phrase}:
    {examples}
    You should imitate the examples I have provided, but you cannot simply modify or rewrite the examples I have given.
  example: '- {text}'
  diversity: >-
    Can you provide something more diverse compared to the previously generated texts? Write one more example of
    {phrase}, on another subject, from a different person. Answer with the text only.
  # begin: how every answer begins; a small model that goes on from '"' writes the text instead of talking of it.
  begin: ''
  judge: |-
    Text: "{text}"
    Which of these is it: {labels}?

# Checks beside those of params.yaml (validate): length, texts_per_label, label_shares, patterns (docs/how-to.md).
checks: {}

# Numbers to compare with, where a paper reports any for this task.
published: {}
"""


UNSAID_DESCRIPTION = """>-
  Edit: say in a sentence or two what has to be decided about a text."""
UNSAID_CONTEXT = """>-
    Edit: Imagine you are a person who writes such texts. Say who you are and where you write."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a person has said: the texts' language, what they are, and what those of a label are like."""

    language: str = "en"
    about: str = ""
    descriptions: Mapping[str, str] = field(default_factory=dict)


UNSAID = Words()


def starter(name: str, reading: Reading, files: Mapping[str, str], words: Words = UNSAID) -> str:
    """The text of ``tasks/<name>.yaml``.

    Args:
        name: the task's name.
        reading: the columns, labels and values that were found.
        files: the paths of "train" and perhaps "test" and "validation" in the project.
        words: what is known already; lines that wait for words say "edit". Prompts ask for a language that is not
            English.

    Returns:
        YAML with comments; ``standin.task.load_task`` accepts it as it is.
    """
    labels = "".join(
        f"  - name: {_quoted(label)}\n    phrase: {_quoted(label)}\n"
        f"    description: {_quoted(words.descriptions.get(label) or f'edit: what a text of {label} is like')}\n"
        for label in reading.labels
    )
    values = "".join(f"    {_key(value)}: {_quoted(label)}\n" for value, label in reading.values.items())
    columns = reading.columns
    head = HEAD.format(
        name=_quoted(name),
        language=_quoted(words.language),
        labels=labels,
        train=_quoted(files["train"]),
        test=_quoted(files.get("test")),
        validation=_quoted(files.get("validation")),
        text=_quoted(columns.text),
        label=_quoted(columns.label),
        id=_quoted(columns.id),
        annotations=_quoted(columns.annotations if isinstance(columns.annotations, str) else None),
        about=_quoted(words.about) if words.about else UNSAID_DESCRIPTION,
        values=f"  values:\n{values}" if values else "",
    )
    context = UNSAID_CONTEXT
    if words.about:
        said = words.about.rstrip(".").replace("{", "{{").replace("}", "}}")
        context = _quoted(f"Imagine you are a person who writes such texts: {said}.")
    code = short_code(words.language)
    answer = ANSWER if code == "en" else f"{ANSWER} Write in {NAMES.get(code, words.language)}."
    prompts = PROMPTS.replace("{language}", _quoted(words.language)).replace(ANSWER, answer)
    return head + prompts.replace("{context}", context)


def _quoted(value: str | None) -> str:
    """A JSON string is a YAML string, whatever it holds; null stays null.

    What cannot be seen is escaped: YAML refuses controls (U+0080 to U+009F) and folds U+0085 and U+2028 into a blank.
    """
    return "".join(one if one.isprintable() else _escape(one) for one in json.dumps(value, ensure_ascii=False))


def _key(value: str) -> str:
    """A text before a colon: YAML finds the colon of a longer one only behind a question mark (YAML 1.2.2, 7.4.2)."""
    quoted = _quoted(value)
    return quoted if len(quoted) <= LONGEST_KEY else f"? {quoted}\n    "


def _escape(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
