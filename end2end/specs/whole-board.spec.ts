//! The board beyond the main job: what is shown and saved, many cards at once, the keyboard, several boards, finding
//! things; and that no screen of it keeps anybody out.

import { expect, test } from '../fixtures.ts';
import { accessible, card, clearReady, column, createCard, dragByMouse, draggable, hydrated, toast, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });
test.afterEach(({ world }) => clearReady(world));

const unique = (text: string) => `${text} ${Date.now()}`;

test('what is shown lives in the address, gets a name, and another window opens the same', async ({ page, context }) => {
  const word = `pelican${Date.now()}`;
  const [found, hidden] = [`Feed the ${word}`, unique('Feed the cat')];
  await visit(page, '/board');
  await createCard(page, { title: found });
  await createCard(page, { title: hidden });
  await page.goto(`/board?q=${word}`);
  await hydrated(page);
  await expect(card(page, found)).toBeAttached();
  await expect(card(page, hidden)).not.toBeAttached();

  await page.getByRole('button', { name: /^View and filter/ }).click();
  const dialog = page.getByRole('dialog', { name: 'View' });
  await dialog.getByRole('textbox', { name: 'Save this view as' }).fill(word);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  const other = await context.newPage();
  await visit(other, '/board');
  await expect(card(other, hidden)).toBeAttached();
  await other.getByRole('button', { name: word, exact: true }).click();
  await expect(card(other, hidden)).not.toBeAttached();
  await expect(card(other, found)).toBeAttached();
  expect(other.url()).toContain(`q=${word}`);

  // What changes is seen through the filter, too.
  await page.goto('/board');
  await hydrated(page);
  const fresh = unique(`Wash the ${word}`);
  await createCard(page, { title: fresh });
  await expect(card(other, fresh)).toBeAttached();
  await other.getByRole('button', { name: 'Clear', exact: true }).click();
  await expect(card(other, hidden)).toBeAttached();
});

test('cards are selected, changed together, and taken back on another device @desktop', async ({ page, context }) => {
  const titles = [unique('One of three'), unique('Two of three'), unique('Three of three')];
  const other = await context.newPage();
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title });
  await visit(other, '/board');
  for (const title of titles) {
    await card(page, title).getByRole('link', { name: title }).focus();
    await page.keyboard.press('x');
  }
  const bar = page.getByRole('toolbar', { name: 'Selected cards' });
  await expect(bar).toContainText('3 selected');
  await bar.getByRole('button', { name: 'Priority' }).click();
  await page.getByRole('menuitem', { name: 'Urgent' }).click();
  await expect(toast(page, '3 cards changed')).toBeVisible();
  for (const title of titles) await expect(card(other, title)).toContainText('Urgent');
  await expect(bar).toBeHidden();
  await other.bringToFront();
  await other.keyboard.press('Control+z');
  for (const title of titles) await expect(card(page, title)).not.toContainText('Urgent');
});

test('what was selected along the way is selected less on the way back @desktop', async ({ page }) => {
  const titles = [unique('Along one'), unique('Along two'), unique('Along three')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title });
  await draggable(page);
  await card(page, titles[0] ?? '').getByRole('link').first().focus();
  const bar = page.getByRole('toolbar', { name: 'Selected cards' });
  for (const [key, count] of [['Shift+J', 2], ['Shift+J', 3], ['Shift+K', 2]] as const) {
    await page.keyboard.press(key);
    await expect(bar).toContainText(`${count} selected`);
  }
  await expect(card(page, titles[1] ?? '').getByRole('link').first()).toBeFocused();
});

test('a drag of a selected card moves the selection @desktop', async ({ page }) => {
  const titles = [unique('Drag one'), unique('Drag two')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title });
  for (const title of titles) await card(page, title).click({ modifiers: ['Control'], position: { x: 90, y: 10 } });
  await expect(page.getByRole('toolbar', { name: 'Selected cards' })).toContainText('2 selected');
  await dragByMouse(page, card(column(page, 'Ready'), titles[0] ?? ''), column(page, 'Triage'));
  for (const title of titles) await expect(card(column(page, 'Triage'), title)).toBeAttached();
  await page.reload();
  await hydrated(page);
  for (const title of titles) await expect(card(column(page, 'Triage'), title)).toBeAttached();
});

test('of selected cards, those that are there already stay where they are @desktop', async ({ page }) => {
  const [first, second, third] = ['Stays first', 'Stays second', 'Comes third'].map(unique) as [string, string, string];
  await visit(page, '/board');
  for (const title of [first, second]) await createCard(page, { title });
  await createCard(page, { title: third, start: 'triage' });
  for (const title of [first, third]) {
    await card(page, title).getByRole('link', { name: title }).focus();
    await page.keyboard.press('x');
  }
  const bar = page.getByRole('toolbar', { name: 'Selected cards' });
  await bar.getByRole('button', { name: 'Status' }).click();
  await page.getByRole('menuitem', { name: 'Move to Ready' }).click();
  // The one that went is called by its number.
  await expect(toast(page, /T-\d+ moved to Ready/)).toBeVisible();
  await expect(column(page, 'Ready').getByRole('article').filter({ hasText: /(Stays|Comes)/ })).toHaveText([first, second, third].map((title) => new RegExp(title)));
});

test('Escape ends a drag and leaves the selection @desktop', async ({ page }) => {
  const titles = [unique('Held one'), unique('Held two')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title });
  for (const title of titles) await card(page, title).click({ modifiers: ['Control'], position: { x: 90, y: 10 } });
  const bar = page.getByRole('toolbar', { name: 'Selected cards' });
  await draggable(page);
  const box = await card(page, titles[0] ?? '').boundingBox();
  if (!box) throw new Error('the card is not on screen');
  await page.mouse.move(box.x + 90, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 130, box.y + 60, { steps: 4 });
  await expect(page.locator('.drag-ghost')).toBeAttached();
  await page.keyboard.press('Escape');
  await expect(page.locator('.drag-ghost')).not.toBeAttached();
  await page.mouse.up();
  await expect(bar).toContainText('2 selected');
});

test('a view that could not be read is read again by itself @desktop', async ({ page }) => {
  const word = `heron${Date.now()}`;
  const [found, hidden] = [`Feed the ${word}`, unique('Feed the dog')];
  await visit(page, '/board');
  for (const title of [found, hidden]) await createCard(page, { title });
  await page.route('**/api/kanban/board*', (route) => route.abort());
  await page.getByRole('searchbox', { name: 'Search this board' }).fill(word);
  // Only when it does not answer a second time: the frame may know by then that there is no connection.
  await expect(toast(page, 'The server did not answer').first()).toBeVisible({ timeout: 15_000 });
  await expect(card(page, hidden)).toBeAttached();
  await page.unroute('**/api/kanban/board*');
  await expect(card(page, hidden)).not.toBeAttached();
  await expect(card(page, found)).toBeAttached();
});

test('the keyboard carries a card, says each step, and Escape takes it back @desktop', async ({ page }) => {
  const title = unique('Carry me');
  await visit(page, '/board');
  await createCard(page, { title });
  await card(page, title).getByRole('link', { name: title }).focus();
  await page.keyboard.press('m');
  await expect(page.getByText('Enter drops')).toBeVisible();
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByRole('status').filter({ hasText: /, \d+ of \d+/ })).toBeAttached();
  await page.keyboard.press('Escape');
  await expect(page.getByText('Enter drops')).toBeHidden();
  await expect(card(column(page, 'Ready'), title)).toBeAttached();
  await card(page, title).getByRole('link', { name: title }).focus();
  await page.keyboard.press('m');
  // To where it starts later, then over the column where it may not go.
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect(card(column(page, 'Triage'), title)).toBeAttached();
  await page.keyboard.press('Enter');
  await page.reload();
  await hydrated(page);
  await expect(card(column(page, 'Triage'), title)).toBeAttached();
});

test('in lanes a card moves within its own @desktop', async ({ page, world }) => {
  const board = unique('lanes').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  await world.hermes.cli('kanban', 'boards', 'create', board);
  const cards: [string, string][] = [['First of the high', '10'], ['Second of the high', '10'], ['Ordinary', '0']];
  for (const [title, priority] of cards) {
    await world.hermes.cli('kanban', '--board', board, 'create', title, '--priority', priority);
  }
  await visit(page, `/board/${board}?lanes=priority`);
  const ready = column(page, 'Ready');
  const shown = (titles: string[]): Promise<void> => expect(ready.getByRole('article')).toHaveText(titles.map((title) => new RegExp(title)));
  await shown(['First of the high', 'Second of the high', 'Ordinary']);
  await card(page, 'First of the high').getByRole('link').first().focus();
  await page.keyboard.press('m');
  for (let step = 0; step < 2; step += 1) {
    await page.keyboard.press('ArrowDown');
    await expect(page.getByRole('status').filter({ hasText: 'Ready, 2 of 2' })).toBeAttached();
  }
  await page.keyboard.press('Enter');
  await shown(['Second of the high', 'First of the high', 'Ordinary']);
  await dragByMouse(page, card(page, 'Second of the high'), card(page, 'Ordinary'));
  await shown(['First of the high', 'Second of the high', 'Ordinary']);
  await page.reload();
  await hydrated(page);
  await shown(['First of the high', 'Second of the high', 'Ordinary']);
});

test('another board is made, kept apart, and found again', async ({ page }) => {
  const name = unique('Garden');
  await visit(page, '/board');
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await page.getByRole('menuitem', { name: 'New board…' }).click();
  const dialog = page.getByRole('dialog', { name: 'New board' });
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await dialog.getByRole('button', { name: 'Create board' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(name);
  const title = unique('Only here');
  await createCard(page, { title });
  await visit(page, '/board/default');
  await expect(card(page, title)).not.toBeAttached();
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Find anything' });
  await palette.getByRole('combobox').fill(title.slice(0, 9));
  await expect(palette.getByRole('option', { name: title })).toBeVisible();
});

test('a board on which nothing starts keeps that, and its other settings are saved', async ({ page, world }) => {
  const slug = `still-${Date.now()}`;
  await world.hermes.cli('kanban', 'boards', 'create', slug);
  await world.hermes.cli('kanban', 'boards', 'set', slug, '--slots', '0');
  await visit(page, `/board/${slug}`);
  const open = async () => {
    await page.getByRole('heading', { level: 1 }).getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Board settings…' }).click();
  };
  await open();
  const dialog = page.getByRole('dialog', { name: 'Board settings' });
  const slots = dialog.getByRole('spinbutton', { name: 'Workers at once' });
  await expect(slots).toHaveValue('0');
  await slots.fill('-1');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('A whole number; 0 lets nothing start')).toBeVisible();
  await slots.fill('0');
  await dialog.getByRole('textbox', { name: 'What it is for' }).fill('Nothing yet');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(toast(page, 'Board settings saved')).toBeVisible();
  await open();
  await expect(slots).toHaveValue('0');
  await expect(dialog.getByRole('textbox', { name: 'What it is for' })).toHaveValue('Nothing yet');
});

test('a card that is deleted elsewhere says so on its open page, and is had back there', async ({ page, world }) => {
  const title = unique('Thrown away meanwhile');
  const { number } = (await world.hermes.cliJson<{ card: { number: number } }>('kanban', 'create', title, '--triage')).card;
  await visit(page, `/card/${number}`);
  const heading = page.getByRole('heading', { name: title });
  await expect(heading).toBeVisible();
  await world.hermes.cli('kanban', 'archive', '--rm', `T-${number}`);
  await expect(page.getByRole('heading', { name: `T-${number} was deleted` })).toBeVisible();
  await expect(heading).toBeHidden();
  await expect(page.getByRole('button', { name: 'Edit' })).toBeHidden();
  await expect(page.getByRole('region', { name: 'Comments' })).toBeHidden();
  await accessible(page, 'a card that was deleted');
  await page.getByRole('button', { name: 'Restore' }).click();
  await expect(toast(page, `T-${number} is back in Triage`)).toBeVisible();
  await expect(heading).toBeVisible();
});

test('a deleted card is found again on the board and brought back', async ({ page, context, world }) => {
  const slug = `bin-${Date.now()}`;
  await world.hermes.cli('kanban', 'boards', 'create', slug);
  const board = (...words: string[]): Promise<string> => world.hermes.cli('kanban', '--board', slug, ...words);
  const open = async (): Promise<void> => {
    await page.getByRole('heading', { level: 1 }).getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Deleted cards…' }).click();
  };
  const dialog = page.getByRole('dialog', { name: 'Deleted cards' });
  await visit(page, `/board/${slug}`);
  await open();
  await expect(dialog).toContainText('Nothing was deleted in the last 30 days.');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(dialog).toBeHidden();

  // More than a page of them.
  for (let n = 1; n <= 32; n += 1) await board('create', `Thrown away ${String(n).padStart(2, '0')}`);
  const cards = JSON.parse(await board('list', '--json')) as { number: number; title: string }[];
  await board('archive', '--rm', ...cards.map(({ number }) => `T-${number}`));
  const other = await context.newPage();
  await visit(other, `/board/${slug}`);
  await open();
  const rows = dialog.getByRole('listitem');
  await expect(rows).toHaveCount(30);
  await accessible(page, 'deleted cards');
  await dialog.getByRole('button', { name: 'More' }).click();
  await expect(rows).toHaveCount(32);
  await expect(dialog.getByRole('button', { name: 'More' })).toBeHidden();

  const first = cards.find(({ title }) => title === 'Thrown away 01');
  if (!first) throw new Error('the first card is not listed');
  const row = rows.filter({ hasText: 'Thrown away 01' });
  await expect(row).toContainText('was in Ready');
  await expect(row).toContainText('30 days left');
  await row.getByRole('button', { name: 'Restore' }).click();
  await expect(row).toContainText(`T-${first.number} is back in Ready`);
  await expect(card(other, 'Thrown away 01')).toBeAttached();
  await row.getByRole('link', { name: `Open T-${first.number}` }).click();
  await expect(page.getByRole('heading', { name: 'Thrown away 01' })).toBeVisible();
  await page.goBack();
  await expect(card(page, 'Thrown away 01')).toBeAttached();
  await open();
  await expect(rows).toHaveCount(30);
  await expect(rows.filter({ hasText: 'Thrown away 01' })).toHaveCount(0);
});

test('the app starts with the board that was used last, as long as it is there', async ({ page, context, world }) => {
  const [slug, name] = [`last-${Date.now()}`, unique('Last one')];
  await world.hermes.cli('kanban', 'boards', 'create', slug, '--name', name);
  const heading = (of: typeof page) => of.getByRole('heading', { level: 1 });
  await visit(page, '/board/default');
  await expect(heading(page)).not.toContainText(name);
  await visit(page, `/board/${slug}`);
  await expect(heading(page)).toContainText(name);

  // As after a restart of the app: nothing in memory.
  const again = await context.newPage();
  await visit(again, '/settings');
  await again.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Board' }).click();
  await expect(heading(again)).toContainText(name);
  await again.goto('/board');
  await hydrated(again);
  await expect(heading(again)).toContainText(name);
  await again.close();

  await world.hermes.cli('kanban', 'boards', 'archive', slug);
  const after = await context.newPage();
  await visit(after, '/board');
  await expect(heading(after)).toContainText('Home');
});

test('no screen of the board keeps anybody out', async ({ page }) => {
  test.setTimeout(90_000);
  const title = unique('For everybody');
  await visit(page, '/board');
  await createCard(page, { title, start: 'blocked' });
  await accessible(page, 'the board');
  await page.getByRole('button', { name: /^View and filter/ }).click();
  await expect(page.getByRole('combobox', { name: 'Lanes' })).toBeVisible();
  await accessible(page, 'view and filter');
  await page.getByRole('combobox', { name: 'Lanes' }).selectOption('assignee');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await accessible(page, 'lanes');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  await page.getByText('More options').click();
  await accessible(page, 'a new card');
  await page.keyboard.press('Escape');
  await card(page, title).getByRole('button', { name: /^Move to…, edit or archive / }).click();
  await expect(page.getByRole('menuitem').first()).toBeVisible();
  await accessible(page, 'the menu');
  await page.keyboard.press('Escape');
  for (const path of ['/inbox', '/settings']) {
    await visit(page, path);
    await accessible(page, path);
  }
});

test('a key can be another one, and the usual one back again @desktop', async ({ page }) => {
  const title = unique('By another key');
  await visit(page, '/board');
  await createCard(page, { title });
  const link = card(page, title).getByRole('link', { name: title });
  const [sheet, menu] = [page.getByRole('dialog', { name: 'Keyboard' }), page.getByRole('dialog', { name: /^Move T-/ })];
  await link.focus();
  await page.keyboard.press('?');
  await sheet.getByRole('button', { name: 'Status: S. Choose another key' }).click();
  await page.keyboard.press('a');
  await expect(sheet.getByRole('alert')).toHaveText('A is taken: Assignee');
  await page.keyboard.press('t');
  await expect(sheet.getByRole('button', { name: 'Status: T. Choose another key' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();

  await page.reload();
  await draggable(page);
  await link.focus();
  await page.keyboard.press('s');
  await page.keyboard.press('t');
  await expect(menu).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(menu).toBeHidden();

  await visit(page, '/settings#keyboard');
  await page.getByRole('button', { name: 'Back to the usual keys' }).click();
  await expect(page.getByRole('button', { name: 'Status: S. Choose another key' })).toBeVisible();
});
