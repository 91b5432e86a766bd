"""From a raw answer to a text: strip only what is certainly not the text, name every change, refuse to guess.

The raw answer stays in ``answers.jsonl``; parsing is pure and can be run again for free.
"""

import re
from dataclasses import dataclass

REFUSED = "refused"
UNPARSABLE = "unparsable"

_MARKER = re.compile(r"<\|?[a-z_]+\|?>|\[/?INST\]|^(?:assistant|user|system)\s*\n", re.IGNORECASE)
_TURN = re.compile(r"\s*(?:<\|im_start\|>|<\|im_end\|>|\[INST\]|\n(?:user|assistant|system)\s*\n)", re.IGNORECASE)
_SURE = (
    r"(?:sure|certainly|of course|okay|absolutely)\b[^\n:.!?]{0,40}?[,.!:]\s*"
    r"(?:i(?:['\u2019]d| would) be (?:happy|glad) to (?:help|assist)[^\n:.!?]{0,40}[.!]\s*)?"
)
_WHAT = (
    r"(?:comment|text|tweet|message|post|review|headline|report|article|story|example|response|reply|answer|sentence|"
    r"paragraph|statement|opinion|complaint|letter|description|sample|version|e-?mail|sms)s?"
)
_OPEN = r"(?:[^\n:.!?]|[.!?](?!\s+(?-i:[\"\u201cA-Z])))"  # no sentence ends here, but "U.S. policy" goes on
_COUNT = r"(?:an?|the|another|your|some|several|two|three|four|five|\d{1,2})"
_HERE = (
    rf"here(?:['\u2019]s| is| are) (?:one\b|my (?:response|answer|attempt)(?=:)"
    rf"|(?:{_COUNT}\b{_OPEN}{{0,80}}?\b)?{_WHAT}\b)"
)
_ANNOUNCED = re.compile(
    # said to the one who asked; an abbreviation does not end it
    rf"^\s*(?:{_SURE}{_HERE}{_OPEN}{{0,120}}?(?::(?=\s|$)|[.!](?=\s+(?-i:[\"\u201cA-Z])|\s*\n|\s*$))"
    rf"|(?:{_SURE})?{_HERE}{_OPEN}{{0,120}}:(?=\s|$)"
    rf"|(?:{_SURE})?{_HERE}{_OPEN}{{0,200}}?[.!](?=\s*\n\s*\n)"  # a paragraph of its own
    rf"|(?:{_SURE})?here(?:['\u2019]s| is| are)\b(?! (?:my|our|why|what (?:we|i))\b){_OPEN}{{0,200}}:[ \t]*(?=\n))\s*",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"^\s*(?:\*\*)?(?:comment|text|example|response|answer|message|tweet|post|review|headline)"
    r"(?: ?#?\d+)?(?:\*\*)?\s*:(?:\*\*)?\s*",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:[-*\u2022]|\d{1,2}[.)])\s+")
_LOOP = re.compile(r"(.{6,200}?)(?:\s*\1){2,}\s*(?P<rest>.{0,200}?)\Z", re.DOTALL)
_SENTENCE_END = re.compile(
    r"[.!?\u2026\u061f\u06d4\u0964](?:[\"'\u201d\u2019)]*)(?=\s|$)"  # also the Arabic, Urdu and Devanagari marks
    r"|[\u3002\uff01\uff1f][\u300d\u300f\u201d]*"  # Chinese and Japanese put no space
)
_QUOTES = {'"': '"', "\u201c": "\u201d", "'": "'", "\u2018": "\u2019", "\u00ab": "\u00bb", "`": "`"}

# A refusal speaks in the first person about not writing what was asked. The word "sorry" alone is none (D16), nor is
# "I can't help but ...", nor "I cannot write this often enough". "I'm sorry, but I cannot" says more by itself.
_CANNOT = r"i(?: can ?not| can'?t|(?: am|'m) (?:unable|not able) to| won'?t| will not| don'?t feel able to) "
_WRITE = r"(?:write|provide|produce|generate|create|fulfil+)"
_OWN = r" (?:my|our|for|enough|much)\b"
_REFUSAL = re.compile(
    r"^\W*(?:"
    r"(?:(?:i'?m|i am) (?:really |very |so )?sorry|i apologi[sz]e)(?: for (?:any|the) \w+)?,? but "
    rf"{_CANNOT}(?:{_WRITE}\b(?!{_OWN})|help\b(?! but\b| \w+ing\b)|assist\b|do that\b"
    r"|(?:comply|engage|answer|continue)(?: with| in)?(?: (?:that|this|your|such)\b|[.,!]|$))"
    r"|(?:(?:(?:i'?m|i am) (?:really |very |so )?)?sorry(?: for (?:any|the) \w+)?,? (?:but )?"
    r"|i apologi[sz]e(?: for (?:any|the) \w+)?,? (?:but )?|unfortunately,? )?(?:"
    rf"{_CANNOT}(?:"
    r"(?:help|assist)(?: you)?(?:[.!]|$| (?:create|write|generate)\b| (?:with|in) (?:that|this|your|such|creating|"
    r"writing|generating|producing|making|providing)\b| with (?:\w+ ){0,2}(?:activities|creation|content|requests?)\b)"
    rf"|{_WRITE}(?!{_OWN})(?: (?:that|this|it|such|your|an?|any|more))?(?:[.,!]|$"
    r"|[^.!?\n]{0,60}\b(?:content|text|comment|tweet|message|review|post|example|response|request|information|guidance|"
    r"opinion|statement|material|headline|paragraph|sentence|speech|spam|sample)s?\b)"
    r"|comply with (?:that|this|your)\b|(?:answer|continue with|proceed with) (?:that|this|your) (?:question|request|"
    r"prompt|conversation|topic|task)\b)"
    r"|i (?:must|have to) (?:respectfully )?decline\b"
    r"|as an? (?:large |ai |artificial intelligence |digital |virtual )*"
    r"(?:ai|artificial intelligence|language model|(?<=ai )(?:assistant|chatbot|model)|(?<=digital )assistant"
    r"|(?<=virtual )assistant)(?: (?:developed|trained|created|designed) [^,\n]{0,40})?,? (?:i|my|it)\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The text, or the reason why there is none; and what was changed on the way."""

    text: str | None
    reason: str | None = None
    changes: tuple[str, ...] = ()


def parse(raw: str, finish: str) -> Parsed:
    """Read one answer.

    ``finish`` is "length" where the token limit cut it and "loop" where it repeated itself: then the open last
    sentence is dropped, and of what is repeated three times and more at the end one remains. White space is evened out,
    which is not counted as a change.
    """
    changes = []
    text = raw.strip()
    for name, step in (
        ("later_turns", lambda t: _TURN.split(t, maxsplit=1)[0] or _TURN.sub("", t, count=1)),
        ("chat_marker", lambda t: _MARKER.sub("", t)),
        ("announcement", lambda t: _ANNOUNCED.sub("", t, count=1)),
        ("list_item", _first_item),
        ("label", lambda t: _LABELLED.sub("", t, count=1)),
        ("quotes", _unquote),
    ):
        changed = step(text).strip()
        if changed != text:
            changes.append(name)
            text = changed
    if _REFUSAL.search(text.replace("\u2019", "'")):
        return Parsed(None, REFUSED, tuple(changes))
    text = " ".join(text.split())
    if finish in ("length", "loop") and (once := _once(text)) != text:
        changes.append("loop")
        text = once
    if finish in ("length", "loop") and text:
        whole = _whole_sentences(text)
        if whole != text:
            changes.append("cut_sentence")
            text = whole
    if not any(character.isalnum() for character in text):
        return Parsed(None, UNPARSABLE, tuple(changes))
    return Parsed(text, None, tuple(changes))


def _first_item(text: str) -> str:
    """The first item of an answer that is a list: one text was asked for. A lone dash before one line goes too."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not _ITEM.match(lines[0]):
        return text
    following = next((place for place, line in enumerate(lines[1:], 1) if _ITEM.match(line)), len(lines))
    return _ITEM.sub("", "\n".join(lines[:following]), count=1)


def _unquote(text: str) -> str:
    """Without quotation marks around the whole, where none of the same kind stand inside."""
    if len(text) > 2 and text[0] in _QUOTES and text[-1] == _QUOTES[text[0]]:
        inner = text[1:-1]
        if text[0] not in inner and text[-1] not in inner.replace("n't", "").replace("'s", ""):
            return inner
    opened = text[:1] in '"\u201c\u00ab' and text.count('"') + text.count("\u201c") + text.count("\u00ab") == 1
    return text[1:] if opened and text.count("\u201d") + text.count("\u00bb") == 0 else text


def _once(text: str) -> str:
    """Without the repeats at the end; a circle that began inside a sentence is followed to that sentence's end."""
    found = _LOOP.search(text)
    if found is None or not found.group(1).lstrip().startswith(found["rest"].rstrip()):
        return text
    once = text[: found.end(1)]
    if not _SENTENCE_END.search(once.rstrip()[-1:]) and (end := _SENTENCE_END.search(text, found.end(1))):
        once = text[: min(end.end(), found.end(1) + len(found.group(1)))]
    return once


def _whole_sentences(text: str) -> str:
    """Without the last sentence where it is open; empty where no sentence ends."""
    ends = list(_SENTENCE_END.finditer(text))
    return text[: ends[-1].end()] if ends else ""
