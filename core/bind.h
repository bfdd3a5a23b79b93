// What module.cpp and bind_*.cpp, the only files that know Python, have in common.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "parallel.h"

namespace nearmost {

namespace nb = nanobind;
using namespace nb::literals;

template <class T, size_t axes>
using Array = nb::ndarray<T, nb::ndim<axes>, nb::c_contig, nb::device::cpu>;
template <class T, size_t axes>
using Maybe = std::optional<Array<T, axes>>;
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

void bind_partition(nb::module_& m);

}  // namespace nearmost
