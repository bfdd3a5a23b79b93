// TFRecord files, and the tf.Example that each of their records holds: named lists of strings, floats or whole numbers.
// The caller owns every array, the bytes may hold anything, and nothing outside them is read.
//
// The layout of a record is TensorFlow's (tensorflow.org/tutorials/load_data/tfrecord): its length in 8 bytes, their
// CRC32C, the bytes, their CRC32C. An Example is a protocol buffer (protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstddef>
#include <cstdint>

#include "textrows.h"

namespace nearmost {

enum class Torn { none, length, bytes };  // which checksum does not fit

// The spans of up to `most` records of bytes[start, n). Returns how many are whole and sound, in *end where the first
// that is not begins, and in *torn what is wrong with it; none where it is cut short.
size_t find_records(Bytes bytes, size_t start, size_t most, Span* records, size_t* end, Torn* torn);

// A feature's list: kind 0 is none, 1 strings, 2 floats, 3 whole numbers. Its values are coded in bytes[start, stop).
struct List {
  uint64_t kind, start, stop;
};

struct Feature {
  Span name;
  List list;
};

// The first `room` features of one record. Returns how many it has; -1 where it is no tf.Example.
int64_t list_features(Bytes bytes, Span record, size_t room, Feature* features);

// The feature of this name in each record; of two the last, as protocol buffers have it. Returns n, or the first record
// that is no tf.Example.
size_t find_feature(Bytes bytes, const Span* records, size_t n, Bytes name, List* lists);

// How many values each list has. Returns n, or the first list that is damaged.
size_t count_values(Bytes bytes, const List* lists, size_t n, uint64_t* counts);

// The values of lists of floats or whole numbers, rows (n, dim). False where one has not dim of them.
bool take_floats(Bytes bytes, const List* lists, size_t n, size_t dim, float* rows);

// The only value of each list of whole numbers. False where one has not one.
bool take_integers(Bytes bytes, const List* lists, size_t n, int64_t* values);

// Where the only string of each list lies. False where one has not one.
bool take_strings(Bytes bytes, const List* lists, size_t n, Span* strings);

}  // namespace nearmost
