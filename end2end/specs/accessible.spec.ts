//! No screen keeps anybody out: those that no other journey stops at. The others are looked at where they are used.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { accessible, card, clearReady, createCard, pick, visit } from '../helpers.ts';

// Looking at a screen takes seconds on a busy machine, and these tests look at many.
test.describe.configure({ timeout: 90_000 });

const unique = (text: string) => `${text} ${Date.now()}`;

interface Created {
  card: { number: number };
}

/** Picks from the menu of boards and looks at the dialog that opens. */
async function boardDialog(page: Page, item: string): Promise<void> {
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await page.getByRole('menuitem', { name: item }).click();
  const dialog = page.getByRole('dialog', { name: item.replace('…', '') });
  await expect(dialog.getByRole('button').nth(1)).toBeVisible();
  await accessible(page, item);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
}

test.describe('what is opened over a board', () => {
  test.use({ worldName: 'quiet' });
  test.afterEach(({ world }) => clearReady(world));

  test('the menu of boards and every dialog it opens', async ({ page, world }) => {
    const [slug, gone] = [`open-${Date.now()}`, `gone-${Date.now()}`];
    for (const board of [slug, gone]) await world.hermes.cli('kanban', 'boards', 'create', board);
    await visit(page, `/board/${slug}`);
    await expect(page.getByText('This board is empty')).toBeVisible();
    await accessible(page, 'an empty board');
    await page.getByRole('heading', { level: 1 }).getByRole('button').click();
    await expect(page.getByRole('menuitem').first()).toBeVisible();
    await accessible(page, 'the menu of boards');
    await page.keyboard.press('Escape');
    for (const item of ['New swarm…', 'New board…', 'Board settings…']) await boardDialog(page, item);

    await world.hermes.cli('kanban', '--board', gone, 'create', 'Put away with its board');
    await world.hermes.cli('kanban', 'boards', 'rm', gone);
    await boardDialog(page, 'Archived boards…');
    await visit(page, `/board/${gone}`);
    await expect(page.getByText('This board was put away')).toBeVisible();
    await accessible(page, 'an archived board');
  });

  test('what a card opens: its editor, what it waits for, when it starts, its labels, a template', async ({ page }) => {
    const title = unique('Look at me');
    await visit(page, '/board');
    await createCard(page, { title, body: 'What it is **about**.' });
    const dialogs = [
      ['Edit', 'Edit'],
      ['Depends on…', /waits for$/],
      ['Start later…', 'Start later'],
      ['Label', 'Label'],
      ['Save as template…', 'Save as template'],
    ] as const;
    for (const [item, name] of dialogs) {
      await pick(page, title, item);
      const dialog = page.getByRole('dialog', { name });
      await expect(dialog.getByRole('button').nth(1)).toBeVisible();
      await accessible(page, item);
      await page.keyboard.press('Escape');
      await expect(dialog).toBeHidden();
    }
    await card(page, title).getByRole('link', { name: title }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await expect(page.getByRole('textbox', { name: 'Title' })).toBeFocused();
    await accessible(page, 'a card that is edited on its page');
  });

  test('the bar of selected cards', async ({ page }) => {
    const title = unique('Choose me');
    await visit(page, '/board');
    await createCard(page, { title });
    await pick(page, title, 'Select');
    const bar = page.getByRole('toolbar', { name: 'Selected cards' });
    await expect(bar).toBeVisible();
    await accessible(page, 'a selection');
    await bar.getByRole('button', { name: 'Status' }).click();
    await expect(page.getByRole('menuitem').first()).toBeVisible();
    await accessible(page, 'where a selection can go');
  });

  test('the palette and the keys', async ({ page }) => {
    const title = unique('Find me');
    await visit(page, '/board');
    await createCard(page, { title });
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Find anything' });
    await expect(palette.getByRole('option').first()).toBeVisible();
    await accessible(page, 'the palette');
    await palette.getByRole('combobox').fill(title.slice(0, 7));
    await expect(palette.getByRole('option', { name: title })).toBeVisible();
    await accessible(page, 'the palette with a card');
    await palette.getByRole('combobox').fill(unique('nothing of that name'));
    await expect(palette.getByText('Nothing found')).toBeVisible();
    await accessible(page, 'the palette with nothing');
    await page.keyboard.press('Escape');
    await expect(palette).toBeHidden();

    await page.keyboard.press('?');
    const keys = page.getByRole('dialog', { name: 'Keyboard' });
    await keys.getByRole('button', { name: /^Status: / }).click();
    await expect(keys.getByText('Press the new key, or Escape')).toBeVisible();
    await accessible(page, 'the keys');
  });

  test('what needs attention', async ({ page, world }) => {
    const title = unique('Nobody can start it');
    const { number } = (await world.hermes.cliJson<Created>('kanban', 'create', title)).card;
    await visit(page, '/board');
    await page.getByRole('button', { name: /cards? needs? attention$/ }).click();
    const list = page.getByRole('dialog', { name: 'Needs attention' });
    await expect(list.getByRole('link').first()).toBeVisible();
    await accessible(page, 'what needs attention');
    await visit(page, `/card/${number}`);
    await expect(page.getByRole('region', { name: 'What is wrong' })).toBeVisible();
    await accessible(page, 'what is wrong with a card');
  });
});

test.describe('where nothing is yet', () => {
  test.use({ worldName: 'fresh' });

  test('an empty inbox, a first look, and an address that leads nowhere', async ({ page }) => {
    await visit(page, '/inbox');
    await expect(page.getByText('Nothing needs you.')).toBeVisible();
    await accessible(page, 'an empty inbox');
    await visit(page, '/welcome');
    await accessible(page, 'the first steps');
    for (const path of ['/nothing-here', '/card/999999']) {
      await visit(page, path);
      await expect(page.getByText('There is nothing at this address')).toBeVisible();
      await accessible(page, path);
    }
  });
});
