// The windows in which the network sees a large image, and how their logits become one: inference/logits.py, value for
// value, so that the labels of the page are those of `streetseg predict`.
const STRIDE = 32, RAMP = 16, WINDOW = 768; // logits.STRIDE, logits.RAMP, predictor.WINDOW
const LARGE = 2 ** 22, LARGE_LOGITS = 2 ** 28, WINDOW_LOGITS = 2 ** 27; // pixels; bytes: of predictor.py

// Return the side of the windows in which the network sees an image of this size; Infinity for the whole image.
export function windowSide(classes, [height, width]) {
  if (height * width <= LARGE && 4 * classes * height * width <= LARGE_LOGITS) return Infinity;
  return Math.min(WINDOW, Math.floor(Math.floor(Math.sqrt(Math.floor(WINDOW_LOGITS / (4 * classes)))) / STRIDE) * STRIDE);
}

// Return whether the logits of the whole image are resized at once, the axis that shrinks more first. Else they are
// resized part by part, columns first.
export function isWhole(classes, side, out) {
  return side === Infinity && 4 * classes * out[0] * out[1] <= LARGE_LOGITS;
}

// Yield the logits of an image in rectangles: {y, x, values}, where y and x are {start, end, keepStart, keepEnd} in
// pixels of the image and values is float32 (C, h, w). Neighbors share one row or column of equal logits, for the
// interpolation between them; the parts from keepStart to keepEnd meet.
//
// network: (planes, height, width) -> logits; planes: uint8 (3, h, w) of the whole image.
export async function* rectangles(network, planes, classes, [height, width], side) {
  const above = new Map(); // one seam for each column of windows
  for (const y of along(height, side)) {
    const beside = new Seam("width");
    for (const x of along(width, side)) {
      const logits = await network(crop(planes, 3, height, width, y, x), y.end - y.start, x.end - x.start);
      const seen = { values: logits, height: y.end - y.start, width: x.end - x.start };
      let part = cut(seen, classes, y.usedStart - y.start, y.usedEnd - y.start, x.usedStart - x.start, x.usedEnd - x.start);
      part = beside.join(part, classes, x.end === width);
      if (!above.has(x.start)) above.set(x.start, new Seam("height"));
      part = above.get(x.start).join(part, classes, y.end === height);
      yield { values: part.values, y: place(y.usedStart, part.height, height), x: place(x.usedStart, part.width, width) };
    }
  }
}

// Return where a rectangle is along one axis, and the values before which its pixels begin.
function place(start, length, extent) {
  const end = start + length;
  return { start, end, keepStart: start, keepEnd: end === extent ? end : end - 1 };
}

// Yield each window along one axis, and the part that is used: to the end of the ramps in the middle of its overlaps,
// and one value before.
function* along(extent, side) {
  const margin = side === Infinity ? 0 : STRIDE * Math.max(1, Math.floor(side / 256));
  for (let start = 0; ; start += side - 2 * margin) {
    const end = Math.min(start + side, extent), last = end === extent;
    const usedStart = start === 0 ? 0 : start + margin - RAMP / 2 - 1, usedEnd = last ? end : end - margin + RAMP / 2;
    yield { start, end, usedStart, usedEnd };
    if (last) return;
  }
}

// Joins the logits of windows along one axis. Over RAMP values of the overlap the weight of a window falls to 0 while
// that of the next one rises to 1.
class Seam {
  constructor(axis) {
    this.axis = axis;
    this.end = null; // of the last window: one finished value, and RAMP that wait for the next window
  }

  // Return the finished logits of a window; it begins with the finished value of the window before it.
  join(part, classes, last) {
    if (this.end) this.blend(part, classes);
    if (last) return part;
    const length = part[this.axis];
    this.end = this.slice(part, classes, length - RAMP - 1, length);
    return this.slice(part, classes, 0, length - RAMP);
  }

  // Replace the first values of a window by their average with the waiting ones, in float32 as numpy does.
  blend(part, classes) {
    const { fround } = Math, byRows = this.axis === "height";
    const rows = byRows ? RAMP + 1 : part.height, columns = byRows ? part.width : RAMP + 1;
    for (let c = 0, k = 0; c < classes; c++) {
      for (let r = 0; r < rows; r++) {
        for (let s = 0; s < columns; s++, k++) {
          const at = (c * part.height + r) * part.width + s, one = this.end.values[k], step = byRows ? r : s;
          const weight = step === 0 ? 0 : fround((step - 0.5) / RAMP);
          part.values[at] = fround(one + fround(fround(part.values[at] - one) * weight));
        }
      }
    }
  }

  slice(part, classes, start, end) {
    return this.axis === "height" ? cut(part, classes, start, end, 0, part.width) : cut(part, classes, 0, part.height, start, end);
  }
}

// Return a copy of a rectangle of logits.
function cut({ values, height, width }, classes, top, bottom, left, right) {
  const part = crop(values, classes, height, width, { start: top, end: bottom }, { start: left, end: right });
  return { values: part, height: bottom - top, width: right - left };
}

// Return a rectangle of an array (channels, h, w), a copy unless it is the whole. y, x: {start, end}.
export function crop(values, channels, height, width, y, x) {
  const rows = y.end - y.start, columns = x.end - x.start;
  if (rows === height && columns === width) return values;
  const part = new values.constructor(channels * rows * columns);
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) {
      const from = (c * height + y.start + r) * width + x.start;
      part.set(values.subarray(from, from + columns), (c * rows + r) * columns);
    }
  }
  return part;
}
