// Image files as pixels: opened upright and without color conversion, as Pillow reads them.

export const MAX_PIXELS = 100_000_000; // of one image: data.images.MAX_PIXELS
const BAND = 2 ** 22; // pixels of a canvas; phones allow 16 megapixels

// Return the image as a bitmap. Throw an Error with a sentence for a person if it is none, or too large.
export async function openImage(blob, { exif = "apply", limit = MAX_PIXELS } = {}) {
  const size = await headerSize(blob);
  if (size && size[0] * size[1] > limit) throw new Error(`The image has ${megapixels(size)} megapixels; the limit is ${limit / 1e6}.`);
  try {
    const imageOrientation = exif === "apply" ? "from-image" : "none";
    return await createImageBitmap(blob, { imageOrientation, colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error(blob.size ? "This is no image that the browser can read, or it is damaged." : "The file is empty.");
  }
}

// Yield the rows of a bitmap in bands: the number of the first row, and RGBA values.
export function* bands(bitmap) {
  const { width, height } = bitmap, rows = Math.max(1, Math.min(height, Math.floor(BAND / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  context.globalCompositeOperation = "copy";
  for (let top = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    yield { top, rgba: context.getImageData(0, 0, width, Math.min(rows, height - top)).data };
  }
}

// Return one value a pixel of a gray image, uint8 (H * W).
export function grays(bitmap) {
  const values = new Uint8Array(bitmap.width * bitmap.height);
  for (const { top, rgba } of bands(bitmap)) {
    for (let k = 0, at = top * bitmap.width; k < rgba.length; k += 4, at++) values[at] = rgba[k];
  }
  return values;
}

// Return how often each value 0..255 occurs.
export function histogram(values) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]++;
  return counts;
}

// Return [height, width] in the header of a PNG or JPEG file, so that a bomb is not decoded; null for other formats.
async function headerSize(blob) {
  const bytes = new DataView(await blob.slice(0, 2 ** 18).arrayBuffer());
  if (bytes.byteLength > 24 && bytes.getUint32(0) === 0x89504e47) return [bytes.getUint32(20), bytes.getUint32(16)];
  if (bytes.byteLength < 4 || bytes.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; at + 9 < bytes.byteLength; at += 2 + bytes.getUint16(at + 2)) {
    const marker = bytes.getUint16(at);
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) return [bytes.getUint16(at + 5), bytes.getUint16(at + 7)];
  }
  return null;
}

function megapixels([height, width]) {
  return Math.round((height * width) / 1e6);
}
