// Browse: a query line with chips, records as they come, saved slices, similar ones.

import { ask, by, el, goTo, key, ready, say, task, tell, tried } from "/static/page.js";
import { item, percent } from "/static/record.js";

const PAGE = 50;
const asked = new URLSearchParams(location.search);
let offset = 0;
let like = asked.get("like");
let ids = asked.get("ids");
by("query").value = asked.get("query") ?? "";
by("order").value = asked.get("order") ?? "";

const load = tried(async (more = false) => {
  offset = more ? offset + PAGE : 0;
  const began = performance.now();
  const page = like
    ? await ask(`/api/similar/${like}`)
    : await ask("/api/records", { query: by("query").value, order: by("order").value || null, offset, limit: PAGE, ids });
  const taken = Math.round(performance.now() - began);
  const cards = page.records.map((card) => {
    const score = card.score == null ? null : el("span", { class: "quiet score" }, card.score.toFixed(3));
    const actions = el("p", { class: "actions" }, score, el("button", { type: "button", onclick: () => nearTo(card.id) }, "similar"), el("button", { type: "button", onclick: () => why(card.id) }, "why"), el("button", { type: "button", onclick: () => goTo("/label", { ids: card.id }) }, "label"));
    return item(card, actions);
  });
  if (more) by("records").append(...cards);
  else by("records").replaceChildren(...cards);
  by("more").hidden = Boolean(like) || offset + PAGE >= page.total;
  const about = like ? `nearest to record ${like}` : ids ? "records of that cell" : by("query").value ? `records for ${by("query").value}` : "records";
  by("found").textContent = `${page.total.toLocaleString("en")} ${about} · ${taken} ms`;
  by("label").href = `/label?${new URLSearchParams({ task: task.name, ...(ids ? { ids } : like ? { ids: page.records.map((card) => card.id).join(",") } : { query: by("query").value }) })}`;
  document.querySelectorAll("#chips [data-term]").forEach((chip) => chip.setAttribute("aria-pressed", terms().includes(chip.dataset.term)));
});

const terms = () => by("query").value.match(/(?:"[^"]*"|\S)+/g) ?? [];

function find(line) {
  by("query").value = line;
  like = ids = null;
  history.replaceState(null, "", `?${new URLSearchParams({ task: task.name, query: line, ...(by("order").value && { order: by("order").value }) })}`);
  return load();
}

function nearTo(record) {
  like = record;
  return load();
}

const why = tried(async (record) => {
  const found = await ask(`/api/records/${record}`);
  const box = document.querySelector(`[data-record="${record}"]`);
  box.querySelector(".why")?.remove();
  const most = Math.max(0.1, ...found.evidence.map(([, , weight]) => Math.abs(weight)));
  const rows = found.evidence.map(([source, label, weight]) => {
    const svg = el("svg:svg", { class: `evidence ${weight < 0 ? "against" : ""}`, viewBox: "-50 0 100 8", preserveAspectRatio: "none" }, el("svg:rect", { x: Math.min(0, (50 * weight) / most), width: Math.abs((50 * weight) / most), height: 8 }));
    return el("tr", {}, el("td", {}, source), el("td", {}, typeof label === "number" ? task.labels[label]?.name : label), el("td", { class: "n" }, weight.toFixed(2)), el("td", {}, svg));
  });
  const votes = found.votes.map((mark) => el("li", {}, `${mark.by}: ${task.labels[mark.label].name} ${percent(mark.confidence)}`));
  const comments = found.comments.map((comment) => el("li", {}, `${comment.author}: ${comment.body}`));
  box.append(el("div", { class: "why" }, rows.length ? el("table", {}, el("tbody", {}, ...rows)) : null, el("ul", {}, ...votes, ...comments), rows.length + votes.length + comments.length ? null : "nothing is known of it yet"));
});

by("find").addEventListener("submit", (event) => {
  event.preventDefault();
  find(by("query").value.trim());
});
by("order").addEventListener("change", () => find(by("query").value.trim()));
by("more").addEventListener("click", () => load(true));
by("chips").addEventListener("click", tried(async (event) => {
  const { term, slice } = event.target.dataset;
  if (slice) {
    await tell("/api/slices/delete", { name: slice });
    event.target.parentElement.remove();
  } else if (term) {
    const rest = terms().filter((each) => each !== term);
    await find((rest.length < terms().length ? rest : [...terms(), term]).join(" "));
  }
}));
by("save").addEventListener("click", tried(async () => {
  const name = prompt("Name of the slice");
  if (!name) return;
  await tell("/api/slices", { name, query: by("query").value });
  say(`saved as ${name}`);
  location.reload();
}));

function step(by_) {
  const all = [...document.querySelectorAll("#records > li")];
  const at = all.indexOf(document.activeElement);
  all[Math.min(all.length - 1, Math.max(0, at + by_))]?.focus();
}
const current = () => document.activeElement?.dataset?.record;
key("/", "to the query", () => by("query").focus());
key("j", "next record", () => step(1));
key("k", "record before", () => step(-1));
key("s", "similar to this one", () => current() && nearTo(current()));
key("w", "why: evidence and votes", () => current() && why(current()));
await load();
ready();
