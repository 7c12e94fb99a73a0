// A stage: the image, and over it the labels of one model or the difference of two.

const LARGEST = 1600; // pixels of the longer side on the screen; labels, downloads and the point use all pixels
const STEP = 0.02; // of a side that an arrow key moves the point
const DIFFERENT = [255, 0, 200];

class AnyStage {
  constructor(bitmap, description) {
    this.width = bitmap.width;
    this.height = bitmap.height;
    const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    this.canvas = canvasOf(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    const context = this.canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
    this.over = canvasOf(this.canvas.width, this.canvas.height);
    this.over.className = "labels";
    this.cross = element("span", "cross");
    this.cross.hidden = true;
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", `${description}. The arrow keys move the point whose class is read.`);
    this.stage.append(this.canvas, this.over, element("span", "handle"), this.cross);
    this.caption = document.createElement("figcaption");
    this.figure = document.createElement("figure");
    this.figure.append(this.stage, this.caption);
    this.onPoint = () => {};
    this.stage.onpointermove = this.stage.onpointerdown = (event) => this.onPoint(this.place(event));
    this.stage.onkeydown = (event) => this.move(event);
  }

  // Return the pixel of the image under the pointer.
  place({ clientX, clientY }) {
    const box = this.stage.getBoundingClientRect();
    const inside = (part, count) => Math.max(0, Math.min(count - 1, Math.floor(part * count)));
    return [inside((clientX - box.left) / box.width, this.width), inside((clientY - box.top) / box.height, this.height)];
  }

  move(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!direction) return;
    event.preventDefault();
    const sides = [this.width, this.height];
    const from = this.at ?? sides.map((side) => side >> 1);
    const steps = sides.map((side) => (event.shiftKey ? 1 : Math.max(1, Math.round(side * STEP))));
    this.onPoint(from.map((value, k) => Math.max(0, Math.min(sides[k] - 1, value + direction[k] * steps[k]))));
  }

  mark(point) {
    this.at = point;
    this.cross.hidden = !point;
    if (!point) return;
    this.cross.style.left = `${(100 * (point[0] + 0.5)) / this.width}%`;
    this.cross.style.top = `${(100 * (point[1] + 0.5)) / this.height}%`;
  }

  // Fill the overlay: `rgba(pixel)` is the color of a pixel of the image as one number, 0 for none.
  fill(rgba) {
    const { width, height } = this.over, context = this.over.getContext("2d");
    const data = context.createImageData(width, height), values = new Uint32Array(data.data.buffer);
    for (let y = 0, k = 0; y < height; y++) {
      const row = Math.floor(((y + 0.5) * this.height) / height) * this.width;
      for (let x = 0; x < width; x++, k++) values[k] = rgba(row + Math.floor(((x + 0.5) * this.width) / width));
    }
    context.putImageData(data, 0, 0);
  }
}

export class Stage extends AnyStage {
  constructor(bitmap, model, result) {
    super(bitmap, `Image with the labels of ${model.name}`);
    if (result.width !== this.width || result.height !== this.height) throw new Error("Labels and image differ in size.");
    this.model = model;
    this.result = result;
    this.caption.append(Object.assign(document.createElement("b"), { textContent: model.name }));
  }

  draw(shown) {
    const colors = new Uint32Array(256);
    for (const { id, name, color } of this.model.classes) if (shown.has(name)) colors[id] = packed(color);
    this.fill((pixel) => colors[this.result.labels[pixel]]);
  }

  addButtons(downloads) {
    const row = element("div", "buttons");
    for (const [text, what, run] of downloads) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
      button.setAttribute("aria-label", `Download ${what} of ${this.model.name}`);
      button.onclick = async () => {
        button.disabled = true;
        await run().finally(() => { button.disabled = false; });
      };
      row.append(button);
    }
    this.figure.append(row);
  }
}

// Where two models name another class.
export class DifferenceStage extends AnyStage {
  constructor(bitmap, first, second) {
    super(bitmap, `Difference of ${first.model.name} and ${second.model.name}`);
    const names = second.model.classes.map(({ name }) => name);
    const other = first.model.classes.map(({ name }) => names.indexOf(name)); // id of the first -> id of the second
    this.differs = (pixel) => other[first.result.labels[pixel]] !== second.result.labels[pixel];
    let count = 0;
    for (let pixel = 0; pixel < this.width * this.height; pixel++) count += this.differs(pixel);
    const share = ((100 * count) / (this.width * this.height)).toFixed(1);
    this.caption.append(Object.assign(document.createElement("b"), { textContent: "Difference" }), `: the models disagree on ${share} % of the pixels, which are magenta here.`);
  }

  draw() {
    const color = packed(DIFFERENT);
    this.fill((pixel) => (this.differs(pixel) ? color : 0));
  }
}

function packed([red, green, blue]) {
  return new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer)[0]; // in the byte order of the machine
}

function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

function element(name, className) {
  return Object.assign(document.createElement(name), { className });
}
