// Labels images on this device: a worker runs ONNX Runtime, so that the page stays quick.

export const home = "device";
export const videos = false;

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

navigator.serviceWorker?.register("service_worker.js"); // absent on pages that are not secure

worker.onmessage = ({ data: { id, result, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error));
  else resolve(result);
};
worker.onerror = () => {
  for (const { reject } of waiting.values()) reject(new Error("The network cannot be started in this browser."));
  waiting.clear();
};

// Return {models, limits}, as GET /model of the server.
export async function models() {
  const answer = await fetch("model.json");
  if (!answer.ok) throw new Error("model.json is missing beside the page.");
  return answer.json();
}

// Return {width, height, labels, confidence, shares, milliseconds, note} of an image file.
export async function segment(model, blob) {
  const key = `choice of ${model.sha256} in ${model.engine}`;
  const choice = JSON.parse(localStorage.getItem(key)) ?? undefined; // measured once, then remembered
  const result = await new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ id: last, model, blob, choice });
  });
  localStorage.setItem(key, JSON.stringify(result.choice));
  return result;
}
