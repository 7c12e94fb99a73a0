// Files to take away: named and encoded as `streetseg predict` does.
import { bands, histogram } from "./pixels.js";
import { encodePng } from "./png.js";

// Return the labels as an 8-bit PNG of class ids, at the size of the image.
export function mask({ width, height, labels }) {
  return encodePng(width, height, 1, (y) => labels.subarray(y * width, (y + 1) * width));
}

// Return the image under the colors of the classes, as PNG.
export function overlay(bitmap, { width, height, labels }, classes, opacity) {
  const colors = new Map(classes.map(({ id, color }) => [id, color]));
  const rows = rowsOf(bitmap), line = new Uint8Array(3 * width);
  return encodePng(width, height, 3, () => {
    const { rgba, from, pixel } = rows.next().value;
    for (let x = 0; x < width; x++) {
      const color = colors.get(labels[pixel + x]);
      for (let c = 0; c < 3; c++) {
        const value = rgba[from + 4 * x + c];
        line[3 * x + c] = color ? Math.floor(value + (color[c] - value) * opacity) : value;
      }
    }
    return line;
  });
}

// Yield where each row of the image is: RGBA values, the index of its first one, and the number of its first pixel.
function* rowsOf(bitmap) {
  for (const { top, rgba } of bands(bitmap)) {
    for (let from = 0, y = top; from < rgba.length; from += 4 * bitmap.width, y++) yield { rgba, from, pixel: y * bitmap.width };
  }
}

// Return the share of each class as CSV.
export function shares(result) {
  const counts = histogram(result.labels);
  const lines = result.shares.map(({ id, name, raw, adjusted }) => {
    return [id, cell(name), counts[id], raw.toFixed(6), typeof adjusted === "number" ? adjusted.toFixed(6) : ""].join(",");
  });
  return new Blob([["id,class,pixels,share,adjusted", ...lines, ""].join("\r\n")], { type: "text/csv" });
}

// Return a text as a cell that no spreadsheet runs as a formula.
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Offer a file for download.
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
