"""Pickles are read as data: vectors come out, and whatever a pickle asks to run is refused and not run."""

from __future__ import annotations

import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearmost.errors import NearmostError, ReadError
from nearmost.readers import is_vectors, read_vectors

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
WORDS = ["the", "naïve", "日本語", "n't", "1999"]
PROTOCOLS = [0, 1, 2, 3, 4, 5]
SHAPES: dict[str, Any] = {
    "dictionary of arrays": dict(zip(WORDS, ROWS, strict=True)),
    "dictionary of lists": dict(zip(WORDS, ROWS.tolist(), strict=True)),
    "dictionary of tuples": dict(zip(WORDS, map(tuple, ROWS.tolist()), strict=True)),
    "ordered dictionary": OrderedDict(zip(WORDS, ROWS, strict=True)),
    "vectors and labels": (ROWS, WORDS),
    "labels and vectors": (WORDS, ROWS),
    "a list of both": [ROWS, np.array(WORDS)],
    "labels as objects": (ROWS, np.array(WORDS, dtype=object)),
    "lists": (ROWS.tolist(), tuple(WORDS)),
    "named": {"vectors": ROWS, "labels": WORDS},
    "Fortran order": (np.asfortranarray(ROWS), WORDS),
    "big-endian": (ROWS.astype(">f4"), WORDS),
    "float64": (ROWS.astype(np.float64), WORDS),
    "words as bytes": {word.encode(): row for word, row in zip(WORDS, ROWS, strict=True)},
    "words as NumPy strings": {np.str_(word): row for word, row in zip(WORDS, ROWS, strict=True)},
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_vectors_come_out_of_a_pickle_whatever_its_protocol(tmp_path: Path, shape: str, protocol: int) -> None:
    path = tmp_path / "words.pkl"
    path.write_bytes(pickle.dumps(SHAPES[shape], protocol=protocol))
    assert is_vectors(path)
    vectors = read_vectors(path)
    np.testing.assert_array_equal(vectors.rows, ROWS)
    assert list(vectors.keys) == WORDS
    assert list(read_vectors(path, limit=2).keys) == WORDS[:2]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
    ),
    st.sampled_from(PROTOCOLS),
)
def test_any_dictionary_comes_back(tmp_path: Path, words: dict[str, list[float]], protocol: int) -> None:
    (tmp_path / "words.pkl").write_bytes(pickle.dumps(words, protocol=protocol))
    vectors = read_vectors(tmp_path / "words.pkl")
    assert dict(zip(vectors.keys, vectors.rows.tolist(), strict=True)) == words


class Runs:
    """Pickles into a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def flag(path: Path) -> str:
    return f"touch {path}"


def hostile(path: Path) -> dict[str, bytes]:
    """Pickles that would make the file ``path``, had they their way."""
    call = f"__import__('os').system('touch {path}')".encode()
    run = b"csubprocess\ncheck_output\n(](X\x05\0\0\0touchX" + struct.pack("<i", len(str(path))) + str(path).encode()
    command = struct.pack("<i", len(flag(path))) + flag(path).encode()
    return {
        "os.system": pickle.dumps({"a": Runs(os.system, flag(path))}),
        "as a key": pickle.dumps((ROWS[:1], [Runs(os.system, flag(path))])),
        "eval": b"cbuiltins\neval\n(X" + struct.pack("<i", len(call)) + call + b"tR.",
        "getattr": b"cbuiltins\ngetattr\n(cos\nO_RDONLY\nX\x06\0\0\0systemtR.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93(X" + command + b"tR.",
        "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x10f2py.os.system____\x93(X" + command + b"tR.",
        "numpy's own": b"cnumpy.testing._private.utils\nrunstring\n(X" + command + b"}tR.",
        "numpy.load": b"cnumpy\nload\n(X\x01\0\0\0atR.",
        "instance": b"(X" + command + b"ios\nsystem\n.",
        "object": b"(cos\nsystem\nX" + command + b"o.",
        "subprocess": run + b"eetR.",
        "gensim's helper": b"cgensim.utils\ncheck_output\n(X" + command + b"tR.",
        "gensim, another's module": b"cgensimevil.x\nRun\n)R.",
        "build into a name": b"cnumpy\nndarray\n}X\x01\0\0\0aK\x01sb.",
        "call of a value": b"}(K\x01tR.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"Pa\n.",
        "out of band": b"\x80\x05\x97.",
        "codecs as a door": b"c_codecs\ndecode\n(X\x01\0\0\0aX\x03\0\0\0hextR.",
    }


@pytest.mark.parametrize("trick", hostile(Path("flag")))
def test_hostile_pickle_is_refused_and_not_run(tmp_path: Path, trick: str) -> None:
    path, made = tmp_path / "words.pkl", tmp_path / "flag"
    path.write_bytes(hostile(made)[trick])
    with pytest.raises(ReadError, match=r"^.*words\.pkl: "):
        read_vectors(path)
    assert not made.exists()


BOMBS = {
    "deep tuples as a key": b"\x80\x02}" + b")" + b"\x85" * 1_000_000 + b"Ns.",
    "deep lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "rows that are one row": b"\x80\x02](](" + (b"G" + b"\0" * 8) * 1000 + b"eq\x00" + b"h\x00" * 100_000 + b"e.",
    "giant bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"a.",
    "giant number": b"I" + b"9" * 100_000 + b"\n.",
    "giant long": b"\x80\x02\x8b" + struct.pack("<i", -1) + b".",
    "giant array": pickle.dumps(np.zeros((1, 1), np.float32)).replace(b"K\x01K\x01", b"K\xffK\xff"),
    "frame past the end": b"\x80\x04\x95" + b"\xff" * 8 + b"}.",
    "empty stack": b"\x80\x02R.",
    "memo that is not there": b"\x80\x02h\x07.",
    "no mark": b"\x80\x02t.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a dictionary in itself": b"\x80\x02}q\x00X\x01\0\0\0ah\x00s.",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_refused(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "words.pkl").write_bytes(BOMBS[bomb])
    with pytest.raises(ReadError, match=r"^.*words\.pkl: "):
        read_vectors(tmp_path / "words.pkl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_damaged_pickle_is_read_or_refused_by_name_and_nothing_else(tmp_path: Path, protocol: int) -> None:
    path, random = tmp_path / "words.pkl", Random(protocol)
    wholes = [
        pickle.dumps(SHAPES[shape], protocol=protocol) for shape in ("dictionary of arrays", "labels and vectors")
    ]
    opcodes = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
    for turn in range(600):
        whole = wholes[turn % 2]
        place = random.randrange(len(whole))
        new = random.choice([b"", random.randbytes(1), random.choice(opcodes), bytes([whole[place] ^ 1 << turn % 8])])
        path.write_bytes(whole[:place] + new + whole[place + random.randrange(2) :])
        assert refusal(path).startswith(str(path))


def refusal(path: Path) -> str:
    """What is said against the file; its path where it is read."""
    try:
        read_vectors(path)
    except NearmostError as error:
        return str(error)
    return str(path)


def test_keyed_vectors_of_gensim_are_read_with_the_arrays_beside_them(tmp_path: Path) -> None:
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    theirs = models.KeyedVectors(4)
    theirs.add_vectors(WORDS, ROWS)
    for name, options in (("small.kv", {}), ("large.kv", {"sep_limit": 1}), ("packed.kv.gz", {"sep_limit": 1})):
        theirs.save(str(tmp_path / name), **options)
        assert is_vectors(tmp_path / name)
        found = read_vectors(tmp_path / name)
        np.testing.assert_array_equal(found.rows, ROWS)
        assert list(found.keys) == WORDS
    (tmp_path / "large.kv.vectors.npy").unlink()
    with pytest.raises(ReadError, match=r"lie in large\.kv\.vectors\.npy, which is not beside it"):
        read_vectors(tmp_path / "large.kv")


def test_models_of_gensim_are_read_and_fasttext_says_what_to_do(tmp_path: Path) -> None:
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    texts = [["a", "b", "c", "d"], ["b", "c", "e"]] * 5
    documents = [models.doc2vec.TaggedDocument(text, [f"doc{row}"]) for row, text in enumerate(texts)]
    for model in (models.Word2Vec(texts, vector_size=4, min_count=1), models.Doc2Vec(documents, vector_size=4)):
        for options in ({}, {"sep_limit": 1}):
            model.save(str(tmp_path / "a.model"), **options)
            found = read_vectors(tmp_path / "a.model")
            np.testing.assert_array_equal(found.rows, model.wv.vectors)
            assert list(found.keys) == model.wv.index_to_key
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.model", vector="dv").rows, model.dv.vectors)
    models.FastText(texts, vector_size=4, min_count=1, bucket=10).save(str(tmp_path / "b.model"))
    with pytest.raises(ReadError, match=r"keeps no vector a word .*save_word2vec_format"):
        read_vectors(tmp_path / "b.model")
