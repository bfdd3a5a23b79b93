// Graphs for Python: the links and codes of a build, and the search. Shapes are checked here.
#include "bind.h"
#include "flat.h"
#include "follow.h"
#include "graph.h"
#include "links.h"

namespace nearmost {
namespace {

Digits digits_of(const Array<const float, 1>& lows, const Array<const float, 1>& steps,
                 const Array<const uint32_t, 2>& places) {
  const size_t bytes = places.shape(1);
  require(places.shape(0) == 2 && bytes > 0 && bytes % kLine == 0 && bytes <= kMostLines * kLine &&
              lows.shape(0) == steps.shape(0),
          "nearmost: lows, steps and digits do not fit together");
  return {lows.data(), steps.data(), places.data(), int(bytes / kLine)};
}

// Whether old links were followed; they are not where rows have moved too far.
bool link_rows(const Array<const float, 2>& inside, size_t compared, size_t first, size_t second, size_t leaf,
               size_t nearest, uint64_t seed, const Array<const uint32_t, 1>& entries,
               const Maybe<const uint32_t, 2>& old_links, size_t followed, const Array<uint32_t, 2>& links,
               int n_threads, const Progress& progress) {
  const size_t n = inside.shape(0), n_entries = entries.shape(0);
  require(inside.shape(1) > 0 && compared > 0 && n < kMostRows && links.shape(0) == n && links.shape(1) == kLinks &&
              first > 0 && second > 0 && leaf > 1 && nearest > 0 && (n == 0 || n_entries > 0),
          "nearmost: rows and links do not fit together");
  const uint32_t* old = pointer(old_links, {n, kLinks});
  for (size_t e = 0; e < n_entries; ++e) require(entries.data()[e] < n, "nearmost: an entry names no row");
  const Poll poll = poll_with(progress);
  bool follows = false;
  run([&] {
    const Points points(inside.data(), n, std::min(compared, inside.shape(1)), inside.shape(1));
    Neighbors neighbors(n);
    follows = old && reached_by_links(points, old, n_threads, poll) >= kEnoughReached;
    return (follows ? follow_links(points, old, followed, neighbors, n_threads, poll)
                    : find_neighbors(points, {first, second, leaf, nearest, seed}, neighbors, n_threads, poll)) &&
           link(points, neighbors, entries.data(), n_entries, links.data(), n_threads, poll);
  });
  return follows;
}

void pack_digits(const Array<const float, 2>& inside, const Maybe<const float, 1>& half_squares,
                 const Array<const float, 1>& lows, const Array<const float, 1>& steps,
                 const Array<const uint32_t, 2>& places, const Array<uint8_t, 2>& codes, int n_threads,
                 const Progress& progress) {
  const size_t n = inside.shape(0), turned = inside.shape(1);
  const Digits digits = digits_of(lows, steps, places);
  require(lows.shape(0) == turned && codes.shape(0) == n && codes.shape(1) == digits.bytes(),
          "nearmost: rows and codes do not fit together");
  run([&] {
    return pack_codes(digits, inside.data(), pointer(half_squares, {n}), n, turned, codes.data(), n_threads,
                      poll_with(progress));
  });
}

// A graph's arrays, kept alive, and what was checked about them once.
class BoundGraph {
 public:
  BoundGraph(int metric, double unit, const AnyRows& rows, const Maybe<const float, 1>& rows_scales,
             const Maybe<const double, 1>& norms, const Array<const float, 1>& mean,
             const Maybe<const uint8_t, 4>& axes, const Maybe<const float, 2>& axes_scales,
             const Array<const float, 1>& lows, const Array<const float, 1>& steps,
             const Array<const uint32_t, 2>& places, const Array<const uint8_t, 2>& codes,
             const Array<const uint32_t, 2>& links, const Array<const uint32_t, 1>& entries)
      : rows_(rows),
        rows_scales_(rows_scales),
        norms_(norms),
        mean_(mean),
        axes_(axes),
        axes_scales_(axes_scales),
        lows_(lows),
        steps_(steps),
        places_(places),
        codes_(codes),
        links_(links),
        entries_(entries) {
    Graph& g = graph_;
    require(mean.shape(0) > 0, "nearmost: the mean is empty");
    g.rows = rows_of(metric, mean.shape(0) - (metric == int(Metric::dot)), rows, rows_scales);
    g.packed = {};
    require(bool(norms) == (g.rows.metric == Metric::cosine), "nearmost: norms are missing, or not wanted");
    g.packed.norms = pointer(norms, {g.rows.n});
    g.frame = frame_of(g.rows, unit, lows.shape(0), mean.data());
    const size_t inner = g.frame.inner(), turned = g.frame.turned;
    require(turned > 0 && turned <= inner && mean.shape(0) == inner && unit > 0 && (axes || turned == inner),
            "nearmost: mean, axes and digits do not fit together");
    if (axes) g.axes = panels_of(*axes, axes_scales, std::nullopt, inner);
    require(g.axes.blocks * kPanelRows >= (axes ? turned : 0), "nearmost: axes are missing");
    g.digits = digits_of(lows, steps, places);
    require(codes.shape(0) == g.rows.n && codes.shape(1) == g.digits.bytes() && links.shape(0) == g.rows.n &&
                links.shape(1) == kLinks && entries.shape(0) <= g.rows.n,
            "nearmost: codes, links and entries have another shape");
    g.codes = codes.data();
    g.links = links.data();
    g.entries = entries.data();
    g.n_entries = entries.shape(0);
  }

  // How many of the queries have fewer answers than there are rows for.
  size_t look(const Array<const float, 2>& queries, const Array<int64_t, 2>& ids, const Array<float, 2>& scores,
              float margin, size_t k, size_t rows, bool estimate, const Maybe<const int64_t, 1>& without,
              const Maybe<const uint8_t, 1>& marks, size_t n_marks, int n_threads, const Progress& progress) const {
    const size_t q = queries.shape(0), width = ids.shape(1), n = graph_.rows.n;
    require(queries.shape(1) == graph_.rows.dim && ids.shape(0) == q && scores.shape(0) == q &&
                scores.shape(1) == width && margin >= 0,
            "nearmost: queries, ids and scores do not fit together");
    const Reach reach = {margin, std::min(k, n), std::min(rows, n), estimate, pointer(without, {q})};
    const Allowed allowed = {pointer(marks, {n}), n_marks};
    run([&] {
      return search(graph_, reach, allowed, queries.data(), q, width, ids.data(), scores.data(), n_threads,
                    poll_with(progress));
    });
    size_t short_of = 0;
    const size_t wanted = std::min(width, allowed.most(n));
    for (size_t i = 0; wanted > 0 && i < q; ++i) short_of += ids.data()[i * width + wanted - 1] < 0;
    return short_of;
  }

 private:
  Graph graph_{};
  AnyRows rows_;
  Maybe<const float, 1> rows_scales_;
  Maybe<const double, 1> norms_;
  Array<const float, 1> mean_;
  Maybe<const uint8_t, 4> axes_;
  Maybe<const float, 2> axes_scales_;
  Array<const float, 1> lows_, steps_;
  Array<const uint32_t, 2> places_;
  Array<const uint8_t, 2> codes_;
  Array<const uint32_t, 2> links_;
  Array<const uint32_t, 1> entries_;
};

}  // namespace

void bind_graph(nb::module_& m) {
  m.def("link", &link_rows, "inside"_a, "compared"_a, "first"_a, "second"_a, "leaf"_a, "nearest"_a, "seed"_a,
        "entries"_a, "old_links"_a.none(), "followed"_a, "links"_a, "n_threads"_a, "progress"_a.none());
  m.def("pack_digits", &pack_digits, "inside"_a, "half_squares"_a.none(), "lows"_a, "steps"_a, "places"_a, "codes"_a,
        "n_threads"_a, "progress"_a.none());
  nb::class_<BoundGraph>(m, "Graph")
      .def(nb::init<int, double, const AnyRows&, const Maybe<const float, 1>&, const Maybe<const double, 1>&,
                    const Array<const float, 1>&, const Maybe<const uint8_t, 4>&, const Maybe<const float, 2>&,
                    const Array<const float, 1>&, const Array<const float, 1>&, const Array<const uint32_t, 2>&,
                    const Array<const uint8_t, 2>&, const Array<const uint32_t, 2>&, const Array<const uint32_t, 1>&>(),
           "metric"_a, "unit"_a, "rows"_a, "rows_scales"_a.none(), "norms"_a.none(), "mean"_a, "axes"_a.none(),
           "axes_scales"_a.none(), "lows"_a, "steps"_a, "places"_a, "codes"_a, "links"_a, "entries"_a)
      .def("search", &BoundGraph::look, "queries"_a, "ids"_a, "scores"_a, "margin"_a, "k"_a, "rows"_a, "estimate"_a,
           "without"_a.none(), "marks"_a.none(), "n_marks"_a, "n_threads"_a, "progress"_a.none());
}

}  // namespace nearmost
