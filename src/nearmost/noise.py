"""Noise as people make it: texts in the wrong case, with words added, letters lost, mistyped, cut off, and the like.

What befalls a text follows from the seed, the kind of noise and the text alone, so it is the same in every batch, in
every order and on every machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from random import Random

from nearmost.errors import InputError
from nearmost.values import text_list

Change = Callable[[str, float, Random], str]
"""(text, level, chance) -> the text with this share of it changed."""

ADDED = (
    "new",
    "urgent",
    "full time",
    "part time",
    "senior",
    "junior",
    "the",
    "a",
    "for",
    "temp",
    "various",
    "etc",
    "-",
)
SEPARATORS = ("_", "-", "/", ".", ",", ", ", "  ", " - ", "|", "")
KEYBOARD = {
    letter: (row, column + shift)
    for row, (letters, shift) in enumerate(
        (("1234567890", 0), ("qwertyuiop", 0.5), ("asdfghjkl", 0.75), ("zxcvbnm", 1.25))
    )
    for column, letter in enumerate(letters)
}
NEIGHBORS = {
    key: [other for other, place in KEYBOARD.items() if other != key and math.dist(place, KEYBOARD[key]) < 1.26]
    for key in KEYBOARD
}
"""The keys beside each on a QWERTY keyboard."""
WORDS = re.compile(r"\S+")
GAPS = re.compile(r"(?<=\S)[\s_\-/.,|]+(?=\S)")


def noisify(
    texts: Iterable[str],
    *,
    seed: int = 0,
    rates: float | Mapping[str, float] = 0.1,
    levels: float | Mapping[str, float] | None = None,
) -> list[str]:
    """The texts with noise: of each kind a share of them, ``rates``, is changed, as strongly as ``levels`` says.

    Kinds are ``upper`` and ``lower`` case, added ``words``, ``dropped`` characters, words ``reversed`` in order,
    replaced ``separators``, appended ``digits``, ``truncated`` ends and keyboard ``typos``; they come in this order,
    and several may befall one text. A rate is the chance that a kind befalls a text; a number is meant for every kind,
    a mapping for those that it names. A level between 0 and 1 is the share of a text that is changed, of its words,
    characters or gaps as the kind may be, and at least one of them; ``LEVELS`` are those where none is given.

    The same text gets the same noise wherever it stands; another ``seed`` gives other noise.
    """
    originals = text_list(texts)
    chances = _by_kind("rates", rates, dict.fromkeys(KINDS, 0.0))
    strengths = _by_kind("levels", LEVELS if levels is None else levels, LEVELS)
    wanted = [(kind, chances[kind], strengths[kind]) for kind in KINDS if chances[kind] > 0]
    noisy = []
    for original in originals:
        text = original
        for kind, rate, level in wanted:
            draw = _draw(seed, kind, original)
            if draw / 2**64 < rate:
                text = KINDS[kind](text, level, Random(draw))
        noisy.append(text)
    return noisy


def _by_kind(name: str, given: float | Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    found = {**others, **given} if isinstance(given, Mapping) else dict.fromkeys(KINDS, float(given))
    unknown = sorted(found.keys() - KINDS.keys())
    if unknown:
        raise InputError(f"{name} names {', '.join(unknown)}; the kinds of noise are {', '.join(KINDS)}")
    for kind, value in found.items():
        if not 0 <= value <= 1:
            raise InputError(f"{name} is {value} for {kind}; it must be between 0 and 1")
    return found


def _draw(seed: int, kind: str, text: str) -> int:
    """64 bits that follow from these three."""
    given = f"{seed}\0{kind}\0{text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(given, digest_size=8).digest(), "little")


def _some(count: int, level: float, chance: Random) -> set[int]:
    """This share of the places 0 to count - 1, at least one of them where there is any."""
    wanted = min(count, max(1, round(level * count)))
    places = list(range(count))
    for place in range(wanted):  # the first steps of a shuffle, by random() alone, which no version of Python changes
        other = place + int(chance.random() * (count - place))
        places[place], places[other] = places[other], places[place]
    return set(places[:wanted])


def _one(things: Sequence[str], chance: Random) -> str:
    return things[int(chance.random() * len(things))]


def _each(pattern: re.Pattern[str], change: Callable[[str, Random], str]) -> Change:
    """A Change of some of what the pattern finds."""

    def changed(text: str, level: float, chance: Random) -> str:
        found = list(pattern.finditer(text))
        parts, end = [], 0
        for place in sorted(_some(len(found), level, chance)):
            start, stop = found[place].span()
            parts += [text[end:start], change(text[start:stop], chance)]
            end = stop
        return "".join([*parts, text[end:]])

    return changed


def _add_words(text: str, level: float, chance: Random) -> str:
    words = text.split(" ")
    for place in sorted(_some(len(words), level, chance), reverse=True):
        words.insert(place + int(chance.random() * 2), _one(ADDED, chance))
    return " ".join(words)


def _drop(text: str, level: float, chance: Random) -> str:
    lost = _some(len(text), level, chance) if len(text) > 1 else set()
    kept = "".join(letter for place, letter in enumerate(text) if place not in lost)
    return kept or text[:1]


def _reverse(text: str, level: float, chance: Random) -> str:
    words = text.split(" ")
    if len(words) == 1:
        return text
    length = min(len(words), max(2, round(level * len(words))))
    start = int(chance.random() * (len(words) - length + 1))
    return " ".join([*words[:start], *reversed(words[start : start + length]), *words[start + length :]])


def _append_digits(text: str, level: float, chance: Random) -> str:
    count = max(1, round(level * 8))
    gap = _one(("", " ", "-", " #"), chance)
    return text + gap + "".join(str(int(chance.random() * 10)) for _ in range(count))


def _truncate(text: str, level: float, _: Random) -> str:
    return text[: max(1, len(text) - max(1, math.floor(level * len(text))))]


def _replace_separator(gap: str, chance: Random) -> str:
    return _one([other for other in SEPARATORS if other != gap], chance)


def _mistype(letter: str, chance: Random) -> str:
    """A key beside the right one instead of it or after it, or the right one twice."""
    beside = NEIGHBORS.get(letter.lower())
    if beside is None or chance.random() < 0.2:
        return letter * 2
    other = _one(beside, chance)
    other = other.upper() if letter.isupper() else other
    return letter + other if chance.random() < 0.25 else other


KINDS: Mapping[str, Change] = {
    "upper": _each(WORDS, lambda word, _: word.upper()),
    "lower": _each(WORDS, lambda word, _: word.lower()),
    "words": _add_words,
    "dropped": _drop,
    "reversed": _reverse,
    "separators": _each(GAPS, _replace_separator),
    "digits": _append_digits,
    "truncated": _truncate,
    "typos": _each(re.compile(r"\w"), _mistype),
}
"""Name of a kind of noise -> what it does; in the order in which they are applied."""

LEVELS: Mapping[str, float] = {
    **{"upper": 1.0, "lower": 1.0, "words": 0.3, "dropped": 0.1, "reversed": 1.0},
    **{"separators": 1.0, "digits": 0.4, "truncated": 0.25, "typos": 0.1},
}
"""How strong a kind is where nobody says."""
