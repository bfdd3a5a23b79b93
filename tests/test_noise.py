"""Noise is the same wherever a text stands, befalls as many texts as asked for, and changes as much of them."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nearmost as nm
from nearmost.noise import KINDS, NEIGHBORS, noisify

TEXTS = st.lists(st.text(max_size=40), max_size=12)
TITLES = [
    f"Senior {job} - {place} Office {number}"
    for number in range(20)
    for job in ("Nurse", "Cook, Assistant")
    for place in ("North", "Old Harbour")
]
LEVEL = st.floats(0, 1)


@given(texts=TEXTS, seed=st.integers(), rate=LEVEL, level=LEVEL, cut=st.integers(0, 12))
def test_noise_does_not_depend_on_the_batch_nor_on_the_order(texts, seed, rate, level, cut):
    whole = noisify(texts, seed=seed, rates=rate, levels=level)
    parts = [noisify(part, seed=seed, rates=rate, levels=level) for part in (texts[:cut], texts[cut:])]
    assert parts[0] + parts[1] == whole
    assert noisify(texts[::-1], seed=seed, rates=rate, levels=level) == whole[::-1]
    assert len(whole) == len(texts)


def test_noise_is_the_same_in_another_process():
    say = f"import nearmost; print(nearmost.noisify({TITLES!r}, seed=3, rates=0.5))"
    run = subprocess.run(
        [sys.executable, "-c", say], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert run.stdout.strip() == str(noisify(TITLES, seed=3, rates=0.5))


def test_noise_stays_what_it_was():
    """A figure with noise in it can be measured again with a later version."""
    assert noisify(["Chief Executive Officer (CEO)"], rates=1, seed=1) == ["(fwo), ffice.exectve-chief_tim"]
    assert {kind: noisify(["Chief Executive Officer"], rates={kind: 1.0})[0] for kind in KINDS} == {
        "upper": "CHIEF EXECUTIVE OFFICER",
        "lower": "chief executive officer",
        "words": "Chief temp Executive Officer",
        "dropped": "Chief Excutive fficer",
        "reversed": "Officer Executive Chief",
        "separators": "Chief_ExecutiveOfficer",
        "digits": "Chief Executive Officer #845",
        "truncated": "Chief Executive Of",
        "typos": "Chierf Executive Offiicer",
    }


def test_another_seed_gives_other_noise():
    assert noisify(TITLES, rates=1, seed=1) != noisify(TITLES, rates=1, seed=2)


def test_no_noise_changes_nothing():
    assert noisify(TITLES, rates=0) == TITLES
    assert noisify(TITLES, rates={}) == TITLES
    assert noisify([]) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.05, 0.3, 1.0])
def test_each_rate_is_kept(kind, rate):
    generator = random.Random(0)
    texts = ["".join(generator.choices("abcdefgh", k=6)) + " Office-" + str(number) for number in range(4000)]
    changed = np.mean([one != other for one, other in zip(texts, noisify(texts, rates={kind: rate}), strict=True)])
    assert changed == pytest.approx(rate, abs=4 * (rate * (1 - rate) / 4000) ** 0.5 + 1e-9)


def test_kinds_befall_texts_independently():
    texts = [f"Office of number {number}" for number in range(4000)]
    shouted = [text.isupper() for text in noisify(texts, rates={"upper": 0.5})]
    numbered = [one != other for one, other in zip(texts, noisify(texts, rates={"digits": 0.5}), strict=True)]
    assert np.mean([a and b for a, b in zip(shouted, numbered, strict=True)]) == pytest.approx(0.25, abs=0.03)


TEXT = "Head Nurse of the Old Harbour Ward - Night Shift, Second Floor"


def noisy(kind, level, text=TEXT):
    return noisify([text], rates={kind: 1.0}, levels=level)[0]


@pytest.mark.parametrize("level", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_levels_are_kept(level):
    words, letters = TEXT.split(" "), len(TEXT)
    some = max(1, round(level * len(words)))
    for kind, change in (("upper", str.upper), ("lower", str.lower)):
        found = noisy(kind, level).split(" ")
        assert all(one in (word, change(word)) for one, word in zip(found, words, strict=True))
        assert sum(one != word for one, word in zip(found, words, strict=True)) <= some
    assert len(noisy("dropped", level)) == max(1, letters - max(1, round(level * letters)))
    assert len(noisy("truncated", level)) == max(1, letters - max(1, int(level * letters)))
    assert TEXT.startswith(noisy("truncated", level))
    assert sum(letter.isdigit() for letter in noisy("digits", level)) == max(1, round(8 * level))
    assert sorted(noisy("reversed", level).split(" ")) == sorted(words)
    assert len(noisy("words", level).split(" ")) >= len(words) + some
    kept = iter(noisy("words", level).split(" "))
    assert all(word in kept for word in words)  # in their order
    assert "".join(filter(str.isalnum, noisy("separators", level))) == "".join(filter(str.isalnum, TEXT))


def test_whole_texts_change_at_full_level():
    assert noisy("upper", 1) == TEXT.upper()
    assert noisy("lower", 1) == TEXT.lower()
    assert noisy("reversed", 1) == " ".join(reversed(TEXT.split(" ")))


@given(text=st.from_regex(r"[a-z0-9]{1,30}", fullmatch=True), seed=st.integers())
def test_a_typo_is_a_key_beside_the_right_one_or_the_right_one_twice(text, seed):
    found = noisify([text], rates={"typos": 1}, levels=0.0, seed=seed)[0]
    possible = set()
    for place, letter in enumerate(text):
        begin, end = text[:place], text[place + 1 :]
        possible |= {begin + letter * 2 + end}
        possible |= {begin + typed + end for beside in NEIGHBORS[letter] for typed in (beside, letter + beside)}
    assert found in possible


def test_the_keys_beside_each_other_are_so_both_ways():
    for key, beside in NEIGHBORS.items():
        assert key not in beside
        assert all(key in NEIGHBORS[other] for other in beside)
    assert set(NEIGHBORS["g"]) == set("tyfhvb")


@given(texts=TEXTS, level=LEVEL)
def test_any_text_can_be_made_noisy(texts, level):
    for kind in KINDS:
        for text, found in zip(texts, noisify(texts, rates={kind: 1}, levels=level), strict=True):
            assert bool(found) >= bool(text)


@pytest.mark.parametrize(
    "given", [{"rates": {"typo": 0.1}}, {"rates": 1.5}, {"levels": {"upper": -1.0}}, {"levels": {"case": 0.5}}]
)
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises(nm.InputError):
        noisify(["text"], **given)


def test_one_string_is_refused():
    with pytest.raises(nm.InputError, match="one string"):
        noisify("text")


# Robustness


def first_word(texts):
    return [text.split(" ")[0] for text in texts]


def test_robustness_counts_what_noise_breaks():
    texts = [f"{word} and so on" for word in ("Ant", "Bee", "Cat", "Dog")]
    found = nm.robustness(first_word, texts, ["Ant", "Bee", {"Cat", "Lion"}, "Elk"], levels=[0.5, 1.0])
    assert found.clean == 0.75
    table = dict(zip(found.kinds, found.accuracy.tolist(), strict=True))
    assert table["upper"][1] == 0
    assert table["reversed"][1] == 0
    assert table["digits"] == [0.75, 0.75]
    assert found.accuracy.shape == (len(KINDS), 2)
    for kind in ("dropped", "typos"):
        noisy = noisify(texts, rates={kind: 1}, levels=1.0)
        right = [
            word in true
            for word, true in zip(first_word(noisy), (["Ant"], ["Bee"], ["Cat", "Lion"], ["Elk"]), strict=True)
        ]
        assert table[kind][1] == np.mean(right)


def test_robustness_predicts_no_text_twice():
    seen: list[str] = []

    def predict(texts):
        seen.extend(texts)
        return first_word(texts)

    nm.robustness(
        predict, ["ant hill", "ant hill", "bee hive"], ["ant", "ant", "bee"], kinds=["lower", "upper"], levels=[1]
    )
    assert seen == ["ant hill", "bee hive", "ANT HILL", "BEE HIVE"]


def test_robustness_takes_a_classifier_and_says_how_far_it_is():
    class Classifier:
        def predict(self, texts):
            return np.array(first_word(texts))

    calls: list[tuple[int, int]] = []
    found = nm.robustness(Classifier(), ["a b"], ["a"], kinds=["lower"], progress=lambda *each: calls.append(each))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert found.plain() == {"n_rows": 1, "clean": 1.0, "levels": [0.1, 0.25, 0.5], "accuracy": {"lower": [1.0] * 3}}
    assert "level 0.25" in str(found)


def test_robustness_refuses_noise_that_it_does_not_know():
    with pytest.raises(nm.InputError, match="typo"):
        nm.robustness(first_word, ["a"], ["a"], kinds=["typo"])
