//! Choosing what of the board is shown: nothing that was chosen is lost on the way out, and nothing that can be chosen hides.

import { expect, test } from '../fixtures.ts';
import { card, clearReady, createCard, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });
test.afterEach(({ world }) => clearReady(world));

const unique = (text: string) => `${text} ${Date.now()}`;

test('Back closes the filter and keeps what was chosen in it', async ({ page, world }) => {
  const [mine, other] = [unique('Somebody paints'), unique('Nobody paints')];
  await world.hermes.cli('kanban', 'create', mine, '--assignee', 'painter');
  await world.hermes.cli('kanban', 'create', other);
  await visit(page, '/inbox');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Board' }).click();
  await expect(card(page, other)).toBeAttached();
  await page.getByRole('button', { name: /^View and filter/ }).click();
  const dialog = page.getByRole('dialog', { name: 'View' });
  await dialog.getByRole('button', { name: 'painter', exact: true }).click();
  await expect(page).toHaveURL(/assignee=painter/);
  await page.goBack();
  await expect(dialog).toBeHidden();
  await expect(page).toHaveURL(/assignee=painter/);
  await expect(card(page, mine)).toBeAttached();
  await expect(card(page, other)).not.toBeAttached();
  // The sheet is gone from the history, too: the next step leads off the board.
  await page.goBack();
  await expect(page).toHaveURL(/\/inbox$/);
});

test('a filter does not hide what else can be chosen', async ({ page, world }) => {
  await world.hermes.cli('kanban', 'create', unique('To paint'), '--assignee', 'painter');
  await world.hermes.cli('kanban', 'create', unique('To write'), '--assignee', 'poet');
  await visit(page, '/board?assignee=painter&label=nowhere&tenant=none');
  await page.getByRole('button', { name: /^View and filter/ }).click();
  const dialog = page.getByRole('dialog', { name: 'View' });
  await expect(dialog.getByRole('button', { name: 'poet', exact: true })).toHaveAttribute('aria-pressed', 'false');
  for (const chosen of ['painter', 'nowhere', 'none']) {
    await expect(dialog.getByRole('button', { name: chosen, exact: true })).toHaveAttribute('aria-pressed', 'true');
  }
});

test('the search leads to the cards it found, and Escape leads out of it @desktop', async ({ page }) => {
  const word = `heron${Date.now()}`;
  const [before, found] = [unique('Feed the cat'), `Feed the ${word}`];
  await visit(page, '/board');
  for (const title of [before, found]) await createCard(page, { title });
  const field = page.getByRole('searchbox', { name: 'Search this board' });
  const link = (title: string) => card(page, title).getByRole('link', { name: title });
  await link(before).focus();
  await page.keyboard.press('/');
  await expect(field).toBeFocused();
  await page.keyboard.type(word);
  await page.keyboard.press('Enter');
  await expect(link(found)).toBeFocused();
  await expect(card(page, before)).not.toBeAttached();

  // Empty first, then out, back to where one was.
  await page.keyboard.press('/');
  await page.keyboard.press('Escape');
  await expect(field).toBeFocused();
  await expect(field).toHaveValue('');
  await page.keyboard.press('Escape');
  await expect(field).not.toBeFocused();
  await expect(link(found)).toBeFocused();
  await page.keyboard.press('/');
  await page.keyboard.press('ArrowDown');
  await expect(field).not.toBeFocused();
});
