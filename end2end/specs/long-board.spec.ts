//! Long columns: only what is seen is in the document, nothing jumps, and coming back finds everything as it was left.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { card, column, draggable, hydrated, middle, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

const CARDS = 92;

/** No name is the beginning of another. */
const named = (n: number) => `Number ${String(n).padStart(3, '0')}`;

/** A board of its own with many ready cards. */
async function longBoard(page: Page, cli: (...words: string[]) => Promise<unknown>): Promise<string> {
  const slug = `long-${Date.now()}`;
  await cli('kanban', 'boards', 'create', slug);
  await visit(page, '/board');
  await page.evaluate(
    async ({ board, count }) => {
      for (let n = 1; n <= count; n += 1) {
        const title = `Number ${String(n).padStart(3, '0')} ${'and more words '.repeat(n % 5)}`;
        const answer = await fetch('/api/kanban/create', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json' },
          body: JSON.stringify({ params: { title, board } }),
        });
        if (!answer.ok) throw new Error(await answer.text());
      }
    },
    { board: slug, count: CARDS },
  );
  await page.goto(`/board/${slug}`);
  await hydrated(page);
  await draggable(page);
  return slug;
}

const body = (page: Page) => column(page, 'Ready').locator('[data-scroller]');
const drawn = (page: Page) => column(page, 'Ready').getByRole('article').count();

/** To the end of the column, however many pages that takes. */
async function toTheEnd(page: Page): Promise<void> {
  const last = card(column(page, 'Ready'), named(CARDS));
  await expect
    .poll(async () => {
      await body(page).evaluate((element) => element.scrollBy(0, 100_000));
      return last.count();
    })
    .toBe(1);
}

test('a column draws what is seen, to its end and back', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  await expect.poll(() => drawn(page)).toBeLessThan(30);
  await toTheEnd(page);
  await expect.poll(() => drawn(page)).toBeLessThan(30);
  await expect(card(column(page, 'Ready'), named(1))).not.toBeAttached();
  await body(page).evaluate((element) => element.scrollTo(0, 0));
  await expect(card(column(page, 'Ready'), named(1))).toBeAttached();
});

/** Scrolls the column by so much and says where it is when that has been drawn. */
const scrolledBy = (page: Page, by: number) =>
  body(page).evaluate(async (element, by) => {
    element.scrollBy(0, by);
    for (let frame = 0; frame < 4; frame += 1) await new Promise(requestAnimationFrame);
    return element.scrollTop;
  }, by);

test('a column scrolled in small steps never leaps', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  const last = card(column(page, 'Ready'), named(CARDS));
  let before = 0;
  for (let step = 0; step < 400 && (await last.count()) === 0; step += 1) {
    const top = await scrolledBy(page, 100);
    expect(top - before).toBeLessThan(400);
    before = top;
  }
  await expect(last).toBeAttached();
});

test('with nothing focused the keyboard begins at the first card in view', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  await scrolledBy(page, 1000);
  const before = await scrolledBy(page, 500);
  const seen = await body(page).evaluate((element) => {
    const top = element.getBoundingClientRect().top - 1;
    const slots = [...element.querySelectorAll('[data-card]')];
    const first = slots.find((slot) => slot.getBoundingClientRect().top >= top);
    return first?.querySelector('article')?.getAttribute('aria-label') ?? '';
  });
  await page.keyboard.press('j');
  await expect(card(column(page, 'Ready'), seen).getByRole('link').first()).toBeFocused();
  expect(Math.abs((await scrolledBy(page, 0)) - before)).toBeLessThan(60);
});

test('the keyboard walks on beyond the cards that were loaded, and the focus is never lost', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  await card(column(page, 'Ready'), named(1)).getByRole('link').first().focus();
  for (let step = 0; step < 50; step += 1) {
    await page.keyboard.press('j');
    expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe('BODY');
  }
  const focused = page.locator('[data-card]:focus-within');
  await expect(focused).toContainText(named(51));
  await expect(focused).toBeInViewport();
});

test('a card is carried beyond the cards that were loaded', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  await card(column(page, 'Ready'), named(1)).getByRole('link').first().focus();
  await page.keyboard.press('m');
  for (let step = 0; step < 25; step += 1) await page.keyboard.press('ArrowDown');
  const said = page.getByRole('status').filter({ hasText: /Ready, \d+ of / });
  await expect
    .poll(
      async () => {
        await page.keyboard.press('ArrowDown');
        return said.textContent();
      },
      { intervals: [50] },
    )
    .toMatch(new RegExp(`Ready, 3[5-9] of ${CARDS}`));
  await page.keyboard.press('Enter');
  await page.reload();
  await hydrated(page);
  // The column is where it was left.
  await expect
    .poll(async () => {
      await body(page).evaluate((element) => element.scrollTo(0, 0));
      return card(column(page, 'Ready'), named(2)).count();
    })
    .toBe(1);
  await expect(card(column(page, 'Ready'), named(1))).not.toBeAttached();
});

test('what is in view stays where it is when something above goes @desktop', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  const first = await card(column(page, 'Ready'), named(2)).getByRole('link').first().getAttribute('href');
  await toTheEnd(page);
  await body(page).evaluate((element) => element.scrollBy(0, -1500));
  // The one in the middle of the view.
  const seen = await body(page).evaluate((element) => {
    const around = element.getBoundingClientRect();
    const cards = [...element.querySelectorAll('article')];
    const found = cards.find((one) => one.getBoundingClientRect().top > around.top + around.height / 3);
    return found?.getAttribute('aria-label') ?? '';
  });
  const watched = card(column(page, 'Ready'), seen);
  const before = await middle(watched);
  const number = first?.split('/').pop() ?? '';
  await world.hermes.cli('kanban', 'archive', number);
  await expect(column(page, 'Ready').locator('.column-count')).toHaveText(String(CARDS - 1));
  await expect.poll(async () => Math.abs((await middle(watched)).y - before.y)).toBeLessThan(3);
});

test('coming back from a card finds the column as it was left', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  await toTheEnd(page);
  await body(page).evaluate((element) => element.scrollBy(0, -600));
  const top = await body(page).evaluate((element) => element.scrollTop);
  const shown = column(page, 'Ready').getByRole('article').nth(8).getByRole('link').first();
  await shown.evaluate((element: HTMLElement) => element.click());
  await page.waitForURL(/\/card\//);
  await expect(page.getByRole('link', { name: 'Back to the board' })).toBeVisible();
  await page.goBack();
  await expect(column(page, 'Ready')).toBeInViewport();
  await expect.poll(() => body(page).evaluate((element, top) => Math.abs(element.scrollTop - top), top)).toBeLessThan(300);
});

test('the keyboard walks down a long column, and carries a card into view @desktop', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  await card(column(page, 'Ready'), named(1)).getByRole('link').first().focus();
  for (let step = 0; step < 25; step += 1) await page.keyboard.press('j');
  const focused = page.locator('[data-card]:focus-within');
  await expect(focused).toContainText(named(26));
  await expect(focused).toBeInViewport();
  await page.keyboard.press('m');
  // Over Blocked, which asks for a question.
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  const carried = card(column(page, 'Done'), named(26));
  await expect(carried).toBeInViewport();
  await expect(carried.getByRole('link').first()).toBeFocused();
});

test('a card dropped over the open side panel stays where it was @desktop', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  const first = card(column(page, 'Ready'), named(1));
  await first.getByRole('link').first().focus();
  await page.keyboard.press('Space');
  const panel = page.getByRole('complementary', { name: /^Peek/ });
  await expect(panel).toBeVisible();
  const [from, to] = [await middle(first), await middle(panel)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 10, from.y + 5);
  await page.mouse.move(to.x, to.y, { steps: 6 });
  await page.mouse.up();
  await expect(page.getByText(/T-\d+ stays where it was/)).toBeAttached();
  await expect(first).toBeAttached();
});

test('what was taken back is done again, step by step @desktop', async ({ page, world }) => {
  await longBoard(page, (...words) => world.hermes.cli(...words));
  const titles = [named(1), named(2)];
  for (const title of titles) {
    await card(column(page, 'Ready'), title).getByRole('link').first().focus();
    await page.keyboard.press('m');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect(card(column(page, 'Done'), title)).toBeAttached();
  }
  for (const title of [...titles].reverse()) {
    await page.keyboard.press('Control+z');
    await expect(card(column(page, 'Ready'), title)).toBeAttached();
  }
  for (const title of titles) {
    await page.keyboard.press('Control+Shift+Z');
    await expect(card(column(page, 'Done'), title)).toBeAttached();
  }
  await page.keyboard.press('Control+Shift+Z');
  await expect(page.getByText('Nothing was taken back')).toBeVisible();
});

test('a filter stays with its board when a card is opened and left, and does not stay when it is removed', async ({ page, world }) => {
  const slug = await longBoard(page, (...words) => world.hermes.cli(...words));
  await page.goto(`/board/${slug}?q=${encodeURIComponent(named(7))}`);
  await hydrated(page);
  const ready = column(page, 'Ready');
  await expect(ready.getByRole('article')).toHaveCount(1);
  await card(ready, named(7)).getByRole('link').first().click();
  await page.getByRole('link', { name: 'Back to the board' }).click();
  await expect(page).toHaveURL(/\?q=/);
  await expect(ready.getByRole('article')).toHaveCount(1);
  await page.getByRole('button', { name: /^Remove the filter/ }).click();
  await expect(card(ready, named(1))).toBeAttached();
  await expect(ready.locator('.column-count')).toHaveText(String(CARDS));
});

test('a change of a card throws nobody back who has scrolled down a filtered board', async ({ page, world }) => {
  const slug = await longBoard(page, (...words) => world.hermes.cli(...words));
  const first = await card(column(page, 'Ready'), named(1)).getByRole('link').first().getAttribute('href');
  await page.goto(`/board/${slug}?q=Number`);
  await hydrated(page);
  await draggable(page);
  await toTheEnd(page);
  const top = await body(page).evaluate((element) => element.scrollTop);
  await world.hermes.cli('kanban', 'archive', first?.split('/').pop() ?? '');
  await expect(column(page, 'Ready').locator('.column-count')).toHaveText(String(CARDS - 1));
  await expect(card(column(page, 'Ready'), named(CARDS))).toBeAttached();
  expect(await body(page).evaluate((element) => element.scrollTop)).toBeGreaterThan(top - 400);
});
