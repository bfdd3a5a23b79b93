"""TFRecord files are byte for byte those of TensorFlow, whatever may stand in a tf.Example is read, damage is named."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nearmost import Index, Vectors, _core, read_vectors, write_vectors
from nearmost.errors import InputError, ReadError
from nearmost.readers import is_vectors, read_corpus
from nearmost.readers.examples import example_batches
from nearmost.readers.sources import Source
from nearmost.readers.tfrecord import BLOCK, framed, pieces
from nearmost.tfexample import example

ROWS = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
KEYS = ["the", "naïve", "日本語", "n't", "two words", "", "1999"]
FROM_TENSORFLOW = bytes.fromhex(
    "3700000000000000e7e8ca590a350a0c0a036b657912050a030a01610a0d0a047465787412050a030a01620a160a06766563746f72120c120a"
    "0a080000803f000020c05c882975"
)
"""What tf.io.TFRecordWriter of TensorFlow 2.21 wrote for the key a, the text b and the vector [1, -2.5]."""
PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def record(**features: Any) -> bytes:
    return framed(example(features))


def records(rows: np.ndarray = ROWS, keys: list[str] = KEYS) -> bytes:
    return b"".join(record(key=key.encode(), vector=row) for key, row in zip(keys, rows, strict=True))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "v.tfrecord", records())


# As TensorFlow writes and reads


def test_a_record_has_the_bytes_that_tensorflow_writes(tmp_path):
    assert record(key=b"a", text=b"b", vector=np.float32([1, -2.5])) == FROM_TENSORFLOW
    vectors = read_vectors(written(tmp_path / "one.tfrecord", FROM_TENSORFLOW))
    assert (vectors.rows.tolist(), list(vectors.keys)) == ([[1, -2.5]], ["a"])


def test_what_is_written_is_read(tmp_path):
    for name in ("v.tfrecord", "v.tfrecords", "v.tfrec", "v.tfrecord.gz", "v.tfrecords.bz2"):
        write_vectors(tmp_path / name, Vectors.of(ROWS, KEYS))
        assert is_vectors(tmp_path / name)
        found = read_vectors(tmp_path / name)
        np.testing.assert_array_equal(found.rows, ROWS)
        assert list(found.keys) == KEYS


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, 1), bytes])
def test_the_bytes_tell_the_format_and_its_compression(tmp_path, pack):
    found = read_vectors(written(tmp_path / "part-00000-of-00001", pack(records())))
    np.testing.assert_array_equal(found.rows, ROWS)


def test_a_record_as_long_as_zlib_begins_is_no_zlib(tmp_path):
    content = record(vector=np.arange(10, dtype=np.float32), text=b"x" * 299)  # 376 bytes: 78 01 in little-endian
    assert content[:2] == b"\x78\x01"
    assert len(read_vectors(written(tmp_path / "v", content))) == 1


TENSORFLOW = """
import sys, tensorflow as tf, numpy as np
folder, compression = sys.argv[1:3]
rows = np.load(folder + "/rows.npy")
features = {"key": tf.io.FixedLenFeature([], tf.string), "vector": tf.io.FixedLenFeature([4], tf.float32)}
data = tf.data.TFRecordDataset(folder + "/ours", compression_type=compression)
found = [tf.io.parse_single_example(one, features) for one in data]
np.testing.assert_array_equal([one["vector"].numpy() for one in found], rows)
keys = [one["key"].numpy() for one in found]
def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))
with tf.io.TFRecordWriter(folder + "/theirs", compression) as writer:
    for key, row in zip(keys, rows):
        example = tf.train.Example(features=tf.train.Features(feature={"vector": feature(row), "key": feature(key)}))
        writer.write(example.SerializeToString(deterministic=True))
"""


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_tensorflow_reads_ours_and_we_read_tensorflows(tmp_path, compression):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed: pip install tensorflow-cpu")
    np.save(tmp_path / "rows.npy", ROWS)
    pack = {"": bytes, "GZIP": gzip.compress, "ZLIB": zlib.compress}[compression]
    written(tmp_path / "ours", pack(records()))
    subprocess.run([sys.executable, "-c", TENSORFLOW, tmp_path, compression], check=True)
    if not compression:
        assert (tmp_path / "theirs").read_bytes() == records()
    found = read_vectors(tmp_path / "theirs")
    np.testing.assert_array_equal(found.rows, ROWS)
    assert list(found.keys) == KEYS


# As protocol buffers are: checked against Google's own library


@pytest.fixture(scope="module")
def message() -> Any:
    """tf.train.Example as Google's library makes it from a description; the floats are not packed."""
    pytest.importorskip("google.protobuf", reason="protobuf is not installed: pip install protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="ours.proto", package="ours", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def field(owner: Any, name: str, number: int, kind: int, type_name: str = "", repeated: bool = False) -> Any:
        label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
        return owner.field.add(name=name, number=number, type=kind, type_name=type_name or None, label=label)

    for name, kind in (("Bytes", kinds.TYPE_BYTES), ("Floats", kinds.TYPE_FLOAT), ("Integers", kinds.TYPE_INT64)):
        field(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    loose = field(file.message_type.add(name="Loose"), "value", 1, kinds.TYPE_FLOAT, repeated=True)
    loose.options.packed = False
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("Bytes", "Floats", "Integers"), 1):
        field(feature, name.lower(), number, kinds.TYPE_MESSAGE, f".ours.{name}").oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    field(entry, "key", 1, kinds.TYPE_STRING)
    field(entry, "value", 2, kinds.TYPE_MESSAGE, ".ours.Feature")
    field(features, "feature", 1, kinds.TYPE_MESSAGE, ".ours.Features.FeatureEntry", repeated=True)
    field(file.message_type.add(name="Example"), "features", 1, kinds.TYPE_MESSAGE, ".ours.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ours.{name}"))


VALUES = st.one_of(
    st.binary(max_size=200),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(st.floats(width=32), max_size=40).map(lambda some: np.array(some, dtype=np.float32)),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40).map(lambda some: np.array(some, dtype=np.int64)),
)


@PLAIN
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES, max_size=5))
def test_examples_have_the_bytes_that_protocol_buffers_give_them(message, features):
    theirs = message("Example")()
    theirs.features.SetInParent()
    for name, value in features.items():
        feature = theirs.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes.value.append(value)
        elif isinstance(value, int):
            feature.integers.value.append(value)
        else:
            values = feature.floats if value.dtype.kind == "f" else feature.integers
            values.SetInParent()
            values.value.extend(value.tolist())
    assert example(features) == theirs.SerializeToString(deterministic=True)


def test_floats_need_not_be_packed_and_whole_numbers_may_name_rows(tmp_path, message):
    content = b""
    for number, row in enumerate(ROWS):
        theirs = message("Example")()
        theirs.features.feature["id"].integers.value.append(number - 3)
        loose = message("Loose")(value=row.tolist()).SerializeToString()
        assert len(loose) == 5 * len(row)  # a tag before each float
        theirs.features.feature["embedding"].floats.MergeFromString(b"")
        packed = theirs.SerializeToString(deterministic=True)
        entry = b"\x0a\x09embedding\x12" + bytes([len(loose) + 2]) + b"\x12" + bytes([len(loose)]) + loose
        more = b"\x0a" + bytes([len(entry) + 2]) + b"\x0a" + bytes([len(entry)]) + entry  # a second Features: merged
        assert message("Example").FromString(packed + more).features.feature["embedding"].floats.value == row.tolist()
        content += framed(packed + more)
    found = read_vectors(written(tmp_path / "v.tfrecord", content))
    np.testing.assert_array_equal(found.rows, ROWS)
    assert list(found.keys) == ["-3", "-2", "-1", "0", "1", "2", "3"]


@PLAIN
@given(st.binary(max_size=60), st.data())
def test_of_any_bytes_we_read_what_protocol_buffers_read_or_say_that_they_are_none(message, tmp_path, content, data):
    whole = example({"key": b"k", "vector": ROWS[0], "n": 3})
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    whole = whole[:start] + content + whole[stop:]
    from google.protobuf.message import DecodeError

    try:
        theirs = list(message("Example").FromString(whole).features.feature["vector"].floats.value)
    except DecodeError:
        theirs = None
    path = written(tmp_path / "v.tfrecord", framed(whole))
    try:
        ours = read_vectors(path).rows[0].tolist()
    except InputError:
        return  # stricter is right: merged lists, groups, NaN
    assume(theirs is not None and len(theirs))  # names that are not UTF-8 are an error of theirs only
    assert ours == theirs


# Damage


def test_every_flipped_byte_is_refused_with_its_record_and_place(tmp_path):
    content = records()
    bounds = np.cumsum([0, *(len(record(key=k.encode(), vector=r)) for k, r in zip(KEYS, ROWS, strict=True))])
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        row = int(np.searchsorted(bounds, place, side="right")) - 1
        with pytest.raises(ReadError, match=rf":{row + 1}: the record at byte {bounds[row]} .* damaged"):
            list(pieces(Source(written(tmp_path / "v.tfrecord", damaged))))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
def test_every_truncation_inside_a_record_is_refused(tmp_path, pack):
    content = pack(records())
    ends = set(np.cumsum([len(record(key=k.encode(), vector=r)) for k, r in zip(KEYS, ROWS, strict=True)]).tolist())
    for length in range(1, len(content)):
        path = written(tmp_path / "v.tfrecord", content[:length])
        if pack is bytes and length in ends:  # the format has no end mark
            assert len(read_vectors(path)) == sorted(ends).index(length) + 1
        else:
            with pytest.raises(ReadError, match=r"cut short|damaged"):
                read_vectors(path, format="tfrecord")


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1, (1 << 64) - 12, 1 << 31, (1 << 31) - 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_hostile_length_is_refused_without_room_being_made(tmp_path, length, pack):
    head = struct.pack("<Q", length)
    crc = _core.crc32c(np.frombuffer(head, np.uint8))
    head += struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
    path = written(tmp_path / "v.tfrecord", pack(records() + head + bytes(100)))
    tracemalloc.start()
    with pytest.raises(ReadError, match=rf":8: the record at byte {len(records())} (says that it has|has 112 of) "):
        read_vectors(path)
    assert tracemalloc.get_traced_memory()[1] < 8 * BLOCK
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(tmp_path):
    rows = np.random.default_rng(0).normal(size=(1000, 512)).astype(np.float32)
    content = records(rows, [str(row) for row in range(1000)])
    with open(tmp_path / "v.tfrecord", "wb") as file:
        for _ in range(30):
            file.write(content)
    tracemalloc.start()
    assert sum(len(batch.rows) for batch in example_batches(Source(tmp_path / "v.tfrecord"))) == 30_000
    assert tracemalloc.get_traced_memory()[1] < 30 * len(content) / 2
    tracemalloc.stop()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_core_stands_any_bytes_and_any_spans(content, start, first, last):
    data = np.array(bytearray(content), dtype=np.uint8)
    spans = np.array([[first, last], [start, len(content)]], dtype=np.uint64)
    lists = np.zeros((2, 3), dtype=np.uint64)
    assert _core.find_feature(data, spans, data[:1], lists) <= 2
    assert _core.list_features(data, start, last, np.empty((1, 5), np.uint64)) >= -1
    assert _core.find_records(data, min(start, len(data)), np.empty((3, 2), np.uint64))[1] <= len(data)
    for kind in range(5):
        lists = np.array([[kind, *spans[0]], [kind, *spans[1]]], dtype=np.uint64)
        assert _core.count_values(data, lists, np.empty(2, np.uint64)) <= 2
        for take, room in (
            (_core.take_floats, np.empty((2, 2), np.float32)),
            (_core.take_integers, np.empty(2, np.int64)),
            (_core.take_strings, np.empty((2, 2), np.uint64)),
        ):
            with contextlib.suppress(ValueError):  # a list has another number of values
                take(data, lists, room)


# What features mean


def test_the_only_list_of_floats_is_the_vector_and_one_float_is_none(tmp_path):
    content = b"".join(record(text=b"t", emb=row, weight=np.float32([1])) for row in ROWS)
    found = read_vectors(written(tmp_path / "v.tfrecord", content))
    np.testing.assert_array_equal(found.rows, ROWS)
    assert list(found.keys) == [str(row) for row in range(7)]
    content = b"".join(record(one=row, other=row) for row in ROWS)
    path = written(tmp_path / "v.tfrecord", content)
    with pytest.raises(ReadError, match=r"which feature is the vector: say vector= one of 'one' \(floats\), 'other'"):
        read_vectors(path)
    np.testing.assert_array_equal(read_vectors(path, vector="other").rows, ROWS)


@pytest.mark.parametrize("lacking", [0, 3])
@pytest.mark.parametrize("other", [{}, {"embedding": ROWS[0, :3]}, {"embedding": b"none"}])
def test_a_record_without_its_vector_does_not_make_vectors_texts(tmp_path, lacking, other):
    some = [{"text": b"one"} | ({"embedding": row} if i != lacking else other) for i, row in enumerate(ROWS)]
    path = written(tmp_path / "v.tfrecord", b"".join(record(**one) for one in some))
    assert is_vectors(path)
    odd = 1 if lacking == 0 and isinstance(other.get("embedding"), np.ndarray) else lacking
    with pytest.raises(ReadError, match=rf"v.tfrecord:{odd + 1}: the record at byte \d+ .* 'embedding'"):
        read_vectors(path)


def test_whole_numbers_are_a_vector_where_they_are_asked_for(tmp_path):
    numbers = np.array([[1, -2, 3], [4, 5, 1 << 20]])
    path = written(tmp_path / "v.tfrecord", b"".join(record(codes=row, name=b"x%d" % row[0]) for row in numbers))
    assert not is_vectors(path)
    found = read_vectors(path, vector="codes", key="name")
    np.testing.assert_array_equal(found.rows, numbers)
    assert list(found.keys) == ["x1", "x4"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (record(key=b"b", vector=ROWS[0, :3]), "holds 3 floats in its feature 'vector'; wanted 4 numbers"),
        (record(key=b"b"), "holds nothing in its feature 'vector'; wanted 4 numbers"),
        (record(key=b"b", vector=b"0123"), "holds 1 strings in its feature 'vector'; wanted 4 numbers"),
        (record(vector=ROWS[0]), "holds nothing in its feature 'key'; wanted one string"),
        (record(key=3, vector=ROWS[0]), "holds 1 whole numbers in its feature 'key'; wanted one string"),
        (record(key=b"\xff", vector=ROWS[0]), r"holds b'\\xff' in its feature 'key', which is not UTF-8"),
        (framed(b"\xff"), "is no tf.Example"),
        (record(key=b"b", vector=ROWS[0] * np.nan), "row 1 of the vectors holds nan"),
    ],
)
def test_a_record_that_is_not_like_the_first_is_named(tmp_path, second, said):
    first = record(key=b"a", vector=ROWS[0])
    place = rf":2: the record at byte {len(first)} " if "row 1" not in said else ""
    with pytest.raises(InputError, match=place + said):
        read_vectors(written(tmp_path / "v.tfrecord", first + second))


def test_a_feature_that_is_asked_for_and_not_there_is_an_error(path):
    for wanted in ({"vector": "v"}, {"key": "k"}):
        with pytest.raises(ReadError, match=r"has no feature '[vk]'; it has 'key' \(strings\), 'vector' \(floats\)"):
            read_vectors(path, **wanted)


def test_an_empty_file_holds_no_record(tmp_path):
    with pytest.raises(ReadError, match="holds no record"):
        read_vectors(written(tmp_path / "v.tfrecord", b""))


def test_texts_and_columns_are_read_as_a_corpus(tmp_path):
    content = b"".join(
        record(id=number, headline=key.encode(), tag=b"ab"[:1], row=ROWS[number], **({"n": 5} if number else {}))
        for number, key in enumerate(KEYS)
    )
    path = written(tmp_path / "t.tfrecords", content)
    corpus = read_corpus(path, key="id", label="tag", columns=["row"])
    assert list(corpus.texts) == KEYS
    assert list(corpus.keys) == [str(number) for number in range(7)]
    assert list(corpus.labels) == ["a"] * 7
    assert corpus.columns["row"] == ROWS.tolist()
    with pytest.raises(ReadError, match="there is no column 'n'"):  # the first record tells what there is
        read_corpus(path, columns=["n"])
    other = written(tmp_path / "part-00000", content)
    assert list(read_corpus(other, format="tfrecord").texts) == KEYS


# Several files


def test_several_files_are_one_set_of_vectors(tmp_path):
    for number in range(3):
        write_vectors(tmp_path / f"emb-{number}.tfrecord", Vectors.of(ROWS, [f"{number}{key}" for key in KEYS]))
    found = read_vectors(tmp_path / "emb-*.tfrecord")
    np.testing.assert_array_equal(found.rows, np.concatenate([ROWS] * 3))
    assert list(found.keys) == [f"{number}{key}" for number in range(3) for key in KEYS]
    names = [tmp_path / "emb-2.tfrecord", tmp_path / "emb-0.tfrecord", tmp_path / "emb-1.tfrecord"]
    assert list(read_vectors(names, limit=9).keys) == [f"2{key}" for key in KEYS] + ["0the", "0naïve"]
    assert list(read_vectors(names, keys=map(str, range(21))).keys) == [str(row) for row in range(21)]


def test_files_of_other_formats_come_together_too(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "b.npy", ROWS[:2].astype(np.float64))
    assert len(read_vectors(tmp_path / "*.npy")) == 9
    write_vectors(tmp_path / "c.tfrecord", Vectors.of(ROWS, KEYS))
    with pytest.raises(ReadError, match=r"c\.tfrecord: only one of it and .*a\.npy holds keys"):
        read_vectors([tmp_path / "a.npy", tmp_path / "c.tfrecord"])
    np.save(tmp_path / "b.npy", ROWS[:, :3])
    with pytest.raises(ReadError, match=r"b\.npy: holds rows of dim 3, .*a\.npy of dim 4"):
        read_vectors(tmp_path / "*.npy")


def test_a_shard_may_be_empty(tmp_path):
    for number in range(3):
        written(tmp_path / f"emb-{number}.tfrecord", records() if number == 1 else b"")
    np.testing.assert_array_equal(read_vectors(tmp_path / "emb-*.tfrecord").rows, ROWS)


def test_texts_are_kept_beside_vectors(tmp_path):
    vectors = Vectors.of(ROWS, KEYS, texts=[f"text of {key}" for key in KEYS])
    write_vectors(tmp_path / "v.tfrecord", vectors)
    found = read_vectors(tmp_path / "v.tfrecord")
    assert list(found.texts) == list(vectors.texts)
    index = Index.build(found)
    assert index.text("n't") == "text of n't"
    assert list(index.vectors().texts) == list(vectors.texts)
    assert list(read_vectors([tmp_path / "v.tfrecord"] * 2, on_duplicate="last").texts) == list(vectors.texts)
    assert read_vectors(tmp_path / "v.tfrecord", text="key").texts[1] == "naïve"
    with pytest.raises(ReadError, match="has no feature 'body'"):
        read_vectors(tmp_path / "v.tfrecord", text="body")


def test_many_large_files_are_stacked_in_a_file(tmp_path, monkeypatch):
    write_vectors(tmp_path / "v.tfrecord", Vectors.of(ROWS, KEYS))
    monkeypatch.setattr("nearmost.rows.LARGE", 2 * ROWS.nbytes)
    found = read_vectors([tmp_path / "v.tfrecord"] * 5, keys=map(str, range(35)))
    np.testing.assert_array_equal(found.rows, np.concatenate([ROWS] * 5))
    base = found.rows
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert base is not None
