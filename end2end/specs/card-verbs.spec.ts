//! A card's own page: the keys of the board work on it, what is set is changed where it stands, and its menu has what the
//! board's has.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { accessible, card, clearReady, controlled, createCard, openCard, toast, undo, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });
test.afterEach(({ world }) => clearReady(world));

const unique = (text: string) => `${text} ${Date.now()}`;
const details = (page: Page) => page.getByRole('complementary', { name: 'Details' });

/** Opens the page of a new card from the board. */
async function opened(page: Page, title: string): Promise<void> {
  await visit(page, '/board');
  await createCard(page, { title });
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();
}

test('the keys of the board work on the page of a card, and Escape leads back @desktop', async ({ page }) => {
  const title = unique('Worked by keys');
  await opened(page, title);
  for (const [key, name, entry] of [
    ['s', /^Move T-/, 'Move to Done'],
    ['a', /^Assign T-/, "Board's default"],
    ['p', /^Priority of T-/, 'Urgent'],
  ] as const) {
    await page.keyboard.press(key);
    const menu = page.getByRole('dialog', { name });
    await expect(menu.getByRole('menuitem', { name: entry })).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(menu).toBeHidden();
  }
  await page.keyboard.press('p');
  await page.getByRole('menuitem', { name: 'Urgent' }).click();
  await expect(details(page)).toContainText('Urgent');
  await undo(page);
  await expect(details(page)).toContainText('Normal');

  await page.keyboard.press('d');
  await expect(page.getByRole('dialog', { name: 'Add a dependency' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();

  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();

  await page.keyboard.press('e');
  await expect(page.getByRole('textbox', { name: 'Title' })).toBeFocused();
  // What is typed is no key, and an open form is not left by the way.
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/card\/\d+$/);
  await page.getByRole('button', { name: 'Cancel' }).click();

  await page.keyboard.press('#');
  await expect(toast(page, /archived/)).toBeVisible();
  await undo(page);
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/board/);
  await expect(card(page, title)).toBeAttached();
});

test('Escape on a card that was opened by its address leads to its board @desktop', async ({ page, context }) => {
  const title = unique('Opened by address');
  await opened(page, title);
  const address = page.url();
  const other = await context.newPage();
  await visit(other, address);
  await other.keyboard.press('Escape');
  await expect(other).toHaveURL(/\/board\//);
});

test('a key that was chosen means the same on the page of a card @desktop', async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem('hermes.keys', 'py'));
  await opened(page, unique('Own keys'));
  await page.keyboard.press('p');
  await page.keyboard.press('y');
  await expect(page.getByRole('dialog', { name: /^Priority of T-/ })).toBeVisible();
});

test('what is set on a card is changed in its details, and taken back @desktop', async ({ page, world }) => {
  const [title, other] = [unique('Set in place'), unique('Has a label')];
  await world.hermes.cli('kanban', 'create', other, '--triage', '--label', 'garden');
  await opened(page, title);
  const value = (name: string) => details(page).getByRole('button', { name: new RegExp(`^${name}: `) });

  await value('Priority').click();
  await page.getByRole('menuitem', { name: 'High' }).click();
  await expect(value('Priority')).toHaveText(/High$/);
  await expect(toast(page, /saved/)).toBeVisible();
  await undo(page);
  await expect(value('Priority')).toHaveText(/Normal$/);

  await expect(value('Labels')).toHaveText(/No labels$/);
  await value('Labels').click();
  await page.getByRole('dialog', { name: 'Label' }).getByRole('button', { name: 'garden' }).click();
  await expect(value('Labels')).toHaveText(/garden$/);
  await value('Labels').click();
  await page.getByRole('dialog', { name: 'Label' }).getByRole('button', { name: 'garden', pressed: true }).click();
  await expect(value('Labels')).toHaveText(/No labels$/);

  await value('Due').click();
  await page.getByRole('dialog', { name: 'Due' }).getByRole('button', { name: 'In a week' }).click();
  await expect(value('Due')).toHaveText(/due in 6d$/);
  await value('Due').click();
  await page.getByRole('dialog', { name: 'Due' }).getByRole('button', { name: 'No date' }).click();
  await expect(value('Due')).toHaveText(/No date$/);

  await page.getByRole('button', { name: /^Move to…, edit or archive / }).click();
  for (const name of ['Priority P', 'Label', 'Start later…']) await expect(page.getByRole('menuitem', { name, exact: true })).toBeVisible();
  await page.getByRole('menuitem', { name: 'Start later…' }).click();
  await page.getByRole('dialog', { name: 'Start later' }).getByRole('button', { name: 'In an hour' }).click();
  await expect(details(page)).toContainText('Scheduled');
  await undo(page);
  await expect(details(page)).not.toContainText('Scheduled');
  await accessible(page, 'the page of a card');
});

test('who works on a card and how important it is stands under its title @phone', async ({ page }) => {
  const title = unique('Seen at once');
  await visit(page, '/board');
  await createCard(page, { title });
  await openCard(page, title);
  const priority = page.getByRole('button', { name: /^Priority: / }).first();
  await expect(page.getByRole('button', { name: /^Assignee: / }).first()).toBeInViewport();
  await expect(priority).toBeInViewport();
  expect((await priority.boundingBox())!.height).toBeGreaterThanOrEqual(44);
  await priority.tap();
  await page.getByRole('menuitem', { name: 'Urgent' }).tap();
  await expect(priority).toHaveText(/Urgent$/);
});

test('a card that cannot be read is shown as its board knew it, and read when the network is back', async ({ page, context }) => {
  const title = unique('Seen before the tunnel');
  await visit(page, '/inbox');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Board' }).click();
  await createCard(page, { title });
  await controlled(page);
  await context.setOffline(true);
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();
  await expect(page.getByText('As it was last seen.')).toBeVisible();
  await expect(details(page)).toContainText('Ready');
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Inbox' }).click();
  await expect(page.getByText('As it was last seen.')).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();

  await context.setOffline(false);
  await expect(page.getByRole('textbox', { name: 'New comment' })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText('As it was last seen.')).toBeHidden();
});
