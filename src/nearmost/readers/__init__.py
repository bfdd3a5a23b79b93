"""The doors through which other people's files come in: texts as a Corpus, vectors as Vectors.

========================== ============================== ======================================
what                       names                          door
========================== ============================== ======================================
a text a line              .txt                           read_corpus, iter_records
a table with a header      .csv .tsv .tab                 read_corpus, iter_records
objects                    .jsonl .ndjson .json           read_corpus, iter_records
a Parquet table            .parquet .pq (extra: parquet)  read_corpus, iter_records, read_vectors
records of tf.Example      .tfrecord .tfrecords           read_corpus, iter_records, read_vectors
a NumPy array or several   .npy .npz                      read_vectors
========================== ============================== ======================================

Texts may be compressed as .gz, .bz2, .xz or .zst (extra: zstd); the first bytes tell, not the name.
Whatever cannot be read is a ReadError that starts with ``FILE:LINE: ``.
"""

from nearmost.readers.corpus import Record, iter_records, read_corpus
from nearmost.readers.vectors import is_vectors, read_vectors

__all__ = ["Record", "is_vectors", "iter_records", "read_corpus", "read_vectors"]
