// Tables that sort: by a button in each heading, stable, empty cells last.

/**
 * `columns`: {name, meaning, value(row), show(row), words, long}. Values are numbers or strings; null is an empty cell.
 * `words` are outside text, aligned left; `long` ones get room.
 */
function sortable(caption, columns, rows) {
  const body = el("tbody");
  const heads = columns.map((column) =>
    el(
      "th",
      { scope: "col", class: column.words ? "sortable words" : "sortable" },
      el("button", { type: "button", title: column.meaning, onclick: () => sort(column) }, column.name),
    ),
  );
  const draw = (sorted) =>
    body.replaceChildren(
      ...sorted.map((row) =>
        el(
          "tr",
          {},
          columns.map((column) =>
            el("td", { class: kind(column) }, column.words ? inline(column.show(row)) : column.show(row)),
          ),
        ),
      ),
    );
  const sort = (column) => {
    const head = heads[columns.indexOf(column)];
    const order = head.getAttribute("aria-sort") === (column.words ? "ascending" : "descending") ? "flip" : "first";
    const down = (order === "first") !== Boolean(column.words);
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    draw([...rows].sort((a, b) => compared(column.value(a), column.value(b), down)));
  };
  draw(rows);
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), body);
  return el("div", { class: "card scroll", tabindex: 0, role: "region", "aria-label": caption }, table);
}

function kind(column) {
  return column.words ? (column.long ? "words long" : "words") : null;
}

function compared(a, b, down) {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return down ? -order : order;
}
