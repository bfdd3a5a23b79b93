"use strict";
// Texts are put in as text (textContent), never as markup. Lists are made when a cell is chosen, 100 rows at a time.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("list");
  const inBlock = new Set(data.block);
  const STEP = 100;
  let opener = null;

  const make = (tag, text, parent) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };
  const name = (code) => (code < 0 ? "none" : data.labels[code]);
  const rowsWhere = (test) => {
    const found = [];
    for (let at = 0; at < data.rows.length; at++) if (test(data.truth[at], data.predicted[at])) found.push(at);
    return found;
  };

  const text = ["text", (at) => (data.text ? data.text[at] : "row " + data.rows[at])];
  const truth = ["true", (at) => (data.truths ? data.truths[at] : name(data.truth[at]))];
  const predicted = ["predicted", (at) => name(data.predicted[at])];
  const score = ["score", (at) => (data.predicted[at] < 0 ? "" : String(data.score[at]))];

  const show = (title, found, columns, wanted) => {
    list.replaceChildren();
    make("h2", title, list);
    const close = make("button", "Close", list);
    close.type = "button";
    close.className = "close";
    close.addEventListener("click", hide);
    const all = wanted === undefined || wanted === found.length ? "" : " of " + wanted.toLocaleString("en");
    let says = found.length.toLocaleString("en") + all + (found.length === 1 && !all ? " text" : " texts");
    if (data.rows.length < data.all)
      says += "; the page carries " + data.rows.length.toLocaleString("en") + " of " + data.all.toLocaleString("en") + " rows";
    make("p", says, list);
    const table = make("table", undefined, list);
    const head = make("tr", undefined, make("thead", undefined, table));
    for (const [title] of columns) {
      const cell = make("th", title, head);
      cell.scope = "col";
      cell.className = title;
    }
    const body = make("tbody", undefined, table);
    const more = make("button", undefined, list);
    more.type = "button";
    more.className = "more";
    let shown = 0;
    const grow = () => {
      for (const at of found.slice(shown, shown + STEP)) {
        const row = make("tr", undefined, body);
        for (const [title, value] of columns) make("td", value(at), row).className = title;
      }
      shown = Math.min(shown + STEP, found.length);
      more.hidden = shown === found.length;
      more.textContent = "Show " + Math.min(STEP, found.length - shown) + " more";
    };
    more.addEventListener("click", grow);
    grow();
    list.hidden = false;
    list.scrollTop = 0;
    close.focus();
  };
  const hide = () => {
    list.hidden = true;
    if (opener) opener.focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { t, p, c } = button.dataset;
    const last = data.score ? [score] : [];
    if (t !== undefined) {
      const wanted = Number(t);
      const given = p === "other" ? (one) => one >= 0 && !inBlock.has(one) : (one) => one === (p === "none" ? -1 : Number(p));
      const says = p === "other" ? "a class that is not drawn" : p === "none" ? "no prediction" : name(Number(p));
      opener = button;
      const between = [...(data.truths ? [truth] : []), ...(p === "other" ? [predicted] : [])];
      const found = rowsWhere((one, other) => one === wanted && given(other));
      show(name(wanted) + " \u2192 " + says, found, [text, ...between, ...last], Number(button.textContent.replaceAll(",", "")));
    } else if (c !== undefined) {
      const code = Number(c);
      opener = button;
      const found = rowsWhere((one, other) => one !== other && (one === code || other === code));
      show(button.textContent + ": wrong rows", found, [text, truth, predicted, ...last]);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) hide();
  });

  const table = document.querySelector("#classes table");
  const find = document.getElementById("find");
  const rows = [...table.tBodies[0].rows];
  find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase();
    let n = 0;
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      if (!row.hidden) n++;
    }
    document.getElementById("found").textContent = wanted ? n + " of " + rows.length : "";
  });
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") !== "ascending" : column !== 4 && column !== 5;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => (column ? parseFloat(row.cells[column].textContent) : row.cells[0].textContent);
      const order = (one, other) => (column ? key(one) - key(other) : key(one).localeCompare(key(other)));
      rows.sort((one, other) => (up ? order(one, other) : order(other, one)));
      table.tBodies[0].append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort();
    });
  }
})();
