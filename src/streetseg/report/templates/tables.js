// Below each table, buttons that copy it and links that save it, as CSV, Markdown or LaTeX.
// CSV is for programs: all digits of a number, and the ends of an interval in columns of their own.
// Markdown and LaTeX are for people: the table as it is shown, an interval in brackets after its value.

const cellText = (cell) => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll("br, .start").forEach((part) => part.replaceWith(" ", ...part.childNodes));
  copy.querySelectorAll(".range").forEach((range) => { range.textContent = ` [${range.textContent}]`; });
  copy.querySelectorAll(".badge").forEach((badge) => badge.append(" "));
  return copy.textContent.replace(/\s+/g, " ").replace(/−/g, "-").trim();
};
const shownRows = (table) => [...table.rows].map((row) => [...row.cells].map(cellText));
const joined = (rows, line, between) => rows.map((row) => line(row)).join(between);

function fullRows(table) {
  const [heading, ...rows] = [...table.rows].map((row) => [...row.cells]);
  const columns = heading.map((_, k) => ["value", "low", "high"].filter((part) => rows.some((row) => part in row[k].dataset)));
  const title = (text, part) => part === "value" ? text : `${text}, ${part}`;
  const spread = (cells, whole, one) => cells.flatMap((cell, k) =>
    columns[k].length ? columns[k].map((part) => one(cell, part)) : [whole(cell)]);
  return [spread(heading, cellText, (cell, part) => title(cellText(cell), part)),
    ...rows.map((row) => spread(row, cellText, (cell, part) => cell.dataset[part] ?? ""))];
}

// What the table is about: its name, the title of the page, and the protocol below it.
function about(table) {
  const section = table.closest("section");
  const after = [...section.querySelectorAll(".protocol")].find(
    (text) => table.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING);
  const parts = [table.parentElement.ariaLabel, document.title, after?.textContent];
  return parts.filter(Boolean).join(". ").replace(/\s+/g, " ").trim();
}

// A spreadsheet takes a text that begins like this for a formula.
const harmless = (text) => /^[=@]|^[+-](?![\d.])/.test(text) ? `'${text}` : text;
const csv = (text) => `"${harmless(text).replace(/"/g, '""')}"`;
const markdown = (text) => text.replace(/[\\|<>*_`[\]]/g, "\\$&");
const latex = (text) => text.replace(/[\\~^]|[&%$#_{}]/g, (sign) =>
  ({ "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" })[sign] ?? `\\${sign}`);

const FORMATS = {
  CSV: { end: "csv", kind: "text/csv", text: (table) =>
    [`# ${about(table).replace(/[",]/g, ";")}`, joined(fullRows(table), (row) => row.map(csv).join(","), "\r\n"), ""].join("\r\n") },
  Markdown: { end: "md", kind: "text/markdown", text: (table) => {
    const [heading, ...rows] = shownRows(table);
    const lines = [heading.map(markdown), heading.map((_, k) => k ? "--:" : "---"), ...rows.map((row) => row.map(markdown))];
    return `${joined(lines, (row) => `| ${row.join(" | ")} |`, "\n")}\n\n${markdown(about(table))}\n`;
  } },
  LaTeX: { end: "tex", kind: "application/x-tex", text: (table) => {
    const rows = shownRows(table);
    return [`% ${about(table)}`, `\\begin{tabular}{l${"r".repeat(rows[0].length - 1)}}`,
      joined(rows, (row) => `${row.map(latex).join(" & ")} \\\\`, "\n"), "\\end{tabular}", ""].join("\n");
  } },
};

function copyButton(name, text, said) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
  button.addEventListener("click", async () => {
    said.textContent = "";
    try {
      await navigator.clipboard.writeText(text());
      said.textContent = "copied";
    } catch {
      said.textContent = "the browser does not allow it";
    }
  });
  return button;
}

document.querySelectorAll(".scroll > table").forEach((table) => {
  const take = Object.assign(document.createElement("p"), { className: "take" });
  const said = document.createElement("output");
  const formats = Object.entries(FORMATS);
  const group = (text, item) => {
    const span = document.createElement("span");
    span.append(text, ...formats.flatMap(([name, format]) => [" ", item(name, format, () => format.text(table))]));
    take.append(span, " ");
  };
  const file = (format) => `${slug(table.parentElement.ariaLabel)}.${format.end}`;
  if (navigator.clipboard) group("Copy as", (name, _, text) => copyButton(name, text, said));
  group("Save as", (name, format, text) => saveLink(name, file(format), format.kind, text));
  take.append(said);
  table.parentElement.after(take);
});
