"""A classifier of words that learns from unlabelled texts too: naive Bayes with expectation maximisation.

Nigam, McCallum, Thrun & Mitchell 2000, "Text Classification from Labeled and Unlabeled Documents using EM": a
multinomial model of each label's words is fitted to the labelled texts, says of the others how probable each label is,
is fitted anew with these as weights, and so on. Words that stand beside those that labelled texts taught are learned
that way, which a few hundred labels alone cannot.

Ours differs in four ways, each tried on news. Words are weighted by TF-IDF, and every text counts for the same number
of words (Rennie et al. 2003); every label's words weigh the same, however often it is given. A classifier of vectors
may help to guess (as in co-training, Blum & Mitchell 1998), while what comes out is of words alone. And since words are
not independent, what comes out is no bolder than a short text would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import TfidfVectorizer

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.calibration import logarithms, softmax
from nearmost.label.supervision.learners import CrossFitted, two_labels
from nearmost.label.votes.arrays import Floats, Labels
from nearmost.label.votes.folds import N_FOLDS, fold_of

Sparse: TypeAlias = Any
"""A matrix of SciPy's in rows."""
LENGTH = 20.0
"""Words that every text counts for."""
SPOKEN = 5.0
"""Words that it counts for when it comes to how sure the classifier is."""
SMOOTHING = 0.3
"""Words that each word is taken to have been seen for each label before."""
ROUNDS = 8
HELP = 2.0
"""How much the classifier of vectors has to say, in the same measure as the words."""
LEAST_HELP = 1e-3
MANY_TEXTS = 1000
"""From here on a word must stand in two texts."""
MOST_WORDS = 50_000


def word_weights(texts: Sequence[str]) -> Sparse:
    """(n_texts, n_words): TF-IDF weights that add up to 20 in every text, or to 0 where it has no known word.

    Raises InputError where no text has a word of two letters or more.
    """
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, min_df=2 if len(texts) >= MANY_TEXTS else 1, max_features=MOST_WORDS
    )
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise InputError(f"a classifier of words cannot learn from these {len(texts)} texts: {error}") from error
    total = np.asarray(weights.sum(axis=1))[:, 0]
    return csr_matrix(diags(np.divide(LENGTH, total, out=np.zeros_like(total), where=total > 0)) @ weights)


def cross_fit_words(
    weights: Sparse, manual: Labels, n_labels: int, *, beside: CrossFitted | None = None, seed: int = 0
) -> CrossFitted:
    """The classifier fitted with all labels, and one without those of each fold, whose texts it reads unlabelled.

    ``weights`` are those of ``word_weights``; ``beside`` is a classifier of vectors that helps to guess, its own copy
    without the same fold each time. A label that no record has is given a probability of 0. Raises InputError where
    fewer than two labels are given.
    """
    rows = two_labels(manual)
    folds = fold_of(len(manual), seed)
    cases = np.stack([manual, *(np.where(folds == fold, ABSTAIN, manual) for fold in range(N_FOLDS))])
    hint = None
    if beside is not None:
        hint = HELP * logarithms(np.concatenate([beside.posteriors[None], beside.copies]) + LEAST_HELP)
    scores = expectation_maximisation(weights, cases, n_labels, hint=hint)
    found = softmax(SPOKEN / LENGTH * scores).astype(np.float32)
    posteriors = found[0].copy()
    posteriors[rows] = found[1 + folds[rows], rows]
    return CrossFitted(posteriors, found[1:], manual != ABSTAIN)


def expectation_maximisation(
    weights: Sparse, cases: Labels, n_labels: int, *, hint: Floats | None = None, rounds: int = ROUNDS
) -> Floats:
    """log P(label, words) of each text but for a constant, (n_cases, n_texts, n_labels), after so many rounds.

    ``cases`` (n_cases, n_texts) are labels, ABSTAIN where there is none; the cases do not know of each other. ``hint``,
    of the result's shape, is added to the scores whenever an unlabelled text's label is guessed. Labels that no text
    of a case has score minus infinity, unless none has any.
    """
    n_cases, n, _ = shape = (*cases.shape, n_labels)
    case, row = np.nonzero(cases != ABSTAIN)
    given = np.zeros(shape)
    given[case, row, cases[case, row]] = 1
    counts = given.sum(axis=1)
    there = (counts > 0) | (counts.sum(axis=1, keepdims=True) == 0)
    turned = csr_matrix(weights.T)
    worded = np.asarray(weights.sum(axis=1) > 0)[:, 0]

    def scores(beliefs: Floats) -> Floats:
        """What a model fitted to texts that belong to labels by so much says of every text."""
        flat = beliefs.transpose(1, 0, 2).reshape(n, -1)
        mass = flat[worded].sum(axis=0) + 1
        words = turned @ flat
        held = words.sum(axis=0)
        even = np.repeat(held.reshape(n_cases, n_labels).sum(axis=1) / np.maximum(there.sum(axis=1), 1), n_labels)
        words = words * np.divide(even, held, out=np.zeros_like(held), where=held > 0) + SMOOTHING
        said = weights @ np.log(words / words.sum(axis=0)) + np.log(mass)
        return np.where(there[:, None], said.reshape(n, n_cases, n_labels).transpose(1, 0, 2), -np.inf)

    found = scores(given)
    for _ in range(rounds):
        guessed = softmax(found if hint is None else found + hint)
        found = scores(np.where((cases != ABSTAIN)[:, :, None], given, guessed))
    return found
