//! Writes without a network: kept in this browser, shown as waiting, made once when the server can be reached again.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { type World } from '../world.ts';
import { accessible, card, clearReady, column, controlled, createCard, moveTo, pick, toast, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });
test.afterEach(({ world }) => clearReady(world));

const unique = (text: string) => `${text} ${Date.now()}`;

const waiting = (page: Page, count: number) => page.getByRole('button', { name: `${count} waiting` });
const list = (page: Page) => page.getByRole('dialog', { name: 'Waiting to be sent' });

/** What the server has of a card. */
async function stored(world: World, title: string) {
  const cards = JSON.parse(await world.hermes.cli('kanban', 'list', '--json', '--limit', '500')) as { id: string; number: number; title: string; state: string }[];
  return cards.find((found) => found.title === title);
}

test('moves made without a network wait, are made when it is back, and everybody sees them', async ({ page, context, newDevice, world }) => {
  const titles = [unique('In a tunnel'), unique('Also there')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title });
  const other = await (await newDevice()).newPage();
  await visit(other, '/board');
  await controlled(page);

  await context.setOffline(true);
  for (const title of titles) {
    await moveTo(page, title, 'Done');
    await expect(toast(page, new RegExp(`^T-\\d+ to Done: sent when Hermes can be reached`)).last()).toBeVisible();
    await expect(card(column(page, 'Done'), title)).toBeAttached();
  }
  await expect(waiting(page, 2)).toBeVisible();
  expect((await stored(world, titles[0]!))?.state).toBe('ready');

  await context.setOffline(false);
  await expect(toast(page, '2 waiting changes were sent')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('button', { name: /waiting/ })).toBeHidden();
  for (const title of titles) {
    await expect(card(column(page, 'Done'), title)).toBeAttached();
    await expect(card(column(other, 'Done'), title)).toBeAttached();
    expect((await stored(world, title))?.state).toBe('done');
  }
});

test('what waits outlives the app, and is sent by its next start', async ({ page, context, world }) => {
  const title = unique('Closed too soon');
  await visit(page, '/board');
  await createCard(page, { title });
  await controlled(page);
  await context.setOffline(true);
  await moveTo(page, title, 'Done');
  await expect(waiting(page, 1)).toBeVisible();
  await page.close();
  await context.setOffline(false);
  const again = await context.newPage();
  await visit(again, '/settings');
  await expect(toast(again, '1 waiting change was sent')).toBeVisible();
  expect((await stored(world, title))?.state).toBe('done');
});

test('what a later start could send only in part is told @desktop', async ({ page, context, newDevice, world }) => {
  const [gone, stays] = [unique('Gone by then'), unique('Still there')];
  await visit(page, '/board');
  for (const title of [gone, stays]) {
    await createCard(page, { title });
    await card(page, title).getByRole('link', { name: title }).focus();
    await page.keyboard.press('x');
  }
  // Not the emulated outage: now and then it lets a request through whose answer it then keeps back.
  await page.route('**/api/kanban/bulk', (route) => route.abort('internetdisconnected'));
  await page.getByRole('toolbar', { name: 'Selected cards' }).getByRole('button', { name: 'Status' }).click();
  await page.getByRole('menuitem', { name: 'Move to Done' }).click();
  await expect(waiting(page, 1)).toBeVisible();
  await page.close();
  const other = await (await newDevice()).newPage();
  await visit(other, '/board');
  await pick(other, gone, 'Delete');
  await expect(toast(other, /deleted/)).toBeVisible();
  const again = await context.newPage();
  await visit(again, '/settings');
  await expect(toast(again, /2 cards.*: 1 refused: /)).toBeVisible();
  expect((await stored(world, stays))?.state).toBe('done');
});

test('a write whose answer was lost is not made twice', async ({ page, world }) => {
  const title = unique('Lost answer');
  await visit(page, '/board');
  await createCard(page, { title });
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();
  let lost = 0;
  await page.route('**/api/kanban/comment', async (route) => {
    // It arrives and is made; only the answer goes missing.
    const answer = await route.fetch();
    if (lost === 0) {
      lost += 1;
      await route.abort();
    } else {
      await route.fulfill({ response: answer });
    }
  });
  await page.getByRole('textbox', { name: 'New comment' }).fill('Said once');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(toast(page, '1 waiting change was sent')).toBeVisible();
  await expect(page.getByText('Said once')).toHaveCount(1);
  const { number } = (await stored(world, title))!;
  const shown = JSON.parse(await world.hermes.cli('kanban', 'show', `T-${number}`, '--json')) as { comments: unknown[] };
  expect(shown.comments).toHaveLength(1);
});

test('what waits can be taken back: by the keyboard, in the list, and it goes back', async ({ page, context, world }) => {
  const titles = [unique('Taken back'), unique('Discarded')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title });
  await controlled(page);
  await context.setOffline(true);
  for (const title of titles) await moveTo(page, title, 'Done');
  await expect(waiting(page, 2)).toBeVisible();

  await page.keyboard.press('Control+z');
  await expect(card(column(page, 'Ready'), titles[1]!)).toBeAttached();
  await waiting(page, 1).click();
  await accessible(page, 'what waits to be sent');
  await list(page).getByRole('button', { name: 'Discard' }).click();
  await expect(list(page)).toBeHidden();
  await expect(card(column(page, 'Ready'), titles[0]!)).toBeAttached();
  await expect(page.getByRole('button', { name: /waiting/ })).toBeHidden();

  await context.setOffline(false);
  await expect(page.getByText('Live', { exact: true })).toBeAttached({ timeout: 20_000 });
  for (const title of titles) expect((await stored(world, title))?.state).toBe('ready');
});

test('what the server refuses after it waited is told, goes back, and is not lost', async ({ page, context, newDevice }) => {
  const title = unique('Too late');
  await visit(page, '/board');
  await createCard(page, { title });
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();
  await controlled(page);
  await context.setOffline(true);
  const comment = page.getByRole('textbox', { name: 'New comment' });
  await comment.fill('Written in a tunnel');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(comment).toHaveValue('');
  await expect(page.getByRole('listitem').filter({ hasText: 'Written in a tunnel' })).toContainText('Sent when Hermes can be reached');
  const other = await (await newDevice()).newPage();
  await visit(other, '/board');
  await pick(other, title, 'Delete');
  await expect(toast(other, /deleted/)).toBeVisible();
  await context.setOffline(false);
  await page.getByRole('button', { name: '1 not sent' }).click({ timeout: 20_000 });
  await expect(list(page)).toContainText('Written in a tunnel');
  await expect(list(page).getByRole('button', { name: 'Try again' })).toBeVisible();
  await list(page).getByRole('button', { name: 'Discard' }).click();
  await expect(page.getByRole('button', { name: /not sent/ })).toBeHidden();
});

test('Ctrl+Z while a move is on its way takes that move back @desktop', async ({ page, world }) => {
  const title = unique('Too quick');
  await visit(page, '/board');
  await createCard(page, { title });
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/kanban/move', async (route) => {
    await held;
    await route.continue();
  });
  await moveTo(page, title, 'Done');
  await expect(card(column(page, 'Done'), title)).toBeAttached();
  await page.keyboard.press('Control+z');
  release();
  await expect(card(column(page, 'Ready'), title)).toBeAttached();
  await expect(toast(page, /is back as it was/)).toBeVisible();
  expect((await stored(world, title))?.state).toBe('ready');
});
