"""Names that parameters choose from, and the groups of parameters that shape no result."""

from typing import Annotated

from pydantic import AfterValidator

from standin.errors import nearest

ENGINES = ("transformers", "vllm", "openai", "llamacpp", "replay")
LOCAL_ENGINES = ("transformers", "vllm")
"""Engines whose model is an embedded name, a folder or a hub id; others read files, or ask a server that knows it."""
RUN_HERE = (*LOCAL_ENGINES, "llamacpp")
"""Engines that run the model themselves, so that a cluster has work: servers and recorded texts have none."""
JUDGE_ENGINES = ("transformers", "vllm", "openai")
"""Engines that give log-probabilities of closed choices."""
PATTERN_ENGINES = ("vllm", "openai")
"""Engines that draw only tokens which lead to a match of ``generator.pattern``."""
BEGIN_ENGINES = ("transformers", "vllm", "llamacpp", "openai")
"""Engines that can continue an answer begun for them; a server only where it is vLLM's."""
UNSETTLED = ("runtime", "tracking")
"""Groups of parameters that are not meant to change a result, so a change in them makes no new run."""


def _known(name: str) -> str:
    if name not in ENGINES:
        raise ValueError(f"no engine {name!r}: {nearest(name, ENGINES)}")
    return name


def _judging(name: str) -> str:
    if _known(name) not in JUDGE_ENGINES:
        raise ValueError(f"the {name} engine cannot judge: one of {', '.join(JUDGE_ENGINES)} can")
    return name


Engine = Annotated[str, AfterValidator(_known)]
JudgeEngine = Annotated[str, AfterValidator(_judging)]

RELATIVE_REFERENCES = ("without_synthetic", "random_instead", "as_many", "without_shots")
"""What an arm is compared with by its sources: the same less the synthetic texts, with a random selection, with the
source whose number of texts it has, less the shots."""

DEFAULT_REFERENCES = ("real", "random", *RELATIVE_REFERENCES)

RESERVED_ARMS = {
    "majority": "evaluate's row of the majority class",
    **dict.fromkeys(RELATIVE_REFERENCES, "a reference of evaluate"),
    **{stage: f"models/{stage} is what the stage {stage} writes" for stage in ("warmstart", "learner")},
}
"""Names that no arm can have, and what has them: a second output of the same path is refused by DVC."""
