// What module.cpp and bind_*.cpp, the only files that know Python, have in common.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>

#include <optional>

#include "frame.h"
#include "panels.h"
#include "parallel.h"
#include "rows.h"

namespace nearmost {

namespace nb = nanobind;
using namespace nb::literals;

template <class T, size_t axes>
using Array = nb::ndarray<T, nb::ndim<axes>, nb::c_contig, nb::device::cpu>;
template <class T, size_t axes>
using Maybe = std::optional<Array<T, axes>>;
using AnyRows = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;  // of any type of number
using Progress = std::optional<nb::callable>;

inline void require(bool good, const char* what) {
  if (!good) throw nb::value_error(what);
}

// Looks for Ctrl-C and tells the caller's callable how far we are; both need the interpreter.
inline Poll poll_with(const Progress& progress) {
  return [&progress](size_t done, size_t total) {
    nb::gil_scoped_acquire hold;
    if (PyErr_CheckSignals() != 0) return false;
    if (!progress) return true;
    PyObject* answer = PyObject_CallFunction(progress->ptr(), "nn", Py_ssize_t(done), Py_ssize_t(total));
    Py_XDECREF(answer);
    return answer != nullptr;
  };
}

template <class Work>
void run(const Work& work) {
  bool complete;
  {
    nb::gil_scoped_release free;
    complete = work();
  }
  if (!complete) throw nb::python_error();
}

template <class A>
auto pointer(const std::optional<A>& array, std::initializer_list<size_t> shape) -> decltype(array->data()) {
  if (!array) return nullptr;
  size_t axis = 0;
  for (size_t length : shape) require(array->shape(axis++) == length, "nearmost: packed array has another shape");
  return array->data();
}

inline Number number_of(const AnyRows& values, bool bits) {
  const nb::dlpack::dtype type = values.dtype();
  if (bits && type == nb::dtype<uint8_t>()) return Number::bits;
  if (!bits && type == nb::dtype<float>()) return Number::float32;
  if (!bits && type == nb::dtype<uint8_t>()) return Number::uint8;
  if (!bits && type == nb::dtype<int8_t>()) return Number::int8;
  require(!bits && type.code == uint8_t(nb::dlpack::dtype_code::Float) && type.bits == 16 && type.lanes == 1,
          "nearmost: rows hold numbers of a type that they cannot");
  return Number::float16;
}

// Rows as Python hands them over: packed bits for hamming, numbers for all else.
inline Rows rows_of(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& scales) {
  require(metric >= 0 && metric <= int(Metric::hamming) && dim > 0 && dim <= 65536 && values.shape(0) < 0xffffffffu,
          "nearmost: metric, dim or row count out of range");
  const Metric m = Metric(metric);
  const Number number = number_of(values, m == Metric::hamming);
  require(values.shape(1) == (number == Number::bits ? (dim + 7) / 8 : dim), "nearmost: rows have another dim");
  return {m, values.shape(0), dim, values.data(), number, pointer(scales, {values.shape(0)})};
}

// Manhattan and hamming rows lie inside as euclidean ones do: where one distance is small, so is the other.
inline Frame frame_of(const Rows& rows, double unit, size_t turned, const float* mean) {
  const bool own = rows.metric == Metric::cosine || rows.metric == Metric::dot;
  return {own ? rows.metric : Metric::euclidean, rows.dim, turned, unit, mean};
}

// Panels of vectors of dim numbers.
inline Panels panels_of(const Array<const uint8_t, 4>& codes, const Maybe<const float, 2>& scales,
                        const Maybe<const float, 2>& biases, size_t dim) {
  const size_t blocks = codes.shape(0);
  require(codes.shape(1) == (dim + 3) / 4 && codes.shape(2) == kPanelRows && codes.shape(3) == kWordBytes && scales,
          "nearmost: panels have another shape");
  return {codes.data(), pointer(scales, {blocks, kPanelRows}), pointer(biases, {blocks, kPanelRows}), blocks};
}

void bind_keys(nb::module_& m);
void bind_partition(nb::module_& m);
void bind_graph(nb::module_& m);
void bind_text(nb::module_& m);
void bind_forest(nb::module_& m);
void bind_records(nb::module_& m);

}  // namespace nearmost
