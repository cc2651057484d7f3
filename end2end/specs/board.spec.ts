//! The board under the hands of a person: create, drag by mouse and by finger, move by menu, edit, archive, undo. Every
//! change shows in another window without a reload, and what the server refuses goes back.

import { expect, test } from '../fixtures.ts';
import { card, chip, column, createCard, draggable, dragByMouse, Finger, middle, moveTo, pick, toast, undo, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

const unique = (text: string) => `${text} ${Date.now()}`;

test('a card is created, edited, archived and brought back, and another window sees all of it', async ({ page, context }) => {
  const [title, renamed] = [unique('Water the plants'), unique('Water the trees')];
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title, body: 'The ones at the *window*.' });
  await expect(card(column(other, 'Ready'), title)).toContainText('no model set up');

  await pick(page, title, /^Edit/);
  const dialog = page.getByRole('dialog').filter({ has: page.getByRole('button', { name: 'Save' }) });
  await expect(dialog.getByRole('textbox', { name: 'Description' })).toHaveValue('The ones at the *window*.');
  await dialog.getByRole('textbox', { name: 'Title' }).fill(renamed);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(card(other, renamed)).toBeVisible();
  await expect(card(other, title)).toBeHidden();

  await pick(page, renamed, /^Archive/);
  await expect(card(other, renamed)).toBeHidden();
  await undo(page);
  await expect(card(column(other, 'Ready'), renamed)).toBeVisible();
});

test('a blank title is refused with a sentence, and nothing is made', async ({ page, world }) => {
  const cards = () => world.hermes.cli('kanban', 'list', '--json');
  await visit(page, '/board');
  const before = await cards();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('textbox', { name: 'Title' }).fill('   ');
  await dialog.getByRole('button', { name: 'Create card' }).click();
  await expect(dialog.getByText('A card needs a title; say in a few words what shall be done.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(dialog).toBeHidden();
  expect(await cards()).toBe(before);
});

test('the mouse drags a card, and only where it may go @desktop', async ({ page, context }) => {
  const title = unique('Drag me');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title });
  await dragByMouse(page, card(column(page, 'Ready'), title), column(page, 'Triage'));
  await expect(card(column(page, 'Triage'), title)).toBeVisible();
  await expect(card(column(other, 'Triage'), title)).toBeVisible();

  // Running belongs to workers: the card stays and the page says why.
  await dragByMouse(page, card(column(page, 'Triage'), title), column(page, 'Running'));
  await expect(toast(page, 'Running means that a worker acts')).toBeVisible();
  await expect(card(column(page, 'Triage'), title)).toBeVisible();
  // It comes after no other card, so it would not stay in Todo.
  await dragByMouse(page, card(column(page, 'Triage'), title), column(page, 'Todo'));
  await expect(toast(page, 'Todo is for cards that wait for another one')).toBeVisible();
  await expect(card(column(page, 'Triage'), title)).toBeVisible();

  await card(page, title).click({ button: 'right' });
  await expect(page.getByRole('menuitem', { name: /^Edit/ })).toBeVisible();
  await expect(page.getByRole('menuitem', { name: 'Move to Todo' })).toBeHidden();
});

test('a card dropped on Blocked is asked for the question first @phone', async ({ page }) => {
  const title = unique('Stop me');
  await visit(page, '/board');
  await createCard(page, { title });
  const finger = await Finger.of(page);
  await finger.lift(card(column(page, 'Ready'), title));
  await finger.moveTo(await middle(chip(page, 'Blocked')));
  await finger.letGo();
  const dialog = page.getByRole('dialog', { name: 'Block', exact: true });
  await dialog.getByRole('textbox').fill('Which way?');
  await dialog.getByRole('button', { name: 'Block', exact: true }).click();
  await expect(card(column(page, 'Blocked'), title)).toBeAttached();
});

test('a card carried to Blocked or Scheduled is asked for the rest first @desktop', async ({ page }) => {
  const title = unique('Wait for me');
  await visit(page, '/board');
  await createCard(page, { title });
  const link = card(page, title).getByRole('link', { name: title });
  const said = (name: string) => page.getByRole('status').filter({ hasText: `, ${name}, ` });
  await link.focus();
  await page.keyboard.press('m');
  await page.keyboard.press('ArrowLeft');
  await expect(said('Scheduled')).toBeAttached();
  await page.keyboard.press('Enter');
  const later = page.getByRole('dialog', { name: 'Start later' });
  await expect(later).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(later).toBeHidden();
  await expect(link).toBeFocused();
  await expect(card(column(page, 'Ready'), title)).toBeAttached();

  await page.keyboard.press('m');
  await page.keyboard.press('ArrowRight');
  await expect(said('Blocked')).toBeAttached();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Block', exact: true });
  await dialog.getByRole('textbox').fill('Which way?');
  await dialog.getByRole('button', { name: 'Block', exact: true }).click();
  await expect(card(column(page, 'Blocked'), title).getByRole('link', { name: title })).toBeFocused();
});

test('a card moved by its menu keeps the focus, and when it is taken back', async ({ page }) => {
  const title = unique('Stay with me');
  await visit(page, '/board');
  await createCard(page, { title });
  await draggable(page);
  const link = (name: 'Ready' | 'Done') => card(column(page, name), title).getByRole('link', { name: title });
  await link('Ready').focus();
  await page.keyboard.press('s');
  await expect(page.getByRole('menuitem', { name: 'In Ready now' })).toBeVisible();
  await page.getByRole('menuitem', { name: 'Move to Done' }).press('Enter');
  await expect(link('Done')).toBeFocused();
  await expect(toast(page, /moved to Done/)).toBeVisible();
  await page.keyboard.press('Control+z');
  await expect(link('Ready')).toBeFocused();

  await card(page, title).getByRole('button', { name: /^Ready: move / }).click();
  await page.getByRole('menuitem', { name: 'Move to Done' }).click();
  await expect(link('Done')).toBeFocused();
});

test('a held finger lifts a card, and a chip takes it @phone', async ({ page, context }) => {
  const title = unique('Hold me');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title });
  const finger = await Finger.of(page);
  await finger.lift(card(column(page, 'Ready'), title));
  await finger.moveTo(await middle(chip(page, 'Triage')));
  await finger.letGo();
  await expect(card(column(page, 'Triage'), title)).toBeAttached();
  await expect(card(column(other, 'Triage'), title)).toBeAttached();
});

test('at the edge of the phone the page turns under a lifted card @phone', async ({ page }) => {
  const title = unique('Turn the page');
  await visit(page, '/board');
  await createCard(page, { title, start: 'triage' });
  await chip(page, 'Triage').click();
  await expect(chip(page, 'Triage')).toHaveAttribute('aria-pressed', 'true');
  const finger = await Finger.of(page);
  const start = await middle(card(column(page, 'Triage'), title));
  await finger.lift(card(column(page, 'Triage'), title));
  await finger.moveTo({ x: 386, y: start.y });
  // Looked at in each frame: as long as the finger stays there, the next page follows soon.
  await page.waitForFunction(() => document.querySelector("[data-chip='ready'][aria-pressed='true']") !== null);
  await finger.moveTo({ x: 195, y: start.y });
  await finger.letGo();
  await expect(card(column(page, 'Ready'), title)).toBeAttached();
});

test('the menu moves a card as dragging does, offers legal columns only, and undo takes it back', async ({ page, context }) => {
  const title = unique('Move me');
  const other = await context.newPage();
  await visit(other, '/board');
  await visit(page, '/board');
  await createCard(page, { title });
  await card(page, title).getByRole('button', { name: /^Move to…, edit or archive / }).click();
  await expect(page.getByRole('menuitem', { name: /^Move to/ })).toHaveText(['Move to Triage', 'Move to Done']);
  await page.getByRole('menuitem', { name: 'Move to Done' }).click();
  await expect(card(column(other, 'Done'), title)).toBeAttached();
  await undo(page);
  await expect(card(column(other, 'Ready'), title)).toBeAttached();
});

test('a move the server refuses goes back and says why', async ({ page }) => {
  const title = unique('Refuse me');
  await visit(page, '/board');
  await createCard(page, { title });
  // What an old page or a meddler would send: a column no person may move a card into.
  await page.route('**/api/kanban/move', async (route) => {
    const body = (route.request().postData() ?? '').replace('"to":"triage"', '"to":"running"');
    await route.continue({ postData: body });
  });
  await moveTo(page, title, 'Triage');
  await expect(toast(page, /goes back: .*running/i)).toBeVisible();
  await expect(card(column(page, 'Ready'), title)).toBeAttached();
  await expect(card(column(page, 'Triage'), title)).not.toBeAttached();
});

test('the command line and every page see the same board', async ({ page, world }) => {
  const title = unique('From the command line');
  await visit(page, '/board');
  await world.hermes.cli('kanban', 'create', title);
  await expect(card(column(page, 'Ready'), title)).toBeAttached();
  await moveTo(page, title, 'Done');
  await expect(toast(page, /moved to Done/)).toBeVisible();
  expect(await world.hermes.cli('kanban', 'list', '--json')).toContain(title);
});
