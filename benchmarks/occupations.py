"""Job titles and their occupations, for the benchmarks of classification: O*NET 24.2, as data_folder() has it."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import NamedTuple

from datasets import data_folder


class Titles(NamedTuple):
    """Texts, and for each the set of codes of which any is right."""

    texts: list[str]
    codes: list[list[str]]


def folder() -> Path:
    return data_folder() / "occupations"


def names() -> tuple[list[str], list[str]]:
    """(titles, codes) of the 968 occupations."""
    with (folder() / "occupations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["title"] for row in rows], [row["onetsoccode"] for row in rows]


def alternate() -> tuple[list[str], list[str]]:
    """(titles, codes), 58,255 pairs; a title may come with several codes, each time in a row of its own."""
    return _pairs("alternate_titles.tsv", "Alternate Title")


def reported() -> Titles:
    """The 7,504 different reported titles whose codes are among the 968, each with all its codes."""
    known = set(names()[1])
    codes: dict[str, list[str]] = {}
    for text, code in zip(*_pairs("reported_titles.tsv", "Reported Job Title"), strict=True):
        codes.setdefault(text, []).append(code)
    kept = {text: found for text, found in codes.items() if known & set(found)}
    return Titles(list(kept), list(kept.values()))


def noisy(n: int, seed: int = 0) -> Titles:
    """``n`` different strings made of reported titles: another case, a lost letter, swapped letters, a word or digits
    more.
    """
    titles = reported()
    chance = random.Random(seed)
    texts: dict[str, list[str]] = {}
    while len(texts) < n:
        row = chance.randrange(len(titles.texts))
        text = titles.texts[row]
        for change in chance.sample(CHANGES, chance.randint(1, 2)):
            text = change(text, chance)
        texts.setdefault(text, titles.codes[row])
    return Titles(list(texts), list(texts.values()))


def _dropped(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + text[place + 1 :] if len(text) > 3 else text


def _swapped(text: str, chance: random.Random) -> str:
    place = chance.randrange(max(1, len(text) - 1))
    return text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :]


CHANGES = (
    lambda text, chance: chance.choice([text.upper(), text.lower(), text.title()]),
    _dropped,
    _swapped,
    lambda text, chance: f"{text} {chance.randrange(1, 100_000)}",
    lambda text, chance: f"{chance.choice(['senior', 'lead', 'night shift', 'part time', 'remote', 'my job:'])} {text}",
    lambda text, chance: text.replace(" ", chance.choice(["-", "_", "  ", "/"])),
)


def _pairs(name: str, column: str) -> tuple[list[str], list[str]]:
    lines = (folder() / name).read_text(encoding="utf-8").rstrip("\n").split("\n")
    place = lines[0].split("\t").index(column)
    rows = [line.split("\t") for line in lines[1:]]
    return [row[place] for row in rows], [row[0] for row in rows]
