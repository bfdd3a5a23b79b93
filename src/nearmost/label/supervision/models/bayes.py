"""Naive Bayes over votes, in which silence is an answer too.

    log P(y | votes) = sum over learners of a * log p(y) + b * sum over rules of log P(what it said | y) + constant

p(y) is what a learner says, each with a weight of its own, or the share of each label where there is no learner.
P(said | y) comes from the manual labels, with a Dirichlet prior centred on how often the rule says so at all: a rule
without evidence says nothing, and one right of one is not certain. As many classes know a rule by its silence,
abstaining is an outcome; without it, rules that know a single label tell nothing (Dawid & Skene 1979 collapses on
them). Learners repeat each other, and rules repeat what learners have read already, so the weights a and b are fitted
where none has seen the record: a record's own fold is left out of the tables, and learners' probabilities are out of
fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.calibration import fit_scales, logarithms, softmax
from nearmost.label.votes.arrays import Evidence, Floats, Labels, Votes, WeakLabels
from nearmost.label.votes.folds import N_FOLDS, fold_of

LEARNERS, RULES = 1.0, 0.5
"""Weights to begin with: of all learners together, and of the rules."""
RIDGE = 2.0
LEAST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Bayes:
    """The fitted model."""

    votes: Votes
    rules: tuple[str, ...]
    tables: Floats
    """(n_rules, n_labels, 1 + n_labels): the logarithm of P(said | label), silence first, less its mean over labels."""
    prior: Floats
    """(n_labels,): the share of each label."""
    weights: Floats
    """Of each learner, or of the prior where there is none; and the last, of the rules."""

    def predict(self) -> WeakLabels:
        """Posteriors of all records; no label where there are no learners and every rule is silent."""
        said = _said(self.votes, self.rules)
        scores = _beliefs(self.votes, self.prior) @ self.weights[:-1] + self.weights[-1] * _evidence(self.tables, said)
        posteriors = softmax(scores)
        labels = posteriors.argmax(axis=1)
        confidence = posteriors.max(axis=1)
        if not self.votes.soft:
            silent = (said == ABSTAIN).all(axis=1)
            labels, confidence = np.where(silent, ABSTAIN, labels), np.where(silent, 0.0, confidence)
        return WeakLabels(labels.astype(np.int64), confidence, posteriors)

    def explain(self, record: int) -> list[Evidence]:
        """Weights of evidence: what each source adds to the logarithm of each label's odds; they add up to the score.

        Over the labels, the weights of a source have a mean of zero. A silent rule is named with "(silent)".
        """
        found = []
        *each, b = self.weights.tolist()
        beliefs = [logarithms(rows[record]) for rows in self.votes.soft.values()] or [np.log(self.prior)]
        for name, belief, a in zip(self.votes.soft or ("share of labels",), beliefs, each, strict=True):
            found += [(name, label, a * weight) for label, weight in enumerate((belief - belief.mean()).tolist())]
        said = _said(self.votes, self.rules)[record]
        for name, table, vote in zip(self.rules, self.tables, said.tolist(), strict=True):
            source = f"{name} (silent)" if vote == ABSTAIN else name
            found += [(source, label, b * weight) for label, weight in enumerate(table[:, vote + 1].tolist())]
        return sorted((Evidence(*each) for each in found), key=lambda each: -abs(each.weight))


def fit(votes: Votes, manual: Labels, *, strength: float = 2.0, seed: int = 0) -> Bayes:
    """The model fitted to the manual labels; ``strength`` is that of the Dirichlet prior, in records.

    ``seed`` is that of the folds. Raises InputError where fewer than 5 records are labelled.
    """
    labelled = np.flatnonzero(manual != ABSTAIN)
    if len(labelled) < LEAST:
        raise InputError(
            f"{len(labelled)} records are labelled by hand; model 'bayes' wants at least {LEAST} to learn from. Label "
            "some more, or take model='weak_nlp' or 'majority', which need none"
        )
    if strength <= 0:
        raise InputError(f"strength is {strength}; it must be above 0")
    rules = tuple(name for name in votes.names if name not in votes.soft)
    said = _said(votes, rules)
    known = manual[labelled]
    counts = np.bincount(known, minlength=votes.n_labels)
    prior = (counts + 1) / (len(known) + votes.n_labels)
    marginals = _marginals(said, votes.n_labels)
    heard = said[labelled]
    folds = fold_of(votes.n_records, seed)[labelled]
    evidence = np.zeros((len(known), votes.n_labels))
    for fold in range(N_FOLDS):
        here = folds == fold
        tables = _tables(heard[~here], known[~here], marginals, strength)
        evidence[here] = _evidence(tables, heard[here])
    beliefs = _beliefs(votes, prior, labelled)
    start = np.append(np.full(beliefs.shape[2], LEARNERS / beliefs.shape[2]), RULES)
    weights = fit_scales(np.concatenate([beliefs, evidence[:, :, None]], axis=2), known, start, RIDGE)
    return Bayes(votes, rules, _tables(heard, known, marginals, strength), prior, weights)


def _said(votes: Votes, rules: tuple[str, ...]) -> Labels:
    columns = [votes.judged(name) for name in rules]
    return np.stack(columns, axis=1).astype(np.int64) if rules else np.empty((votes.n_records, 0), dtype=np.int64)


def _beliefs(votes: Votes, prior: Floats, rows: Labels | slice = slice(None)) -> Floats:
    """(n, n_labels, n_learners): the logarithms of what each learner says of these records, or of the prior alone."""
    if votes.soft:
        return np.stack([logarithms(soft[rows]) for soft in votes.soft.values()], axis=2)
    return np.broadcast_to(np.log(prior), (len(np.arange(votes.n_records)[rows]), votes.n_labels))[:, :, None]


def _marginals(said: Labels, n_labels: int) -> Floats:
    """(n_rules, 1 + n_labels): how often each rule says what, of all records; nothing is wholly impossible."""
    counts = np.stack([np.bincount(column + 1, minlength=n_labels + 1) for column in said.T]) if said.size else None
    if counts is None:
        return np.empty((0, n_labels + 1))
    return np.asarray((counts + 0.01) / (counts + 0.01).sum(axis=1, keepdims=True))


def _tables(heard: Labels, known: Labels, marginals: Floats, strength: float) -> Floats:
    n_rules, n_said = marginals.shape
    tables = np.zeros((n_rules, n_said - 1, n_said))
    for rule in range(n_rules):
        cells = np.bincount(known * n_said + heard[:, rule] + 1, minlength=(n_said - 1) * n_said)
        counts = cells.reshape(n_said - 1, n_said) + strength * marginals[rule]
        tables[rule] = np.log(counts / counts.sum(axis=1, keepdims=True))
    tables -= tables.mean(axis=1, keepdims=True)
    return tables


def _evidence(tables: Floats, said: Labels) -> Floats:
    """(n, n_labels): what the rules' answers and silences add up to."""
    total = np.zeros((len(said), tables.shape[1]))
    for rule, table in enumerate(tables):
        total += table.T[said[:, rule] + 1]
    return total
