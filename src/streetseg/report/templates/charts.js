// Below each chart, links that save it: SVG with the colors of light and dark, PNG twice as large and light.

const chartStyle = document.querySelector("#chart-style").textContent;

function svgText(chart, style, scale = 1) {
  const copy = chart.cloneNode(true);
  const { width, height } = chart.viewBox.baseVal;
  ["tabindex", "style"].forEach((name) => copy.removeAttribute(name));
  copy.setAttribute("width", width * scale);
  copy.setAttribute("height", height * scale);
  const sheet = document.createElementNS(copy.namespaceURI, "style");
  const paper = document.createElementNS(copy.namespaceURI, "rect");
  sheet.textContent = style;
  Object.entries({ width: "100%", height: "100%", class: "paper" }).forEach(([name, value]) => paper.setAttribute(name, value));
  copy.prepend(sheet, paper);
  return new XMLSerializer().serializeToString(copy);
}

async function pngAddress(chart) {
  const light = chartStyle.replaceAll("prefers-color-scheme: dark", "width < 0");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(chart, light, 2))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/png");
}

document.querySelectorAll("figure svg.chart").forEach((chart) => {
  const take = Object.assign(document.createElement("p"), { className: "take" });
  const links = document.createElement("span"), name = slug(chart.ariaLabel.split(/[;:]/)[0]);
  links.append("Save as ", saveLink("SVG", `${name}.svg`, "image/svg+xml", () => svgText(chart, chartStyle)), " ",
    saveLink("PNG", `${name}.png`, "image/png", () => pngAddress(chart)));
  take.append(links);
  (chart.closest(".scroll") ?? chart).after(take);
});
