//! Getting a card going again from its page: what is wrong and what mends it, logs of runs, what it hangs on, a look at
//! it beside the board, and many cards chosen with a thumb.

import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures.ts';
import { accessible, card, column, createCard, decisionOf, openCard, pick, toast, visit } from '../helpers.ts';

test.use({ worldName: 'working' });

const unique = (text: string) => `${text} ${Date.now()}`;

/** A run in the card's history. */
function attempt(page: Page, number: number) {
  const runs = page.getByRole('region', { name: 'Runs' });
  return runs.getByRole('button', { name: new RegExp(`Attempt ${number}\\b`) });
}

test('a card that keeps failing says so, gets another worker and a word for it, and runs again', async ({ page, world }) => {
  test.setTimeout(90_000);
  const title = unique('Keep failing');
  await visit(page, '/board');
  await createCard(page, { title, assignee: 'broken' });
  await expect(card(column(page, 'Blocked'), title)).toBeVisible({ timeout: 25_000 });

  // The board counts it, lists it, and leads to it.
  await page.reload();
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await page.getByRole('button', { name: /cards? needs? attention$/ }).click();
  const list = page.getByRole('dialog', { name: 'Needs attention' });
  await list.getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();

  const wrong = page.getByRole('region', { name: 'What is wrong' });
  await expect(wrong).toContainText(/worker died 2 times in a row/);
  await accessible(page, 'a failed card');

  const address = page.url();
  await visit(page, '/board');
  await visit(page, await decisionOf(page, title));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^2 failures in a row: the program ended with exit code \d+$/);
  await expect(page.getByText('cannot find the map')).toBeVisible();
  await accessible(page, 'a decision about failures');
  await visit(page, address);

  // The log of the last run says why.
  await attempt(page, 2).click();
  const log = page.getByRole('log', { name: 'Log of attempt 2' });
  await expect(log).toContainText('cannot find the map');
  await expect(log).not.toContainText('\u001b');
  await accessible(page, 'a run with its log');

  // Its profile runs a program: no model would help, and the question's own page has the same answers.
  await expect(wrong.getByRole('button', { name: 'Change model…' })).toBeHidden();
  await expect(wrong).not.toContainText('another model');
  await expect(wrong.getByRole('link', { name: 'Decide' })).toBeHidden();

  world.model.respond(title, () => ({ tools: [{ name: 'kanban_complete', args: { summary: 'Found another way.' } }] }));
  await wrong.getByRole('button', { name: 'Try again…' }).click();
  const again = page.getByRole('dialog', { name: 'Try again' });
  await again.getByRole('combobox', { name: 'Model' }).fill('scripted-2');
  await accessible(page, 'trying again');
  await again.getByRole('combobox', { name: 'Assignee' }).selectOption('default');
  await again.getByRole('textbox', { name: 'What the next attempt shall know' }).fill('There is no map.');
  await again.getByRole('button', { name: 'Try again' }).click();
  await expect(toast(page, /runs again/)).toBeVisible();
  await expect(wrong).toBeHidden();
  await expect(page.getByRole('region', { name: 'Comments' })).toContainText('There is no map.');
  await expect(page.getByRole('region', { name: 'Result' })).toContainText('Found another way.', { timeout: 20_000 });
  await expect(attempt(page, 3)).toContainText('completed');
  const asked = world.model.requests.filter((request) => JSON.stringify(request.messages).includes(title));
  expect(JSON.stringify(asked[0])).toContain('There is no map.');
  expect(asked[0]?.model).toBe('scripted-2');
});

test('a result that names a card that does not exist says so until it is corrected', async ({ page, world }) => {
  const title = unique('Refer to nothing');
  world.model.respond(title, () => ({ tools: [{ name: 'kanban_complete', args: { summary: 'As T-987654 says.' } }] }));
  const { number } = (await world.hermes.cliJson<{ card: { number: number } }>('kanban', 'create', title)).card;
  await visit(page, `/card/${number}`);
  const wrong = page.getByRole('region', { name: 'What is wrong' });
  await expect(wrong).toContainText('names cards that do not exist: T-987654', { timeout: 20_000 });
  await expect(wrong.getByRole('button', { name: 'Try again…' })).toBeVisible();
  await accessible(page, 'a result that names cards that do not exist');
  await world.hermes.cliJson('kanban', 'edit', `${number}`, '--result', 'As the notes say.');
  await expect(page.getByRole('region', { name: 'Result' })).toContainText('As the notes say.');
  await expect(wrong).toBeHidden();
});

test('the question of a failed card is answered with another profile, and its history tells all of it', async ({ page, world }) => {
  const title = unique('Fail, then change hands');
  world.model.respond(title, () => ({ tools: [{ name: 'kanban_complete', args: { summary: 'Easy for me.' } }] }));
  await visit(page, '/board');
  await createCard(page, { title, assignee: 'broken' });
  await expect(card(column(page, 'Blocked'), title)).toBeVisible({ timeout: 25_000 });
  await visit(page, await decisionOf(page, title));
  await expect(page.getByRole('button', { name: 'Retry' })).toBeEnabled();
  await expect(page.getByRole('button', { name: 'Change model…' })).toBeHidden();
  await page.getByRole('button', { name: 'Reassign…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Reassign' });
  await expect(dialog.getByRole('button', { name: 'Reassign and try again' })).toBeDisabled();
  await dialog.getByRole('combobox', { name: 'Assignee' }).selectOption('default');
  await dialog.getByRole('textbox', { name: 'What the next attempt shall know' }).fill('Somebody else failed.');
  await accessible(page, 'giving a failed card to another profile');
  await dialog.getByRole('button', { name: 'Reassign and try again' }).click();
  // When something else waits, it comes next, and a strip says what was done.
  await expect(page.getByText(/^Retried/).first()).toBeVisible();

  await visit(page, '/board');
  await expect(card(column(page, 'Done'), title)).toBeVisible({ timeout: 20_000 });
  await openCard(page, title);
  const history = page.getByRole('region', { name: 'History' });
  await expect(history.getByRole('list')).toBeHidden();
  await history.getByRole('button', { name: 'Show' }).click();
  const entries = history.getByRole('listitem');
  await expect(entries.filter({ hasText: 'Ada started another attempt' })).toBeVisible();
  await expect(entries.filter({ hasText: 'Ada changed: Assignee' })).toBeVisible();
  await expect(entries.filter({ hasText: 'Hermes asked a person, as it keeps failing' })).toBeVisible();
  await expect(entries.last()).toContainText('Ada created the card');
  await accessible(page, 'a card with its history');
  await history.getByRole('button', { name: 'Hide' }).click();
  await expect(entries.first()).toBeHidden();
});

test('a retry is taken back within its five seconds', async ({ page }) => {
  const title = unique('Changed my mind');
  await visit(page, '/board');
  await createCard(page, { title, start: 'blocked' });
  await openCard(page, title);
  await page.getByRole('button', { name: /^Move to…, edit or archive / }).click();
  await page.getByRole('menuitem', { name: 'Try again…' }).click();
  await page.getByRole('dialog', { name: 'Try again' }).getByRole('button', { name: 'Try again' }).click();
  await toast(page, /runs again/).getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByRole('region', { name: 'A question for you' })).toBeVisible();
});

test('the log of a running worker streams in, is searched and saved, and the card is given to another', async ({ page }) => {
  const title = unique('Talk a lot');
  await visit(page, '/board');
  await createCard(page, { title, assignee: 'noisy' });
  await expect(card(column(page, 'Running'), title)).toBeVisible();
  await openCard(page, title);
  await attempt(page, 1).click();
  const log = page.getByRole('log', { name: 'Log of attempt 1' });
  await expect(log).toContainText('line 3 of the story');
  await expect(log).toContainText('line 8 of the story');
  await expect(log).toContainText('[redacted');
  const tools = page.getByRole('group', { name: 'Log of attempt 1' });
  await tools.getByRole('searchbox', { name: 'Search the log' }).fill('LINE 2 OF');
  await expect(tools.getByRole('status').filter({ hasText: '1 of 1' })).toBeVisible();
  await expect(log.locator('mark')).toHaveText('line 2 of');
  await tools.getByRole('searchbox', { name: 'Search the log' }).fill('no such words');
  await expect(tools.getByText('Not found')).toBeVisible();
  await tools.getByRole('searchbox', { name: 'Search the log' }).fill('');
  const saving = page.waitForEvent('download');
  await tools.getByRole('link', { name: 'Save the log' }).click();
  expect((await saving).suggestedFilename()).toMatch(/^T-\d+-attempt-1-output\.log$/);

  await page.getByRole('button', { name: /^Move to…, edit or archive / }).click();
  await page.getByRole('menuitem', { name: 'Reassign…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Reassign' });
  await expect(dialog).toContainText('Its worker is stopped');
  await expect(dialog.getByRole('button', { name: 'Stop it and reassign' })).toBeDisabled();
  await dialog.getByRole('combobox', { name: 'Assignee' }).selectOption('counter');
  await dialog.getByRole('button', { name: 'Stop it and reassign' }).click();
  await expect(attempt(page, 1)).toContainText('taken back');
  await expect(page.getByRole('region', { name: 'Look at the finished work' })).toBeVisible({ timeout: 25_000 });
  await expect(attempt(page, 2)).toContainText('counter');
});

test('a dependency is found, added, shown on the map, and taken away', async ({ page }) => {
  const [first, second] = [unique('Lay the foundation'), unique('Build the house')];
  await visit(page, '/board');
  await createCard(page, { title: first, start: 'triage' });
  await createCard(page, { title: second, start: 'triage' });
  await openCard(page, second);
  const section = page.getByRole('region', { name: 'Dependencies' });
  await expect(section).toContainText('Waits for no other card');
  await section.getByRole('button', { name: 'Add' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a dependency' });
  await dialog.getByRole('combobox', { name: 'Card' }).fill(first);
  await expect(dialog.getByRole('option', { name: first })).toBeVisible();
  await accessible(page, 'adding a dependency');
  await dialog.getByRole('combobox', { name: 'Card' }).press('ArrowDown');
  await dialog.getByRole('combobox', { name: 'Card' }).press('Enter');
  await expect(dialog).toBeHidden();
  await expect(section).toContainText('0 of 1 done');
  const map = section.getByRole('group', { name: 'Dependency map: 1 before, 0 after' });
  const node = map.getByRole('link', { name: `${first}, Triage` });
  await expect(node).toBeVisible();
  await expect(map.locator('svg').first().locator('path')).toHaveCount(1);
  await accessible(page, 'a card with a map');
  await node.click();
  await expect(page.getByRole('heading', { name: first })).toBeVisible();
  await expect(section).toContainText('Needed by');
  await section.getByRole('button', { name: /^Remove/ }).first().click();
  await expect(section).toContainText('Waits for no other card');
});

test('a card is blocked with a question, and goes on when that is taken back', async ({ page }) => {
  const title = unique('Paint the fence');
  await visit(page, '/board');
  await createCard(page, { title, start: 'triage' });
  await pick(page, title, 'Block…');
  const dialog = page.getByRole('dialog', { name: 'Block' });
  await dialog.getByRole('button', { name: 'Block' }).click();
  await expect(dialog.getByText('Say what you ask, or why it shall wait.')).toBeVisible();
  await dialog.getByRole('textbox').fill('Which colour?\nGreen or white?');
  await dialog.getByRole('button', { name: 'Block' }).click();
  await expect(dialog).toBeHidden();
  await expect(card(column(page, 'Blocked'), title)).toBeVisible();
  await toast(page, /waits for an answer/).getByRole('button', { name: 'Undo' }).click();
  await expect(card(column(page, 'Triage'), title)).toBeVisible();

  await openCard(page, title);
  await page.getByRole('button', { name: /^Move to…, edit or archive / }).click();
  await page.getByRole('menuitem', { name: 'Block…' }).click();
  await dialog.getByRole('textbox').fill('Is there any paint?');
  await dialog.getByRole('button', { name: 'Block' }).click();
  await expect(page.getByRole('region', { name: 'A question for you' })).toContainText('Is there any paint?');
});

test('a card is looked at beside the board by keyboard, and the board stays where it is @desktop', async ({ page }) => {
  const titles = [unique('Upper card'), unique('Lower card')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title, start: 'triage', body: `What ${title} is about.` });
  const upper = card(page, titles[1]!).getByRole('link', { name: titles[1]! });
  const lower = card(page, titles[0]!).getByRole('link', { name: titles[0]! });
  const order = (await upper.boundingBox())!.y < (await lower.boundingBox())!.y ? [upper, lower] : [lower, upper];
  const before = await order[0]!.boundingBox();
  await order[0]!.focus();
  await page.keyboard.press('Space');
  const panel = page.getByRole('complementary', { name: /^Peek: T-\d+$/ });
  await expect(panel.getByText(/is about\./)).toBeVisible();
  for (const name of [/^Assignee: /, /^Priority: /, /^Labels: /]) await expect(panel.getByRole('button', { name })).toBeVisible();
  expect(await order[0]!.boundingBox()).toEqual(before);
  expect((await panel.boundingBox())!.width).toBe(480);
  await accessible(page, 'the panel');
  const shown = await panel.getAttribute('aria-label');
  await page.keyboard.press('j');
  await expect(panel).not.toHaveAttribute('aria-label', shown!);
  await page.keyboard.press('k');
  await expect(panel).toHaveAttribute('aria-label', shown!);

  // Tab leads into the panel and back; what is said there stands beside it.
  await page.keyboard.press('Tab');
  await expect(panel.getByRole('link', { name: 'Open the full page' })).toBeFocused();
  const edge = panel.getByRole('separator', { name: 'Width of the panel' });
  await page.keyboard.press('Shift+Tab');
  await expect(edge).toBeFocused();
  await page.keyboard.press('Shift+Tab');
  await expect(order[0]!).toBeFocused();
  await panel.getByRole('button', { name: /^Priority: / }).click();
  await page.getByRole('menuitem', { name: 'High' }).click();
  await expect(panel.getByRole('button', { name: /^Priority: / })).toHaveText(/High$/);
  const said = await toast(page, /saved/).boundingBox();
  expect(said!.x + said!.width).toBeLessThanOrEqual((await panel.boundingBox())!.x);

  await edge.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(edge).toHaveAttribute('aria-valuenow', '504');
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await expect(order[0]!).toBeFocused();
  await page.keyboard.press('Space');
  await expect(edge).toHaveAttribute('aria-valuenow', '504');
  await page.keyboard.press('Space');
  await expect(panel).toBeHidden();
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/card\/\d+$/);
  await expect(page.getByRole('link', { name: 'Back to the board' })).toBeVisible();
  await page.goBack();
  await expect(order[0]!).toBeFocused();
});

test('cards are chosen with a thumb and changed together @phone', async ({ page }) => {
  const titles = [unique('First of two'), unique('Second of two')];
  await visit(page, '/board');
  for (const title of titles) await createCard(page, { title, start: 'triage' });
  await pick(page, titles[0]!, 'Select');
  // From then on a tap chooses instead of opening.
  await card(page, titles[1]!).getByRole('link', { name: titles[1]! }).tap();
  const bar = page.getByRole('toolbar', { name: 'Selected cards' });
  await expect(bar).toContainText('2');
  await bar.getByRole('button', { name: 'Archive' }).tap();
  await expect(toast(page, '2 archived')).toBeVisible();
  for (const title of titles) await expect(card(page, title)).not.toBeAttached();
});
