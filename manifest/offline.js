// The page shown when the server is out of reach. The worker answers with it at the address that was asked for, so
// reloading is trying again. All words are in offline.html.
'use strict';

/** How often the server is looked for while somebody looks at this page: `online` knows nothing of tailnets. */
const LOOK_EVERY_MS = 5000;
/** Longest text shown; a notification carries far less. */
const MAX_TEXT_CHARS = 2000;

const byId = (id) => document.getElementById(id);

/** The text after `#`, which is base64url of UTF-8; nothing when it is something else. */
function textOfFragment() {
  const fragment = location.hash.slice(1);
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(fragment)) return '';
  try {
    const bytes = Uint8Array.from(atob(fragment.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim().slice(0, MAX_TEXT_CHARS);
  } catch {
    return '';
  }
}

function showAsk() {
  const text = location.pathname.startsWith('/d/') ? textOfFragment() : '';
  byId('ask').hidden = !text;
  byId('ask-text').textContent = text;
  byId('later').hidden = !text;
}

function retry() {
  const button = byId('retry');
  button.disabled = true;
  button.textContent = button.dataset.busy;
  // At its own address this page would only find itself again.
  if (location.pathname === '/offline') location.replace('/');
  else location.reload();
}

/** Goes on by itself once the server answers. */
async function look() {
  if (document.hidden) return;
  try {
    const response = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(LOOK_EVERY_MS) });
    if (response.ok) retry();
  } catch {
    // Still out of reach; there is a next look.
  }
}

// The theme chosen in the app; absent means that of the system.
try {
  const theme = localStorage.getItem('hermes.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be switched off; the system's theme will do.
}

showAsk();
addEventListener('hashchange', showAsk);
byId('retry').addEventListener('click', retry);
addEventListener('online', look);
document.addEventListener('visibilitychange', look);
setInterval(look, LOOK_EVERY_MS);
