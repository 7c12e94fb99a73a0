// All images of the page as a list that can be sorted and filtered, and a dialog that shows one of them large.
// The arrow keys go to the next and the previous image of the list; +, - and 0 zoom; the pointer moves a zoomed image.
const MOST_ZOOM = 16;
const list = { order: "worst", ofClass: -1, images: [] };

// The score that the list is sorted by: the mean over the encoders that are shown.
function scoreOf(image) {
  const shown = DATA.encoders.map((_, k) => k).filter((k) => !hiddenOf.encoder.has(k));
  const of = (k) => list.ofClass < 0 ? Number(image.scores[k]) : image.class_scores[k][list.ofClass];
  return shown.reduce((sum, k) => sum + of(k), 0) / shown.length;
}
const ordered = () => DATA.images
  .map((image, index) => ({ image, index }))
  .filter(({ image }) => list.ofClass < 0 || image.class_scores[0][list.ofClass] !== null)
  .map((one) => ({ ...one, score: scoreOf(one.image) }))
  .sort((a, b) => (list.order === "worst" ? a.score - b.score : b.score - a.score) || a.index - b.index);

const figuresOf = (image, ofClass) => DATA.encoders.map((_, k) => k).filter((k) => !hiddenOf.encoder.has(k)).map((k) => {
  const score = ofClass < 0 ? image.scores[k] : image.class_scores[k][ofClass].toFixed(1);
  return make("span", { className: "of" }, badgeOf(k), ` ${score} `);
});
const chooser = (text, options, change) => {
  const select = make("select");
  options.forEach(([value, title]) => select.add(new Option(title, value)));
  select.addEventListener("change", () => change(select.value));
  return { select, label: make("label", {}, `${text} `, select) };
};
const button = (text, name, act) => {
  const made = make("button", { type: "button", textContent: text, ariaLabel: name, title: name });
  made.addEventListener("click", act);
  return made;
};

// ---- the dialog
const photograph = make("img");
const canvas = make("canvas", { role: "img" });
const sheet = make("div", { className: "sheet" }, canvas);
const view = make("div", { className: "zoomed", tabIndex: 0, role: "group", ariaLabel: "Image; the arrow keys go to the next and the previous one, + and - zoom, shift and an arrow key move it" }, sheet);
const caption = make("p", { className: "caption", id: "viewer-caption" });
caption.setAttribute("aria-live", "polite");
const opacity = make("input", { type: "range", min: 0, max: 100, value: 60, ariaLabel: "Opacity of the map, %" });
const level = make("output", { textContent: "100 %" });
const overlay = chooser("Map over it", MAPS.map((map, k) => [k, map.title]), () => draw());
const previous = button("◂", "previous image", () => go(-1)), next = button("▸", "next image", () => go(1));
const close = button("✕", "close", () => dialog.close());
const dialog = make("dialog", { className: "viewer" },
  make("div", { className: "head" }, caption, close),
  view,
  make("div", { className: "tools" },
    make("span", { className: "group" }, previous, next),
    make("span", { className: "group" }, button("−", "zoom out", () => zoom(1 / 1.5)), level, button("+", "zoom in", () => zoom(1.5)), button("0", "whole image", () => whole())),
    overlay.label,
    make("label", {}, "Opacity ", opacity),
    make("details", {}, make("summary", { textContent: "Classes" }), make("div", { className: "up" }, choiceOfClasses()))));
dialog.setAttribute("aria-labelledby", "viewer-caption");
document.body.append(dialog);

let current = 0, scale = 1, left = 0, top_ = 0, job = 0;

function place() {
  const { clientWidth: width, clientHeight: height } = view;
  const free = (scale - 1) / 2;
  left = Math.max(-width * free, Math.min(width * free, left));
  top_ = Math.max(-height * free, Math.min(height * free, top_));
  sheet.style.transform = `translate(${left}px, ${top_}px) scale(${scale})`;
  view.classList.toggle("movable", scale > 1);
  level.textContent = `${Math.round(100 * scale)} %`;
}
// Zoom, and keep the point under the pointer where it is; x and y count from the center of the view.
function zoom(factor, x = 0, y = 0) {
  const before = scale;
  scale = Math.max(1, Math.min(MOST_ZOOM, scale * factor));
  left = x - (x - left) * scale / before;
  top_ = y - (y - top_) * scale / before;
  place();
}
function whole() {
  [scale, left, top_] = [1, 0, 0];
  place();
}

async function draw() {
  const image = DATA.images[current], map = MAPS[overlay.select.value], mine = ++job;
  opacity.disabled = Number(overlay.select.value) === 0;
  canvas.style.opacity = opacity.value / 100;
  canvas.hidden = opacity.disabled;
  if (opacity.disabled) return;
  const painted = make("canvas");
  await paint(painted, image, map);
  if (mine !== job) return; // another image was asked for
  Object.assign(canvas, { width: painted.width, height: painted.height });
  canvas.getContext("2d").drawImage(painted, 0, 0);
  canvas.ariaLabel = map.title;
}

function show() {
  const image = DATA.images[current], at = list.images.findIndex(({ index }) => index === current);
  photograph.src = image.photograph;
  photograph.alt = image.name;
  sheet.prepend(photograph);
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.ariaLabel = null;
  const about = list.ofClass < 0 ? "mean IoU, %: " : `IoU of ${DATA.classes[list.ofClass].name}, %: `;
  const ofClass = at < 0 ? -1 : list.ofClass;
  caption.replaceChildren(make("b", { textContent: image.name }), at < 0 ? " " : ` (${at + 1} of ${list.images.length}) `,
    make("span", { className: "figures" }, ofClass < 0 ? "mean IoU, %: " : about, ...figuresOf(image, ofClass)));
  draw();
}
function go(step) {
  const at = list.images.findIndex(({ index }) => index === current), count = list.images.length;
  if (!count) return;
  current = list.images[at < 0 ? 0 : (at + step + count) % count].index;
  whole();
  show();
}
function openViewer(index, map) {
  const opener = document.activeElement;
  current = index;
  overlay.select.value = map;
  dialog.showModal();
  view.focus({ preventScroll: true });
  whole();
  show();
  dialog.addEventListener("close", () => opener.focus(), { once: true });
}

opacity.addEventListener("input", () => { canvas.style.opacity = opacity.value / 100; });
view.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = view.getBoundingClientRect();
  zoom(1.2 ** -Math.sign(event.deltaY), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2);
}, { passive: false });
view.addEventListener("pointerdown", (event) => {
  view.setPointerCapture(event.pointerId);
  view.focus({ preventScroll: true });
});
view.addEventListener("pointermove", (event) => {
  if (!view.hasPointerCapture(event.pointerId)) return;
  left += event.movementX;
  top_ += event.movementY;
  place();
});
new ResizeObserver(place).observe(view);
dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("select, input") || event.ctrlKey || event.altKey || event.metaKey) return;
  const step = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (step && event.shiftKey) {
    left += 60 * step[0];
    top_ += 60 * step[1];
    place();
  } else if (event.key === "ArrowLeft") go(-1);
  else if (event.key === "ArrowRight") go(1);
  else if (event.key === "+" || event.key === "=") zoom(1.5);
  else if (event.key === "-") zoom(1 / 1.5);
  else if (event.key === "0") whole();
  else return;
  event.preventDefault();
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// ---- the exhibits: each small image opens the viewer with its own map
document.querySelectorAll(".exhibit").forEach((exhibit) => exhibit.querySelectorAll(".small .layer").forEach((layer) => {
  const index = Number(exhibit.dataset.image);
  if (!DATA.images[index]) return;
  const opens = make("button", { type: "button", className: "opens", ariaLabel: `open large: ${layer.dataset.title}` });
  layer.querySelector(".view").before(opens);
  opens.append(layer.querySelector(".view"));
  opens.addEventListener("click", () => openViewer(index, layer.dataset.place));
}));

// ---- the list
const place_ = document.getElementById("all-images");
if (place_ && DATA.images.length) {
  const tiles = make("ul", { className: "tiles" });
  const count = make("output", { className: "note" });
  // An image is decoded only when it comes near.
  const late = new IntersectionObserver((seen) => seen.filter((one) => one.isIntersecting).forEach(({ target }) => {
    target.append(make("img", { alt: "", decoding: "async", src: DATA.images[target.dataset.index].photograph }));
    late.unobserve(target);
  }), { rootMargin: "300px" });
  const tileOf = ({ image, index }) => {
    const small = make("span", { className: "small-view" });
    small.dataset.index = index;
    late.observe(small);
    const opens = make("button", { type: "button", className: "opens" }, small,
      make("span", { className: "name", textContent: image.name }), make("span", { className: "figures" }, ...figuresOf(image, list.ofClass)));
    opens.addEventListener("click", () => openViewer(index, 2 + Math.max(0, DATA.encoders.findIndex((_, k) => !hiddenOf.encoder.has(k)))));
    return make("li", {}, opens);
  };
  const fill = () => {
    list.images = ordered();
    late.disconnect();
    tiles.replaceChildren(...list.images.map(tileOf));
    const about = list.ofClass < 0 ? "sorted by mean IoU" : `with ${DATA.classes[list.ofClass].name}, sorted by its IoU`;
    count.textContent = `${list.images.length} ${list.images.length === 1 ? "image" : "images"} ${about}`;
  };
  const order = chooser("Order", [["worst", "the worst first"], ["best", "the best first"]], (value) => { list.order = value; fill(); });
  const ofClass = chooser("Class", [[-1, "all classes"], ...DATA.classes.map(({ name }, k) => [k, name])], (value) => { list.ofClass = Number(value); fill(); });
  place_.append(make("h3", { textContent: "All images" }), make("div", { className: "sides" }, order.label, ofClass.label), count, tiles);
  CHOICE.addEventListener("change", fill);
  fill();
}
CHOICE.addEventListener("change", () => {
  [...overlay.select.options].forEach((option, k) => { option.disabled = option.hidden = MAPS[k].encoders.some((e) => hiddenOf.encoder.has(e)); });
  if (overlay.select.selectedOptions[0]?.disabled) overlay.select.value = 1;
  if (dialog.open) draw();
});
