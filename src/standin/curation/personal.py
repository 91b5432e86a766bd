"""Hints of personal data in a text: e-mail addresses, phone numbers, IBANs, card numbers, IP addresses, handles.

Patterns with bounded repetitions, so that no text takes long; numbers that carry check digits are checked (IBAN: ISO
13616, mod 97; cards: ISO/IEC 7812, Luhn). Names and addresses of people are not found: hints count what has a form.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable

KINDS = ("email", "phone", "iban", "card", "ip_address", "handle")

NUMBERS = ("iban", "card", "ip_address", "date", "phone")
DIGIT = re.compile(r"\d")
FEWEST_DIGITS = 4
"""Digits of the shortest IP address; all other numbers have more."""

EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]{1,64}@[^\W_][\w-]{0,62}(?:\.[\w-]{1,63}){0,5}\.[^\W\d_]{2,24}(?![\w-])")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,28}")
CARD = re.compile(r"(?<![\w.,+-])\d(?:[ -]?\d){12,18}(?![\w-])")
ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)")
VERSION = re.compile(r"(?:\bversion|\bv\.?|\brelease|§)\s{0,3}$", re.IGNORECASE)
DATE = re.compile(r"(?<![\d./-])\d{1,4}([./-])\d{1,2}\1\d{1,4}(?![./-]?\d)")
PHONE = re.compile(r"(?<![\w.,+/-])(?<!\d\d\d[ .\-/])(?:\+ ?)?\(?\d[\d \u00a0().\-/\u2010-\u2013]{5,22}\d(?!\w)")
HANDLE = re.compile(r"(?<![\w@./])@([^\W\d]\w{1,29})(?:@[\w.-]{1,63})?(?!\w)")
ISBN = re.compile(r"isbn(?:-1[03])?:?\s{0,3}$", re.IGNORECASE)

NORTH_AMERICA = re.compile(
    r"(?:1[ .-]?)?\([2-9]\d\d\) ?[2-9]\d\d[ .-]\d{4}|(?:1[ .-])?[2-9]\d\d([ .-])[2-9]\d\d\1\d{4}"
)
"""Ten digits as people there write them, with area code and exchange that begin with 2 to 9."""
NOBODY = {
    "user",
    "username",
    "usuario",
    "mention",
    "noon",
    "midnight",
    "home",
    "work",
    "school",
    "here",
    "all",
    "everyone",
}
"""What stands behind an @ without naming anyone: masks of data sets (TweetEval writes @user), times, places, groups."""
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width characters of Chinese and Japanese -> ASCII."""
CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|(?:6011|64[4-9]\d|65\d\d|62\d\d)\d{12,15}"
)
"""How numbers of cards begin, and how long they are then."""
LENGTHS = {
    country: int(digits) for country, digits in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18"
        "GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15"
        "PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20",
    )
}  # fmt: skip
"""Length of an IBAN by country (SWIFT's registry, recalled)."""


def personal(text: str) -> dict[str, int]:
    """How many of each kind a text seems to hold; kinds without any are left out.

    A place counts once: what is an IBAN or a card is no phone number, what is an e-mail address no handle.
    """
    rest = _plain_digits(text)
    counts: dict[str, int] = {}
    numbers = len(DIGIT.findall(rest)) >= FEWEST_DIGITS
    for kind, pattern, holds in SOUGHT:
        if numbers if kind in NUMBERS else "@" in rest:  # most texts have neither
            rest, counts[kind] = _taken(rest, pattern, holds)
    return {kind: counts[kind] for kind in KINDS if counts.get(kind)}


def _plain_digits(text: str) -> str:
    """The text with the digits of all scripts as 0 to 9 and full-width signs as ASCII, character for character."""
    if text.isascii():
        return text
    text = text.translate(WIDE)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def _taken(text: str, pattern: re.Pattern[str], holds: Callable[[re.Match[str]], int]) -> tuple[str, int]:
    """The text with what was found covered by letters, and how much was found.

    ``holds`` gives how many characters of a match are what is sought; 0 for none.
    """
    parts, end, count = [], 0, 0
    while found := pattern.search(text, end):
        size = holds(found)
        start = found.start()
        parts.append(text[end:start])
        parts.append("x" * size if size else text[start : start + 1])
        end = start + (size or 1)
        count += size > 0
    return "".join([*parts, text[end:]]), count


def _whole(found: re.Match[str]) -> int:
    return len(found[0])


def _iban(found: re.Match[str]) -> int:
    """Characters up to the length that its country has, where the check digits hold."""
    length = LENGTHS.get(found[0][:2].upper(), 0)
    signs = [at for at, sign in enumerate(found[0]) if sign != " "]
    if not length or len(signs) < length:
        return 0
    size = signs[length - 1] + 1
    if found.string[found.start() + size : found.start() + size + 1].isalnum():
        return 0
    compact = found[0][:size].replace(" ", "").upper()
    return size if int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1 else 0


def _card(found: re.Match[str]) -> int:
    digits = [int(sign) for sign in found[0] if sign.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    begins = CARDS.fullmatch("".join(map(str, digits)))
    return len(found[0]) if begins and (doubled + sum(digits[-1::-2])) % 10 == 0 and len(set(digits)) > 1 else 0


def _address(found: re.Match[str]) -> int:
    if VERSION.search(found.string[max(0, found.start() - 12) : found.start()]):
        return 0
    try:
        return len(found[0]) if ipaddress.IPv4Address(found[0]).is_global else 0
    except ValueError:
        return 0


def _phone(found: re.Match[str]) -> int:
    """A number with its country's code, with the 0 of a trunk, or as North America writes it."""
    said = found[0]
    digits = "".join(sign for sign in said if sign.isdigit())
    if said.startswith("+"):
        return len(said) if 8 <= len(digits) <= 15 and digits[0] != "0" else 0
    if ISBN.search(found.string[max(0, found.start() - 12) : found.start()]):
        return 0
    if digits.startswith("00"):
        return len(said) if 11 <= len(digits) <= 17 and digits[2] != "0" else 0
    if re.match(r"\(?0[1-9]", said):
        return len(said) if 9 <= len(digits) <= 12 else 0
    return len(said) if NORTH_AMERICA.fullmatch(said) else 0


def _handle(found: re.Match[str]) -> int:
    return 0 if found[1].casefold() in NOBODY else len(found[0])


SOUGHT: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], int]], ...] = (
    ("email", EMAIL, _whole),
    ("iban", IBAN, _iban),
    ("card", CARD, _card),
    ("ip_address", ADDRESS, _address),
    ("date", DATE, _whole),
    ("phone", PHONE, _phone),
    ("handle", HANDLE, _handle),
)
"""In the order in which they are sought; dates are no hint, but would be taken for phone numbers."""
