"""Rows as a pandas DataFrame, the one place of this room that needs pandas."""

from __future__ import annotations

from typing import Any

from pandas import DataFrame, Series


def frame_of(rows: list[dict[str, Any]]) -> DataFrame:
    """The rows as a DataFrame whose missing values are None where they are not numbers."""
    return DataFrame({name: _column([row[name] for row in rows]) for name in rows[0]} if rows else {})


def _column(values: list[Any]) -> Any:
    return Series(values, dtype=object) if any(isinstance(each, str | list) for each in values) else Series(values)
