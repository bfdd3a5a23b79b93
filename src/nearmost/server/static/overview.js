// Overview: counts, the histogram of confidence with its threshold, the confusion matrix, the latest changes.

import { ask, by, el, follow, goTo, key, ready, say, task, tell, tried } from "/static/page.js";
import { percent, pill } from "/static/record.js";

const HEIGHT = 170, BOTTOM = 20;
let WIDTH = 800;
let standing = {};
let threshold = 0.7;

async function load() {
  standing = await ask("/api/overview");
  counts();
  supervision();
  histogram();
  by("history").replaceChildren(
    ...standing.history.map((event) => el("li", { class: event.undone ? "undone" : "" }, el("time", {}, event.when.slice(0, 16).replace("T", " ")), ` ${event.what}`)),
  );
  if (task.kind !== "class") by("confusion").replaceChildren(el("p", { class: "quiet" }, "For tasks of one label a record."));
  else if (standing.runs.length) confusion(await ask("/api/confusion"));
}

function counts() {
  const { n_manual: manual, n_weak: weak } = standing;
  by("counts").textContent = `${standing.n_records.toLocaleString("en")} records, ${manual.toLocaleString("en")} labelled by hand (${percent(manual / standing.n_records, 1)}), ${weak.toLocaleString("en")} with a weak label (${percent(weak / standing.n_records, 1)})`;
  const most = Math.max(1, ...standing.manual, ...standing.weak);
  const bar = (number, count, weak) => {
    const svg = el("svg:svg", { class: `bar l${number} ${weak}`, viewBox: "0 0 100 10", preserveAspectRatio: "none" });
    svg.append(el("svg:rect", { width: (100 * count) / most, height: 10 }));
    return svg;
  };
  document.querySelector("#distribution tbody").replaceChildren(
    ...task.labels.map((_, number) => {
      const [hand, weakly] = [standing.manual[number] ?? 0, standing.weak[number] ?? 0];
      return el("tr", {}, el("td", {}, pill(number)), el("td", { class: "n" }, hand.toLocaleString("en")), el("td", {}, bar(number, hand, "")), el("td", { class: "n" }, weakly.toLocaleString("en")), el("td", {}, bar(number, weakly, "weak")));
    }),
  );
}

function supervision() {
  const [last] = standing.runs;
  by("standing").textContent = last ? `${last.model}: ${last.n_labelled.toLocaleString("en")} records labelled, ${last.created.slice(0, 16).replace("T", " ")}` : "Not yet: label some records, run heuristics, then supervise.";
  const rows = last ? measured(last.metrics) : [];
  by("metrics").hidden = !rows.length;
  document.querySelector("#metrics tbody").replaceChildren(...rows.map((cells) => el("tr", {}, ...cells.map((cell, at) => el(at ? "td" : "th", { class: at ? "n" : "" }, cell)))));
  const stale = standing.heuristics.filter((each) => each.stale).map((each) => each.name);
  const warnings = [];
  if (stale.length) warnings.push(el("li", {}, "Stale, run again: ", el("a", { href: `/heuristics?task=${encodeURIComponent(task.name)}` }, stale.join(", "))));
  if (standing.old_vectors) warnings.push(el("li", {}, "Records changed since their vectors were made: embed again."));
  by("warnings").replaceChildren(...warnings);
}

/** The rows of the table: whatever the run measured, labels by hand alone beside it. */
function measured(metrics) {
  const said = (found) => [percent(found.accuracy, 1), found.coverage == null ? "–" : percent(found.coverage), found.calibration_error == null ? "–" : found.calibration_error.toFixed(3)];
  const rows = [];
  if (metrics.accuracy != null) rows.push(["weak labels (out of fold)", ...said(metrics)]);
  for (const [name, title] of [["manual_only", "labels by hand alone"]]) {
    const found = metrics[name];
    if (found?.accuracy != null) rows.push([title, ...said(found)]);
  }
  return rows;
}

function histogram() {
  const svg = by("histogram"), bins = standing.bins;
  WIDTH = svg.clientWidth || 800;
  svg.setAttribute("viewBox", `0 0 ${WIDTH} 200`);
  if (!bins) return void svg.replaceChildren(el("svg:text", { x: WIDTH / 2, y: 100, "text-anchor": "middle", class: "quiet" }, "no weak labels yet"));
  const n = bins[0].length, totals = bins[0].map((_, at) => bins.reduce((sum, label) => sum + label[at], 0));
  const scale = (HEIGHT - 10) / Math.max(1, ...totals);
  svg.replaceChildren();
  for (let at = 0; at < n; at++) {
    let top = HEIGHT;
    bins.forEach((label, number) => {
      top -= label[at] * scale;
      svg.append(el("svg:rect", { class: `l${number} fill`, x: (at * WIDTH) / n + 1, y: top, width: WIDTH / n - 2, height: label[at] * scale }));
    });
  }
  for (const tick of [0, 0.25, 0.5, 0.75, 1])
    svg.append(el("svg:text", { x: tick * WIDTH, y: HEIGHT + BOTTOM, "text-anchor": tick === 0 ? "start" : tick === 1 ? "end" : "middle" }, tick));
  svg.append(el("svg:line", { id: "line", y1: 0, y2: HEIGHT }), el("svg:circle", { id: "grip", cy: 8, r: 7 }));
  moveTo(threshold);
}

function moveTo(value) {
  threshold = Math.min(1, Math.max(0, value));
  const x = threshold * WIDTH;
  by("line")?.setAttribute("x1", x);
  by("line")?.setAttribute("x2", x);
  by("grip")?.setAttribute("cx", x);
  const { bins } = standing;
  if (!bins) return;
  const n = bins[0].length;
  const kept = bins.reduce((sum, label) => sum + label.reduce((part, count, at) => part + ((at + 0.5) / n >= threshold ? count : 0), 0), 0);
  const what = { class: "records", multi: "labels", span: "spans" }[task.kind], all = standing.weak.reduce((a, b) => a + b, 0);
  const share = kept / (task.kind === "class" ? standing.n_records : all);
  by("histogram").setAttribute("aria-valuenow", threshold.toFixed(2));
  by("kept").replaceChildren(
    `confidence ≥ ${threshold.toFixed(2)} keeps ${kept.toLocaleString("en")} ${what} (${percent(share)}) · `,
    el("a", { href: `/browse?${new URLSearchParams({ task: task.name, query: `conf>=${threshold.toFixed(2)}` })}` }, "look at them"),
    " · ",
    el("a", { href: `/browse?${new URLSearchParams({ task: task.name, query: `conf<${threshold.toFixed(2)}` })}` }, "at the others"),
  );
}

const dragged = (event) => {
  const box = by("histogram").getBoundingClientRect();
  moveTo((event.clientX - box.left) / box.width);
};
by("histogram").addEventListener("pointerdown", (event) => {
  by("histogram").setPointerCapture(event.pointerId);
  dragged(event);
});
by("histogram").addEventListener("pointermove", (event) => event.buttons && dragged(event));
by("histogram").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
  if (step) (event.preventDefault(), moveTo(threshold + step));
});

function confusion({ labels, counts, cells }) {
  const most = Math.max(1, ...counts.flat());
  const head = el("tr", {}, el("td"), ...labels.map((name) => el("th", {}, name)));
  const body = counts.map((row, manual) =>
    el("tr", {}, el("th", {}, labels[manual]), ...row.map((count, weak) => {
      const shade = count ? Math.min(9, Math.ceil((9 * count) / most)) : 0;
      const records = cells.find((cell) => cell.manual === manual && cell.weak === weak)?.records ?? [];
      const show = () => goTo("/browse", { ids: records.slice(0, 300).join(",") });
      return el("td", { class: `cell s${shade} ${manual === weak ? "right" : "wrong"}` }, count ? el("button", { type: "button", title: `labelled ${labels[manual]}, weak label ${labels[weak]}: show them`, onclick: show }, String(count)) : "0");
    })),
  );
  by("confusion").replaceChildren(el("div", { class: "scroll", tabindex: 0 }, el("table", { class: "confusion" }, el("thead", {}, head), el("tbody", {}, ...body))));
}

const supervise = tried(async () => {
  const { job } = await tell("/api/supervise", { model: by("model").value });
  const result = await follow(job, by("progress"));
  say(`${result.n_labelled.toLocaleString("en")} records have a weak label now`);
  await load();
});
const undo = tried(async () => {
  say(`undone: ${(await tell("/api/undo")).undone}`);
  await load();
});
by("supervise").addEventListener("click", supervise);
by("undo").addEventListener("click", undo);
by("pick").parentElement.hidden = task.kind !== "class"; // a threshold is picked by the labels of records
by("pick").addEventListener("click", tried(async () => {
  const found = await ask("/api/threshold", { precision: by("wanted").value });
  if (found.confidence == null) return void (by("threshold").textContent = `no confidence is enough for ${by("wanted").value}, as far as the labels by hand can tell; label some more`);
  moveTo(found.confidence);
  by("threshold").textContent = `≥ ${found.confidence.toFixed(3)}: right ${percent(found.precision, 1)} of the time (${percent(found.interval[0])} to ${percent(found.interval[1])}, ${found.judged} judged), ${found.kept.toLocaleString("en")} kept`;
}));
addEventListener("resize", () => histogram());
key("s", "supervise", supervise);
key("u", "undo", undo);
await tried(load)();
ready();
