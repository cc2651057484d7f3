//! What a drag feels like on a board with 500 cards and a processor that is four times slower than this one: the time
//! between frames while a card is carried, and from letting go to the card being painted in its new column.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { Finger, chip, column, middle, visit, type Column } from '../helpers.ts';

test.use({ worldName: 'quiet' });

const EACH = 125;
const STATES: { column: Column; fields: Record<string, unknown> }[] = [
  { column: 'Triage', fields: { triage: true } },
  { column: 'Scheduled', fields: { scheduled_at: Date.now() + 86_400_000 } },
  { column: 'Ready', fields: {} },
  { column: 'Blocked', fields: { blocked: true } },
];
const ROUNDS = 5;
const SLOWER = 4;

/** Cards for one board, sixteen requests at a time. */
async function fill(page: Page, board: string): Promise<void> {
  await page.evaluate(
    async ({ board, states, each }) => {
      const wanted = states.flatMap(({ fields }, at) =>
        Array.from({ length: each }, (_, n) => ({ title: `Card ${at}-${n} with a title of usual length`, body: 'b'.repeat(500), board, ...fields })),
      );
      const next = wanted.values();
      const work = async () => {
        for (const params of next) {
          const answer = await fetch('/api/kanban/create', {
            method: 'POST',
            headers: { 'content-type': 'application/json', accept: 'application/json' },
            body: JSON.stringify({ params }),
          });
          if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
        }
      };
      await Promise.all(Array.from({ length: 16 }, work));
    },
    { board, states: STATES, each: EACH },
  );
}

/** Scrolls every column to its end until all its cards are loaded, and back. Few of them are drawn at a time. */
async function load(page: Page): Promise<void> {
  for (const { column: name } of STATES) {
    const region = column(page, name);
    const more = region.locator('.column-more');
    await region.evaluate((element) => element.scrollIntoView());
    await expect
      .poll(async () => {
        await region.evaluate((element) => element.querySelector('[data-scroller]')?.scrollBy(0, 1_000_000));
        return more.count();
      }, { timeout: 30_000 })
      .toBe(0);
    await region.evaluate((element) => element.querySelector('[data-scroller]')?.scrollTo(0, 0));
  }
  await column(page, 'Triage').evaluate((element) => element.scrollIntoView());
}

interface Measured {
  frames: number[];
  dropped: number;
}

/**
 * Counts frames from now on; a drop is over when its frame is painted: the card is in the column it was dropped on, or,
 * on a phone, where that column is not in view, gone from its own.
 */
async function watch(page: Page, title: string, seen: { column: Column; there: boolean }): Promise<void> {
  await page.evaluate(
    ({ title, column, there }) => {
      const seen = { frames: [] as number[], dropped: -1 };
      Object.assign(window, { measured: seen });
      let last = performance.now();
      let let_go = -1;
      const end = () => (let_go = performance.now());
      addEventListener('pointerup', end, { capture: true, once: true });
      addEventListener('touchend', end, { capture: true, once: true });
      const arrived = () => {
        const region = [...document.querySelectorAll('section')].find((found) => found.getAttribute('aria-label')?.startsWith(column));
        return there === [...(region?.querySelectorAll('article') ?? [])].some((found) => found.textContent?.includes(title));
      };
      const frame = (now: number) => {
        if (let_go < 0) seen.frames.push(now - last);
        last = now;
        // A message runs when the frame is painted, unlike the next frame's callback, which waits for the display.
        if (let_go >= 0) port2.postMessage(undefined);
        if (seen.dropped < 0) requestAnimationFrame(frame);
      };
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        const now = performance.now();
        if (seen.dropped < 0 && arrived()) seen.dropped = now - let_go;
      };
      requestAnimationFrame(frame);
    },
    { title, ...seen },
  );
}

async function measured(page: Page): Promise<Measured> {
  const read = () => page.evaluate(() => (window as unknown as { measured: Measured }).measured);
  await expect.poll(async () => (await read()).dropped, { timeout: 20_000 }).toBeGreaterThanOrEqual(0);
  return read();
}

test('a drag on a board of 500 cards', async ({ page, world, isMobile }) => {
  const slug = `bench-${Date.now()}`;
  await world.hermes.cli('kanban', 'boards', 'create', slug);
  await visit(page, '/board');
  await fill(page, slug);
  await visit(page, `/board/${slug}`);
  await load(page);
  const cards = STATES.length * EACH;
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  const frames: number[] = [];
  const drops: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const grabbed = column(page, 'Triage').getByRole('article').first();
    const title = (await grabbed.getByRole('link').first().textContent()) ?? '';
    if (isMobile) {
      const finger = await Finger.of(page);
      await finger.lift(grabbed);
      await watch(page, title, { column: 'Triage', there: false });
      const start = await middle(grabbed);
      const to = await middle(chip(page, 'Ready'));
      for (let step = 1; step <= 30; step += 1) {
        await finger.moveTo({ x: start.x + ((to.x - start.x) * step) / 30, y: start.y + ((to.y - start.y) * step) / 30 });
      }
      await finger.letGo();
    } else {
      const start = await middle(grabbed);
      const to = await middle(column(page, 'Ready').getByRole('article').nth(1));
      await page.mouse.move(start.x, start.y);
      await page.mouse.down();
      await page.mouse.move(start.x + 12, start.y + 4);
      await watch(page, title, { column: 'Ready', there: true });
      await page.mouse.move(to.x, to.y, { steps: 60 });
      await page.mouse.up();
    }
    const seen = await measured(page);
    frames.push(...seen.frames.slice(1));
    drops.push(seen.dropped);
  }
  frames.sort((a, b) => a - b);
  drops.sort((a, b) => a - b);
  const at = (list: number[], part: number) => (list[Math.min(list.length - 1, Math.floor(list.length * part))] ?? NaN).toFixed(1);
  const where = isMobile ? 'phone' : 'desktop';
  console.log(
    `  drag on ${where}, ${cards} cards, ${SLOWER}x slower: frames median ${at(frames, 0.5)} ms, p95 ${at(frames, 0.95)} ms, ` +
      `longest ${at(frames, 1)} ms (${frames.length}); drop to paint median ${at(drops, 0.5)} ms, longest ${at(drops, 1)} ms`,
  );
});
