"""The reasoning that a model writes before its answer: what follows the last end of it is the answer."""

import re

_NAMES = r"(?:think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad|seed:think|longcat_think)"
_PLAN = re.compile(
    # At the start alone, as people name such things too
    r"\s*<(brainstorm(?:ing)?|plan(?:ning)?|draft_plan|outline|scratch_?pad|notes|(?:thought|thinking)[_ ]process"
    r"|inner_thoughts|(?:inner|internal)_monologue|chain_of_thought|cot|rationale|deliberation|self_reflection)>",
    re.IGNORECASE,
)
_OPEN = re.compile(
    rf"<{_NAMES}>"  # DeepSeek R1, Qwen3, GLM, EXAONE, Seed-OSS, Reflection
    r"|\[THINK\]|\u25c1think\u25b7"  # Magistral; Kimi
    r"|<\|(?:START_THINKING|begin_of_thought|inner_prefix|thinking)\|>"  # Command A, Sky-T1, Apertus
    r"|<unused94>|<\|channel>(?:thought|analysis)\b"  # MedGemma; Gemma 4
    r"|<\|channel\|>\s?(?:analysis|commentary)\b",  # gpt-oss
    re.IGNORECASE,
)
_END = re.compile(
    rf"</{_NAMES}>|\[/THINK\]|\u25c1/think\u25b7"
    r"|<\|(?:END_THINKING|end_of_thought|inner_suffix|/thinking)\|>|<unused95>|<channel\|>"
    r"|(?:<\|start\|>assistant)?<\|channel\|>\s?final\b[^<\n]{0,40}(?:<\|constrain\|>\s?\w{1,20}\s?)?<\|message\|>"
    r"|(?-i:assistantfinal(?![a-z]))"
    r"|\A\s*(?-i:final(?=[A-Z][a-z ]|[\"\u201c]))"  # gpt-oss without its special tokens, its reasoning left out
    r"|^\.\.\.done thinking\.$",  # ollama's command line
    re.IGNORECASE | re.MULTILINE,
)
_SPOKEN = (
    # An opening that is words, and the words that end it; gpt-oss without special tokens, Granite, ollama
    (re.compile(r"(?:assistant)?(?:analysis|commentary)"), re.compile(r"\bassistant\s{0,2}final\b[ \t]*(?=\n)")),
    (re.compile(r"Here(?:'s| is) my thought process:"), re.compile(r"Here(?:'s| is) my response:")),
)
_SPOKEN_OPEN = re.compile(
    # "analysisUser wants": no space and no small letter follows, so "analysis of", "analyst" and "Analysis:" are words
    r"(?:assistant)?(?:analysis|commentary)(?=[^\W\da-z_]|[\"\u201c*])"
    r"|Here(?:'s| is) my thought process:|Thinking\.\.\.\n"
)


def after_reasoning(raw: str) -> str | None:
    """What follows the last end of reasoning; all of it where there is none.

    Returns:
        The answer, or None where reasoning was cut before its end or where nothing follows it.
    """
    end = max((found.end() for found in _END.finditer(raw)), default=0)
    for begins, ends in _SPOKEN:
        if begins.match(raw):
            end = max((found.end() for found in ends.finditer(raw)), default=end)
    while found := _PLAN.match(raw, end):
        closing = re.compile(re.escape(f"</{found[1]}>"), re.IGNORECASE).search(raw, found.end())
        if not closing and raw[found.end() : found.end() + 1] not in ("", "\n"):
            break  # "<plan> costs 5 euros"
        if not closing:
            return None
        end = closing.end()
    rest = raw[end:].strip()
    if _OPEN.search(rest) or _SPOKEN_OPEN.match(rest) or (end and not rest):
        return None
    return rest


def reasoned(removed: str) -> bool:
    """Whether something was thought: an empty block, or the name of the channel alone, is but a mark."""
    return removed.strip() != "final" and any(character.isalnum() for character in _OPEN.sub("", _END.sub("", removed)))
