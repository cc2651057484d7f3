//! The inbox's own verbs: putting a decision off, bringing it back, and what a finger's swipe does.

import { type Locator, type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { accessible, card, column, createCard, decisionOf, swipe, toast, undo, visit } from '../helpers.ts';
import type { World } from '../world.ts';

test.use({ worldName: 'working' });

// Whoever settles a decision is shown the next one: none of these is left to others.
test.afterEach(async ({ world }) => {
  const open = await world.hermes.cliJson<{ number: number }[]>('kanban', 'list', '--needs-me');
  if (open.length > 0) await world.hermes.cli('kanban', 'archive', ...open.map(({ number }) => `T-${number}`));
});

/** A row of the inbox. */
function row(page: Page, title: string): Locator {
  return page.getByRole('listitem').filter({ has: page.getByRole('link', { name: title }) });
}

/** Opens the inbox with a question of a card that waits in it. */
async function asked(page: Page, title: string): Promise<void> {
  await visit(page, '/board');
  await createCard(page, { title, start: 'blocked' });
  await visit(page, '/inbox');
  await expect(row(page, title)).toBeVisible();
}

/** Opens the inbox with finished work that wants to be looked at. */
async function finished(page: Page, world: World, title: string): Promise<void> {
  world.model.script(title, [
    { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Good enough?', summary: 'It is done.' } }] },
  ]);
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Review'), title)).toBeAttached();
  await visit(page, '/inbox');
  await expect(row(page, title)).toBeVisible();
}

async function chooseMorning(page: Page): Promise<void> {
  await page.getByRole('menuitem', { name: /^Tomorrow morning, / }).click();
}

test('a decision is put off with its button, listed apart, and brought back', async ({ page, newDevice }) => {
  const title = `Ask me later ${Date.now()}`;
  await asked(page, title);
  const other = await (await newDevice()).newPage();
  await visit(other, '/inbox');
  await expect(row(other, title)).toBeVisible();

  await row(page, title).getByRole('button', { name: /^Snooze T-/ }).click();
  await expect(page.getByRole('menuitem', { name: /^In 1 hour, / })).toBeVisible();
  await chooseMorning(page);
  await expect(toast(page, /is snoozed until .*8:00/)).toBeVisible();
  await expect(row(page, title)).toBeHidden();
  await expect(row(other, title)).toBeHidden();

  const group = page.getByRole('button', { name: /^Snoozed \(\d+\)$/ });
  await group.click();
  await expect(group).toHaveAttribute('aria-expanded', 'true');
  await expect(row(page, title)).toContainText(/until .*8:00/);
  await row(page, title).getByRole('button', { name: /^Bring back T-/ }).click();
  await expect(toast(page, /is back in the inbox/)).toBeVisible();
  await expect(row(page, title).getByRole('button', { name: /^Snooze T-/ })).toBeVisible();
  await expect(row(other, title)).toBeVisible();
});

test('undo brings a decision back, and its card waited on the board all the time', async ({ page }) => {
  const title = `Take it back ${Date.now()}`;
  await asked(page, title);
  await row(page, title).getByRole('button', { name: /^Snooze T-/ }).click();
  await chooseMorning(page);
  await expect(row(page, title)).toBeHidden();
  await undo(page);
  await expect(toast(page, 'Taken back')).toBeVisible();
  await expect(row(page, title)).toBeVisible();
  await row(page, title).getByRole('button', { name: /^Snooze T-/ }).click();
  await chooseMorning(page);
  await expect(row(page, title)).toBeHidden();
  await visit(page, '/board');
  await expect(card(column(page, 'Blocked'), title)).toBeAttached();
});

test('a snoozed card says so on the board and on its decision, which brings it back at once', async ({ page }) => {
  const title = `Seen everywhere ${Date.now()}`;
  await asked(page, title);
  await row(page, title).getByRole('button', { name: /^Snooze T-/ }).click();
  await chooseMorning(page);
  await expect(row(page, title)).toBeHidden();
  await visit(page, '/board');
  await expect(card(page, title)).toContainText(/Snoozed, back in \d+[hd]/);
  await expect(card(page, title)).not.toContainText('Needs you');
  await visit(page, await decisionOf(page, title));
  const until = page.getByText(/^Snoozed until .*8:00/);
  await expect(until).toBeVisible();
  await accessible(page, 'a snoozed decision');
  await page.getByRole('button', { name: 'Bring back now' }).click();
  await expect(toast(page, /is back in the inbox/)).toBeVisible();
  await expect(until).toBeHidden();
  await undo(page);
  await expect(until).toBeVisible();
  await page.getByRole('button', { name: 'Bring back now' }).click();
  await expect(until).toBeHidden();
  await visit(page, '/board');
  await expect(card(page, title)).toContainText('Needs you');
});

test('an open inbox loses what is put off elsewhere, and has it again when its time has come', async ({ page, world }) => {
  const title = `Back by itself ${Date.now()}`;
  await asked(page, title);
  const name = await row(page, title).getByRole('button', { name: /^Snooze T-/ }).getAttribute('aria-label');
  const number = name?.replace('Snooze ', '') ?? '';
  await world.hermes.cli('kanban', 'snooze', number, '--until', '3s');
  await expect(row(page, title)).toBeHidden({ timeout: 3_000 });
  await expect(row(page, title)).toBeVisible();
});

test('finished work is approved where it is, with a pointer @desktop', async ({ page, world }) => {
  const title = `Looks good ${Date.now()}`;
  await finished(page, world, title);
  await row(page, title).hover();
  await row(page, title).getByRole('button', { name: /^Approve T-/ }).click();
  await expect(toast(page, /^Approved T-/)).toBeVisible();
  await expect(row(page, title)).toBeHidden();
  await undo(page);
  await expect(row(page, title)).toBeVisible();
});

test('a swipe to the right approves, and can be taken back @phone', async ({ page, world }) => {
  const title = `Swipe me ${Date.now()}`;
  await finished(page, world, title);
  await swipe(page, row(page, title), { x: 60 });
  await expect(row(page, title)).toBeVisible();
  await expect(page).toHaveURL(/\/inbox$/);
  await swipe(page, row(page, title), { x: 140 });
  await expect(toast(page, /^Approved T-/)).toBeVisible();
  await expect(row(page, title)).toBeHidden();
  await undo(page);
  await expect(row(page, title)).toBeVisible();
});

test('a swipe to the left puts off, one to the right opens what needs words @phone', async ({ page }) => {
  const title = `Needs words ${Date.now()}`;
  await asked(page, title);
  await swipe(page, row(page, title), { x: -140 });
  await expect(page.getByRole('dialog', { name: /^Snooze T-\d+ until$/ })).toBeVisible();
  await page.getByRole('button', { name: 'Close' }).click();
  await expect(row(page, title)).toBeVisible();
  await swipe(page, row(page, title), { x: 140 });
  await expect(page).toHaveURL(/\/d\//);
});

test('neither scrolling nor the edge of the screen is a swipe @phone', async ({ page }) => {
  const title = `Leave me ${Date.now()}`;
  await asked(page, title);
  await swipe(page, row(page, title), { x: 140 }, { x: 20 });
  await swipe(page, row(page, title), { x: 30, y: 140 });
  await expect(page).toHaveURL(/\/inbox$/);
  await expect(page.getByRole('dialog', { name: /^Snooze / })).toBeHidden();
  await row(page, title).getByRole('link', { name: title }).click();
  await expect(page).toHaveURL(/\/d\//);
});

test('the rows of the inbox are walked by keyboard, and Enter opens one @desktop', async ({ page }) => {
  const titles = [`First asked ${Date.now()}`, `Then asked ${Date.now()}`];
  for (const title of titles) await asked(page, title);
  const link = (title: string) => page.getByRole('link', { name: title });
  await expect(link(titles[0]!)).toBeVisible();
  await page.keyboard.press('j');
  await expect(page.getByRole('listitem').getByRole('link').and(page.locator(':focus'))).toBeVisible();
  const [first, second] = (await link(titles[0]!).evaluate((one) => one === document.activeElement)) ? titles : titles.toReversed();
  await expect(link(first!)).toBeFocused();
  await page.keyboard.press('k');
  await expect(link(first!)).toBeFocused();
  await page.keyboard.press('j');
  await expect(link(second!)).toBeFocused();
  await page.keyboard.press('j');
  await expect(link(second!)).toBeFocused();

  await page.keyboard.press('?');
  const keys = page.getByRole('dialog', { name: 'Keyboard' });
  await keys.getByRole('button', { name: /^Next card/ }).click();
  await page.keyboard.press('n');
  await page.keyboard.press('Escape');
  await expect(keys).toBeHidden();
  await link(first!).focus();
  await page.keyboard.press('j');
  await expect(link(first!)).toBeFocused();
  await page.keyboard.press('n');
  await expect(link(second!)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/d\//);
});
