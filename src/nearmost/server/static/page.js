// What every page shares: the task, requests, messages, keys and small DOM helpers.

export const facts = JSON.parse(document.getElementById("facts").textContent);
export const task = facts.task;

/** An element: el("td", {class: "n"}, "text", child). Text is always text, never HTML. */
export function el(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const SILENT = "the server does not answer; is it still running?";

export const by = (id) => document.getElementById(id);

/** Asks the server; throws with its words where it refuses. */
export async function ask(path, parameters = {}) {
  const filled = Object.entries({ task: task?.name, ...parameters }).filter(([, value]) => value != null);
  return answer(await sent(`${path}?${new URLSearchParams(filled)}`));
}

export async function tell(path, body = {}) {
  const headers = { "content-type": "application/json" };
  return answer(await sent(path, { method: "POST", headers, body: JSON.stringify({ task: task?.name, ...body }) }));
}

/** The server's response; throws where there is no server any more. */
export async function sent(path, how = {}) {
  return fetch(path, how).catch(() => {
    throw new Error(SILENT);
  });
}

/** What a response holds; throws with the server's own words where it refuses, be they JSON or a line of text. */
async function answer(response) {
  const text = await response.text();
  try {
    const found = JSON.parse(text);
    if (response.ok) return found;
    const wrong = (found.detail ?? []).map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`).join("; ");
    throw new Error(found.error ?? (wrong || `the server answered ${response.status}`));
  } catch (error) {
    throw error instanceof SyntaxError ? new Error(text.trim() || `the server answered ${response.status}`) : error;
  }
}

/** A short message at the edge of the page. */
export function say(text, kind = "") {
  const toast = el("p", { class: `toast ${kind}` }, text);
  by("toasts").append(toast);
  setTimeout(() => toast.remove(), kind === "bad" ? 12000 : 3500);
}

/** Runs work and says what went wrong. */
export function tried(work) {
  return async (...given) => {
    try {
      return await work(...given);
    } catch (error) {
      say(error.message, "bad");
    }
  };
}

/** Follows a job; resolves with its result. */
export function follow(job, progress) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(`/api/jobs/${job}`);
    progress.hidden = false;
    progress.removeAttribute("value");
    const end = () => {
      events.close();
      progress.hidden = true;
    };
    events.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.total) {
        progress.max = message.total;
        progress.value = message.done;
      }
      if (message.state === "done") (end(), resolve(message.result));
      if (message.state === "failed") (end(), reject(new Error(message.error)));
    };
    events.onerror = () => (end(), reject(new Error(SILENT)));
  });
}

const keys = new Map();
const pages = { o: "/", b: "/browse", l: "/label", h: "/heuristics", m: "/map", e: "/export" };
let leading = false;

/** Makes a key do something; the text is shown by "?". */
export function key(letter, text, work) {
  keys.set(letter, { text, work });
}

export function goTo(path, parameters = {}) {
  location.href = `${path}?${new URLSearchParams({ ...(task && { task: task.name }), ...parameters })}`;
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (leading) {
    leading = false;
    if (pages[event.key]) return void goTo(pages[event.key]);
  }
  const found = (event.shiftKey && keys.get(`Shift+${event.key}`)) || keys.get(event.key);
  if (event.key === "g" && !found) return void (leading = true);
  if (event.key === "?") return void showKeys();
  if (found) {
    event.preventDefault();
    found.work();
  }
});

function showKeys() {
  const list = document.querySelector("#keys dl");
  const always = [["g o, g b, g l, g h, g m, g e", "to the pages"], ["?", "these keys"]];
  const own = [...keys].map(([letter, { text }]) => [letter === " " ? "space" : letter, text]);
  list.replaceChildren(...[...own, ...always].flatMap(([letter, text]) => [el("dt", {}, el("kbd", {}, letter)), el("dd", {}, text)]));
  by("keys").showModal();
}

by("help").addEventListener("click", showKeys);
by("task")?.addEventListener("change", (event) => {
  location.href = `${location.pathname}?${new URLSearchParams({ task: event.target.value })}`;
});

/** Marks the page as ready, for tests. */
export function ready() {
  document.body.dataset.ready = "";
}
if (!task || ["export", ""].includes(document.body.dataset.page)) ready();
