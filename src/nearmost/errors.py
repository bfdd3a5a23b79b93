"""Everything nearmost raises on purpose, in one tree.

Each error says what was found, what was wanted and what to do about it::

    NearmostError
    ├── InputError (ValueError)         a value handed to us cannot be used
    │   ├── ShapeError                  wrong number of rows, columns or axes
    │   ├── NotFiniteError              NaN or infinity where numbers were wanted
    │   ├── DuplicateKeyError           one key names two rows
    │   ├── ShardError                  index files that are no whole together: one is missing or of another kind
    │   ├── ReadError                   a malformed line or record in an input file
    │   └── ItemError (IndexError)      an item number or a vector's length that an AnnoyIndex does not have
    ├── UnknownKeyError (KeyError)      no row has this key
    ├── FormatError (ValueError)        an index file that cannot be trusted
    │   ├── NotAnIndexError             something else than a nearmost file
    │   ├── NewerFormatError            written by a later nearmost
    │   ├── DamagedFileError            truncated, altered or inconsistent
    │   └── AnnoyFileError (OSError)    no file of the metric and dim that AnnoyIndex was made with
    ├── EncoderError (ValueError)       text cannot be turned into vectors
    │   ├── UnknownEncoderError         no encoder answers to this spec
    │   └── EncoderMismatchError        not the encoder the index was built with
    ├── NotFittedError (ValueError, AttributeError)  a classifier is asked before it has seen examples
    ├── PipelineError (RuntimeError)    an engine could not carry out a pipeline
    └── MissingExtraError (ImportError) an optional package is not installed

The built-in class in brackets is a second base, so ``except ValueError`` works too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class NearmostError(Exception):
    """Base of every error that nearmost raises on purpose."""


class InputError(NearmostError, ValueError):
    """A value handed to nearmost cannot be used."""


class ShapeError(InputError):
    """An array or a list has the wrong number of rows, columns or axes."""


class NotFiniteError(InputError):
    """NaN or infinity stands where a finite number was wanted."""


class DuplicateKeyError(InputError):
    """One key names two rows."""


class ShardError(InputError):
    """Index files that are searched as one are no whole: one is missing, or does not belong to the others."""


class ReadError(InputError):
    """An input file holds something that cannot be read; the message starts with file and line."""


class ItemError(InputError, IndexError):
    """An AnnoyIndex has no item of this number, or a vector has another length than its others."""


class UnknownKeyError(NearmostError, KeyError):
    """No row has this key."""

    def __init__(self, message: str = "", hint: Callable[[], str] | None = None) -> None:
        super().__init__(message)
        self._hint = hint  # looked for when the message is read: most such errors are caught and forgotten

    def __str__(self) -> str:  # KeyError would print the message as a quoted literal
        return f"{self.args[0]}{self._hint() if self._hint else ''}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),)


class FormatError(NearmostError, ValueError):
    """An index file cannot be trusted."""


class NotAnIndexError(FormatError):
    """The file is not a nearmost index."""


class NewerFormatError(FormatError):
    """The file was written by a later version of nearmost."""


class DamagedFileError(FormatError):
    """The file is truncated, altered or contradicts itself."""


class AnnoyFileError(FormatError, OSError):
    """A file is not what AnnoyIndex was told: another metric or dim, damaged, or none of Annoy's or ours."""


class EncoderError(NearmostError, ValueError):
    """Text cannot be turned into vectors."""


class UnknownEncoderError(EncoderError):
    """No encoder answers to this spec."""


class EncoderMismatchError(EncoderError):
    """The encoder is not the one that the index was built with."""


class NotFittedError(NearmostError, ValueError, AttributeError):
    """A classifier is asked before it has been given examples."""


class PipelineError(NearmostError, RuntimeError):
    """An engine, Beam or Dask, could not carry out a pipeline."""


class MissingExtraError(NearmostError, ImportError):
    """An optional package is not installed."""
