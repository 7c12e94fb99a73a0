// Runs the networks of `streetseg export --format web`: image file in, labels out.
import { bands, histogram, openImage } from "./pixels.js";
import { Resizer, inputSize, label } from "./resample.js";
import { crop, isWhole, rectangles, windowSide } from "./windows.js";

const TOLERANCE = 1e-3; // of the largest logit, to be the same results: deploy.checks.TOLERANCE
const ROUNDS = 3;

const sessions = new Map();

// Return a session of ONNX Runtime that computes with "wasm" or "webgpu", and the module that it is from.
function session(model, kind) {
  const key = `${kind} ${model.name}`;
  if (!sessions.has(key)) sessions.set(key, start(model, kind).catch((error) => { sessions.delete(key); throw error; }));
  return sessions.get(key);
}

async function start(model, kind) {
  const ort = await import(`./runtime/${kind}/ort.js`);
  ort.env.wasm.wasmPaths = { wasm: new URL(`runtime/${kind}/ort.wasm`, import.meta.url).href };
  ort.env.wasm.numThreads = 0; // ONNX Runtime's own choice; 1 where the page is not isolated
  ort.env.logLevel = "error";
  const answer = await fetch(model.file);
  if (!answer.ok) throw new Error(`${model.file} is missing beside the page.`);
  const options = { executionProviders: [kind] };
  return { ort, network: await ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), options) };
}

// Return the logits of an image, uint8 (3, h, w).
async function run({ ort, network }, planes, height, width) {
  const images = new ort.Tensor("uint8", planes, [1, 3, height, width]);
  const { logits } = await network.run({ images }, ["logits"]);
  const data = await logits.getData();
  logits.dispose();
  return data;
}

// Return what to compute with from now on, and why. WebGPU is taken where the browser has it, its logits are those of
// WebAssembly, and it is faster: both are measured on the first image.
async function choose(model, planes, height, width) {
  if (!self.navigator.gpu || !WebAssembly.Suspending || !(await navigator.gpu.requestAdapter())) {
    return { kind: "wasm", note: "Computed by WebAssembly: this browser offers no WebGPU." };
  }
  const wasm = await measure(model, "wasm", planes, height, width, Infinity);
  let webgpu;
  try {
    webgpu = await measure(model, "webgpu", planes, height, width, wasm.time);
  } catch {
    return { kind: "wasm", note: "Computed by WebAssembly: the network does not run on this device's WebGPU." };
  }
  const largest = wasm.logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!wasm.logits.every((value, k) => Math.abs(value - webgpu.logits[k]) <= TOLERANCE * largest)) {
    return { kind: "wasm", note: "Computed by WebAssembly: the results of this device's WebGPU differ." };
  }
  const [kind, fast, slow] = webgpu.time < wasm.time ? ["webgpu", "WebGPU", "WebAssembly"] : ["wasm", "WebAssembly", "WebGPU"];
  const times = [wasm.time, webgpu.time].sort((a, b) => a - b).map((time) => `${time.toFixed(0)} ms`);
  return { kind, note: `Computed by ${fast} (${times[0]} for the network; ${slow}: ${times[1]}).` };
}

// Return the logits and the shortest time of a few rounds; of one round if that takes much longer than `limit`.
async function measure(model, kind, planes, height, width, limit) {
  const opened = await session(model, kind);
  const logits = await run(opened, planes, height, width); // also compiles
  let time = Infinity;
  for (let round = 0; round < ROUNDS && (round === 0 || time < 5 * limit); round++) {
    const started = performance.now();
    await run(opened, planes, height, width);
    time = Math.min(time, performance.now() - started);
  }
  return { logits, time };
}

async function segment(model, blob, choice) {
  const bitmap = await openImage(blob, { exif: model.exif });
  const out = [bitmap.height, bitmap.width], seen = inputSize(...out, model.size), classes = model.classes.length;
  let started = performance.now();
  const resizer = new Resizer(...out, seen);
  for (const { top, rgba } of bands(bitmap)) resizer.add(top, rgba);
  bitmap.close();
  const planes = resizer.planes(), side = windowSide(classes, seen), resized = performance.now() - started;
  const height = Math.min(seen[0], side), width = Math.min(seen[1], side);
  const first = crop(planes, 3, ...seen, { start: 0, end: height }, { start: 0, end: width });
  choice ??= await choose(model, first, height, width);
  const opened = await session(model, choice.kind), network = (...image) => run(opened, ...image);
  started = performance.now();
  const labels = new Uint8Array(out[0] * out[1]), confidence = new Uint8Array(out[0] * out[1]);
  const how = { whole: isWhole(classes, side, out), scaling: model.confidence };
  for await (const part of rectangles(network, planes, classes, seen, side)) label(part, classes, seen, out, how, labels, confidence);
  const milliseconds = resized + performance.now() - started, counts = histogram(labels);
  const raw = model.classes.map(({ id }) => counts[id] / labels.length);
  const shares = model.classes.map(({ id, name }) => ({ id, name, raw: raw[id], adjusted: adjusted(model.adjustment, raw, id) }));
  return { width: out[1], height: out[0], labels, confidence, shares, milliseconds, choice, note: choice.note };
}

// Return the share of a class without the known errors of the network; null where they are not known.
function adjusted(adjustment, raw, id) {
  return adjustment ? raw.reduce((sum, share, other) => sum + adjustment[id][other] * share, 0) : null;
}

let turn = Promise.resolve(); // one image at a time: two would need twice the memory
self.onmessage = ({ data: { id, model, blob, choice } }) => {
  turn = turn.then(async () => {
    try {
      const result = await segment(model, blob, choice);
      self.postMessage({ id, result }, [result.labels.buffer, result.confidence.buffer]);
    } catch (error) {
      self.postMessage({ id, error: error.message || String(error) });
    }
  });
};
