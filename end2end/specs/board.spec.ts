//! The board under the hands of a person: create, drag by mouse and by touch, move by menu, edit, archive, undo. Every
//! change shows in another window without a reload, and what the server refuses goes back.

import { expect, test } from '../fixtures.ts';
import { archive, card, column, createCard, dragByMouse, dragByTouch, editCard, moveTo, toast, undo, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

const unique = (text: string) => `${text} ${Date.now()}`;

test('a card is created, edited, archived and brought back, and another window sees all of it', async ({ page, context }) => {
  const title = unique('Water the plants');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title, body: 'The ones at the *window*.' });
  await expect(card(column(other, 'Ready'), title)).toBeVisible();

  const renamed = unique('Water the trees');
  await editCard(page, title, { title: renamed });
  await expect(card(other, renamed)).toBeVisible();
  await expect(card(other, title)).toBeHidden();

  await archive(page, renamed);
  await expect(card(other, renamed)).toBeHidden();
  await undo(page);
  await expect(card(column(other, 'Ready'), renamed)).toBeVisible();
});

test('a blank title is refused with a sentence and nothing is made', async ({ page }) => {
  await visit(page, '/board');
  const before = await page.getByRole('article').count();
  await page.getByRole('button', { name: 'New card' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('textbox', { name: 'Title' }).fill('   ');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(dialog.getByRole('alert').filter({ hasText: /title/i })).toBeVisible();
  await expect(page.getByRole('article')).toHaveCount(before);
});

test('dragging by mouse moves a card, and only where it may go @desktop', async ({ page, context }) => {
  const title = unique('Drag me');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title });
  await dragByMouse(page, card(column(page, 'Ready'), title), column(page, 'Triage'));
  await expect(card(column(page, 'Triage'), title)).toBeVisible();
  await expect(card(column(other, 'Triage'), title)).toBeVisible();

  // Running belongs to workers: the card goes back and says why.
  await dragByMouse(page, card(column(page, 'Triage'), title), column(page, 'Running'));
  await expect(card(column(page, 'Triage'), title)).toBeVisible();
  await expect(toast(page)).toContainText(/Running/);
});

test('holding a card with a finger lifts it, and a chip takes it @phone', async ({ page, context }) => {
  const title = unique('Hold me');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title });
  await dragByTouch(page, card(column(page, 'Ready'), title), 'Triage');
  await expect(card(column(other, 'Triage'), title)).toBeVisible();
});

test('the menu moves a card as dragging does and offers legal columns only', async ({ page, context }) => {
  const title = unique('Move me');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title });
  await moveTo(page, title, 'Done');
  await expect(card(column(other, 'Done'), title)).toBeVisible();
  await undo(page);
  await expect(card(column(other, 'Ready'), title)).toBeVisible();
});

test('a move the server refuses goes back and says why', async ({ page }) => {
  const title = unique('Refuse me');
  await visit(page, '/board');
  await createCard(page, { title });
  // What an old page or a meddler would send: a column no person may move a card into.
  await page.route('**/kanban/move', (route) =>
    route.continue({ postData: (route.request().postData() ?? '').replace('"to":"triage"', '"to":"running"') }),
  );
  await moveTo(page, title, 'Triage');
  await expect(toast(page)).toContainText(/running/i);
  await expect(card(column(page, 'Ready'), title)).toBeVisible();
  await expect(card(column(page, 'Triage'), title)).toBeHidden();
});

test('the command line and the page see the same board', async ({ page, world }) => {
  const title = unique('From the command line');
  await visit(page, '/board');
  await world.hermes.cli('kanban', 'create', title);
  await expect(card(column(page, 'Ready'), title)).toBeVisible();
});
