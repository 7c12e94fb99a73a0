"use strict";
// Encoders and classes that a person chose to see. Nothing is computed again: parts of the page are shown or hidden.
const DATA = JSON.parse(document.getElementById("data").textContent);
const CHOICE = new EventTarget();
const hiddenOf = { encoder: new Set(), class: new Set() };

const make = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const badgeOf = (index) => make("span", { className: `badge ${DATA.encoders[index].css}`, textContent: DATA.encoders[index].letter });
const swatchOf = (index) => {
  const swatch = make("span", { className: "swatch" });
  swatch.style.background = `rgb(${DATA.classes[index].color.join(" ")})`;
  return swatch;
};
const isHidden = (kind, indices) => indices.split(" ").some((index) => index && hiddenOf[kind].has(Number(index)));

function choose(kind, hidden) {
  hiddenOf[kind] = new Set(hidden);
  document.querySelectorAll(`[data-${kind}]`).forEach((part) => {
    part.classList.toggle(`no-${kind}`, isHidden(kind, part.dataset[kind]));
  });
  CHOICE.dispatchEvent(new Event("change"));
}

// A group of boxes, one for each encoder or class; all groups of a kind agree. One encoder or class at least stays.
function choiceOf(kind, title, things, sign) {
  const others = (index) => things.map((_, k) => k).filter((k) => k !== index);
  const rows = things.map((thing, index) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      const hidden = new Set(hiddenOf[kind]);
      if (box.checked) hidden.delete(index); else hidden.add(index);
      choose(kind, hidden);
    });
    const only = make("button", { type: "button", textContent: "only", ariaLabel: `only ${thing.name}` });
    only.addEventListener("click", () => choose(kind, others(index)));
    return { box, row: make("li", {}, make("label", {}, box, sign(index), make("span", { textContent: thing.name })), only) };
  });
  const all = make("button", { type: "button", textContent: "all", ariaLabel: `all ${title.toLowerCase()}` });
  all.addEventListener("click", () => choose(kind, []));
  CHOICE.addEventListener("change", () => {
    const shown = things.length - hiddenOf[kind].size;
    rows.forEach(({ box }, index) => {
      box.checked = !hiddenOf[kind].has(index);
      box.disabled = box.checked && shown === 1;
    });
    all.disabled = shown === things.length;
  });
  all.disabled = true;
  if (things.length === 1) rows[0].box.disabled = true;
  return make("fieldset", { className: "choice" }, make("legend", {}, `${title} `, all), make("ul", {}, ...rows.map(({ row }) => row)));
}
const choiceOfEncoders = () => choiceOf("encoder", "Encoders", DATA.encoders, badgeOf);
const choiceOfClasses = () => choiceOf("class", "Classes", DATA.classes, swatchOf);

// In the legend a click on a class shows only it; a second click shows all of them.
document.querySelectorAll("#images .legend [data-class]").forEach((item) => {
  const index = Number(item.dataset.class);
  item.removeAttribute("data-class"); // the legend itself stays whole
  const button = make("button", { type: "button", className: "pick" }, ...item.childNodes);
  button.addEventListener("click", () => {
    const alone = button.getAttribute("aria-pressed") === "true";
    choose("class", alone ? [] : DATA.classes.map((_, k) => k).filter((k) => k !== index));
  });
  const mark = () => {
    button.setAttribute("aria-pressed", String(hiddenOf.class.size > 0 && hiddenOf.class.size === DATA.classes.length - 1 && !hiddenOf.class.has(index)));
    button.classList.toggle("off", hiddenOf.class.has(index));
  };
  CHOICE.addEventListener("change", mark);
  item.append(button);
  mark();
});
