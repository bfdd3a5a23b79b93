// Label: a record, its answers by keys, spans by selecting, and what comes next.

import { ask, by, el, key, ready, say, task, tell, tried } from "/static/page.js";
import { item, standing, values } from "/static/record.js";

const asked = new URLSearchParams(location.search);
let queue = [];
let at = 0;
let chosen = task.labels.length ? 0 : null; // for spans: the label that a selection gets
const done = new Set();
let word = [-1, -1]; // for spans: the first and last word that the keyboard has selected

const fill = tried(async () => {
  const named = asked.get("ids");
  const how = by("by").value;
  by("line").hidden = how !== "query";
  queue = named
    ? (await ask("/api/records", { ids: named, limit: 500 })).records
    : (await ask("/api/queue", { by: how, n: 100, query: by("line").value })).records;
  at = 0;
  show();
});

function show() {
  const card = queue[at];
  by("through").value = queue.length ? at / queue.length : 0;
  by("place").textContent = queue.length ? `${Math.min(at + 1, queue.length)} of ${queue.length}, ${done.size} labelled` : "";
  if (!card) {
    by("record").replaceChildren(el("p", { class: "lead" }, queue.length ? `That was all of them: ${done.size} labelled. ` : "Nothing to label here. "), el("button", { type: "button", class: "primary", onclick: more }, "More of them"));
    by("answers").replaceChildren();
    return;
  }
  if (by("record").dataset.record !== String(card.id)) word = [-1, -1];
  by("record").dataset.record = card.id;
  by("record").replaceChildren(Object.values(card.values).map(String).includes(card.key) ? "" : el("p", { class: "quiet" }, card.key), values(card), standing(card, { votes: !by("hide").checked }));
  answers(card);
}

function more() {
  asked.delete("ids");
  fill();
}

function answers(card) {
  const given = new Set(card.manual.map((mark) => mark.label));
  by("answers").replaceChildren(
    ...task.labels.map((label, number) =>
      el("button", { type: "button", class: `answer l${number}`, "aria-pressed": task.kind === "span" ? number === chosen : given.has(number), onclick: () => answer(number) }, label.name, label.hotkey ? " " : null, label.hotkey ? el("kbd", {}, label.hotkey) : null),
    ),
  );
}

const answer = tried(async (number) => {
  const card = queue[at];
  if (!card) return;
  if (task.kind === "span") {
    chosen = number;
    return selectionOffsets(card) ? mark(card) : answers(card);
  }
  const name = task.labels[number].name;
  let label = name;
  if (task.kind === "multi") {
    const have = card.manual.map((each) => task.labels[each.label].name);
    label = have.includes(name) ? have.filter((each) => each !== name) : [...have, name];
  }
  queue[at] = await tell("/api/annotate", { record: card.id, label });
  done.add(card.id);
  if (task.kind === "class" && by("auto").checked) at += 1;
  show();
});

/** The selected characters of the task's attribute, counted in code points as Python counts. */
function selectionOffsets() {
  const box = by("record").querySelector("dd.own"), selection = getSelection();
  if (!box || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!box.contains(range.startContainer) || !box.contains(range.endContainer)) return null;
  const before = document.createRange();
  before.selectNodeContents(box);
  before.setEnd(range.startContainer, range.startOffset);
  const start = [...before.toString()].length, text = range.toString(), length = [...text].length;
  const [left, right] = [[...text].length - [...text.trimStart()].length, [...text].length - [...text.trimEnd()].length];
  return length - left - right > 0 ? { start: start + left, end: start + length - right } : null;
}

/** Selects a word of the task's attribute with the keyboard: the next or the one before, or as many as are wanted. */
function selectWord(by_, longer = false) {
  const box = by("record").querySelector("dd.own");
  if (!box) return;
  const words = [...box.textContent.matchAll(/[\p{L}\p{M}\p{N}_]+(?:['’.-][\p{L}\p{M}\p{N}_]+)*/gu)].map((found) => [found.index, found.index + found[0].length]);
  if (!words.length) return;
  if (longer) word[1] = Math.min(words.length - 1, Math.max(word[0], word[1] + by_));
  else word = Array(2).fill(Math.min(words.length - 1, Math.max(0, word[0] < 0 ? 0 : (by_ > 0 ? word[1] : word[0]) + by_)));
  word = word.map((each) => Math.max(0, each));
  const range = document.createRange(), walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  const [start, end] = [words[word[0]][0], words[word[1]][1]];
  for (let at = 0, node; (node = walker.nextNode()); at += node.data.length) {
    if (start >= at && start < at + node.data.length) range.setStart(node, start - at);
    if (end > at && end <= at + node.data.length) range.setEnd(node, end - at);
  }
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

const mark = tried(async (card) => {
  const place = selectionOffsets();
  if (!place || chosen === null) return;
  const label = task.labels[chosen].name;
  const lookup = by("lookup")?.value || null;
  const found = await tell("/api/annotate/span", { record: card.id, ...place, label, lookup });
  getSelection().removeAllRanges();
  queue[at] = found;
  done.add(card.id);
  say(`${found.text} → ${label}${lookup ? `, ${lookup}` : ""}`);
  show();
});

by("record").addEventListener("mouseup", () => task.kind === "span" && queue[at] && mark(queue[at]));

const clear = tried(async () => {
  const card = queue[at];
  if (!card) return;
  if (task.kind === "span") {
    for (const span of card.manual) queue[at] = await tell("/api/annotate/span", { record: card.id, start: span.start, end: span.end, label: null });
  } else queue[at] = await tell("/api/annotate", { record: card.id, label: task.kind === "multi" ? [] : null });
  done.delete(card.id);
  show();
});
const said = (card) => JSON.stringify([card.judged, card.manual]);
const undo = tried(async () => {
  say(`undone: ${(await tell("/api/undo")).undone}`);
  const before = queue.map(said), ids = queue.map((card) => card.id);
  if (ids.length) queue = (await ask("/api/records", { ids: ids.join(","), limit: 500 })).records;
  const changed = queue.findIndex((card, number) => said(card) !== before[number]); // to where it was
  if (changed >= 0) at = changed;
  if (changed >= 0 && !queue[changed].judged) done.delete(queue[changed].id);
  show();
});
const similar = tried(async () => {
  const card = queue[at];
  if (!card) return;
  const near = await ask(`/api/similar/${card.id}`, { n: 12 });
  by("record").querySelector(".near")?.remove();
  by("record").append(el("ol", { class: "records small near" }, ...near.records.map((each) => item(each))));
});
const comment = tried(async () => {
  const card = queue[at];
  const body = card && prompt("Comment");
  if (!body) return;
  await tell("/api/comments", { record: card.id, body });
  say("written down");
});
const move = (by_) => {
  at = Math.min(queue.length, Math.max(0, at + by_));
  show();
};

for (const [id, work] of Object.entries({ back: () => move(-1), skip: () => move(1), clear, undo, similar, comment })) by(id).addEventListener("click", work);
by("by").addEventListener("change", more);
by("line").addEventListener("change", more);
by("hide").addEventListener("change", show);
key("j", "next record", () => move(1));
key("k", "back", () => move(-1));
key("0", "no label", clear);
key("u", "undo", undo);
key("v", "hide or show votes", () => by("hide").click());
key("m", "similar ones", similar);
key("c", "comment", comment);
if (task.kind === "span") {
  key("ArrowRight", "select the next word", () => selectWord(1));
  key("ArrowLeft", "select the word before", () => selectWord(-1));
  key("Shift+ArrowRight", "select one word more", () => selectWord(1, true));
  key("Shift+ArrowLeft", "select one word less", () => selectWord(-1, true));
}
task.labels.forEach((label, number) => label.hotkey && key(label.hotkey, label.name, () => answer(number))); // these win
if (asked.get("query") != null) {
  by("by").value = "query";
  by("line").value = asked.get("query");
}
if (asked.get("by")) by("by").value = asked.get("by");
await fill();
ready();
