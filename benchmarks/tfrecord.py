"""TFRecord files beside TensorFlow: records a CPU second written and read, from and to vectors in NumPy arrays.

    .venv/bin/python benchmarks/tfrecord.py [--n 200000] [--dim 384] [--rounds 3]

Needs TensorFlow (pip install tensorflow-cpu) in the same environment. Both write the same bytes, which is checked, and
take turns. TensorFlow reads in batches of 1024 with parse_example, its fast way, and uses as many threads as it likes:
what is counted is CPU time, and beside it time on the clock. Both check every checksum.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import nearmost as nm

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
BATCH = 1024


def written(path: Path, vectors: nm.Vectors) -> None:
    """By TensorFlow, an Example a row."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for key, row in zip(vectors.keys, vectors.rows, strict=True):
            features = {
                "key": tf.train.Feature(bytes_list=tf.train.BytesList(value=[key.encode()])),
                "vector": tf.train.Feature(float_list=tf.train.FloatList(value=row)),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString(deterministic=True))


def read(path: Path, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """By TensorFlow: rows and keys."""
    import tensorflow as tf

    features = {"key": tf.io.FixedLenFeature([], tf.string), "vector": tf.io.FixedLenFeature([dim], tf.float32)}
    data = tf.data.TFRecordDataset(str(path), buffer_size=1 << 22).batch(BATCH)
    parts = list(data.map(lambda some: tf.io.parse_example(some, features)).as_numpy_iterator())
    return np.concatenate([part["vector"] for part in parts]), np.concatenate([part["key"] for part in parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = np.random.default_rng(0).normal(size=(options.n, options.dim)).astype(np.float32)
    vectors = nm.Vectors.of(rows, [f"key {row}" for row in range(options.n)])
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.tfrecord", Path(folder) / "theirs.tfrecord"
        work = {
            "write": (lambda: nm.write_vectors(ours, vectors), lambda: written(theirs, vectors)),
            "read": (lambda: nm.read_vectors(ours), lambda: read(theirs, options.dim)),
        }
        print(f"{options.n:,} records of {options.dim} floats, load {os.getloadavg()[0]:.1f}; records a second")
        print(f"{'':<6}  nearmost: CPU     clock   TensorFlow: CPU     clock   CPU ratio   (medians)")
        for name, both in work.items():
            spent = np.array([[timed(one) for one in both] for _ in range(options.rounds)])
            cpu, clock = options.n / np.median(spent, axis=0).T
            print(
                f"{name:<6}{cpu[0]:>15,.0f}{clock[0]:>10,.0f}{cpu[1]:>18,.0f}{clock[1]:>10,.0f}{cpu[0] / cpu[1]:>12.1f}"
            )
        assert ours.read_bytes() == theirs.read_bytes()
        np.testing.assert_array_equal(nm.read_vectors(theirs).rows, read(ours, options.dim)[0])


def timed(work: object) -> tuple[float, float]:
    """CPU seconds and seconds on the clock."""
    begin = time.process_time(), time.perf_counter()
    work()  # type: ignore[operator]
    return time.process_time() - begin[0], time.perf_counter() - begin[1]


if __name__ == "__main__":
    main()
