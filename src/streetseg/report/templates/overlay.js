// Paints labels and maps of correct and incorrect pixels over a photograph. Colors and strokes are those of error_maps.py.
const INCORRECT = [213, 94, 0], ONLY_OTHER_INCORRECT = [240, 228, 66], ONLY_FIRST_INCORRECT = [0, 114, 178];
const rising = (x, y) => (y + x) % 12 < 3, falling = (x, y) => (((y - x) % 12) + 12) % 12 < 3;

// What can lie over the photograph, in the order of the layers of an exhibit (gallery_layers.py).
const MAPS = [
  { title: "Only the photograph", encoders: [] },
  { title: "Ground truth", encoders: [], shows: 0 },
  ...DATA.encoders.map(({ letter }, k) => ({ title: `${letter} predicts`, encoders: [k], shows: k + 1 })),
  ...DATA.encoders.map(({ letter }, k) => ({ title: `${letter} correct or incorrect`, encoders: [k] })),
  ...DATA.encoders.slice(1).map(({ letter }, k) => ({ title: `${DATA.encoders[0].letter} against ${letter}`, encoders: [0, k + 1] })),
];

async function decoded(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}

// Class ids of labels: the gray of each pixel.
async function idsOf(uri) {
  const image = await decoded(uri);
  const context = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.naturalWidth, image.naturalHeight).data;
  return { width: image.naturalWidth, height: image.naturalHeight, ids: pixels.filter((_, k) => k % 4 === 0) };
}

// A hidden class and, in a map of correct and incorrect pixels, a correct pixel let the photograph through.
function colorOf(map, truth, predicted) {
  const known = truth < DATA.classes.length;
  if (map.shows !== undefined) {
    const id = map.shows === 0 ? truth : predicted[0];
    if (id >= DATA.classes.length) return () => [0, 0, 0];
    return hiddenOf.class.has(id) ? null : () => DATA.classes[id].color;
  }
  if (!known) return () => [0, 0, 0];
  if (hiddenOf.class.has(truth)) return null;
  const [first, other = first] = predicted.map((id) => id !== truth);
  const stroked = (color, strokes) => (x, y) => strokes(x, y) ? color.map((value) => 0.35 * value) : color;
  if (first && other) return stroked(INCORRECT, (x, y) => rising(x, y) || falling(x, y));
  if (other) return stroked(ONLY_OTHER_INCORRECT, rising);
  return first ? stroked(ONLY_FIRST_INCORRECT, falling) : null;
}

async function paint(canvas, image, map) {
  const labels = await Promise.all([0, ...map.encoders.map((k) => k + 1)].map((k) => idsOf(image.labels[k])));
  const [{ width, height, ids: truth }, ...predictions] = labels;
  const pixels = new ImageData(width, height);
  for (let at = 0; at < truth.length; at += 1) {
    const color = colorOf(map, truth[at], predictions.map(({ ids }) => ids[at]));
    if (color) pixels.data.set([...color(at % width, Math.floor(at / width)), 255], 4 * at);
  }
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
