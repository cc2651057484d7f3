//! What a person does to a board can be taken back as what they do to a card: settings, views, putting it away.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { card, createCard, hydrated, pick, toast, undo, visit } from '../helpers.ts';
import type { World } from '../world.ts';

test.use({ worldName: 'quiet' });

/** A board of its own, and what the heading calls it. */
async function newBoard(world: World): Promise<{ path: string; name: string }> {
  const stamp = Date.now();
  const name = `Lab ${stamp}`;
  await world.hermes.cli('kanban', 'boards', 'create', `lab-${stamp}`, '--name', name);
  return { path: `/board/lab-${stamp}`, name };
}

const heading = (page: Page) => page.getByRole('heading', { level: 1 });

async function openFromMenu(page: Page, item: string): Promise<void> {
  await heading(page).getByRole('button').click();
  await page.getByRole('menuitem', { name: item }).click();
}

const settings = (page: Page) => page.getByRole('dialog', { name: 'Board settings' });

async function rename(page: Page, name: string): Promise<void> {
  await openFromMenu(page, 'Board settings…');
  await settings(page).getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await settings(page).getByRole('combobox', { name: 'Colour' }).selectOption('teal');
  await settings(page).getByRole('button', { name: 'Save' }).click();
  await expect(heading(page)).toContainText(name);
}

test('what was set on a board is taken back, by the message and by the keyboard of another device', async ({ page, newDevice, world, isMobile }) => {
  const { path, name } = await newBoard(world);
  await visit(page, path);
  await rename(page, `Workshop of ${name}`);
  await expect(toast(page, 'Board settings saved')).toBeVisible();
  await undo(page);
  await expect(toast(page, `${name} is back as it was`)).toBeVisible();
  await expect(heading(page)).not.toContainText('Workshop');
  if (isMobile) return;

  await rename(page, `Workshop of ${name}`);
  const other = await (await newDevice()).newPage();
  await visit(other, path);
  await expect(heading(other)).toContainText('Workshop');
  await other.keyboard.press('Control+z');
  await expect(heading(other)).not.toContainText('Workshop');
  await other.keyboard.press('Control+Shift+z');
  await expect(heading(other)).toContainText('Workshop');
});

test('a saved view is taken back, and a deleted one is had back where it was deleted', async ({ page, world }) => {
  const { path } = await newBoard(world);
  await visit(page, `${path}?needs=me`);
  const name = `Mine ${Date.now()}`;
  const chip = page.getByRole('group', { name: 'Saved views' }).getByRole('button', { name, exact: true });
  const dialog = page.getByRole('dialog', { name: 'View' });
  const open = () => page.getByRole('button', { name: /^View and filter/ }).click();
  const save = async () => {
    await open();
    await dialog.getByRole('textbox', { name: 'Save this view as' }).fill(name);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog).toBeHidden();
    await expect(chip).toBeVisible();
  };
  await save();
  await expect(toast(page, `View “${name}” saved`)).toBeVisible();
  await undo(page);
  await expect(chip).toBeHidden();

  await save();
  await open();
  const remove = dialog.getByRole('button', { name: `Delete the view ${name}` });
  await remove.click();
  await expect(dialog.getByText(`View ${name} deleted`)).toBeVisible();
  await expect(remove).toBeHidden();
  await dialog.getByRole('button', { name: 'Undo' }).click();
  await expect(remove).toBeVisible();
  await expect(dialog.getByText(`View ${name} deleted`)).toBeHidden();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(chip).toBeVisible();
  await page.reload();
  await hydrated(page);
  await expect(chip).toBeVisible();
});

test('a board that was put away is had back, and one that was brought back goes again', async ({ page, world }) => {
  const { path, name } = await newBoard(world);
  const here = new RegExp(`${path}$`);
  const notice = page.getByText('This board was put away');
  const putAway = async () => {
    await openFromMenu(page, 'Board settings…');
    await settings(page).getByRole('button', { name: 'Archive board' }).click();
    await expect(toast(page, `Board “${name}” archived`)).toBeVisible();
    await expect(page).toHaveURL(/\/board\/default$/);
  };
  await visit(page, path);
  await putAway();
  await undo(page);
  await expect(page).toHaveURL(here);
  await expect(heading(page)).toContainText(name);
  await expect(notice).toBeHidden();

  await putAway();
  await openFromMenu(page, 'Archived boards…');
  const archived = page.getByRole('dialog', { name: 'Archived boards' });
  const row = archived.getByRole('listitem').filter({ hasText: name });
  await row.getByRole('button', { name: 'Restore' }).click();
  await expect(page).toHaveURL(here);
  await expect(toast(page, `Board “${name}” restored`)).toBeVisible();
  await page.getByRole('listitem').filter({ hasText: `Board “${name}” restored` }).getByRole('button', { name: 'Undo' }).click();
  await expect(page).toHaveURL(/\/board\/default$/);

  await visit(page, path);
  await expect(notice).toBeVisible();
  await page.getByRole('button', { name: 'Restore' }).click();
  await expect(notice).toBeHidden();
  await page.getByRole('listitem').filter({ hasText: `Board “${name}” restored` }).getByRole('button', { name: 'Undo' }).click();
  await expect(notice).toBeVisible();
});

test('a message offers no undo that was made already @desktop', async ({ page, newDevice }) => {
  const title = `Back and forth ${Date.now()}`;
  await visit(page, '/board');
  await createCard(page, { title, start: 'triage' });
  const moved = toast(page, /T-\d+ moved to Ready/);
  await pick(page, title, 'Move to Ready');
  await expect(moved).toBeVisible();
  await page.keyboard.press('Control+z');
  await expect(toast(page, /T-\d+ is back as it was/)).toBeVisible();
  await expect(moved).toBeHidden();

  // Taken back elsewhere, it is told as it is when it is pressed.
  const other = await (await newDevice()).newPage();
  await visit(other, '/board');
  await page.bringToFront();
  await pick(page, title, 'Move to Ready');
  await expect(moved).toBeVisible();
  await other.keyboard.press('Control+z');
  await expect(toast(other, /T-\d+ is back as it was/)).toBeVisible();
  await moved.getByRole('button', { name: 'Undo' }).click();
  await expect(toast(page, /taken back already/i)).toBeVisible();
  await expect(moved).toBeHidden();
  await expect(card(page, title)).toBeAttached();
});
