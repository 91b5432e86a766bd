"""What a study will take, before it is run: runs, tokens to generate, hours."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from standin.errors import StandinError, counted
from standin.overrides import load_with
from standin.planning import expected
from standin.studies.running import Planned, seconds_of
from standin.studies.study import Study


def lines(study: Study, plan: Sequence[Planned]) -> Iterator[str]:
    """The grid, then each task on a line: runs made and to be made, synthetic texts and tokens of those, hours."""
    axes = {axis: list(dict.fromkeys(str(one.point.values[axis]) for one in plan)) for axis in study.grid}
    yield f"{study.title}"
    yield f"arms: {', '.join(study.arms)}"
    for axis, values in axes.items():
        yield f"{axis}: {', '.join(values)}"
    took = seconds_of(plan)
    total = 0.0
    for task in dict.fromkeys(one.point.task for one in plan):
        own = [one for one in plan if one.point.task == task]
        missing = [one for one in own if not one.done]
        hours = len(missing) * took.get(task, 0) / 3600
        total += hours
        said = f"{task}: {counted(len(own) - len(missing), 'run')} made, {len(missing)} to make"
        yield said + (f", {_tokens(missing)}" if missing else "") + (f", about {hours:.1f} h" if hours else "")
    missing = [one for one in plan if not one.done]
    when = f", about {total:.1f} h as the runs that were made took" if total else ""
    yield f"in all: {counted(len(missing), 'run')} to make{when if missing else ''}"
    if missing and not took:
        yield "time: known after the first run (standin study run says how long each takes)"


def _tokens(missing: Sequence[Planned]) -> str:
    """Texts and tokens to generate for runs of one task: of each setting once, times its base seeds."""
    texts = tokens = 0
    price, recorded = 0.0, False
    base_seeds = Counter(one.point.setting for one in missing)
    shown: set[str] = set()
    for setting, one in {one.point.setting: one for one in missing}.items():
        times = base_seeds[setting]
        params, task = load_with(list(one.changes))
        if params.generator.engine == "replay" or params.generator.texts == 0:
            recorded |= params.generator.texts > 0
            continue
        if not Path(task.source.train).exists():
            return f"its data is not here yet: standin data fetch {task.name}"
        splits = io.StringIO()
        try:
            with redirect_stdout(splits):
                found = expected(params, task)
        except StandinError as error:
            return f"cannot be run: {error}"
        if splits.getvalue() not in shown:
            print(splits.getvalue(), end="")  # noqa: T201
        shown.add(splits.getvalue())
        texts += times * len(found.plan)
        tokens += times * (found.estimate.tokens_in + found.estimate.tokens_out)
        price += times * found.estimate.money
    paid = f", price {price:.2f}" if price else ""
    said = f"{texts:,} texts to generate ({tokens:,} tokens{paid})"
    return said if texts else "recorded texts" if recorded else "no texts to generate"
