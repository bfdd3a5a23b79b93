"""The classifier: examples in an index, and the labels of the nearest ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearmost.classify.confidence import Calibration, Threshold, refused, spread, threshold
from nearmost.classify.estimator import not_fitted, tags
from nearmost.classify.inputs import Given, read_inputs
from nearmost.classify.labels import Labels, labels_for
from nearmost.classify.leaving_out import Choice, leave_one_out
from nearmost.classify.voting import Ranked, Weights, signs_of, table_of, vote, winners_marked
from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import InputError, ShapeError
from nearmost.index import Index
from nearmost.queries import whole
from nearmost.values import Neighbors

PARAMETERS = ("encoder", "k", "weights", "reject_below", "recall", "n_threads")
SPARE = 4  # times the labels asked for are looked for among the neighbours


class Decision(NamedTuple):
    """What is known of each text: its labels in order, signs of how sure that is, and how sure, float64 (q,)."""

    ranked: Ranked
    signs: NDArray[np.float64]
    confidence: NDArray[np.float64]


class LabelClassifier:
    """A scikit-learn classifier that votes among the nearest examples of texts, or of vectors.

    ``encoder`` makes vectors of texts; vectors are taken as they are. The ``k`` nearest examples vote with ``weights``:
    "score" (exp(score / 0.05)), "uniform" or a function from scores (q, k) to weights. The label with the largest share
    wins, of equal ones that of the nearest example. Near means cosine. Where the winner's confidence is below
    ``reject_below``, ``predict`` gives None. ``recall`` is that of ``Index.search``, for 20,000 examples and more.

    After ``fit``: ``classes_`` (sorted), ``labels_``, ``texts_`` and ``vectors_`` of the examples, ``index_`` (of these
    vectors), ``encoder_`` (it and ``texts_`` are None for vectors), ``n_features_in_`` (columns).
    """

    _estimator_type = "classifier"
    labels_: Labels
    classes_: NDArray[Any]
    index_: Index
    encoder_: Encoder | None
    texts_: list[str] | None
    n_features_in_: int
    calibration_: Calibration | None
    vectors_: NDArray[np.float32]

    def __init__(
        self,
        encoder: str | Encoder = "minilm",
        k: int = 25,
        weights: Weights = "score",
        reject_below: float | None = None,
        *,
        recall: float = 0.95,
        n_threads: int = 0,
    ) -> None:
        self.encoder = encoder
        self.k = k
        self.weights = weights
        self.reject_below = reject_below
        self.recall = recall
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None, *, progress: Callable[[int, int], object] | None = None) -> LabelClassifier:
        """This classifier, knowing these examples: texts or vectors (n, dim), and a label for each.

        Without ``y`` the texts are label names and their own labels. ``y`` may also be lists of labels, or a matrix of
        0 and 1 with a column a class: then predictions take the same form.
        """
        given = read_inputs(X)
        labels = labels_for(given, y)
        self.encoder_ = None
        self.texts_ = None
        rows = given
        if isinstance(given, list):
            loaded = load_encoder(self.encoder)
            self.encoder_ = loaded.fit(given) if isinstance(loaded, Fitted) else loaded
            self.texts_ = given
            rows = self.encoder_.encode(given, progress=progress, n_threads=self.n_threads)
        self._hold(np.asarray(rows), labels)
        return self

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> LabelClassifier:
        """This classifier, knowing these examples too; their labels may be new. A calibration is forgotten.

        ``classes`` lists labels that come later, as scikit-learn's users may say; it need not be given. An encoder
        that learns from texts is not taught again. The examples are packed anew: milliseconds for some thousands.
        """
        if not hasattr(self, "index_"):
            self.fit(X, y)
        else:
            given = read_inputs(X)
            labels = self.labels_.joined(labels_for(given, y))
            rows = self._rows(given)
            if isinstance(given, list) != (self.texts_ is not None):
                raise InputError("the classifier was fitted on texts; its further examples must be texts too")
            self.texts_ = None if self.texts_ is None else [*self.texts_, *map(str, given)]
            self._hold(np.concatenate([self.vectors_, rows]), labels)
        if classes is not None:
            self.labels_ = self.labels_.joined(Labels.of(classes).none())
            self.classes_ = self.labels_.classes
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The best label of each, (q,); None where the classifier abstains, in an array of objects then.

        With several labels an example: those that at least half of the vote is for, as a matrix of 0 and 1 or as an
        array of lists, and none where it abstains.
        """
        ranked, _, confidence = self.decide(X)
        silent = refused(confidence, self.reject_below)
        if self.labels_.shape != "single":
            return self.labels_.given_back(np.where((ranked.shares >= 0.5) & ~silent[:, None], ranked.labels, -1))
        best: NDArray[Any] = self.classes_[ranked.labels[:, 0]]
        if self.reject_below is not None:
            best = best.astype(object)
            best[silent] = None
        return best

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, float64 (q, classes), in the order of ``classes_``.

        After ``calibrate`` the largest is the chance that the best label is right; before, they are the bare shares of
        the vote, which promise nothing. With several labels an example: the share of the vote for each, by the rule of
        succession ((votes + 1) / (k + 2)).
        """
        ranked, _, confidence = self.decide(X)
        if self.labels_.shape != "single":
            k = min(self.k, len(self.labels_))
            return np.asarray((table_of(ranked, len(self.classes_)) * k + 1) / (k + 2))
        shares = winners_marked(table_of(ranked, len(self.classes_)), ranked)
        return shares if self.calibration_ is None else spread(shares, confidence)

    def confidence(self, X: Any) -> NDArray[np.float64]:
        """How sure each prediction is, float64 (q,): the largest of ``predict_proba``; what ``reject_below`` is for."""
        return self.decide(X).confidence

    def top(self, X: Any, n: int = 5) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """The n best labels, (q, n), and their shares of the vote, float64 (q, n).

        Labels that no neighbour voted for follow by their nearest example, with share 0; None stands where there are
        too few.
        """
        n = whole(n, "n", 1)
        ranked = self.decide(X, n).ranked
        labels = np.full((len(ranked.labels), n), None, dtype=object)
        shares = np.zeros(labels.shape)
        width = min(n, ranked.labels.shape[1])
        there = ranked.labels[:, :width] >= 0
        labels[:, :width][there] = self.classes_[ranked.labels[:, :width][there]]
        shares[:, :width] = ranked.shares[:, :width]
        return labels, shares

    def kneighbors(self, X: Any, k: int | None = None) -> Neighbors:
        """The k nearest examples behind each decision: numbers in the order they were given to ``fit``, and scores.

        ``texts_[id]`` is the text of one, ``classes_[labels_.numbers[id]]`` its labels.
        """
        self._require_fit()
        wanted = min(whole(self.k if k is None else k, "k", 1), len(self.labels_))
        return self.index_.search(self._rows(read_inputs(X)), wanted, recall=self.recall, n_threads=self.n_threads)

    def score(self, X: Any, y: Any) -> float:
        """The share of predictions that are right; with several labels an example, of those right in all labels.

        For one label an example, ``y`` may hold a list of labels for a text: any of them is right then. An abstention
        is wrong.
        """
        ranked, _, confidence = self.decide(X)
        if self.labels_.shape == "single":
            return float((self._right(ranked, y) & ~refused(confidence, self.reject_below)).mean())
        found = Labels.of(self.predict(X) if self.labels_.shape == "indicator" else list(self.predict(X)))
        return found.agreement(Labels.of(y))

    def calibrate(self, X: Any, y: Any) -> LabelClassifier:
        """This classifier, its probabilities learnt from held-out texts and their labels: at least 20, better hundreds.

        They must be texts that ``fit`` has not seen. Logistic regression on the score of the nearest example, the
        share of the best label and its lead, and how far the k-th neighbour is behind (Platt 1999).
        """
        self._require_single("calibrate")
        ranked, signs, _ = self.decide(X)
        self.calibration_ = Calibration.fit(signs, self._right(ranked, y))
        return self

    def choose_threshold(self, X: Any, y: Any, precision: float = 0.95) -> Threshold:
        """The lowest ``reject_below`` at which this share of the answers to held-out texts is right.

        ``classifier.set_params(reject_below=classifier.choose_threshold(texts, labels, 0.9).threshold)``.
        """
        self._require_single("choose_threshold")
        ranked, _, confidence = self.decide(X)
        return threshold(confidence, self._right(ranked, y), precision)

    def choose_k(
        self, ks: Sequence[int] = tuple(range(1, 26)), weights: Sequence[Weights] = ("uniform", "score")
    ) -> Choice:
        """The k and the weights with which the examples classify each other best, each left out in turn.

        One search serves them all. Examples equal to the one left out are left out with it, and any of their labels
        is right. ``classifier.set_params(k=choice.k, weights=choice.weights)``; nothing needs to be fitted again.
        """
        self._require_single("choose_k")

        def search(rows: NDArray[np.float32], k: int) -> Neighbors:
            return self.index_.search(rows, k, recall=self.recall, n_threads=self.n_threads)

        return leave_one_out(self.vectors_, self.labels_.numbers, search, [whole(k, "k", 1) for k in ks], weights)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **params: Any) -> LabelClassifier:
        """This classifier with these parameters. All but ``encoder`` count at once, without another ``fit``."""
        unknown = [name for name in params if name not in PARAMETERS]
        if unknown:
            raise InputError(f"LabelClassifier has no parameter {unknown[0]!r}; it has {', '.join(PARAMETERS)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        return tags()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "index_")

    def __repr__(self) -> str:
        return f"LabelClassifier({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"

    def _hold(self, rows: NDArray[np.float32], labels: Labels) -> None:
        self.labels_ = labels
        self.classes_ = labels.classes
        self.n_features_in_ = int(rows.shape[1])
        self.calibration_ = None
        self.vectors_ = rows
        self.index_ = Index.build(rows, n_threads=self.n_threads)

    def _rows(self, given: Given) -> NDArray[np.float32]:
        """Vectors of what was given, of the same dim as the examples."""
        if isinstance(given, list):
            if self.encoder_ is None:
                raise InputError("the classifier was fitted on vectors; it wants vectors, not texts")
            return self.encoder_.encode(given, n_threads=self.n_threads)
        if given.shape[1] != self.n_features_in_:
            raise ShapeError(
                f"X has {given.shape[1]} features, but LabelClassifier is expecting {self.n_features_in_} features as "
                "input"
            )
        return given

    def decide(self, X: Any, n: int = 1) -> Decision:
        """All that predictions are made from: class numbers in order, ``n`` at least where there are so many, their
        shares, signs of how sure the first is, and how sure that makes it.
        """
        self._require_fit()
        rows = self._rows(read_inputs(X))
        k = min(whole(self.k, "k", 1), len(self.labels_))
        found = self.index_.search(
            rows,
            min(max(k, SPARE * n if n > 1 else k), len(self.labels_)),
            recall=self.recall,
            n_threads=self.n_threads,
        )
        ranked = vote(found.ids, found.scores, self.labels_.numbers, k, self.weights)
        signs = signs_of(ranked, found.scores[:, :k])
        if self.calibration_ is None:
            return Decision(ranked, signs, signs[:, 1])
        return Decision(ranked, signs, np.clip(self.calibration_.chance(signs), 1 / len(self.classes_), 1))

    def _right(self, ranked: Ranked, y: Any) -> NDArray[np.bool_]:
        """Whether the best label is the true one, or one of the true ones."""
        truth = Labels.any_of(y)
        if len(truth) != len(ranked.labels):
            raise ShapeError(f"y has {len(truth)} labels for {len(ranked.labels)} rows of X")
        best = self.classes_[ranked.labels[:, 0]]
        mine = self.labels_.joined(truth)
        numbers = mine.numbers[len(self.labels_) :]
        return np.asarray((numbers == np.searchsorted(mine.classes, best)[:, None]).any(axis=1))

    def _require_fit(self) -> None:
        if not hasattr(self, "index_"):
            raise not_fitted("LabelClassifier")

    def _require_single(self, what: str) -> None:
        self._require_fit()
        if self.labels_.shape != "single":
            raise InputError(f"{what} is for one label an example; this classifier was fitted with several")
