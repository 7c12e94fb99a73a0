// The page: one image, one or two models, their labels over it.
// Plain modules without a library: none that helps here is small and has no dependencies of its own.
import { openCamera } from "./camera.js";
import { mask, overlay, save, shares } from "./downloads.js";
import { openImage } from "./pixels.js";
import { DifferenceStage, Stage } from "./stage.js";

const at = (id) => document.getElementById(id);
const onDevice = document.documentElement.dataset.home === "device";
const backend = await import(onDevice ? "./segment_local.js" : "./segment_server.js");

let known = []; // the models
let limits = {};
let image = null; // {blob, stem, bitmap, results: Map of model name -> result}
let stages = [];
let shown = new Set(); // names of the classes that are drawn
let point = null; // [x, y] in the image
let request = 0; // of the newest image or choice; the answers of older ones are dropped

at("home").textContent = onDevice ? "on this device: images are sent nowhere" : "on this server: images are sent nowhere else";
at("decoders").hidden = !onDevice;
at("file").accept = backend.videos ? "image/*,video/*" : "image/*";
await start();

async function start() {
  try {
    ({ models: known, limits } = await backend.models());
  } catch (error) {
    at("token-form").hidden = !error.token;
    return fail(error);
  }
  at("token-form").hidden = true;
  at("error").textContent = "";
  at("first").replaceChildren(...known.map((model) => new Option(model.name, model.name)));
  at("second-field").hidden = known.length < 2;
  chooseSecond();
  say("Choose an image to begin.");
}

function chooseSecond() {
  const before = at("second").value;
  const others = known.filter((model) => model.name !== at("first").value);
  at("second").replaceChildren(new Option("no other model", ""), ...others.map((model) => new Option(model.name, model.name)));
  at("second").value = others.some((model) => model.name === before) ? before : "";
}

function chosen() {
  return [at("first").value, at("second").value].filter(Boolean).map((name) => known.find((model) => model.name === name));
}

function say(text, busy = false) {
  at("status").textContent = text;
  document.body.classList.toggle("busy", busy);
}

function fail(error) {
  say("");
  at("error").textContent = error.message || String(error);
}

// Take a file that was chosen, dropped, pasted or photographed.
async function take(blob) {
  const mine = ++request;
  at("error").textContent = "";
  at("result").hidden = at("video-result").hidden = true;
  image?.bitmap.close();
  image = null;
  const stem = (blob.name ?? "image").replace(/\.[^.]*$/, "") || "image";
  if (blob.type.startsWith("video/")) return takeVideo(blob, stem, mine);
  say("Reading the image …", true);
  try {
    if (blob.size > limits.bytes) throw new Error(`The file has ${megabytes(blob.size)} MB; the limit is ${megabytes(limits.bytes)} MB.`);
    const bitmap = await openImage(blob, { exif: chosen()[0]?.exif, limit: limits.pixels });
    if (mine !== request) return bitmap.close();
    image = { blob, stem, bitmap, results: new Map() };
  } catch (error) {
    if (mine === request) fail(error);
    return;
  }
  point = null;
  await label();
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

// Label the image with every chosen model that has not labeled it yet, then show the results.
async function label() {
  if (!image) return;
  const mine = ++request, models = chosen(), { blob, results } = image;
  at("error").textContent = "";
  try {
    for (const model of models) {
      if (results.has(model.name)) continue;
      say(`${model.name} labels the image …`, true);
      const result = await backend.segment(model, blob);
      if (mine !== request) return;
      results.set(model.name, result);
    }
    show(models);
  } catch (error) {
    if (mine === request) fail(error);
  }
}

function show(models) {
  const parts = models.map((model) => ({ model, result: image.results.get(model.name) }));
  stages = parts.map((part) => new Stage(image.bitmap, part.model, part.result));
  if (parts.length === 2) stages.push(new DifferenceStage(image.bitmap, ...stages));
  for (const stage of stages) {
    stage.onPoint = setPoint;
    if (stage.result) stage.addButtons(downloadsOf(stage));
  }
  at("stages").replaceChildren(...stages.map((stage) => stage.figure));
  shown = new Set(parts.flatMap(({ model }) => model.classes.map(({ name }) => name)));
  listClasses(parts);
  draw();
  setPoint(point);
  at("result").hidden = false;
  const { width, height } = parts[0].result;
  const times = parts.map(({ model, result }) => `${model.name} ${Math.round(result.milliseconds)} ms`);
  const notes = new Set(parts.map(({ result }) => result.note).filter(Boolean));
  say([`${width} × ${height} pixels: ${times.join(", ")}.`, ...notes].join(" "));
  at("about").textContent = parts.map(({ model }) => about(model)).join(" ");
}

function about(model) {
  const lowered = model.precision === "fp32" ? "" : " in fp32"; // the score of the network, before a lower precision
  const dataset = model.dataset ? ` on ${model.dataset}` : "";
  const score = model.mean_iou == null ? "" : `, mean IoU${lowered} ${model.mean_iou.toFixed(1)} %${dataset}`;
  return `${model.name}: ${model.encoder}, ${model.precision}, ${model.engine}${score}.`;
}

function downloadsOf(stage) {
  const { model, result } = stage, { bitmap, stem } = image;
  const ending = stages.length > 1 ? `_${model.name}` : "";
  const drawn = () => model.classes.filter(({ name }) => shown.has(name));
  return [
    ["Mask", "mask (PNG of class ids)", async () => save(await mask(result), `${stem}${ending}_ids.png`)],
    ["Overlay", "overlay (PNG)", async () => save(await overlay(bitmap, result, drawn(), at("opacity").value / 100), `${stem}${ending}_overlay.png`)],
    ["Shares", "shares of the classes (CSV)", async () => save(shares(result), `${stem}${ending}_shares.csv`)],
  ];
}

// Fill the table of classes: one row a name, one column of shares a model.
function listClasses(parts) {
  const names = [...shown], several = parts.length > 1;
  const head = (text) => Object.assign(document.createElement("th"), { scope: "col", textContent: text });
  at("heads").replaceChildren(head("Class"), ...parts.map(({ model }) => {
    const title = model.adjustment ? "Share (adjusted)" : "Share";
    return head(several ? `${title}, ${model.name}` : title);
  }));
  at("classes").replaceChildren(...names.map((name) => classRow(name, parts)));
}

function classRow(name, parts) {
  const { color } = parts.flatMap(({ model }) => model.classes).find((one) => one.name === name);
  const row = document.createElement("tr"), head = document.createElement("th"), field = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
  box.dataset.name = name;
  box.onchange = () => {
    if (box.checked) shown.add(name);
    else shown.delete(name);
    draw();
  };
  const swatch = Object.assign(document.createElement("canvas"), { className: "swatch", width: 1, height: 1 });
  swatch.setAttribute("aria-hidden", "true");
  const context = swatch.getContext("2d");
  context.fillStyle = `rgb(${color.join(" ")})`;
  context.fillRect(0, 0, 1, 1);
  field.append(box, swatch, name);
  head.scope = "row";
  head.append(field);
  row.append(head, ...parts.map(({ result }) => {
    const share = result.shares.find((one) => one.name === name);
    return Object.assign(document.createElement("td"), { textContent: share ? shareText(share) : "–" });
  }));
  return row;
}

function shareText({ raw, adjusted }) {
  return percent(raw) + (typeof adjusted === "number" ? ` (${percent(adjusted)})` : "");
}

function percent(share) {
  return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function draw() {
  for (const stage of stages) stage.draw(shown);
}

// Show the class and confidence of every model at a point of the image.
function setPoint(place) {
  point = place;
  for (const stage of stages) stage.mark(point);
  if (!point) return at("point").replaceChildren("Point at the image to read the class and its confidence.");
  const [x, y] = point;
  const parts = stages.filter(({ result }) => result).flatMap(({ model, result }) => {
    const id = result.labels[y * result.width + x], found = model.classes.find((one) => one.id === id);
    const swatch = document.createElement("i");
    swatch.style.background = `rgb(${found.color.join(" ")})`;
    const confidence = Math.round((100 * result.confidence[y * result.width + x]) / 255);
    return [stages.length > 1 ? `; ${model.name}: ` : ": ", swatch, `${found.name}, ${confidence} %`];
  });
  at("point").replaceChildren(`Pixel ${x}, ${y}`, ...parts);
}

async function takeVideo(blob, stem, mine) {
  if (!backend.videos) return fail(new Error("This page labels images only. For videos: streetseg serve, or streetseg predict."));
  say("The server labels the video. This can take as long as the video, or longer …", true);
  try {
    const video = await backend.segmentVideo(chosen()[0], blob);
    if (mine !== request) return;
    URL.revokeObjectURL(at("video").src);
    at("video").src = at("video-link").href = URL.createObjectURL(video);
    at("video-link").download = `${stem}_overlay.mp4`;
    at("video-result").hidden = false;
    say("The video is ready.");
  } catch (error) {
    if (mine === request) fail(error);
  }
}

// Ways to bring an image.
for (const id of ["file", "capture"]) {
  at(id).onchange = () => {
    if (at(id).files.length) take(at(id).files[0]);
    at(id).value = "";
  };
}
at("sample").onclick = async () => take(new File([await (await fetch("sample.png")).blob()], "sample.png", { type: "image/png" }));
at("camera").onclick = async () => {
  if (!navigator.mediaDevices?.getUserMedia) return at("capture").click(); // no secure page: the system's own camera
  try {
    const photo = await openCamera(at("camera-dialog"), at("live"), at("shoot"), at("close"));
    if (photo) take(photo);
  } catch (error) {
    fail(new Error(`The camera cannot be used: ${error.message}`));
  }
};
addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) take(file);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

// Choices.
at("first").onchange = () => {
  chooseSecond();
  label();
};
at("second").onchange = label;
for (const [id, unit] of [["opacity", 100], ["wipe", "%"]]) {
  at(id).oninput = () => {
    const value = at(id).value;
    at("stages").style.setProperty(`--${id}`, unit === 100 ? value / 100 : `${value}%`);
    if (id === "wipe") at("stages").classList.toggle("wiped", value > 0);
    document.querySelector(`output[for=${id}]`).textContent = `${value} %`;
  };
}
for (const [id, checked] of [["all", true], ["none", false]]) {
  at(id).onclick = () => {
    for (const box of at("classes").querySelectorAll("input")) if (box.checked !== checked) box.click();
  };
}
at("token-form").onsubmit = (event) => {
  event.preventDefault();
  backend.useToken(at("token").value);
  start();
};
