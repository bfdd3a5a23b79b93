"""Which classes each example has, read from whatever a user calls labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost.classify.estimator import column_warning
from nearmost.errors import InputError, ShapeError

Shape = Literal["single", "lists", "indicator"]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Sorted ``classes``, and for each example the numbers of its classes: int64 (n, most), -1 where it has fewer.

    ``shape`` tells how they were given, and so how predictions are given back: one label an example, a list of labels
    an example, or a matrix of 0 and 1 with a column a class.
    """

    classes: NDArray[Any]
    numbers: NDArray[np.int64]
    shape: Shape

    @classmethod
    def of(cls, y: Any) -> Labels:
        """From labels (n,), lists of labels, or a matrix of 0 and 1 (n, classes).

        Lists of equal length that hold 0 and 1 only are a matrix, as they are to scikit-learn.
        Raises InputError for labels that cannot be compared, for measurements, and where all are missing.
        """
        if isinstance(y, str):
            raise InputError("y is one string; it must be a list of labels, one an example")
        if not hasattr(y, "__array__") and _all_lists(y := list(y)) and y:
            return _from_matrix(np.array(y)) if _is_matrix(y) else _from_lists(y)
        array = _array(y)
        if array.ndim == 2 and array.shape[1] == 1:
            message = "A column-vector y was passed when a 1d array was expected; it is taken as y.ravel()"
            warnings.warn(message, column_warning(), stacklevel=4)
            array = array[:, 0]
        if array.ndim == 2:
            return _from_matrix(array)
        if array.ndim != 1:
            raise ShapeError(f"y should be a 1d array of labels or a matrix (n, classes), got shape {array.shape}")
        if array.dtype == object and len(array) and _all_lists(array):
            return _from_lists(array.tolist())
        classes, numbers = np.unique(_comparable(array), return_inverse=True)
        return cls(classes, numbers.reshape(-1, 1).astype(np.int64), "single")

    @classmethod
    def any_of(cls, y: Any) -> Labels:
        """The truth about texts with one label each: a label, or a list of labels of which any is right."""
        if not hasattr(y, "__array__") and not isinstance(y, str):
            y = list(y)
            if y and _all_lists(y):
                return replace(_from_lists(y), shape="single")
        return replace(cls.of(y), shape="single")

    def __len__(self) -> int:
        return len(self.numbers)

    def joined(self, other: Labels) -> Labels:
        """These examples and then the others'; classes that only one side knows join in."""
        if self.shape != other.shape:
            raise InputError(f"y was given as {self.shape} labels before and as {other.shape} labels now")
        if self.shape == "indicator" and len(self.classes) != len(other.classes):
            raise ShapeError(f"y has {len(other.classes)} columns now and had {len(self.classes)} before")
        classes = self.classes
        if self.shape != "indicator":
            classes = np.unique(_comparable(np.concatenate([self.classes, other.classes])))
        width = max(self.numbers.shape[1], other.numbers.shape[1])
        numbers = np.full((len(self) + len(other), width), -1, dtype=np.int64)
        for part, start in ((self, 0), (other, len(self))):
            new = np.append(np.searchsorted(classes, part.classes), -1)  # the last entry is for -1
            numbers[start : start + len(part), : part.numbers.shape[1]] = new[part.numbers]
        return Labels(classes, numbers, self.shape)

    def agreement(self, other: Labels) -> float:
        """The share of examples that have exactly the same labels in both."""
        if len(self) != len(other):
            raise ShapeError(f"y has labels for {len(other)} examples, X has {len(self)}")
        both = self.joined(other)
        ones = both.matrix(both.numbers)
        return float((ones[: len(self)] == ones[len(self) :]).all(axis=1).mean())

    def none(self) -> Labels:
        """No example, and all these classes."""
        return Labels(self.classes, np.empty((0, 1), dtype=np.int64), self.shape)

    def given_back(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Class numbers (n, some), -1 for none, in the shape that labels were given: a matrix, or lists of labels."""
        if self.shape == "indicator":
            return self.matrix(numbers)
        lists = np.empty(len(numbers), dtype=object)
        names = self.classes.tolist()  # as Python has them: for print, and for JSON
        lists[:] = [[names[number] for number in row if number >= 0] for row in numbers.tolist()]
        return lists

    def matrix(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class numbers (n, some), -1 for none, as a matrix of 0 and 1 with a column a class."""
        ones = np.zeros((len(numbers), len(self.classes) + 1), dtype=np.int64)
        np.put_along_axis(ones, numbers, 1, axis=1)  # -1 falls into the last column
        return ones[:, :-1]


def _all_lists(y: Iterable[Any]) -> bool:
    return all(isinstance(one, list | tuple | set | frozenset) for one in y)


def _is_matrix(y: Sequence[Any]) -> bool:
    width = len(y[0])
    return width > 1 and all(
        len(one) == width and not isinstance(one, set | frozenset) and all(value in (0, 1) for value in one)
        for one in y
    )


def _array(y: Any) -> NDArray[Any]:
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ShapeError(f"y does not form an array: {error}") from None
    if array.dtype.kind == "U" and isinstance(y, list) and not all(isinstance(one, str) for one in y):
        raise InputError(
            "y mixes strings and other values; labels must be all strings or all whole numbers: leave out examples "
            "that have none"
        )
    return array


def _comparable(array: NDArray[Any]) -> NDArray[Any]:
    """Labels that can be sorted: strings, whole numbers, truth values."""
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise InputError("Input y contains NaN. A label must be a string or a whole number")
        if np.isinf(array).any():
            raise InputError(f"Input y contains infinity or a value too large for {array.dtype!r}.")
        if (array != np.floor(array)).any():
            raise InputError("Unknown label type: continuous. Labels must be strings or whole numbers")
    elif array.dtype == object:
        kinds = {type(one) for one in array.tolist()}
        if not all(issubclass(kind, str) for kind in kinds) and not all(
            issubclass(kind, bool | int | float | np.generic) for kind in kinds
        ):
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise InputError(
                f"Unknown label type: {names}. Labels must be all strings or all whole numbers; leave out examples "
                "that have none"
            )
        if not all(issubclass(kind, str) for kind in kinds):
            return _comparable(np.array(array.tolist()))
    elif array.dtype.kind not in "USiub":
        raise InputError(f"Unknown label type: {array.dtype}. Labels must be strings or whole numbers")
    return array


def _from_lists(y: Sequence[Any]) -> Labels:
    counts = np.array([len(one) for one in y], dtype=np.int64)
    flat = [label for one in y for label in (sorted(one) if isinstance(one, set | frozenset) else one)]
    if not flat:
        raise InputError("y holds no label at all; at least one example must have one")
    single = Labels.of(flat)
    numbers = np.full((len(y), int(counts.max())), -1, dtype=np.int64)
    numbers[np.arange(numbers.shape[1]) < counts[:, None]] = single.numbers[:, 0]
    return Labels(single.classes, numbers, "lists")


def _from_matrix(array: NDArray[Any]) -> Labels:
    if array.dtype.kind not in "biuf" or ((array != 0) & (array != 1)).any():
        raise InputError(f"y of shape {array.shape} must hold 0 and 1 only: a column a class, 1 where it applies")
    ones = array.astype(bool)
    width = max(1, int(ones.sum(axis=1).max(initial=0)))
    numbers = np.full((len(ones), width), -1, dtype=np.int64)
    counts = ones.sum(axis=1)
    numbers[np.arange(width) < counts[:, None]] = np.nonzero(ones)[1]
    return Labels(np.arange(ones.shape[1]), numbers, "indicator")


def labels_for(given: Sequence[Any] | NDArray[Any], y: Any) -> Labels:
    """The labels ``y`` of what was given, one an example; where there are none, texts are their own labels."""
    if y is None:
        if not isinstance(given, list):
            raise InputError(
                "LabelClassifier requires y to be passed, but the target y is None: vectors have no names of their own"
            )
        y = given
    labels = Labels.of(y)
    if len(labels) != len(given):
        raise ShapeError(f"X has {len(given)} examples and y has {len(labels)} labels; there must be one an example")
    if not len(labels):
        raise ShapeError("there are no examples; fit wants at least one: Found array with 0 sample(s)")
    return labels
