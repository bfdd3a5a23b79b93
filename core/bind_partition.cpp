// Partitions for Python: the steps of a build, and the search. Shapes are checked here.
#include "bind.h"
#include "flat.h"
#include "partitions.h"
#include "tree.h"

namespace nearmost {
namespace {

double longest_row(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& scales, int n_threads,
                   const Progress& progress) {
  Rows rows = rows_of(metric, dim, values, scales);
  rows.metric = Metric::euclidean;
  double unit = 1;
  run([&] { return find_unit(rows, &unit, n_threads, poll_with(progress)); });
  return unit;
}

void row_lengths(size_t dim, const AnyRows& values, const Maybe<const float, 1>& scales, const Array<double, 1>& out,
                 int n_threads, const Progress& progress) {
  require(out.shape(0) == values.shape(0), "nearmost: lengths have another shape");
  const Rows rows = rows_of(int(Metric::cosine), dim, values, scales);
  run([&] { return lengths(rows, out.data(), n_threads, poll_with(progress)); });
}

void find_mean(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& scales, double unit,
               const Array<float, 1>& mean, int n_threads, const Progress& progress) {
  const Rows rows = rows_of(metric, dim, values, scales);
  const Frame frame = frame_of(rows, unit, mean.shape(0), mean.data());
  require(mean.shape(0) == frame.inner(), "nearmost: the mean has another shape");
  run([&] { return mean_of(frame, rows, mean.data(), n_threads, poll_with(progress)); });
}

void find_directions(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& scales, double unit,
                     const Array<const float, 1>& mean, bool mixed, uint64_t seed, const Array<float, 2>& axes,
                     int n_threads, const Progress& progress) {
  const Rows rows = rows_of(metric, dim, values, scales);
  const Frame frame = frame_of(rows, unit, axes.shape(0), mean.data());
  require(
      mean.shape(0) == frame.inner() && axes.shape(1) == frame.inner() && axes.shape(0) <= frame.inner() && rows.n > 0,
      "nearmost: mean and axes do not fit the rows");
  run([&] { return find_axes(frame, rows, mixed, seed, axes.data(), n_threads, poll_with(progress)); });
}

void turn_rows(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& scales, double unit,
               const Array<const float, 1>& mean, const Maybe<const float, 2>& axes, const Array<float, 2>& out,
               const Array<float, 1>& shift, const Maybe<float, 1>& half_squares, int n_threads,
               const Progress& progress) {
  const Rows rows = rows_of(metric, dim, values, scales);
  const Frame frame = frame_of(rows, unit, out.shape(1), mean.data());
  require(mean.shape(0) == frame.inner() && out.shape(0) == rows.n && shift.shape(0) == out.shape(1) &&
              (axes || out.shape(1) == frame.inner()),
          "nearmost: mean, shift and rows do not fit together");
  const float* turning = pointer(axes, {out.shape(1), frame.inner()});
  turn_mean(frame, turning, shift.data());
  run([&] {
    return turn(frame, turning, rows, out.data(), pointer(half_squares, {rows.n}), n_threads, poll_with(progress));
  });
}

void grow_tree(const Array<const float, 2>& inside, const Maybe<const uint8_t, 1>& held, size_t n_lists, size_t width,
               int rounds, uint64_t seed, const Array<uint8_t, 2>& codes, const Array<float, 2>& cells,
               const Array<float, 2>& lists, const Array<uint32_t, 1>& first, const Array<uint32_t, 1>& owner,
               int n_threads, const Progress& progress) {
  const size_t n = inside.shape(0), dim = inside.shape(1);
  const TreeShape shape = {cells.shape(0), n_lists, width, rounds, seed};
  require(n > 0 && n < kNoRow && dim > 0 && n_lists > 0 && n_lists < kNoRow && width > 0 && shape.cells > 0 &&
              cells.shape(1) == dim && lists.shape(0) == shape.most_lists() && lists.shape(1) == dim &&
              first.shape(0) == shape.cells + 1 && owner.shape(0) == n && codes.shape(0) == n &&
              codes.shape(1) == (dim + 3) / 4 * kWordBytes,
          "nearmost: the arrays of the tree do not fit together");
  const Tree tree = {cells.data(), lists.data(), first.data(), owner.data()};
  run([&] {
    return grow(inside.data(), n, dim, pointer(held, {n}), shape, codes.data(), tree, n_threads, poll_with(progress));
  });
}

void pack_centroids(const Array<const float, 2>& values, const Maybe<const uint8_t, 1>& used,
                    const Maybe<const float, 1>& shift, float weight, const Array<uint8_t, 4>& codes,
                    const Array<float, 2>& scales, const Maybe<float, 2>& biases) {
  const size_t n = values.shape(0), dim = values.shape(1), blocks = n / kPanelRows;
  require(n % kPanelRows == 0 && codes.shape(0) == blocks && codes.shape(1) == (dim + 3) / 4 &&
              codes.shape(2) == kPanelRows && codes.shape(3) == kWordBytes && scales.shape(0) == blocks &&
              scales.shape(1) == kPanelRows && bool(used) == bool(biases),
          "nearmost: the panels have another shape");
  pack_panels(values.data(), pointer(used, {n}), pointer(shift, {dim}), weight, dim,
              {codes.data(), scales.data(), pointer(biases, {blocks, kPanelRows}), blocks});
}

constexpr size_t kMost = size_t(1) << 40;

// How many of the queries have fewer answers than there are rows for.
size_t look(const Partitions& whole, const Array<const float, 2>& queries, const Array<int64_t, 2>& ids,
            const Array<float, 2>& scores, const Effort& asked, const Maybe<const uint8_t, 1>& marks, size_t n_marks,
            int n_threads, const Progress& progress) {
  const size_t q = queries.shape(0), k = ids.shape(1), n = whole.n_rows();
  require(queries.shape(1) == whole.rows().dim && ids.shape(0) == q && scores.shape(0) == q && scores.shape(1) == k &&
              asked.lists > 0 && asked.cells > 0,
          "nearmost: queries, ids and scores do not fit together");
  const Effort effort = {std::min(asked.lists, kMost), std::min(asked.cells, kMost), std::min(asked.rows, n + 1),
                         asked.estimate};
  const Allowed allowed = {marks ? marks->data() : nullptr, n_marks};
  run([&] {
    return search(whole, effort, allowed, queries.data(), q, k, ids.data(), scores.data(), n_threads,
                  poll_with(progress));
  });
  size_t short_of = 0;
  const size_t wanted = std::min(k, allowed.most(n));
  for (size_t i = 0; wanted > 0 && i < q; ++i) short_of += ids.data()[i * k + wanted - 1] < 0;
  return short_of;
}

// Where each of 16 `owners` begins among n: in order, or a search could go over the same ones again and again.
const uint32_t* offsets(const Array<const uint32_t, 1>& first, size_t owners, size_t n) {
  require(first.shape(0) == owners * kPanelRows + 1, "nearmost: offsets have another shape");
  const uint32_t* p = first.data();
  for (size_t i = 0; i <= owners * kPanelRows; ++i)
    require(p[i] <= n && (i == 0 || p[i - 1] <= p[i]), "nearmost: offsets are out of order");
  return p;
}

// A partition's arrays, kept alive, and what was checked about them once.
class BoundPartition {
 public:
  BoundPartition(int metric, double unit, size_t coded, const AnyRows& rows, const Maybe<const float, 1>& row_scales,
                 const Maybe<const double, 1>& norms, const Array<const float, 1>& mean,
                 const Maybe<const uint8_t, 4>& axes, const Maybe<const float, 2>& axis_scales,
                 const Array<const uint8_t, 4>& cells, const Array<const float, 2>& cell_scales,
                 const Array<const float, 2>& cell_biases, const Array<const uint32_t, 1>& cell_first,
                 const Array<const uint8_t, 4>& lists, const Array<const float, 2>& list_scales,
                 const Array<const float, 2>& list_biases, const Array<const uint32_t, 1>& list_first,
                 const Array<const uint8_t, 2>& blocks, const Array<const uint32_t, 2>& slots, size_t turned)
      : rows_(rows),
        row_scales_(row_scales),
        norms_(norms),
        mean_(mean),
        axes_(axes),
        axis_scales_(axis_scales),
        cells_(cells),
        cell_scales_(cell_scales),
        cell_biases_(cell_biases),
        cell_first_(cell_first),
        lists_(lists),
        list_scales_(list_scales),
        list_biases_(list_biases),
        list_first_(list_first),
        blocks_(blocks),
        slots_(slots) {
    Partition& p = partition_;
    require(mean.shape(0) > 0, "nearmost: the mean is empty");
    p.rows = rows_of(metric, mean.shape(0) - (metric == int(Metric::dot)), rows, row_scales);
    p.packed = {};
    require(bool(norms) == (p.rows.metric == Metric::cosine), "nearmost: norms are missing, or not wanted");
    p.packed.norms = pointer(norms, {p.rows.n});
    p.frame = frame_of(p.rows, unit, turned, mean.data());
    p.coded = coded;
    const size_t inner = p.frame.inner();
    require(turned > 0 && turned <= inner && coded > 0 && coded <= turned && mean.shape(0) == inner && unit > 0 &&
                (axes || turned == inner),
            "nearmost: mean, turned and coded do not fit together");
    if (axes) p.axes = panels_of(*axes, axis_scales, std::nullopt, inner);
    require(p.axes.blocks * kPanelRows >= (axes ? turned : 0), "nearmost: axes are missing");
    p.cells = panels_of(cells, cell_scales, cell_biases, turned);
    p.lists = panels_of(lists, list_scales, list_biases, turned);
    p.cell_first = offsets(cell_first, p.cells.blocks, p.lists.blocks);
    p.list_first = offsets(list_first, p.lists.blocks, blocks.shape(0));
    p.n_blocks = blocks.shape(0);
    p.blocks = blocks.data();
    p.slots = slots.data();
    require(blocks.shape(1) == p.block_bytes() && slots.shape(0) == p.n_blocks && slots.shape(1) == kListRows &&
                p.n_blocks < kNoRow / kListRows && p.lists.blocks < kNoRow / kPanelRows,
            "nearmost: blocks and slots have another shape");
    alone_.emplace(partition_);
  }

  size_t look(const Array<const float, 2>& queries, const Array<int64_t, 2>& ids, const Array<float, 2>& scores,
              size_t lists, size_t cells, size_t rows, bool estimate, const Maybe<const uint8_t, 1>& marks,
              size_t n_marks, int n_threads, const Progress& progress) const {
    require(!marks || marks->shape(0) == partition_.rows.n, "nearmost: marks have another shape");
    return nearmost::look(*alone_, queries, ids, scores, {lists, cells, rows, estimate}, marks, n_marks, n_threads,
                          progress);
  }

  const Partition& partition() const { return partition_; }

  void pack(const Array<const float, 2>& inside, const Maybe<const float, 1>& shift,
            const Maybe<const float, 1>& half_squares, float eta, const Array<uint8_t, 2>& blocks, int n_threads,
            const Progress& progress) const {
    const Partition& p = partition_;
    require(inside.shape(0) == p.rows.n && inside.shape(1) == p.frame.turned && blocks.shape(0) == p.n_blocks &&
                blocks.shape(1) == p.block_bytes() && bool(half_squares) == p.offsets() && bool(shift) != p.offsets(),
            "nearmost: rows and blocks do not fit the partition");
    for (size_t i = 0; i < p.n_blocks * kListRows; ++i)
      require(p.slots[i] < p.rows.n || p.slots[i] == kNoRow, "nearmost: a slot names no row");
    run([&] {
      return pack_lists(p, inside.data(), pointer(shift, {p.frame.turned}), pointer(half_squares, {p.rows.n}), eta,
                        blocks.data(), n_threads, poll_with(progress));
    });
  }

 private:
  Partition partition_{};
  std::optional<Partitions> alone_;
  AnyRows rows_;
  Maybe<const float, 1> row_scales_;
  Maybe<const double, 1> norms_;
  Array<const float, 1> mean_;
  Maybe<const uint8_t, 4> axes_;
  Maybe<const float, 2> axis_scales_;
  Array<const uint8_t, 4> cells_;
  Array<const float, 2> cell_scales_, cell_biases_;
  Array<const uint32_t, 1> cell_first_;
  Array<const uint8_t, 4> lists_;
  Array<const float, 2> list_scales_, list_biases_;
  Array<const uint32_t, 1> list_first_;
  Array<const uint8_t, 2> blocks_;
  Array<const uint32_t, 2> slots_;
};

// Partitions that are searched as one, kept alive. Row 0 of each has the number in the whole that `firsts` says; list i
// of the whole is list places[i, 1] of part places[i, 0].
class BoundPartitions {
 public:
  BoundPartitions(const nb::tuple& parts, const Array<const int64_t, 1>& firsts, double unit,
                  const Array<const float, 1>& mean, const Array<const uint8_t, 4>& cells,
                  const Array<const float, 2>& cell_scales, const Array<const float, 2>& cell_biases,
                  const Array<const uint32_t, 1>& cell_first, const Array<const uint8_t, 4>& lists,
                  const Array<const float, 2>& list_scales, const Array<const float, 2>& list_biases,
                  const Array<const uint32_t, 1>& owners, const Array<const uint32_t, 1>& numbers)
      : parts_(parts),
        mean_(mean),
        cells_(cells),
        cell_scales_(cell_scales),
        cell_biases_(cell_biases),
        cell_first_(cell_first),
        lists_(lists),
        list_scales_(list_scales),
        list_biases_(list_biases),
        owners_(owners),
        numbers_(numbers) {
    const std::vector<const Partition*> found = members(parts, firsts);
    const Frame frame = frame_of(found[0]->rows, unit, mean.shape(0), mean.data());
    require(unit > 0 && mean.shape(0) == frame.inner(), "nearmost: the mean has another shape");
    Lists whole = {};
    whole.frame = frame;
    whole.cells = panels_of(cells, cell_scales, cell_biases, frame.inner());
    whole.lists = panels_of(lists, list_scales, list_biases, frame.inner());
    whole.cell_first = offsets(cell_first, whole.cells.blocks, whole.lists.blocks);
    const size_t n = whole.lists.blocks * kPanelRows;
    require(whole.lists.blocks < kNoRow / kPanelRows && owners.shape(0) == n && numbers.shape(0) == n,
            "nearmost: lists have another shape");
    whole.owners = owners.data();
    whole.numbers = numbers.data();
    for (size_t i = 0; i < n; ++i)
      require(owners.data()[i] < found.size() && numbers.data()[i] < found[owners.data()[i]]->lists.blocks * kPanelRows,
              "nearmost: there is no such list");
    whole_.emplace(found, std::vector<int64_t>(firsts.data(), firsts.data() + firsts.shape(0)), whole);
  }

  size_t look(const Array<const float, 2>& queries, const Array<int64_t, 2>& ids, const Array<float, 2>& scores,
              size_t lists, size_t cells, size_t rows, const Maybe<const uint8_t, 1>& marks, size_t n_marks,
              int n_threads, const Progress& progress) const {
    for (const Part& part : whole_->parts())
      require(!marks || size_t(part.first) + part.partition->rows.n <= marks->shape(0),
              "nearmost: marks have another shape");
    return nearmost::look(*whole_, queries, ids, scores, {lists, cells, rows}, marks, n_marks, n_threads, progress);
  }

 private:
  static std::vector<const Partition*> members(const nb::tuple& parts, const Array<const int64_t, 1>& firsts) {
    require(parts.size() > 0 && parts.size() == firsts.shape(0),
            "nearmost: partitions and numbers do not fit together");
    std::vector<const Partition*> found;
    for (size_t i = 0; i < parts.size(); ++i) {
      found.push_back(&nb::cast<const BoundPartition&>(parts[i]).partition());
      require(found[i]->rows.metric == found[0]->rows.metric && found[i]->rows.dim == found[0]->rows.dim &&
                  firsts.data()[i] >= 0 && firsts.data()[i] < int64_t(kMost),
              "nearmost: partitions are of another metric or dim, or out of order");
    }
    return found;
  }

  nb::tuple parts_;
  std::optional<Partitions> whole_;
  Array<const float, 1> mean_;
  Array<const uint8_t, 4> cells_;
  Array<const float, 2> cell_scales_, cell_biases_;
  Array<const uint32_t, 1> cell_first_;
  Array<const uint8_t, 4> lists_;
  Array<const float, 2> list_scales_, list_biases_;
  Array<const uint32_t, 1> owners_, numbers_;
};

}  // namespace

void bind_partition(nb::module_& m) {
  m.def("longest_row", &longest_row, "metric"_a, "dim"_a, "rows"_a, "scales"_a.none(), "n_threads"_a,
        "progress"_a.none());
  m.def("lengths", &row_lengths, "dim"_a, "rows"_a, "scales"_a.none(), "out"_a, "n_threads"_a, "progress"_a.none());
  m.def("find_mean", &find_mean, "metric"_a, "dim"_a, "rows"_a, "scales"_a.none(), "unit"_a, "mean"_a, "n_threads"_a,
        "progress"_a.none());
  m.def("find_axes", &find_directions, "metric"_a, "dim"_a, "rows"_a, "scales"_a.none(), "unit"_a, "mean"_a, "mixed"_a,
        "seed"_a, "axes"_a, "n_threads"_a, "progress"_a.none());
  m.def("turn", &turn_rows, "metric"_a, "dim"_a, "rows"_a, "scales"_a.none(), "unit"_a, "mean"_a, "axes"_a.none(),
        "out"_a, "shift"_a, "half_squares"_a.none(), "n_threads"_a, "progress"_a.none());
  m.def("grow", &grow_tree, "inside"_a, "held"_a.none(), "n_lists"_a, "width"_a, "rounds"_a, "seed"_a, "codes"_a,
        "cells"_a, "lists"_a, "first"_a, "owner"_a, "n_threads"_a, "progress"_a.none());
  m.def("pack_panels", &pack_centroids, "values"_a, "used"_a.none(), "shift"_a.none(), "weight"_a, "codes"_a,
        "scales"_a, "biases"_a.none());
  nb::class_<BoundPartition>(m, "Partition")
      .def(nb::init<int, double, size_t, const AnyRows&, const Maybe<const float, 1>&, const Maybe<const double, 1>&,
                    const Array<const float, 1>&, const Maybe<const uint8_t, 4>&, const Maybe<const float, 2>&,
                    const Array<const uint8_t, 4>&, const Array<const float, 2>&, const Array<const float, 2>&,
                    const Array<const uint32_t, 1>&, const Array<const uint8_t, 4>&, const Array<const float, 2>&,
                    const Array<const float, 2>&, const Array<const uint32_t, 1>&, const Array<const uint8_t, 2>&,
                    const Array<const uint32_t, 2>&, size_t>(),
           "metric"_a, "unit"_a, "coded"_a, "rows"_a, "rows_scales"_a.none(), "norms"_a.none(), "mean"_a,
           "axes"_a.none(), "axes_scales"_a.none(), "cells"_a, "cells_scales"_a, "cells_biases"_a, "cells_first"_a,
           "lists"_a, "lists_scales"_a, "lists_biases"_a, "lists_first"_a, "blocks"_a, "slots"_a, "turned"_a)
      .def("search", &BoundPartition::look, "queries"_a, "ids"_a, "scores"_a, "lists"_a, "cells"_a, "rows"_a,
           "estimate"_a, "marks"_a.none(), "n_marks"_a, "n_threads"_a, "progress"_a.none())
      .def("pack", &BoundPartition::pack, "inside"_a, "shift"_a.none(), "half_squares"_a.none(), "eta"_a, "blocks"_a,
           "n_threads"_a, "progress"_a.none());
  nb::class_<BoundPartitions>(m, "Partitions")
      .def(nb::init<const nb::tuple&, const Array<const int64_t, 1>&, double, const Array<const float, 1>&,
                    const Array<const uint8_t, 4>&, const Array<const float, 2>&, const Array<const float, 2>&,
                    const Array<const uint32_t, 1>&, const Array<const uint8_t, 4>&, const Array<const float, 2>&,
                    const Array<const float, 2>&, const Array<const uint32_t, 1>&, const Array<const uint32_t, 1>&>(),
           "parts"_a, "firsts"_a, "unit"_a, "mean"_a, "cells"_a, "cells_scales"_a, "cells_biases"_a, "cells_first"_a,
           "lists"_a, "lists_scales"_a, "lists_biases"_a, "owners"_a, "numbers"_a)
      .def("search", &BoundPartitions::look, "queries"_a, "ids"_a, "scores"_a, "lists"_a, "cells"_a, "rows"_a,
           "marks"_a.none(), "n_marks"_a, "n_threads"_a, "progress"_a.none());
}

}  // namespace nearmost
