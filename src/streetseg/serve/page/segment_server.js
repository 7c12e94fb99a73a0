// Labels images on the server that this page is from.
import { grays } from "./pixels.js";

export const videos = true;

// Return {models, limits} of GET /model.
export async function models() {
  return (await request("model")).json();
}

// Return {width, height, labels, confidence, shares, milliseconds} of an image file.
export async function segment(model, blob) {
  const query = new URLSearchParams({ model: model.name, output: "json", include: "labels,confidence" });
  const answer = await (await request(`segment?${query}`, blob)).json();
  const [labels, confidence] = await Promise.all([answer.labels, answer.confidence].map(decoded));
  return { ...answer, labels, confidence };
}

// Return the labeled video, MP4.
export async function segmentVideo(model, blob) {
  return (await request(`segment/video?${new URLSearchParams({ model: model.name })}`, blob)).blob();
}

// Send the token of the server from now on, in this tab.
export function useToken(token) {
  sessionStorage.setItem("token", token);
}

async function request(path, blob) {
  const token = sessionStorage.getItem("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(path, blob ? { method: "POST", body: blob, headers } : { headers });
  } catch {
    throw new Error("The server does not answer.");
  }
  if (answer.ok) return answer;
  const { error: problem, hint } = await answer.json().catch(() => ({}));
  const error = new Error(problem ? `The server says: ${problem}${hint ? ` (${hint})` : ""}.` : `The server answers ${answer.status}.`);
  error.token = answer.status === 401;
  throw error;
}

// Return the pixels of a gray PNG file in base64, uint8 (H * W).
async function decoded(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
  const values = grays(bitmap);
  bitmap.close();
  return values;
}
