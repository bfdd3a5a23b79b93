"""The texts that a verb is to learn from: with labels, with labels as labelling exported them, or in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from nearmost.cli.output import note
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.values import Corpus


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts, and what is known of them."""

    texts: list[str]
    groups: list[str] | None
    """A label a text, "" for none; None where there are pairs."""
    pairs: list[tuple[int, int]] | None
    sure: list[float] | None
    """How sure each label or pair is, where that is told."""
    valid: float | tuple[list[str], list[str]]
    """The share to validate with, or other texts with their labels."""

    @property
    def known(self) -> dict[str, Any]:
        """Groups or pairs, by the name that the library has for them."""
        return {"groups": self.groups} if self.pairs is None else {"pairs": self.pairs}


def labelled(
    file: str,
    *,
    text: str | None,
    label: str,
    task: str | None,
    other: str | None,
    confidence: str | None,
    valid: str,
    hold_out: list[str],
    limit: int | None,
) -> Labelled:
    """The texts of a file; the arguments are the options of ``nearmost finetune``."""
    if task is not None and (other is not None or confidence is not None):
        raise CycloptsError(msg="--task NAME brings its own labels and confidence; leave --other and --confidence out.")
    if other is not None and (hold_out or not _is_share(valid)):
        raise CycloptsError(msg="--hold-out and a file for --valid go with labels, not with --other.")
    by_task = None if task is None else _columns_of(task)
    columns = by_task or [name for name in (other, confidence) if name is not None]
    corpus = _read(file, text, None if other or by_task else label, columns, limit)
    sure = None if confidence is None else _numbers(corpus, confidence)
    if by_task is not None:
        corpus, sure = _exported(corpus, by_task)
    if other is not None:
        n = len(corpus.texts)
        both = [*corpus.texts, *map(str, corpus.columns[other])]
        return Labelled(both, None, [(row, n + row) for row in range(n)], sure, float(valid))
    groups = _labels(corpus, hold_out)
    held_out: float | tuple[list[str], list[str]]
    if _is_share(valid):
        held_out = float(valid)
    else:
        others = _read(valid, text, label, (), limit)
        held_out = list(others.texts), _labels(others, hold_out)
    return Labelled(list(corpus.texts), groups, None, sure, held_out)


def _read(path: str, text: str | None, label: str | None, columns: Any, limit: int | None) -> Corpus:
    from nearmost.readers import read_corpus

    with step("reading") as progress:
        return read_corpus(path, text=text, label=label, columns=columns, limit=limit, progress=progress)


def _columns_of(task: str) -> list[str]:
    """What ``nearmost label export`` calls the columns of a task; ATTRIBUTE__TASK for one about an attribute."""
    stem = task if "__" in task else f"__{task}"
    return [f"{stem}__{name}" for name in ("MANUAL", "WEAK_SUPERVISION", "WEAK_SUPERVISION__confidence")]


def _exported(corpus: Corpus, columns: list[str]) -> tuple[Corpus, list[float]]:
    """The corpus with each row's label by hand, or else the weak one; and how sure each is: 1, or its confidence."""
    from nearmost.values import Corpus

    manual, weak, _ = (corpus.columns[name] for name in columns)
    pairs = [(str(one or ""), str(two or "")) for one, two in zip(manual, weak, strict=True)]
    confidences = zip(pairs, _numbers(corpus, columns[2]), strict=True)
    labels = [by_hand or guessed for by_hand, guessed in pairs]
    return Corpus.of(list(corpus.texts), labels=labels), [1.0 if pair[0] else sure for pair, sure in confidences]


def _labels(corpus: Corpus, held_out: Any) -> list[str]:
    """A label a row, "" for those that are held out."""
    labels = list(corpus.labels or ())
    lost = set(held_out) - set(labels)
    if lost:
        from nearmost.errors import InputError

        known = ", ".join(sorted(set(labels))[:10])
        raise InputError(f"--hold-out {', '.join(sorted(lost))}: no row has this label; there are {known}")
    return ["" if label in held_out else label for label in labels]


def _numbers(corpus: Corpus, column: str) -> list[float]:
    """The column as numbers; an empty one is 0."""
    from nearmost.errors import InputError

    found = []
    for row, value in enumerate(corpus.columns[column]):
        try:
            found.append(float(value) if value not in (None, "") else 0.0)
        except (TypeError, ValueError):
            raise InputError(f"record {row + 1}: {column} is {value!r:.40}; it must be a number") from None
    return found


def _is_share(given: str) -> bool:
    try:
        return 0 < float(given) < 1
    except ValueError:
        return False


def examples(corpus: Corpus, path: str) -> tuple[list[str], list[str]]:
    """Texts and their labels; rows without a label are left out, and labels that nearly are the same are told."""
    from nearmost.errors import InputError
    from nearmost.reports.wording import counted

    texts = list(corpus.texts)
    pairs = [pair for pair in zip(texts, corpus.labels or texts, strict=True) if pair[1].strip()]
    if not pairs:
        raise InputError(f"{path}: no row has a label; wanted one at least")
    if len(pairs) < len(texts):
        note(f"{path}: {len(texts) - len(pairs):,} of {counted(len(texts), 'row')} left out, for want of a label")
    alike: dict[str, dict[str, None]] = {}
    for _, label in pairs:
        alike.setdefault(" ".join(label.casefold().split()), {})[label] = None
    doubtful = [list(labels) for labels in alike.values() if len(labels) > 1]
    if doubtful:
        shown = " and ".join(map(repr, doubtful[0]))
        note(f"{path}: {shown} are labels of their own ({len(doubtful):,} such), though only case or spaces differ")
    return [text for text, _ in pairs], [label for _, label in pairs]
