"""An arm's classifier as MLflow serves it. This file is logged beside the model, so it needs nothing of Standin.

Rows with a column ``text`` go in (and ``question``, where the task has several); out come ``label`` and a column
``p.<label>`` with the probability of each label.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

HEAD = "2_Dense/model.safetensors"
BATCH = 32


class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Loads the classifiers of one folder: one, or one a question."""

    def load_context(self, context: Any) -> None:
        """Read which classifiers there are; each is loaded when a row first asks for it."""
        self.folder = Path(context.artifacts["classifier"])
        self.questions = json.loads(Path(context.artifacts["questions"]).read_text(encoding="utf-8"))
        self.loaded: dict[Path, Any] = {}

    def predict(self, model_input) -> pd.DataFrame:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Label and probabilities of every row, in its order. Raises ValueError where a question is needed."""
        rows = pd.DataFrame(model_input).reset_index(drop=True)
        asked = rows["question"] if "question" in rows else pd.Series([None] * len(rows))
        found = []
        for question, own in rows.groupby(asked.fillna(""), sort=False):
            folder, text = self._classifier(str(question))
            found.append(self._shares(folder, own["text"].astype(str).tolist(), text).set_index(own.index))
        return pd.concat(found).sort_index() if found else pd.DataFrame({"label": []})

    def _classifier(self, question: str) -> tuple[Path, str | None]:
        if not self.questions:
            return self.folder, None
        if question not in self.questions:
            raise ValueError(f"no question {question!r}: the column 'question' takes {', '.join(self.questions)}")
        return self.folder / question, self.questions[question]

    def _shares(self, folder: Path, texts: list[str], question: str | None) -> pd.DataFrame:
        import torch

        if folder not in self.loaded:
            self.loaded[folder] = _load(folder)
        tokenizer, model, head, halved = self.loaded[folder]
        shares = []
        for begin in range(0, len(texts), BATCH):
            own = texts[begin : begin + BATCH]
            given = (own,) if question is None else ([question] * len(own), own)
            batch = tokenizer(*given, truncation=True, padding=True, return_tensors="pt")
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=halved):
                if head is None:
                    logits = model(**batch).logits
                else:
                    hidden = model(**batch).last_hidden_state
                    mask = batch["attention_mask"][:, :, None].to(hidden.dtype)
                    logits = head((hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9))
                shares.append(logits.double().softmax(-1))
        labels = [model.config.id2label[code] for code in range(model.config.num_labels)]
        found = pd.DataFrame(torch.cat(shares).numpy(), columns=labels)
        said = found.idxmax(axis=1)
        found = found.add_prefix("p.")
        found.insert(0, "label", said)
        return found


def _load(folder: Path) -> tuple[Any, Any, Any, bool]:
    """Tokenizer, encoder, head (None where the encoder has one of its own), and whether it answers in bfloat16."""
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    halved = json.loads((folder / "training.json").read_text(encoding="utf-8")).get("dtype") == "bfloat16"
    if not (folder / HEAD).exists():
        kept = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
        return tokenizer, kept.eval(), None, halved
    model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32).eval()
    weights = load_file(folder / HEAD)
    labels, width = weights["linear.weight"].shape
    head = nn.Linear(width, labels)
    head.load_state_dict({name.removeprefix("linear."): value for name, value in weights.items()})
    return tokenizer, model, head.eval(), halved


mlflow.models.set_model(Served())
