// The size at which a network sees an image, and both resizes, with the arithmetic of Python to the last bit:
// streetseg.arrays (Pillow's antialiased bilinear resize in fixed point) and streetseg.inference.logits (float32).
// The browser's own scaling differs from browser to browser, and the labels would differ with it.

const BITS = 22; // of a coefficient behind the point, as in Pillow

// Return [height, width] at which a network trained for `trained` sees an image: arrays.input_size.
export function inputSize(height, width, trained) {
  if (!trained) return [height, width];
  const scale = Math.sqrt((trained[0] * trained[1]) / (height * width));
  return [height, width].map((side) => Math.max(1, roundHalfEven(side * scale)));
}

function roundHalfEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

// Return for each new pixel the first old pixel, and the fixed-point coefficients of the old pixels from there on.
function coefficients(old, size) {
  const scale = old / size, support = Math.max(scale, 1);
  return Array.from({ length: size }, (_, k) => {
    const center = (k + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(old, Math.trunc(center + support + 0.5));
    const weights = [];
    for (let x = 0; x < last - first; x++) weights.push(Math.max(0, 1 - Math.abs((x + first - center + 0.5) * (1 / support))));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: Int32Array.from(weights, (weight) => Math.trunc(0.5 + (weight / total) * 2 ** BITS)) };
  });
}

// An image that is resized while its rows arrive, so that it is never whole in memory.
export class Resizer {
  constructor(height, width, size) {
    this.size = size;
    this.width = width;
    this.columns = width === size[1] ? null : coefficients(width, size[1]);
    this.rows = height === size[0] ? null : coefficients(height, size[0]);
    this.rowsFirst = height > size[0] && height - size[0] > 2 * (width - size[1]); // the order of Pillow 13
    if (this.rowsFirst) this.sums = new Int32Array(size[0] * width * 3).fill(1 << (BITS - 1));
    else this.narrow = new Uint8Array(height * size[1] * 3); // the image at its own height and the new width
  }

  // Take rows of RGBA pixels, the first of which is row `top` of the image.
  add(top, rgba) {
    const { width, size } = this, rows = rgba.length / (4 * width);
    for (let y = 0; y < rows; y++) {
      if (this.rowsFirst) this.addToSums(top + y, rgba, 4 * y * width);
      else narrowed(rgba, 4 * y * width, 4, this.columns, size[1], this.narrow, 3 * (top + y) * size[1]);
    }
  }

  // Add row y of the image, which begins at `from`, to the new rows that it is a part of.
  addToSums(y, rgba, from) {
    const { width, sums } = this;
    for (let row = 0; row < this.rows.length; row++) {
      const { first, weights } = this.rows[row], weight = weights[y - first];
      if (first > y) return;
      if (weight === undefined) continue;
      for (let x = 0, at = 3 * row * width, k = from; x < width; x++, at += 3, k += 4) {
        sums[at] += rgba[k] * weight;
        sums[at + 1] += rgba[k + 1] * weight;
        sums[at + 2] += rgba[k + 2] * weight;
      }
    }
  }

  // Return the resized image as planes, uint8 (3, h, w).
  planes() {
    const [height, width] = this.size, planes = new Uint8Array(3 * height * width);
    const row = new Uint8Array(3 * width), wide = new Uint8Array(3 * this.width);
    for (let y = 0; y < height; y++) {
      if (this.rowsFirst) {
        for (let k = 0; k < wide.length; k++) wide[k] = Math.min(255, this.sums[y * wide.length + k] >> BITS);
        narrowed(wide, 0, 3, this.columns, width, row, 0);
      } else {
        this.shortened(y, row);
      }
      for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) planes[(c * height + y) * width + x] = row[3 * x + c];
    }
    return planes;
  }

  // Fill a new row from the rows of the narrow image.
  shortened(y, row) {
    const { narrow } = this, step = row.length;
    if (!this.rows) return row.set(narrow.subarray(y * step, (y + 1) * step));
    const { first, weights } = this.rows[y];
    for (let k = 0; k < step; k++) {
      let sum = 1 << (BITS - 1);
      for (let r = 0, at = first * step + k; r < weights.length; r++, at += step) sum += narrow[at] * weights[r];
      row[k] = Math.min(255, sum >> BITS);
    }
  }
}

// Write a row at its new width, RGB. The pixels of the old one begin at `from` and are `step` bytes apart.
function narrowed(source, from, step, columns, count, target, to) {
  for (let x = 0; x < count; x++) {
    let red, green, blue;
    if (columns) {
      const { first, weights } = columns[x];
      red = green = blue = 1 << (BITS - 1);
      for (let k = 0, at = from + step * first; k < weights.length; k++, at += step) {
        red += source[at] * weights[k];
        green += source[at + 1] * weights[k];
        blue += source[at + 2] * weights[k];
      }
      red >>= BITS; green >>= BITS; blue >>= BITS;
    } else {
      const at = from + step * x;
      red = source[at]; green = source[at + 1]; blue = source[at + 2];
    }
    const at = to + 3 * x;
    target[at] = Math.min(255, red); target[at + 1] = Math.min(255, green); target[at + 2] = Math.min(255, blue);
  }
}

// Return the two old values that each new value of an axis is interpolated from: arrays.bilinear_taps.
export function bilinearTaps(old, size) {
  const before = new Int32Array(size), after = new Int32Array(size), weight = new Float32Array(size);
  for (let k = 0; k < size; k++) {
    const center = Math.max((k + 0.5) * (old / size) - 0.5, 0);
    before[k] = Math.min(Math.trunc(center), old - 1);
    after[k] = Math.min(before[k] + 1, old - 1);
    weight[k] = center - before[k];
  }
  return { before, after, weight };
}

// Write the labels and confidences (0..255) of the pixels that a rectangle of logits is for.
// rectangle: of `rectangles`. whole: the axis that shrinks more is resized first; else the columns.
// scaling: {scale, bias} of each class, the calibration of the confidence; null where there is none.
export function label(rectangle, classes, seen, out, { whole, scaling }, labels, confidence) {
  const { y, x, values: logits } = rectangle, [outHeight, outWidth] = out;
  const tapsY = bilinearTaps(seen[0], outHeight), tapsX = bilinearTaps(seen[1], outWidth);
  const top = lowerBound(tapsY.before, y.keepStart), bottom = lowerBound(tapsY.before, y.keepEnd);
  const left = lowerBound(tapsX.before, x.keepStart), right = lowerBound(tapsX.before, x.keepEnd);
  const height = y.end - y.start, width = x.end - x.start, columns = right - left;
  const rowsFirst = whole && outHeight / seen[0] <= outWidth / seen[1];
  const line = new Float32Array(classes * columns), row = new Float32Array(classes * width);
  const fround = Math.fround;

  const widened = (source, from, step, target) => {
    for (let c = 0; c < classes; c++) {
      const start = from + c * step, to = c * columns;
      for (let k = 0; k < columns; k++) {
        const low = source[start + tapsX.before[left + k] - x.start], high = source[start + tapsX.after[left + k] - x.start];
        target[to + k] = fround(low + fround(fround(high - low) * tapsX.weight[left + k]));
      }
    }
  };
  const wide = { before: -1, after: -1, low: new Float32Array(classes * columns), high: new Float32Array(classes * columns) };

  for (let r = top; r < bottom; r++) {
    const before = tapsY.before[r] - y.start, after = tapsY.after[r] - y.start, weight = tapsY.weight[r];
    if (rowsFirst) {
      for (let c = 0; c < classes; c++) {
        const low = (c * height + before) * width, high = (c * height + after) * width;
        for (let k = 0; k < width; k++) row[c * width + k] = fround(logits[low + k] + fround(fround(logits[high + k] - logits[low + k]) * weight));
      }
      widened(row, 0, width, line);
    } else {
      if (wide.before !== before) widened(logits, before * width, height * width, wide.low);
      if (wide.after !== after) widened(logits, after * width, height * width, wide.high);
      Object.assign(wide, { before, after });
      for (let k = 0; k < line.length; k++) line[k] = fround(wide.low[k] + fround(fround(wide.high[k] - wide.low[k]) * weight));
    }
    for (let k = 0, at = r * outWidth + left; k < columns; k++, at++) {
      let best = 0, largest = line[k], total = 0;
      for (let c = 1; c < classes; c++) if (line[c * columns + k] > largest) largest = line[(best = c) * columns + k];
      labels[at] = best;
      if (scaling) {
        for (let c = 0; c < classes; c++) line[c * columns + k] = fround(fround(line[c * columns + k] * scaling.scale[c]) + scaling.bias[c]);
        largest = line[best * columns + k];
      }
      for (let c = 0; c < classes; c++) total += Math.exp(line[c * columns + k] - largest);
      confidence[at] = Math.round(255 / total); // total is the sum of the probabilities as shares of the label's
    }
  }
}

// Return the first position whose value is not below `value`, in ascending values: numpy.searchsorted.
function lowerBound(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
