"use strict";
// Small comforts of every page. Nothing here is needed to read it.
window.DATASETTE_ALLOW_FACET = true;

document.addEventListener("DOMContentLoaded", () => {
  for (const list of document.querySelectorAll("dl.column-descriptions")) {
    fold(list, "columns", "What the columns mean");
  }
  for (const choice of document.querySelectorAll("select[data-submits]")) {
    choice.addEventListener("change", () => choice.form.submit());
  }
  const canned = document.querySelector("pre#sql-query");
  if (canned) fold(canned, "sql", "The query");
  for (const table of document.querySelectorAll("table.rows-and-columns")) {
    if (document.body.classList.contains("row") && table.tBodies[0].rows.length === 1) stand(table);
    else alignNumbers(table);
  }
});

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.actions-menu-links[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

/** Hide an element behind a line that opens it. */
function fold(element, kind, text) {
  const details = Object.assign(document.createElement("details"), { className: kind });
  details.append(Object.assign(document.createElement("summary"), { textContent: text }));
  element.replaceWith(details);
  details.append(element);
}

/** One row reads better as a list: a line for each column. */
function stand(table) {
  const upright = Object.assign(document.createElement("table"), { className: "rows-and-columns upright" });
  const body = upright.createTBody();
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const line = body.insertRow();
    line.append(Object.assign(document.createElement("th"), { scope: "row", textContent: head.textContent.trim() }));
    line.append(table.tBodies[0].rows[0].cells[0]);
  });
  table.replaceWith(upright);
}

/** Columns of numbers stand to the right, digit below digit. */
function alignNumbers(table) {
  const rows = [...table.tBodies[0].rows];
  const heads = table.tHead.rows[0].cells;
  for (let column = 0; column < heads.length; column += 1) {
    const cells = rows.map((row) => row.cells[column]).filter(Boolean);
    const texts = cells.map((cell) => cell.textContent.trim()).filter((text) => text);
    if (texts.length && texts.every((text) => /^[-−]?[\d,]+(\.\d+)?(e[-+]?\d+)?$/.test(text))) {
      for (const cell of [heads[column], ...cells]) cell.classList.add("number");
    }
  }
}
