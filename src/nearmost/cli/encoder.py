"""The encoder that a verb is to use: of a spec or of an index, with a memory on disk or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nearmost.encoders import Encoder


def encoder_for(spec: str, encoder_of: str | None, cache: str | None) -> Encoder:
    """The encoder of this spec, or that of an index; with a folder, one that keeps its vectors there."""
    from nearmost.encoders import CachedEncoder, load_encoder
    from nearmost.index import Index

    if encoder_of is None:
        loaded = load_encoder(spec)
    else:
        with Index.open(encoder_of) as opened:
            loaded = opened.encoder
    return loaded if cache is None else CachedEncoder(loaded, cache)


def kept_encoder(spec: str, cache: str | None) -> str | Encoder:
    """The spec as it is, or with a folder an encoder that keeps its vectors there.

    Raises InputError for one that learns: what it gives follows from texts that it has yet to see.
    """
    from nearmost.encoders import CachedEncoder, Fitted, load_encoder
    from nearmost.errors import InputError

    if cache is None:
        return spec
    loaded = load_encoder(spec)
    if isinstance(loaded, Fitted):
        raise InputError(f"--cache is for encoders that do not learn from the texts; {spec} does: leave it out")
    return CachedEncoder(loaded, cache)
