"""The MLflow experiment around the runs: its kind, the card of each task in its description, and the saved view."""

import time
from typing import Any

from standin.tracking import telling, view
from standin.tracking.contents import cut
from standin.tracking.runs import Store
from standin.tracking.states import State

KIND = ("mlflow.experimentKind", "custom_model_development")
"""What opens an experiment as model training; without it MLflow 3 asks, or takes it for generative AI."""
NOTE = "mlflow.note.content"
CARD_CHARACTERS, NOTE_CHARACTERS = 4000, 20_000
"""Longest card, and MLflow's limit for a description: cards that no longer fit are left out."""
RUNS = 50
"""Newest runs that are looked at for which parameters differ."""


def furnish(store: Store, state: State | None) -> None:
    """Bring an experiment's tags to what its runs hold now; what is as it should be is not written again.

    What a person wrote in the description stays; the card of the state's task is put beneath it, or in its old place.
    """
    client, number = store.client, store.experiment_id
    tags = client.get_experiment(number).tags
    newest = client.search_runs([number], order_by=["attributes.start_time DESC"], max_results=RUNS)
    wanted = {
        KIND[0]: KIND[1],
        NOTE: with_card(tags.get(NOTE, ""), *telling.card(state)) if state else tags.get(NOTE, ""),
        view.TAG: _view(newest, tags.get(view.TAG)),
    }
    for name, text in wanted.items():
        if text and tags.get(name) != text:
            client.set_experiment_tag(number, name, text)


def with_card(description: str, task: str, card: str) -> str:
    """A description in which a task's card stands once, between marks that the page does not show."""
    begin, end = f"<!-- task {task} -->", "<!-- end of task -->"
    block = f"{begin}\n{cut(card, CARD_CHARACTERS)}\n{end}"
    if begin in description:
        before, _, rest = description.partition(begin)
        found = before + block + rest.partition(end)[2]
    else:
        found = f"{description.rstrip()}\n\n{block}" if description.strip() else block
    return found if len(found) <= NOTE_CHARACTERS else description


def _view(newest: list[Any], before: str | None) -> str:
    finished = [run for run in newest if run.info.status == "FINISHED"] or newest
    metrics = {name for run in finished for name in run.data.metrics}
    shown = view.columns([run.data.params for run in finished], metrics)
    return view.tag(view.state(*shown), before, int(time.time() * 1000))
