// Heuristics: the table of statistics, the editor with its preview, the lists with their terms.

import { ask, by, el, follow, goTo, key, ready, say, task, tell, tried } from "/static/page.js";
import { percent, pill, values } from "/static/record.js";

let editing = null;
let lookup = null;
let table = { heuristics: [], statistics: [] };

const load = tried(async () => {
  table = await ask("/api/heuristics");
  const rows = [];
  for (const one of table.heuristics) {
    const found = table.statistics.filter((row) => row.heuristic === one.name);
    (found.length ? found : [null]).forEach((row, number) => rows.push(line(one, row, number, found.length || 1)));
  }
  document.querySelector("#heuristics tbody").replaceChildren(...(rows.length ? rows : [el("tr", {}, el("td", { colspan: 8, class: "quiet" }, "None yet. Write a function, or put a file into heuristics/."))]));
});

function line(one, row, number, count) {
  const first = number === 0 && [
    el("td", { rowspan: count }, el("input", { type: "checkbox", checked: one.enabled, "aria-label": `use ${one.name}`, onchange: (event) => enable(one, event.target.checked) })),
    el("td", { rowspan: count }, el("button", { type: "button", class: "link", onclick: () => edit(one) }, one.name), " ", el("span", { class: "quiet" }, one.kind)),
  ];
  const browse = (query) => () => goTo("/browse", { query });
  const label = row && (typeof row.label === "number" ? row.label : task.labels.findIndex((each) => each.name === row.label));
  const cells = row
    ? [
        el("td", {}, label >= 0 ? pill(label) : String(row.label)),
        el("td", { class: "n" }, el("button", { type: "button", class: "link", onclick: browse(`hit:${one.name}`) }, row.coverage.toLocaleString("en"))),
        el("td", { class: "n" }, row.overlaps.toLocaleString("en")),
        el("td", { class: "n" }, el("button", { type: "button", class: "link", onclick: browse(`hit:${one.name} conflict`) }, row.conflicts.toLocaleString("en"))),
        el("td", {}, precision(row)),
      ]
    : [el("td"), el("td"), el("td"), el("td"), el("td")];
  return el("tr", {}, ...(first || []), ...cells, ...(number === 0 ? [el("td", { rowspan: count }, state(one))] : []));
}

/** k of n, with the interval drawn. */
function precision(row) {
  if (!row.judged) return el("span", { class: "quiet" }, "not judged");
  const [low, high] = row.interval;
  const svg = el("svg:svg", { class: "interval", viewBox: "0 0 100 10", preserveAspectRatio: "none" }, el("svg:rect", { x: 100 * low, width: 100 * (high - low), height: 10, class: "range" }), el("svg:rect", { x: 100 * row.precision - 1, width: 2, height: 10, class: "point" }));
  const how = row.out_of_fold ? "out of fold: each record is judged without the terms that came from it" : "on the records labelled by hand";
  return el("span", { class: "precision", title: how }, `${percent(row.precision)} `, el("span", { class: "quiet" }, `${row.right}/${row.judged}${row.out_of_fold ? " out of fold" : ""}`), svg);
}

function state(one) {
  if (!one.approved) return el("button", { type: "button", class: "bad", title: "It came from elsewhere. Read it, then let it run.", onclick: tried(async () => (await tell("/api/heuristics/approve", { name: one.name }), await load())) }, "approve");
  if (!one.run) return el("span", { class: "badge" }, "never run");
  if (one.run.status !== "done") return el("span", { class: "badge bad", title: one.run.error ?? "" }, one.run.status);
  return one.stale ? el("span", { class: "badge stale", title: "code, lists, vectors or labels changed since it ran" }, "stale") : el("span", { class: "badge good" }, `${one.run.n_votes.toLocaleString("en")} votes, ${one.run.seconds.toFixed(1)} s`);
}

const enable = tried(async (one, on) => {
  await tell("/api/heuristics/enable", { name: one.name, on });
  await load();
});

const run = tried(async (names = null) => {
  by("reports").replaceChildren();
  const reports = await follow((await tell("/api/run", { names })).job, by("progress"));
  for (const report of reports) {
    if (report.isolated === false) notice("bad", "This system could not isolate the code: it ran with limits on memory and time only.");
    if (report.status === "done" && !report.error) continue;
    by("reports").append(el("details", { class: "report bad", open: true }, el("summary", {}, `${report.heuristic}: ${report.error ?? report.status}${report.record == null ? "" : ` (record ${report.record})`}`), el("pre", {}, report.traceback || report.log || "")));
  }
  say(`${reports.length} run, ${reports.reduce((sum, report) => sum + (report.n_votes ?? 0), 0).toLocaleString("en")} votes`);
  await load();
});

function notice(kind, text) {
  if (![...by("reports").children].some((each) => each.textContent === text)) by("reports").prepend(el("p", { class: `notice ${kind}` }, text));
}

const edit = tried(async (one) => {
  editing = one.name;
  by("source").value = (await ask("/api/heuristics/source", { name: one.name })).source;
  by("editing").textContent = one.name;
  by("preview").replaceChildren();
  by("editor").hidden = false;
  by("editor").scrollIntoView({ block: "nearest" });
  by("source").focus();
});

let waiting = 0, asking = 0;
let tryOn = "random";
const preview = tried(async (on) => {
  clearTimeout(waiting);
  tryOn = on;
  const asked = ++asking, name = editing, source = by("source").value;
  const patience = setTimeout(() => by("preview").replaceChildren(el("li", { class: "quiet" }, "trying it")), 400);
  const found = await tell("/api/heuristics/preview", { name, source, on }).finally(() => clearTimeout(patience));
  if (asked !== asking || name !== editing) return; // the code has changed since
  by("preview").replaceChildren(
    ...found.records.map((each) => {
      const votes = each.votes.map((vote) => {
        const name = Array.isArray(vote) ? vote[0] : typeof vote === "object" && vote ? (vote.label ?? vote[0]) : vote;
        const number = typeof name === "number" ? name : task.labels.findIndex((label) => label.name === name);
        return number >= 0 ? pill(number) : el("span", { class: "pill none" }, String(name));
      });
      return el("li", {}, el("p", { class: "standing" }, ...(votes.length ? votes : [el("span", { class: "quiet" }, each.error ? "" : "no vote")])), each.error ? el("pre", { class: "bad" }, each.error) : null, values({ ...each, weak: [], manual: [] }));
    }),
  );
  if (!found.records.length) by("preview").replaceChildren(el("li", { class: "quiet" }, "no such record"));
});

const save = tried(async () => {
  if (!editing) return;
  await tell("/api/heuristics/save", { name: editing, source: by("source").value });
  await run([editing]);
});

const openList = tried(async (name) => {
  lookup = name;
  const { terms } = await ask(`/api/lookups/${encodeURIComponent(name)}`);
  by("terms").hidden = by("add").hidden = false;
  document.querySelectorAll("[data-lookup]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.lookup === name));
  document.querySelector("#terms tbody").replaceChildren(
    ...terms.map((row) => {
      const sources = row.sources ?? [];
      const strike = tried(async () => (await tell("/api/lookups/strike", { lookup, term: row.term, excluded: !row.excluded }), await openList(lookup), await load()));
      return el("tr", { class: row.excluded ? "struck" : "" },
        el("td", {}, el("button", { type: "button", class: "strike", title: row.excluded ? "take it back" : "strike it out", "aria-label": `${row.excluded ? "take back" : "strike out"} ${row.term}`, onclick: strike }, row.excluded ? "↺" : "×")),
        el("td", { class: "term" }, row.term),
        el("td", { class: "n" }, (row.n_records ?? 0).toLocaleString("en")),
        el("td", {}, row.judged ? `${percent(row.right / row.judged)} (${row.right}/${row.judged})` : el("span", { class: "quiet" }, "not judged")),
        el("td", { class: "quiet" }, sources.length ? `${sources.length} record${sources.length > 1 ? "s" : ""}` : ""));
    }),
  );
});

document.querySelectorAll("[data-lookup]").forEach((button) => button.addEventListener("click", () => openList(button.dataset.lookup)));
document.querySelectorAll("[data-preview]").forEach((button) => button.addEventListener("click", () => preview(button.dataset.preview)));
by("run").addEventListener("click", () => run());
by("stale").addEventListener("click", () => {
  const stale = table.heuristics.filter((each) => each.stale || !each.run).map((each) => each.name);
  if (stale.length) run(stale);
  else say("nothing is stale");
});
by("save").addEventListener("click", save);
by("new").addEventListener("submit", tried(async (event) => {
  event.preventDefault();
  const { name } = await tell("/api/heuristics/new", { name: by("name").value });
  by("name").value = "";
  await load();
  await edit({ name });
}));
by("add").addEventListener("submit", tried(async (event) => {
  event.preventDefault();
  await tell("/api/lookups/add", { lookup, term: by("term").value });
  by("term").value = "";
  await openList(lookup);
}));
by("listed").addEventListener("submit", tried(async (event) => {
  event.preventDefault();
  const { name } = await tell("/api/lookups/new", { name: by("list").value.trim(), label: by("stands").value });
  goTo("/heuristics", { list: name });
}));
by("source").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => preview(tryOn), 1200); // shortly after the last key
});
by("source").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
  if (event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    by("source").setRangeText("    ", by("source").selectionStart, by("source").selectionEnd, "end");
  }
});
key("r", "run all", () => run());
await load();
const opened = new URLSearchParams(location.search).get("list");
if (opened) await openList(opened);
ready();
