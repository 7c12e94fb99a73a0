// Replace each pair of images by one view with a slider. Without this script the pair stays side by side.

function stageFor(exhibit) {
  const pair = exhibit.querySelector(".pair");
  const place = (layer) => Number(layer.dataset.place);
  const layers = [...exhibit.querySelectorAll(".layer")].sort((a, b) => place(a) - place(b));
  const titles = layers.map((layer) => layer.dataset.title);
  const shown = [...pair.querySelectorAll(".layer")].map(place);

  const under = document.createElement("div");
  const over = document.createElement("div");
  over.className = "over";
  const handle = document.createElement("div");
  handle.className = "handle";
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: 100, value: 50, step: 0.5 });

  const frame = document.createElement("div");
  frame.className = "window";
  frame.append(under, over, handle, slider);

  // A class name that the border would cut is hidden.
  const cut = () => {
    frame.style.setProperty("--cut", `${slider.value}%`);
    const border = frame.getBoundingClientRect().width * slider.value / 100;
    frame.querySelectorAll(".tag").forEach((tag) => {
      tag.style.visibility = Math.abs(tag.offsetLeft - border) <= tag.offsetWidth / 2 ? "hidden" : "visible";
    });
  };
  const show = () => {
    under.replaceChildren(layers[shown[0]].querySelector(".view").cloneNode(true));
    over.replaceChildren(layers[shown[1]].querySelector(".view").cloneNode(true));
    slider.setAttribute("aria-label", `left: ${titles[shown[0]]}, right: ${titles[shown[1]]}; moves the border between them`);
    cut();
  };
  slider.addEventListener("input", cut);
  new ResizeObserver(cut).observe(frame);

  const chooser = (side, text) => {
    const label = document.createElement("label");
    const select = document.createElement("select");
    titles.forEach((title, index) => select.add(new Option(title, index, false, index === shown[side])));
    select.addEventListener("change", () => { shown[side] = Number(select.value); show(); });
    label.append(`${text} `, select);
    return label;
  };
  const sides = document.createElement("div");
  sides.className = "sides";
  sides.append(chooser(0, "Left"), chooser(1, "Right"));

  const stage = document.createElement("div");
  stage.className = "stage";
  stage.append(sides, frame);
  exhibit.insertBefore(stage, pair);
  exhibit.querySelector(".small").append(...layers);
  pair.remove();
  show();

  // A layer of a hidden encoder cannot be chosen; where it was shown, the ground truth is.
  const allowed = (layer) => !isHidden("encoder", layer.dataset.encoder ?? "");
  const TRUTH = 1;
  CHOICE.addEventListener("change", () => {
    sides.querySelectorAll("select").forEach((select, side) => {
      [...select.options].forEach((option, index) => { option.disabled = option.hidden = !allowed(layers[index]); });
      if (!allowed(layers[shown[side]])) select.value = shown[side] = TRUTH;
    });
    show();
  });
}

document.querySelectorAll(".exhibit").forEach(stageFor);
