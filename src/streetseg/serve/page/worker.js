// Runs the networks of `streetseg export --format web`: image file in, labels out.
import * as ort from "./runtime/ort.js";
import { bands, histogram, openImage } from "./pixels.js";
import { Resizer, crop, inputSize, label, windows } from "./resample.js";

ort.env.wasm.wasmPaths = { wasm: new URL("runtime/ort.wasm", import.meta.url).href };
ort.env.wasm.numThreads = 0; // ONNX Runtime's own choice; 1 where the page is not isolated

const sessions = new Map();

async function session(model) {
  if (!sessions.has(model.name)) {
    const answer = await fetch(model.file);
    if (!answer.ok) throw new Error(`${model.file} is missing beside the page.`);
    sessions.set(model.name, await ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer())));
  }
  return sessions.get(model.name);
}

async function segment(model, blob) {
  const network = await session(model);
  const bitmap = await openImage(blob, { exif: model.exif });
  const started = performance.now();
  const out = [bitmap.height, bitmap.width], seen = inputSize(...out, model.size), classes = model.classes.length;
  const resizer = new Resizer(...out, seen);
  for (const { top, rgba } of bands(bitmap)) resizer.add(top, rgba);
  bitmap.close();
  const planes = resizer.planes();
  const labels = new Uint8Array(out[0] * out[1]), confidence = new Uint8Array(out[0] * out[1]);
  for (const window of windows(classes, seen, out)) {
    const { y, x } = window, dims = [1, 3, y.end - y.start, x.end - x.start];
    const images = new ort.Tensor("uint8", crop(planes, seen, y, x), dims);
    const { logits } = await network.run({ images }, ["logits"]);
    label(logits.data, classes, window, seen, out, labels, confidence);
    logits.dispose();
  }
  const counts = histogram(labels);
  const shares = model.classes.map(({ id, name }) => ({ id, name, raw: counts[id] / labels.length }));
  return { width: out[1], height: out[0], labels, confidence, shares, milliseconds: performance.now() - started };
}

let turn = Promise.resolve(); // one image at a time: two would need twice the memory
self.onmessage = ({ data: { id, model, blob } }) => {
  turn = turn.then(async () => {
    try {
      const result = await segment(model, blob);
      self.postMessage({ id, result }, [result.labels.buffer, result.confidence.buffer]);
    } catch (error) {
      self.postMessage({ id, error: error.message || String(error) });
    }
  });
};
