// A record on a page: its values with marked spans, its label, its weak label, and the votes as dots.

import { by, el, facts, task } from "/static/page.js";

export const percent = (share, digits = 0) => (share == null || Number.isNaN(share) ? "–" : `${(100 * share).toFixed(digits)}\u00a0%`);

/** A label as a pill. */
export function pill(number, extra = "", title = "") {
  const label = task.labels[number];
  return el("span", { class: `pill l${number} ${extra}`, title }, label?.name ?? "?");
}

/** The text with stretches marked: marks have start, end and label; overlapping ones are cut. */
export function marked(text, marks) {
  const points = [...text]; // offsets count characters, as Python does, not UTF-16 units
  const made = [];
  let at = 0;
  for (const mark of [...marks].sort((a, b) => a.start - b.start)) {
    if (mark.start < at || mark.end > points.length) continue;
    made.push(points.slice(at, mark.start).join(""));
    made.push(el("mark", { class: `l${mark.label} ${mark.weak ? "weak" : ""}`, title: task.labels[mark.label]?.name ?? "" }, points.slice(mark.start, mark.end).join("")));
    at = mark.end;
  }
  return [...made, points.slice(at).join("")];
}

/** The values of a record, the task's attribute and long texts first. */
export function values(card) {
  const list = el("dl", { class: "values" });
  for (const [name, value] of Object.entries(card.values)) {
    const own = name === task.attribute;
    const spans = [...card.weak.map((mark) => ({ ...mark, weak: true })), ...card.manual].filter((mark) => mark.start >= 0);
    const shown = own && spans.length ? marked(String(value), card.manual.some((m) => m.start >= 0) ? card.manual : spans) : [String(value ?? "")];
    list.append(el("dt", {}, name), el("dd", { class: own ? "own" : "", dir: "auto", "data-attribute": name }, ...shown));
  }
  return list;
}

/** Label, weak label with confidence, and a dot a vote. */
export function standing(card, { votes = true } = {}) {
  const line = el("p", { class: "standing" });
  if (task.kind !== "span") line.append(...card.manual.map((mark) => pill(mark.label, "", "by hand")));
  if (card.judged && !card.manual.length) line.append(el("span", { class: "pill none" }, "none of them"));
  for (const mark of votes && task.kind !== "span" ? card.weak : [])
    line.append(pill(mark.label, "weak", "weak label"), el("span", { class: "quiet" }, percent(mark.confidence)));
  if (votes)
    for (const mark of card.votes)
      line.append(el("span", { class: `dot l${mark.label}`, title: `${mark.by}: ${task.labels[mark.label]?.name} ${percent(mark.confidence)}` }));
  if (card.n_comments) line.append(el("span", { class: "quiet", title: "comments" }, `✎ ${card.n_comments}`));
  return line;
}

/** A record in a list. */
export function item(card, ...more) {
  return el("li", { "data-record": card.id, tabindex: 0 }, values(card), standing(card), ...more);
}

export { by, facts, task };
