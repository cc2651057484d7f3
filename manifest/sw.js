// The service worker: shows every push, answers from the cache what never changes, and says so when the server is out
// of reach. It must never cache a page or an answer that belongs to a signed-in person.
//
// The server fills in the two constants: the version changes with any byte of what is cached here (the client, this
// file, the offline page, the icons), so that a new build is a new worker, and the assets are a JSON array with the
// addresses of the client's files. It serves, without sign-in: /sw.js, /offline (offline.html), /offline.js,
// /offline.css, /manifest.webmanifest, /icons/*; and with the session: POST /api/push/displayed { endpoint }.
//
// The page may send SKIP_WAITING. It receives { type: 'navigate', url } when a notification was tapped, and reads the
// same url from the cache `pending-navigation`, key `/pending-navigation`, value { url, at }, when it starts or becomes
// visible; older than 30 s it is stale, and it is deleted once read.
'use strict';

const VERSION = '__VERSION__';
const ASSETS = __ASSETS__;

const CACHE_PREFIX = 'hermes-';
const CACHE = CACHE_PREFIX + VERSION;
/** Survives updates: where a tapped notification leads, until the app has read it. */
const PENDING_CACHE = 'pending-navigation';
const PENDING_KEY = '/pending-navigation';

const OFFLINE_PAGE = '/offline';
const SHELL = [
  OFFLINE_PAGE,
  '/offline.js',
  '/offline.css',
  '/icons/180.png',
  '/icons/192.png',
  '/icons/mono-96.png',
];

/**
 * A tailnet that is switched off swallows packets instead of refusing them, so waiting needs an end. A page that takes
 * this long makes us ask whether the server is there at all: a slow one is waited for.
 */
const PROBE_AFTER_MS = 2500;
const PROBE_MS = 1500;

self.addEventListener('install', (event) => {
  event.waitUntil(precache());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(takeOver());
});

self.addEventListener('message', (event) => {
  if (event.data === 'SKIP_WAITING') self.skipWaiting();
});

async function precache() {
  const cache = await caches.open(CACHE);
  // `reload` goes past the HTTP cache: icons and the offline page keep their names from build to build.
  await cache.addAll([...SHELL, ...ASSETS].map((path) => new Request(path, { cache: 'reload' })));
}

async function takeOver() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

// ---- Requests ----

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin || request.headers.has('range')) return;
  if (request.mode === 'navigate') event.respondWith(navigate(request));
  else if (isStatic(url.pathname)) event.respondWith(cacheFirst(request));
});

function isStatic(path) {
  return path.startsWith('/pkg/') || path.startsWith('/icons/') || SHELL.includes(path);
}

async function cacheFirst(request) {
  const cache = await caches.open(CACHE);
  const hit = await cache.match(request);
  if (hit) return hit;
  const response = await fetch(request);
  // Files below /pkg/<hash>/ never change; a lazy one is kept from its first use on.
  if (response.ok && response.type === 'basic' && new URL(request.url).pathname.startsWith('/pkg/')) {
    await cache.put(request, response.clone());
  }
  return response;
}

/** From the network and never from a cache: what a page says is true now, or it is not shown. */
async function navigate(request) {
  const abort = new AbortController();
  let answered = false;
  const timer = setTimeout(async () => {
    const there = await isThere();
    // A request left hanging would hold up the next one for the same address, so it is given up, not only overtaken.
    if (!there && !answered) abort.abort();
  }, PROBE_AFTER_MS);
  try {
    return await fetch(request, { signal: abort.signal });
  } catch {
    const cache = await caches.open(CACHE);
    return (await cache.match(OFFLINE_PAGE)) ?? Response.error();
  } finally {
    answered = true;
    clearTimeout(timer);
  }
}

async function isThere() {
  try {
    const response = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(PROBE_MS) });
    return response.ok;
  } catch {
    return false;
  }
}

// ---- Push ----

self.addEventListener('push', (event) => {
  // WebKit shows a declarative message by itself and dispatches this event only for mutable ones, with the
  // notification it is going to show.
  if (event.notification) return;
  event.waitUntil(show(event.data));
});

/**
 * Shows exactly one notification whatever arrived: browsers take the permission away from workers that show none.
 * Everything else comes after it and may fail.
 */
async function show(data) {
  const message = readMessage(data);
  const { notification } = message;
  await self.registration.showNotification(notification.title, {
    body: notification.body,
    tag: notification.tag,
    renotify: Boolean(notification.tag),
    lang: notification.lang,
    dir: notification.dir,
    silent: notification.silent === true,
    icon: '/icons/192.png',
    badge: '/icons/mono-96.png',
    data: { navigate: notification.navigate },
  });
  await Promise.allSettled([setBadge(message.app_badge ?? notification.app_badge), reportDisplayed()]);
}

/** The declarative message (`web_push: 8030`), or a plain hint when something else arrived. */
function readMessage(data) {
  let message = null;
  try {
    message = data?.json();
  } catch {
    // Not JSON: the hint below is shown.
  }
  if (message?.web_push === 8030 && typeof message.notification?.title === 'string') return message;
  return { notification: { title: 'Hermes', navigate: '/inbox' } };
}

async function setBadge(count) {
  if (count == null || !('setAppBadge' in self.navigator)) return;
  const number = Number(count);
  await (number > 0 ? self.navigator.setAppBadge(number) : self.navigator.clearAppBadge());
}

/** Tells the server that this device really shows messages; a push service says only that it accepted them. */
async function reportDisplayed() {
  const subscription = await self.registration.pushManager.getSubscription();
  if (!subscription) return;
  await fetch('/api/push/displayed', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ endpoint: subscription.endpoint }),
    credentials: 'same-origin',
    keepalive: true,
  });
}

// ---- Taps ----

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(ownAddress(event.notification.data?.navigate)));
});

/**
 * Only addresses of this app are opened. The server may know itself by another name than this device does, so the
 * path is what counts.
 */
function ownAddress(target) {
  try {
    const { pathname, search, hash } = new URL(target, self.location.origin);
    return new URL(pathname.replace(/^\/+/, '/') + search + hash, self.location.origin);
  } catch {
    return new URL('/inbox', self.location.origin);
  }
}

/**
 * Brings up the window that shows the address already, or sends another one there, or opens a new one. The target is
 * written down first, because some systems open the app at its start page or merely bring it to the front: the app
 * reads it when it starts and when it becomes visible.
 */
async function open(url) {
  await rememberTarget(url);
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const client =
    windows.find((candidate) => new URL(candidate.url).pathname === url.pathname) ??
    windows.find((candidate) => candidate.focused) ??
    windows[0];
  if (!client) {
    await self.clients.openWindow(url.href);
    return;
  }
  client.postMessage({ type: 'navigate', url: url.pathname + url.search + url.hash });
  try {
    await client.focus();
  } catch {
    // Browsers refuse to focus without a fresh tap; the page has been told where to go all the same.
  }
}

async function rememberTarget(url) {
  const cache = await caches.open(PENDING_CACHE);
  const target = { url: url.pathname + url.search + url.hash, at: Date.now() };
  await cache.put(PENDING_KEY, new Response(JSON.stringify(target), { headers: { 'content-type': 'application/json' } }));
}
