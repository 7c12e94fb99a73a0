// Keeps the files of `streetseg export --format web` on this device, so that the page works offline after one visit.
// files.js lists them; it changes with every export, and with it the browser installs this worker again.
importScripts("files.js");

const OURS = `streetseg ${self.registration.scope} `;
const CACHE = OURS + FILES.version;
// With these, the page may use several threads. A static host does not send them.
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin" };

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOlder()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.paths.map((path) => new Request(path, { cache: "no-cache" })));
  await self.skipWaiting();
}

async function forgetOlder() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

// Return a file from the host. What only some browsers need is kept when it is first needed.
async function fetched(request) {
  const found = await fetch(request), path = request.url.slice(self.registration.scope.length);
  if (found.ok && FILES.later.includes(path)) await (await caches.open(CACHE)).put(request, found.clone());
  return found;
}

async function answer(request) {
  const file = request.mode === "navigate" && request.url.split(/[?#]/)[0] === self.registration.scope ? "index.html" : request;
  const found = (await caches.match(file, { cacheName: CACHE, ignoreSearch: true })) ?? (await fetched(request));
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers: { ...Object.fromEntries(found.headers), ...ISOLATED } });
}
