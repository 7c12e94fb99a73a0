// Below each table, buttons that copy it as CSV, Markdown or LaTeX. An interval stands in brackets after its value.

const cellText = (cell) => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll("br, .start").forEach((part) => part.replaceWith(" ", ...part.childNodes));
  copy.querySelectorAll(".range").forEach((range) => { range.textContent = ` [${range.textContent}]`; });
  copy.querySelectorAll(".badge").forEach((badge) => badge.append(" "));
  return copy.textContent.replace(/\s+/g, " ").replace(/−/g, "-").trim();
};
const joined = (rows, line, between) => rows.map((row) => line(row)).join(between);

// A spreadsheet takes a text that begins like this for a formula.
const harmless = (text) => /^[=@]|^[+-](?![\d.])/.test(text) ? `'${text}` : text;
const csv = (text) => `"${harmless(text).replace(/"/g, '""')}"`;
const markdown = (text) => text.replace(/[\\|<>*_`[\]]/g, "\\$&");
const latex = (text) => text.replace(/[\\~^]|[&%$#_{}]/g, (sign) =>
  ({ "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" })[sign] ?? `\\${sign}`);

const FORMATS = {
  CSV: (rows) => joined(rows, (row) => row.map(csv).join(","), "\r\n"),
  Markdown: ([heading, ...rows]) => joined(
    [heading.map(markdown), heading.map((_, k) => k ? "--:" : "---"), ...rows.map((row) => row.map(markdown))],
    (row) => `| ${row.join(" | ")} |`, "\n"),
  LaTeX: (rows) => [`\\begin{tabular}{l${"r".repeat(rows[0].length - 1)}}`,
    joined(rows, (row) => `${row.map(latex).join(" & ")} \\\\`, "\n"), "\\end{tabular}"].join("\n"),
};

if (navigator.clipboard) document.querySelectorAll(".scroll > table").forEach((table) => {
  const take = document.createElement("p");
  const said = document.createElement("output");
  take.className = "take";
  take.append("Copy as ");
  for (const [name, format] of Object.entries(FORMATS)) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.addEventListener("click", async () => {
      said.textContent = "";
      const rows = [...table.rows].map((row) => [...row.cells].map(cellText));
      try {
        await navigator.clipboard.writeText(format(rows));
        said.textContent = "copied";
      } catch {
        said.textContent = "the browser does not allow it";
      }
    });
    take.append(button, " ");
  }
  take.append(said);
  table.parentElement.after(take);
});
