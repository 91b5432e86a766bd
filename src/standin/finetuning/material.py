"""The texts of an arm as classifiers take them."""

from collections.abc import Sequence

import numpy as np

from standin.classifier.encoders import Start
from standin.classifier.inputs import inputs_of
from standin.classifier.prediction import features
from standin.corpus import ArmRow, Row, by_question
from standin.finetuning.work import Codes, Held, Key, Training


class Material:
    """Every (question, text) that an arm trains on or predicts, taken through the frozen layers once."""

    def __init__(self, start: Start, rows: Sequence[ArmRow], held: Sequence[Row], *, probe: bool) -> None:
        both: list[Row | ArmRow] = [*rows, *held]
        pairs = list(dict.fromkeys((row.question, row.text) for row in both))
        texts, questions = [text for _, text in pairs], [question for question, _ in pairs]
        self.inputs = inputs_of(start, texts, questions)
        self.place = {pair: place for place, pair in enumerate(pairs)}
        learned = sorted({self.place[row.question, row.text] for row in rows})
        self.read = {}  # with a head of the encoder's own, layers under it may be drawn anew by every seed
        if probe and start.settings.pooling == "mean":
            found = features(start.classifier(0), self.inputs.at(learned))
            self.read = dict(zip(learned, found, strict=True))

    def places(self, rows: Sequence[Row] | Sequence[ArmRow]) -> list[int]:
        """Where the texts of the rows stand in ``inputs``."""
        return [self.place[row.question, row.text] for row in rows]

    def training(self, key: Key, rows: Sequence[ArmRow], labels: Sequence[str], saved: bool) -> Training:
        """What a classifier learns from its rows; ``saved``: whether it may be kept."""
        places = self.places(rows)
        read = np.stack([self.read[place] for place in places]) if self.read else None
        return Training(key, self.inputs.at(places), codes_of(rows, labels), read, saved)

    def held(self, validation: Sequence[Row], test: Sequence[Row], labels: Sequence[str], probe: bool) -> Held:
        """What the classifiers are held against."""
        by_label = {
            question: (self.inputs.at(self.places(own)), codes_of(own, labels))
            for question, own in by_question(validation).items()
        }
        read = {question: self.inputs.at(self.places(own)) for question, own in by_question(test).items()}
        return Held(by_label, read, probe)


def codes_of(rows: Sequence[Row] | Sequence[ArmRow], labels: Sequence[str]) -> Codes:
    """The place of each row's label, shape (n,)."""
    return np.array([labels.index(str(row.label)) for row in rows], dtype=np.intp)
