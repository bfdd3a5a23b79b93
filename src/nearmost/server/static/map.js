// Map: all records as points; a click shows a record and its true neighbours, a lasso labels or makes a rule.

import { ask, by, el, goTo, key, ready, say, sent, task, tell, tried } from "/static/page.js";
import { Plane } from "/static/plane.js";
import { item, pill } from "/static/record.js";

const stage = by("plane");
let plane, manual, weak, chosen = [], polygon = [];
const hidden = new Set();

const bytes = async (path) => {
  const response = await sent(`${path}?${new URLSearchParams({ task: task.name })}`);
  if (!response.ok) throw new Error((await response.json()).error);
  return response.arrayBuffer();
};
const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

async function load() {
  const [points, labels] = await Promise.all([bytes("/api/map/points"), bytes("/api/map/labels")]);
  const both = new Int16Array(labels);
  manual = both.filter((_, at) => at % 2 === 0);
  weak = both.filter((_, at) => at % 2 === 1);
  plane = new Plane(stage, new Float32Array(points));
  paint();
  legend();
}

function shownLabel(i) {
  const how = by("colour").value;
  if (how === "weak") return weak[i];
  return how === "manual" || manual[i] >= 0 ? manual[i] : weak[i];
}

function paint() {
  const colours = new Uint8Array(4 * plane.n), tints = task.labels.map((label) => rgb(label.colour));
  for (let i = 0; i < plane.n; i++) {
    const label = shownLabel(i);
    const alpha = hidden.has(label) ? 0 : label < 0 ? 90 : manual[i] >= 0 ? 255 : 150;
    colours.set([...(label < 0 ? [140, 140, 140] : tints[label]), alpha], 4 * i);
  }
  for (const i of chosen) colours.set([255, 170, 0, 255], 4 * i);
  plane.paint(colours);
}

function legend() {
  const toggle = (label) => () => (hidden.has(label) ? hidden.delete(label) : hidden.add(label), paint(), legend());
  by("legend").replaceChildren(
    ...task.labels.map((_, number) => el("button", { type: "button", class: "plain", "aria-pressed": !hidden.has(number), onclick: toggle(number) }, pill(number, hidden.has(number) ? "off" : ""))),
    el("button", { type: "button", class: "plain", "aria-pressed": !hidden.has(-1), onclick: toggle(-1) }, el("span", { class: `pill none ${hidden.has(-1) ? "off" : ""}` }, "none")),
  );
}

const show = tried(async (record) => {
  chosen = [record];
  const [card, near] = [await ask(`/api/records/${record}`), await ask(`/api/similar/${record}`, { n: 10 })];
  chosen = [record, ...near.records.map((each) => each.id)];
  paint();
  side(el("h2", {}, card.key), el("ol", { class: "records small" }, item(card)), el("h3", {}, "Nearest, by the full vectors"), el("ol", { class: "records small" }, ...near.records.map((each) => item(each))));
});

function side(...children) {
  by("side").replaceChildren(el("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×"), ...children);
  by("side").hidden = false;
}

function close() {
  by("side").hidden = true;
  chosen = [];
  polygon = [];
  by("lasso").replaceChildren();
  paint();
}

const lassoed = tried(async () => {
  const corners = polygon.map(([x, y]) => plane.toPlane(x, y));
  chosen = plane.inside(corners).filter((i) => !hidden.has(shownLabel(i)));
  paint();
  if (!chosen.length) return void close();
  const cards = (await ask("/api/records", { ids: chosen.slice(0, 30).join(","), limit: 30 })).records;
  const label = tried(async (name) => {
    const { labelled } = await tell("/api/annotate/many", { records: chosen, label: name });
    say(`${labelled} labelled ${name}`);
    const both = new Int16Array(await bytes("/api/map/labels"));
    manual = both.filter((_, at) => at % 2 === 0);
    close();
  });
  const rule = tried(async (name, called) => {
    await tell("/api/map/region", { name: called, label: name, polygon: corners });
    say(`rule ${called}; run it on the page of heuristics`);
    close();
  });
  const name = el("input", { value: `region_${Date.now().toString(36).slice(-4)}`, "aria-label": "Name of the rule", id: "rule" });
  side(
    el("h2", {}, `${chosen.length.toLocaleString("en")} records`),
    task.kind === "class" ? el("div", { class: "answers" }, ...task.labels.map((each, number) => el("button", { type: "button", class: `answer l${number}`, onclick: () => label(each.name) }, `label ${each.name}`))) : null,
    task.kind === "class" ? el("div", { class: "row" }, el("label", {}, "or a rule ", name), ...task.labels.map((each, number) => el("button", { type: "button", class: `answer small l${number}`, "data-rule": each.name, onclick: () => rule(each.name, name.value) }, each.name))) : null,
    el("p", {}, el("button", { type: "button", onclick: () => goTo("/browse", { ids: chosen.slice(0, 300).join(",") }) }, "browse them"), " ", el("button", { type: "button", onclick: () => goTo("/label", { ids: chosen.slice(0, 300).join(",") }) }, "label one by one")),
    el("ol", { class: "records small" }, ...cards.map((each) => item(each))),
  );
});

let drag = null;
const place = (event) => {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  drag = { from: place(event), last: place(event), lasso: event.shiftKey, moved: 0 };
  if (drag.lasso) polygon = [drag.from];
});
stage.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const now = place(event), [dx, dy] = [now[0] - drag.last[0], now[1] - drag.last[1]];
  drag.moved += Math.abs(dx) + Math.abs(dy);
  if (drag.lasso) {
    polygon.push(now);
    by("lasso").replaceChildren(el("svg:polygon", { points: polygon.map((each) => each.join(",")).join(" ") }));
  } else plane.move(dx, dy);
  drag.last = now;
});
stage.addEventListener("pointerup", () => {
  if (!drag) return;
  const { lasso, moved, from } = drag;
  drag = null;
  if (lasso && polygon.length > 2) lassoed();
  else if (moved < 5) {
    const record = plane.at(...from);
    if (record >= 0) show(record);
  }
});
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  plane.zoom(Math.exp(event.deltaY * 0.0015), ...place(event));
}, { passive: false });
by("colour").addEventListener("change", paint);
const middle = () => [stage.clientWidth / 2, stage.clientHeight / 2];
key("+", "nearer", () => plane.zoom(0.8, ...middle()));
key("-", "farther", () => plane.zoom(1.25, ...middle()));
key("Escape", "let go", close);
for (const [name, dx, dy] of [["ArrowLeft", 40, 0], ["ArrowRight", -40, 0], ["ArrowUp", 0, 40], ["ArrowDown", 0, -40]]) key(name, "move", () => plane.move(dx, dy));
try {
  await load();
  window.plane = plane; // where tests ask for places of points
} catch (error) {
  by("hint").textContent = error.message;
}
ready();
