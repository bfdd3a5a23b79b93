"""Steps that clean short texts, each a plain function of one text, and ``clean``, which counts what each changed.

None is on unless asked for: encoders know case and accents, and what a step takes away is gone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from nearmost.errors import InputError
from nearmost.values import text_list

Step = Callable[[str], str]


def normalize_unicode(text: str) -> str:
    """The text in Unicode's form NFKC: one code for one letter, full-width letters and ligatures as plain ones."""
    return unicodedata.normalize("NFKC", text)


def unescape_html(text: str) -> str:
    """The text with ``&amp;`` as &, ``&#39;`` as ', and so on; once, so that ``&amp;lt;`` becomes ``&lt;``."""
    return html.unescape(text)


def fold_ascii(text: str) -> str:
    """The text without accents, "é" as "e", "ß" as "ss"; letters that have no ASCII likeness stay as they are."""
    plain = unicodedata.normalize("NFKD", text.translate(LIKENESSES))
    return unicodedata.normalize("NFC", "".join(letter for letter in plain if not unicodedata.combining(letter)))


def lower_case(text: str) -> str:
    """The text in lower case."""
    return text.lower()


def collapse_spaces(text: str) -> str:
    """The text with one space wherever there was any white space, and none at its ends."""
    return " ".join(text.split())


def drop_words(text: str, words: Iterable[str]) -> str:
    """The text without these words, whatever their case: whole words only, a trailing full stop goes with them.

    Where nothing would be left the text stays as it is. ``SENIORITY`` is such a list for job titles: a level, not
    a job.
    """
    pattern = _words_pattern(words) if isinstance(words, frozenset | tuple) else _words_pattern(tuple(words))
    kept = collapse_spaces(pattern.sub(" ", text)).strip(" ,;/-")
    return kept or text


def drop_gender(text: str, suffixes: Iterable[str] = ()) -> str:
    """The text without marks of gender in job titles: "(m/f/d)", "(w/m)", "Verkäufer*in", "Kassierer/in".

    ``suffixes`` are further endings to cut, such as "-woman"; a word is never cut to fewer than 3 letters.
    """
    plain = GENDER_WORD.sub("", GENDER_NOTE.sub(" ", text))
    for suffix in suffixes:
        plain = re.sub(rf"(?<=\w{{3}}){re.escape(suffix)}\b", "", plain, flags=re.IGNORECASE)
    return collapse_spaces(plain).strip(" ,;/-") or text


def cut(text: str, most: int) -> str:
    """The beginning of the text, of at most so many letters, cut between words where there is a space to cut at."""
    if most < 1:
        raise InputError(f"the greatest length is {most}; it must be at least 1")
    if len(text) <= most:
        return text
    kept = text[: most + 1].rsplit(None, 1)[0] if not text[most].isspace() else text[:most]
    return kept.rstrip() if len(kept) <= most else text[:most]


class Cleaned(NamedTuple):
    """The cleaned texts, and for each step how many texts it changed, in the order of the steps."""

    texts: list[str]
    changed: dict[str, int]


def clean(texts: Iterable[str], steps: Mapping[str, Step] | Iterable[str | Step]) -> Cleaned:
    """The texts after these steps, in order: names of ``STEPS``, functions of one text, or name -> function.

    ``clean(titles, ["unescape", "lower", partial(drop_words, words=["senior"])])``. What comes again under a name, as
    two lambdas do, is counted as "NAME 2".
    """
    named = list(steps.items() if isinstance(steps, Mapping) else map(step_named, steps))
    done = text_list(texts)
    changed: dict[str, int] = {}
    count = Counter[str]()
    for name, step in named:
        after = [step(text) for text in done]
        count[name] += 1
        changed[f"{name} {count[name]}" if count[name] > 1 else name] = sum(
            one != other for one, other in zip(done, after, strict=True)
        )
        done = after
    return Cleaned(done, changed)


SENIORITY = (
    "junior", "jr", "senior", "sr", "entry level", "mid level", "trainee", "intern", "i", "ii", "iii", "iv",
)  # fmt: skip
"""Words of rank in English job titles, for ``drop_words``. Not "chief" or "lead": those are jobs as well."""

LIKENESSES = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L",
     "ð": "d", "þ": "th", "ı": "i", "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...",
     "\N{NO-BREAK SPACE}": " "}
)  # fmt: skip
GENDER_NOTE = re.compile(
    r"[(\[]\s*(?:[mwfdxh]|male|female)(?:\s*[/|,*-]\s*(?:[mwfdxh]|male|female|div))+\s*[)\]]", re.I
)
GENDER_WORD = re.compile(r"(?<=\w{2})(?:\(in(?:nen)?\)|(?:[*:_]in(?:nen)?|/-?in(?:nen)?|(?<=[a-zäöüß])Innen)\b)")

STEPS: dict[str, Step] = {
    "unicode": normalize_unicode,
    "unescape": unescape_html,
    "ascii": fold_ascii,
    "lower": lower_case,
    "spaces": collapse_spaces,
    "seniority": partial(drop_words, words=SENIORITY),
    "gender": drop_gender,
}
"""Name -> step, for ``clean`` and for the command line."""


def step_named(step: str | Step) -> tuple[str, Step]:
    """Its name and the function itself."""
    if isinstance(step, str):
        if step not in STEPS:
            raise InputError(f"there is no cleaning step {step!r}; there are {', '.join(STEPS)}")
        return step, STEPS[step]
    function = step.func if isinstance(step, partial) else step
    return getattr(function, "__name__", repr(function)), step


_patterns: dict[tuple[str, ...], re.Pattern[str]] = {}


def _words_pattern(words: tuple[str, ...] | frozenset[str]) -> re.Pattern[str]:
    """Any of the words, the longer ones first, between what is no letter."""
    listed = tuple(sorted(words, key=lambda word: (-len(word), word)))
    if listed not in _patterns:
        if len(_patterns) > 64:
            _patterns.clear()
        either = "|".join(r"[\s-]+".join(map(re.escape, word.split())) for word in listed if word.strip())
        _patterns[listed] = re.compile(rf"(?<!\w)(?:{either})(?!\w)\.?" if either else r"(?!)", re.IGNORECASE)
    return _patterns[listed]
