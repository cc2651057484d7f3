//! What makes Hermes an app on a home screen: it installs, it says so when the server is out of reach, and every push
//! shows exactly one notification.

import { expect, test } from '../fixtures.ts';
import { controlled, enablePush, forgetNotifications, hydrated, notifications, theWorker, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

/** Text as a notification carries it in the address it opens. */
const ASK = 'Fix the login\nWhich column wins on conflict?';
const DECISION = `/d/0197a000-0000-7000-8000-000000000000#${Buffer.from(ASK).toString('base64url')}`;

test('Chromium finds nothing that stands against installing', async ({ installed }) => {
  const page = installed.pages()[0]!;
  await visit(page, '/board');
  await controlled(page);
  const cdp = await installed.newCDPSession(page);
  expect((await cdp.send('Page.getInstallabilityErrors')).installabilityErrors).toEqual([]);
  const manifest = await cdp.send('Page.getAppManifest');
  expect(manifest.errors).toEqual([]);
  const { icons, shortcuts } = JSON.parse(manifest.data ?? '{}') as { icons: { src: string }[]; shortcuts: { url: string }[] };
  for (const { src } of icons) expect((await page.request.get(src)).ok(), src).toBe(true);
  for (const { url } of shortcuts) expect((await page.request.get(url)).ok(), url).toBe(true);
});

test('out of reach, a decision can still be read, and Retry leads on', async ({ page, world }) => {
  await visit(page, '/board');
  await controlled(page);
  // A real outage: what browsers emulate does not always reach the worker.
  await world.hermes.kill();
  try {
    await page.goto(DECISION);
    await expect(page.getByText('Which column wins on conflict?')).toBeVisible();
    await expect(page.getByRole('heading', { name: "Can't reach your agent. Is Tailscale on?" })).toBeVisible();

    // Nothing of a signed-in person was kept on the device.
    await page.goto('/board');
    await expect(page.getByRole('heading', { name: "Can't reach your agent. Is Tailscale on?" })).toBeVisible();
    const kept = await page.evaluate(async () => {
      const caches = await self.caches.keys();
      const stored = await Promise.all(caches.map(async (name) => (await self.caches.open(name)).keys()));
      return stored.flat().map((request) => new URL(request.url).pathname);
    });
    expect(kept.filter((path) => !/^\/(pkg\/|icons\/|offline(\.js|\.css)?$)/.test(path))).toEqual([]);
  } finally {
    await world.hermes.serve();
  }

  // Back in reach, it goes on by itself.
  await hydrated(page);
  await expect(page).toHaveURL(`${world.hermes.origin}/board`);
});

test('the offline page follows the scheme of the system', async ({ page }) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.goto('/offline');
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(background).toBe(colorScheme === 'light' ? 'rgb(250, 250, 248)' : 'rgb(14, 15, 18)');
  }
});

test('whatever a push carries, exactly one notification shows', async ({ installed, world, faults }) => {
  const page = installed.pages()[0]!;
  const origin = world.hermes.origin;
  const cdp = await installed.newCDPSession(page);
  const scopes = new Map<string, string>();
  cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    for (const each of registrations) scopes.set(each.scopeURL, each.registrationId);
  });
  cdp.on('ServiceWorker.workerErrorReported', ({ errorMessage }) => void faults.push(`worker: ${errorMessage.errorMessage}`));
  await cdp.send('ServiceWorker.enable');
  await visit(page, '/board');
  await controlled(page);
  const declared = { web_push: 8030, notification: { title: 'Review ready', body: 'x', navigate: `${origin}/d/1`, tag: 'card-1' }, app_badge: 2 };
  const cases = [
    { data: JSON.stringify(declared), shown: { title: 'Review ready', body: 'x', navigate: `${origin}/d/1` } },
    ...['not JSON', '', '{"something":"else"}', 'null'].map((data) => ({ data, shown: { title: 'Hermes', body: '', navigate: '/inbox' } })),
  ];
  for (const { data, shown } of cases) {
    await cdp.send('ServiceWorker.deliverPushMessage', { origin, registrationId: scopes.get(`${origin}/`) ?? '', data });
    await expect.poll(() => notifications(page), `push of "${data}"`).toEqual([shown]);
    await forgetNotifications(page);
  }
});

test('a real push reaches the real browser, and the device list says that it was shown', async ({ installed, world }) => {
  const page = installed.pages()[0]!;
  await visit(page, '/settings');
  await enablePush(page);
  // The worker names the browser's endpoint; the server knows the double's.
  await theWorker(page).evaluate((origin) => {
    const real = PushManager.prototype.getSubscription;
    PushManager.prototype.getSubscription = async function () {
      const found = await real.call(this);
      if (!found) return null;
      return { endpoint: found.endpoint.replace(/^https:\/\/[a-z0-9.]+\/(fcm\/send|wp)/, `${origin}/fcm/send`) } as PushSubscription;
    };
  }, world.push.origin);
  await page.getByRole('button', { name: /^Send a test to / }).click();
  await expect.poll(() => notifications(page)).toMatchObject([{ navigate: `${world.hermes.origin}/settings` }]);
  await expect(page.getByText(/sent just now · shown just now/)).toBeVisible({ timeout: 15_000 });
});

test('a tapped notification leads an open window to its card, wherever the window is', async ({ installed, world }) => {
  const page = installed.pages()[0]!;
  await visit(page, '/settings');
  await controlled(page);
  // The protocol has no tap on notifications; the worker is given the event a tap causes.
  const closed = await theWorker(page).evaluate(async (navigate) => {
    const notification = { data: { navigate }, closed: false, close: () => void (notification.closed = true) };
    const tap = new ExtendableEvent('notificationclick');
    Object.defineProperty(tap, 'notification', { value: notification });
    self.dispatchEvent(tap);
    return notification.closed;
    // The server may know itself by another name than this device does.
  }, 'https://machine.tail1234.ts.net/inbox');
  expect(closed).toBe(true);
  await expect(page).toHaveURL(`${world.hermes.origin}/inbox`);
  await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
});
