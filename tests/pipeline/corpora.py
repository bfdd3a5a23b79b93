"""Small corpora, made up, for tests of pipelines."""

from __future__ import annotations

import random
from pathlib import Path

WORDS = (
    *("river", "mountain", "forest", "storm", "winter", "harbour", "island", "valley", "meadow", "desert", "copper"),
    *("silver", "engine", "bridge", "railway", "market", "court", "minister", "election", "budget", "harvest", "novel"),
    *("football", "marathon", "orchestra", "theatre", "poem", "laboratory", "vaccine", "planet", "comet", "telescope"),
    *("robot", "software", "network", "password", "bakery", "kitchen", "spice", "garden", "insect", "whale", "falcon"),
)


def sentences(n: int, seed: int = 0) -> list[str]:
    """So many texts, some words each; a few occur twice."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(3, 8))) for _ in range(n)]


def write_tsv(path: Path, texts: list[str], *, first: int = 0) -> Path:
    """A file with the columns key and headline; the keys are k0, k1, ..."""
    rows = "".join(f"k{number}\t{text}\n" for number, text in enumerate(texts, first))
    path.write_text("key\theadline\n" + rows, encoding="utf-8")
    return path


def write_txt(path: Path, texts: list[str]) -> Path:
    """A text a line."""
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path
