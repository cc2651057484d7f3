//! How a person uses the pages: by roles and names only, and never before the page is ready.

import AxeBuilder from '@axe-core/playwright';
import { expect, type BrowserContext, type Locator, type Page, type Worker } from '@playwright/test';
import type { Subscription } from './doubles/push-service.ts';
import type { World } from './world.ts';

/** Opens an address and waits until its controls work: rendered pages look ready before they are. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

export async function hydrated(page: Page): Promise<void> {
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
}

/**
 * What is on screen keeps nobody out: every rule of axe in the light, and in the dark the one that depends on colours.
 */
export async function accessible(page: Page, where: string): Promise<void> {
  const found: string[] = [];
  for (const [scheme, axe] of [
    ['light', new AxeBuilder({ page })],
    ['dark', new AxeBuilder({ page }).withRules('color-contrast')],
  ] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    // What fades in, or from one scheme into the other, is measured when it has arrived.
    await page.waitForFunction(() => {
      const isShort = (one: Animation) => Number(one.effect?.getComputedTiming().endTime) <= 1000;
      return !document.getAnimations().some((one) => one.playState === 'running' && isShort(one));
    });
    for (const { id, nodes } of (await axe.analyze()).violations) {
      found.push(`${scheme}, ${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' | ')}`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  expect(found, where).toEqual([]);
}

/** Waits until the service worker answers for this page. */
export async function controlled(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
}

/** Makes the owner's account with the link the server printed. */
export async function setUp(page: Page, link: string, name: string, password: string): Promise<void> {
  await visit(page, link);
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('Repeat it').fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { name: `Welcome, ${name}` })).toBeVisible();
  await hydrated(page);
}

export async function signIn(page: Page, password: string): Promise<void> {
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

// ---- Board ----

export type Column = 'Triage' | 'Todo' | 'Scheduled' | 'Ready' | 'Running' | 'Review' | 'Blocked' | 'Done';

export function column(page: Page, name: Column): Locator {
  return page.getByRole('region', { name, exact: true });
}

/** A card's face; its accessible name is number and title. */
export function card(scope: Page | Locator, title: string): Locator {
  return scope.getByRole('article', { name: title });
}

/** A message that says what just happened. */
export function toast(page: Page, text: string | RegExp): Locator {
  return page.getByRole('status', { name: 'Messages' }).getByRole('listitem').filter({ hasText: text });
}

export interface NewCard {
  title: string;
  body?: string;
  /** Profile. */
  assignee?: string;
  /** Where it starts; ready unless something else is said. */
  start?: 'triage' | 'blocked';
}

export async function createCard(page: Page, wanted: NewCard): Promise<void> {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('textbox', { name: 'Title' }).fill(wanted.title);
  if (wanted.body) await dialog.getByRole('textbox', { name: 'Description' }).fill(wanted.body);
  if (wanted.assignee) await dialog.getByRole('combobox', { name: 'Assignee' }).selectOption(wanted.assignee);
  if (wanted.start) await dialog.getByRole('combobox', { name: 'Start' }).selectOption(wanted.start);
  await dialog.getByRole('button', { name: 'Create card' }).click();
  await expect(dialog).toBeHidden();
  await expect(card(page, wanted.title)).toBeAttached();
}

/** Puts away what a test left in Ready: a column draws what is seen, and the next test's cards come last. */
export async function clearReady(world: World): Promise<void> {
  const cards = JSON.parse(await world.hermes.cli('kanban', 'list', '--status', 'ready', '--json', '--limit', '500')) as { number: number }[];
  if (cards.length > 0) await world.hermes.cli('kanban', 'archive', ...cards.map(({ number }) => `T-${number}`));
}

/** Opens a card's menu and picks. */
export async function pick(page: Page, title: string, item: string | RegExp): Promise<void> {
  await card(page, title).getByRole('button', { name: /^Move to…, edit or archive / }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** The accessible twin of dragging. */
export async function moveTo(page: Page, title: string, to: Column): Promise<void> {
  await pick(page, title, `Move to ${to}`);
}

/** Takes the newest write back. */
export async function undo(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Undo' }).last().click();
}

/** Opens a card's own page from the board. */
export async function openCard(page: Page, title: string): Promise<void> {
  await visit(page, '/board');
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();
}

// ---- Dragging ----

async function middle(target: Locator): Promise<{ x: number; y: number }> {
  await target.scrollIntoViewIfNeeded();
  const box = await target.boundingBox();
  if (!box) throw new Error('nothing to grab: the element has no place on the screen');
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** A dragged card follows the pointer once per frame; two frames later it has seen where the pointer is. */
async function frames(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
  );
}

/** Dragging is fetched after the first paint. */
export async function draggable(page: Page): Promise<void> {
  await expect(page.locator('[data-drag]')).toBeAttached();
}

/** Drags with the mouse from one place to another and lets go. */
export async function dragByMouse(page: Page, from: Locator, to: Locator): Promise<void> {
  await draggable(page);
  const start = await middle(from);
  const end = await middle(to);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(start.x + 12, start.y + 4);
  await page.mouse.move(end.x, end.y, { steps: 8 });
  await frames(page);
  await page.mouse.up();
}

/** A finger: Playwright taps, but holding and dragging need the protocol. */
export class Finger {
  private readonly page: Page;
  private readonly send: (type: 'touchStart' | 'touchMove' | 'touchEnd', at?: { x: number; y: number }) => Promise<void>;

  private constructor(page: Page, send: Finger['send']) {
    this.page = page;
    this.send = send;
  }

  static async of(page: Page): Promise<Finger> {
    const cdp = await page.context().newCDPSession(page);
    return new Finger(page, async (type, at) => {
      await cdp.send('Input.dispatchTouchEvent', { type, touchPoints: at ? [at] : [] });
    });
  }

  /** Puts the finger on a card and holds still until it lifts. */
  async lift(target: Locator): Promise<void> {
    await draggable(this.page);
    const at = await middle(target);
    await this.send('touchStart', at);
    await expect(this.page.getByText(/ lifted\. Drop it on a column/)).toBeAttached();
  }

  async moveTo(at: { x: number; y: number }): Promise<void> {
    await this.send('touchMove', { x: at.x, y: at.y - 6 });
    await this.send('touchMove', at);
    await frames(this.page);
  }

  async letGo(): Promise<void> {
    await this.send('touchEnd');
  }
}

/** Swipes over an element with a finger: from `from`, or else its middle, by so many pixels. */
export async function swipe(page: Page, target: Locator, by: { x: number; y?: number }, from?: { x: number }): Promise<void> {
  await expect(page.locator('[data-swipe]')).toBeAttached();
  const at = { ...(await middle(target)), ...from };
  const cdp = await page.context().newCDPSession(page);
  const send = async (type: 'touchStart' | 'touchMove' | 'touchEnd', step?: number) => {
    const point = { x: at.x + by.x * (step ?? 0), y: at.y + (by.y ?? 0) * (step ?? 0) };
    await cdp.send('Input.dispatchTouchEvent', { type, touchPoints: step === undefined ? [] : [point] });
  };
  await send('touchStart', 0);
  for (let step = 1; step <= 8; step += 1) await send('touchMove', step / 8);
  await frames(page);
  await send('touchEnd');
  await cdp.detach();
}

/** The chip of a column, where a lifted card can be dropped on a phone. */
export function chip(page: Page, name: Column): Locator {
  return page.getByRole('group', { name: 'Columns' }).getByRole('button', { name: new RegExp(`^${name}`) });
}

export { middle };

// ---- Decisions and push ----

/** Where the decision of a card on the board is settled. */
export async function decisionOf(page: Page, title: string): Promise<string> {
  const link = card(page, title).getByRole('link', { name: /^(Review|Answer|Decide)$/ });
  return (await link.getAttribute('href')) ?? '';
}

/** Switches push on with a tap, as a person does it. */
export async function enablePush(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Turn on notifications' }).click();
  // The browser registers with its push service first, and waits seconds before it does.
  await expect(page.getByText('This device is told when a card needs you.')).toBeVisible({ timeout: 20_000 });
}

/** Adds a device of the push double beside the real one, with the session of the page. */
export async function addDevice(page: Page, subscription: Subscription): Promise<void> {
  const status = await page.evaluate(async (params) => {
    const body = JSON.stringify({ params: { ...params, device: 'Double' } });
    const response = await fetch('/api/push/subscribe', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return response.status;
  }, subscription);
  expect(status).toBe(200);
}

/** A notification on the lock screen. */
export interface Shown {
  title: string;
  body: string;
  navigate: string;
}

/** Where a worker keeps what it has shown. */
interface Witness {
  shownNotifications: Shown[];
}

/**
 * Lets every service worker of a browser write down what it really showed. A browser without a desktop forgets what it
 * has shown whenever it likes, so `getNotifications` would be asked in vain.
 */
export function witnessNotifications(context: BrowserContext): void {
  context.on('serviceworker', (worker) => {
    const ready = worker.evaluate(() => {
      const shown: Shown[] = [];
      (self as unknown as Witness).shownNotifications = shown;
      const show = ServiceWorkerRegistration.prototype.showNotification;
      ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
        await show.call(this, title, options);
        const { body = '', data } = options ?? {};
        shown.push({ title, body, navigate: (data as { navigate: string }).navigate });
      };
    });
    // A worker that ends at once has shown nothing; whoever asks it fails with the reason.
    ready.catch(() => undefined);
  });
}

/** What the device has shown since it was last asked to forget. */
export async function notifications(page: Page): Promise<Shown[]> {
  return theWorker(page).evaluate(() => (self as unknown as Witness).shownNotifications);
}

export async function forgetNotifications(page: Page): Promise<void> {
  await theWorker(page).evaluate(() => void (self as unknown as Witness).shownNotifications.splice(0));
}

/** The service worker of an installed app. */
export function theWorker(page: Page): Worker {
  const worker = page.context().serviceWorkers().at(-1);
  if (!worker) throw new Error('no service worker runs');
  return worker;
}
