"""Arms in words a reader knows, from what they train on."""

from collections.abc import Mapping, Sequence

from standin.ingredients import Part, answerer, part, training_names

Sources = Mapping[str, Sequence[str]]
MAJORITY = "majority"
MOST_FREQUENT = "always the most frequent label"
FIXED = {
    "real": "all labelled texts",
    "labelled": "the texts labelled so far",
    "shots": "the labelled examples",
    "synthetic": "synthetic",
    "misaligned": "synthetic of another question",
}
SIZED = {
    "real": "labelled texts",
    "labelled": "of the texts labelled so far",
    "shots": "labelled examples",
    "synthetic": "synthetic",
    "misaligned": "synthetic of another question",
}
"""A part of a source, after its number of texts."""
BY = {
    "probe": ", encoder frozen",
    "ngrams": ", by character n-grams",
}
UNTRAINED = {
    "llm": "the LLM asked as it is",
    "warmstart": "the warm start as it is",
}
STRATEGIES = {
    "random": "at random",
    "sqbc": "by SQBC",
    "cal": "by CAL",
    "margin": "by margin",
    "coverage": "for coverage",
    "sqbc_diverse": "by SQBC with diversity",
    "sqbc_sampled": "by SQBC's odds",
    "cal_sampled": "by CAL's odds",
    "margin_sampled": "by margin's odds",
}
MEANINGS = {
    "sqbc": "SQBC chooses the real texts whose label the synthetic texts nearest to them disagree on.",
    "cal": "CAL chooses the real texts that a trained classifier judges unlike the labelled texts nearest to them.",
    "margin": "Margin chooses the real texts between whose two likeliest labels a trained classifier hardly decides.",
    "coverage": "Coverage chooses real texts far from each other and from the labelled texts.",
    "sqbc_diverse": "SQBC with diversity chooses texts as SQBC does, but far from each other.",
    "sqbc_sampled": "By SQBC's odds, real texts are drawn, the likelier the more their committee disagrees.",
    "cal_sampled": "By CAL's odds, real texts are drawn, the likelier the higher CAL's score.",
    "margin_sampled": "By margin's odds, real texts are drawn, the likelier the smaller their margin.",
}


def arm_words(arm: str, budget: str | int | None, arms: Sources) -> str:
    """What the arm trains on, as "48 chosen at random + synthetic"; a name that ``arms`` does not hold stays as it is.

    Two arms of the same sources keep their names of params.yaml in brackets, so that they can be told apart.
    """
    if arm == MAJORITY:
        return MOST_FREQUENT
    if arm not in arms:
        return f"{arm} ({budget})" if budget else arm
    sources, who = training_names(arms[arm]), answerer(arms[arm])
    said = " + ".join(_source(one, budget) for one in sources)
    if len(sources) == 1 and part(sources[0]).source == "synthetic":
        said += " texts alone"
    said = UNTRAINED.get(who or "", said) + BY.get(who or "", "")
    twin = any(other != arm and set(own) == set(arms[arm]) for other, own in arms.items())
    return f"{said} ({arm})" if twin else said


def chosen(strategy: str) -> str:
    """How a strategy's texts were chosen: ``at random``, ``by SQBC``."""
    return STRATEGIES.get(strategy, f"by {strategy}")


def _source(name: str, budget: str | int | None) -> str:
    match part(name):
        case Part(source, None):
            return FIXED[source] if source in FIXED else f"{budget or 'texts'} chosen {chosen(source)}"
        case Part(source, int(size)):
            return f"{size:,} {SIZED[source]}"
        case Part(source, other):
            return f"as many {SIZED[source]} as {SIZED[str(other)]}"
