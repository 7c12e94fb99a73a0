// The heading of each column sorts its table: ascending, descending, and at the third click as it was.

const number = (text) => parseFloat(text.replace(/−/g, "-").replace(/^[<>] /, ""));
const missing = (text) => text === "" || text === "–" || text === "−";

// The value by which a cell is sorted: a number where it has one, else its text; null where there is none.
function sortValue(cell) {
  const known = cell.dataset.value ?? cell.dataset.low;
  if (known !== undefined) return known === "" ? null : Number(known);
  const text = cellText(cell.querySelector(".badge + span") ?? cell);  // the name of an encoder without its letter
  if (missing(text)) return null;
  return cell.tagName === "TD" && Number.isFinite(number(text)) ? number(text) : text;
}

function compared(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

document.querySelectorAll(".scroll > table").forEach((table) => {
  const body = table.tBodies[0], original = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  if (original.length < 2) return;

  const sort = (column, order) => {
    const keyed = original.map((row) => [sortValue(row.cells[column]), row]);
    const there = keyed.filter(([value]) => value !== null), gone = keyed.filter(([value]) => value === null);
    if (order !== "none") there.sort(([one], [other]) => (order === "ascending" ? 1 : -1) * compared(one, other));
    body.append(...(order === "none" ? original : [...there, ...gone].map(([, row]) => row)));
  };
  headings.forEach((heading, column) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const order = { ascending: "descending", descending: "none" }[heading.ariaSort] ?? "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      if (order !== "none") heading.ariaSort = order;
      sort(column, order);
    });
  });
});
