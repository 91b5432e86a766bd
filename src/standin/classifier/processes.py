"""Several processes that fine-tune one classifier together, started by ``torchrun``: one on each GPU of this machine.

Rank 0 runs the stage as it runs alone. The others wait for its trainings, take their part of every batch, and write and
say nothing.
"""

import os
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from standin.errors import StandinError

PATIENCE = timedelta(days=2)  # the others wait while rank 0 predicts, of however many texts


def world() -> int:
    """How many processes ``torchrun`` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def helps() -> bool:
    """Whether this process only takes part in what rank 0 trains."""
    return int(os.environ.get("RANK", "0")) > 0


def start_together(arguments: Sequence[str], processes: int) -> int:
    """Run ``python *arguments`` in several processes, as ``torchrun`` does; where one fails the others are stopped.

    Returns the exit status, 0 or that of the first to fail, which has said why; 130 where a person interrupts. Raises
    StandinError where the system ended one.
    """
    import logging
    import sys

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        1, 1, processes, run_id=uuid.uuid4().hex, rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0
    )
    logging.disable()  # its own account of a failure, which the process has told already
    try:
        elastic_launch(config, sys.executable)("-u", *arguments)
    except SignalException:
        return 130
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            raise StandinError(
                f"process {rank} of {processes} was ended by {failure.signal_name()}, for want of memory perhaps: "
                "lower runtime.processes, finetune.batch or finetune.max_tokens"
            ) from None
        return int(failure.exitcode)
    return 0


def share_of(batch: int) -> int:
    """Texts of a batch that one process takes. Raises StandinError where they cannot be equally many."""
    if batch % world():
        fitting = [str(count) for count in range(1, world()) if batch % count == 0]
        raise StandinError(
            f"params.yaml: finetune.batch is {batch}, which {world()} processes cannot share equally: set "
            f"runtime.processes to {' or '.join(fitting[-2:])}, or finetune.batch to {-(-batch // world()) * world()}"
        )
    return batch // world()


def tell(given: tuple[Any, ...] | None) -> None:
    """From rank 0: what the others shall train now; None lets them go. Alone: nothing to do."""
    if world() > 1:
        _broadcast([given])


def hear() -> tuple[Any, ...] | None:
    """In the others: what rank 0 says by ``tell``, waited for."""
    return _broadcast([None])


def _broadcast(held: list[Any]) -> tuple[Any, ...] | None:
    import torch

    if not torch.distributed.is_initialized():
        gpu = torch.cuda.is_available()
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=PATIENCE)
    torch.distributed.broadcast_object_list(held, src=0, device=torch.device("cpu"))
    found: tuple[Any, ...] | None = held[0]
    return found
