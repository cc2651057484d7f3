//! Finding cards of every board with a finger: no shortcut and no board is needed for it.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { accessible, card, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

const unique = (text: string) => `${text} ${Date.now()}`;

const palette = (page: Page) => page.getByRole('dialog', { name: 'Find anything' });

test('a card of another board is found from the inbox, and from the menu of boards', async ({ page, world, isMobile }) => {
  const slug = `attic-${Date.now()}`;
  const title = unique('Mend the lantern');
  await world.hermes.cli('kanban', 'boards', 'create', slug, '--color', 'teal');
  await world.hermes.cli('kanban', '--board', slug, 'create', title);

  await visit(page, '/inbox');
  const button = page.getByRole('button', { name: 'Find anything' });
  const place = await button.boundingBox();
  if (isMobile) expect(Math.min(place?.width ?? 0, place?.height ?? 0), 'room for a finger').toBeGreaterThanOrEqual(44);
  await button.click();
  await palette(page).getByRole('combobox').fill(title);
  const found = palette(page).getByRole('option', { name: title });
  await expect(found).toContainText('Attic');
  await accessible(page, 'cards of all boards');
  await found.click();
  await expect(page).toHaveURL(/\/card\/\d+$/);
  await expect(page.getByRole('heading', { name: title })).toBeVisible();

  await visit(page, '/board/default');
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Search all boards…' }).click();
  await palette(page).getByRole('combobox').fill(title);
  await expect(found).toBeVisible();
  await page.goBack();
  await expect(palette(page)).toBeHidden();
  await expect(page).toHaveURL(/\/board\/default$/);
});

test('the search says when it has too little to go on, found nothing, or could not ask', async ({ page, world }) => {
  const title = unique('Wind the clock');
  await world.hermes.cli('kanban', 'create', title);
  await visit(page, '/inbox');
  await page.getByRole('button', { name: 'Find anything' }).click();
  const field = palette(page).getByRole('combobox');
  await field.fill('w');
  await expect(palette(page).getByText('Cards are found from two letters on.')).toBeVisible();
  await field.fill(unique('nothing of that name'));
  await expect(palette(page).getByText('Nothing found')).toBeVisible();

  await page.route('**/api/kanban/search', (route) => route.abort());
  await field.fill(title);
  await expect(palette(page).getByRole('alert')).not.toBeEmpty();
  await expect(palette(page).getByText('Nothing found')).toBeHidden();
  await page.unroute('**/api/kanban/search');
  await palette(page).getByRole('button', { name: 'Try again' }).click();
  await expect(palette(page).getByRole('option', { name: title })).toBeVisible();
  await expect(palette(page).getByRole('alert')).toBeHidden();
  const number = await palette(page).getByRole('option', { name: title }).textContent();
  await world.hermes.cli('kanban', 'archive', number?.match(/T-\d+/)?.[0] ?? '');
});

test('Enter opens what was typed last, however fast @desktop', async ({ page, world }) => {
  const [first, second] = [unique('Sharpen the saw'), unique('Oil the hinges')];
  await world.hermes.cli('kanban', 'create', first);
  const { number } = (await world.hermes.cliJson<{ card: { number: number } }>('kanban', 'create', second)).card;
  await visit(page, '/inbox');
  const field = palette(page).getByRole('combobox');
  await page.keyboard.press('Control+k');
  await field.fill(first);
  await expect(palette(page).getByRole('option', { name: first })).toBeVisible();
  await field.fill(second);
  await field.press('Enter');
  await expect(page.getByRole('heading', { name: second })).toBeVisible();

  // A number needs no answer.
  await visit(page, '/inbox');
  await page.keyboard.press('Control+k');
  await expect(field).toBeFocused();
  await page.keyboard.type(`t-${number}`);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/card/${number}$`));
  await expect(page.getByRole('heading', { name: second })).toBeVisible();
  await world.hermes.cli('kanban', 'archive', `T-${number}`);
});

test('the palette stands still, and says nothing was found only when that is so @desktop', async ({ page, world }) => {
  const title = unique('Wax the floor');
  const { number } = (await world.hermes.cliJson<{ card: { number: number } }>('kanban', 'create', title)).card;
  await visit(page, '/inbox');
  await page.keyboard.press('Control+k');
  const field = palette(page).getByRole('combobox');
  await expect(field).toBeFocused();
  const top = (await field.boundingBox())?.y;
  await page.evaluate(() => {
    const said: string[] = [];
    (globalThis as unknown as { said: string[] }).said = said;
    const look = () => said.push(document.querySelector('.palette [role=status]:not([hidden])')?.textContent ?? '');
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await field.fill(title);
  await expect(palette(page).getByRole('option', { name: title })).toBeVisible();
  expect((await field.boundingBox())?.y).toBe(top);
  const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  expect(said).not.toContain('Nothing found');
  await world.hermes.cli('kanban', 'archive', `T-${number}`);
});

test('the palette does what the board and its cards can do @desktop', async ({ page, world }) => {
  const title = unique('Polish the brass');
  const { number } = (await world.hermes.cliJson<{ card: { number: number } }>('kanban', 'create', title)).card;
  await visit(page, '/board/default');
  const field = palette(page).getByRole('combobox');
  const open = async (words: string) => {
    await page.keyboard.press('Control+k');
    await expect(field).toBeFocused();
    await expect(palette(page).getByRole('option', { name: 'View and filter' })).toBeVisible();
    await field.fill(words);
  };
  await open('deleted ca');
  await page.keyboard.press('Enter');
  await expect(palette(page)).toBeHidden();
  const deleted = page.getByRole('dialog', { name: 'Deleted cards' });
  await expect(deleted).toBeVisible();
  await page.goBack();
  await expect(deleted).toBeHidden();
  await expect(page).toHaveURL(/\/board\/default$/);

  await open('search this');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('searchbox', { name: 'Search this board' })).toBeFocused();

  // The card that had the focus is offered with its number.
  await card(page, title).getByRole('link', { name: title }).focus();
  await open(`t-${number} priority`);
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Urgent' }).click();
  await expect(card(page, title)).toContainText('Urgent');
  await open('undo');
  await accessible(page, 'commands in the palette');
  await page.keyboard.press('Enter');
  await expect(card(page, title)).not.toContainText('Urgent');

  await open('appear');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/settings#appearance$/);
  await expect(page.getByRole('heading', { name: 'Appearance' })).toBeInViewport();
  await world.hermes.cli('kanban', 'archive', `T-${number}`);
});
