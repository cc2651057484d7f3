//! What is typed arrives where it was meant, nobody's words are lost, and no message stands in the way of a button.

import { expect, test } from '../fixtures.ts';
import { accessible, card, clearReady, column, createCard, pick, toast, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });
test.afterEach(({ world }) => clearReady(world));

interface Created {
  card: { number: number };
}

const unique = (text: string) => `${text} ${Date.now()}`;

test('messages stand clear of the bar of selected cards and of a decision’s verbs', async ({ page, world }) => {
  const title = unique('Choose a colour');
  const { number } = (await world.hermes.cliJson<Created>('kanban', 'create', title)).card;
  await world.hermes.cli('kanban', 'block', `${number}`, 'Which colour?');
  await visit(page, '/board');

  await createCard(page, { title: unique('Say something') });
  await expect(toast(page, /created/)).toBeVisible();
  await card(page, title).getByRole('link', { name: title }).focus();
  await page.keyboard.press('x');
  const bar = page.getByRole('toolbar', { name: 'Selected cards' });
  for (const name of ['Select nothing', 'Status', 'Archive', 'Delete']) {
    await bar.getByRole('button', { name, exact: true }).click({ trial: true });
  }
  await bar.getByRole('button', { name: 'Select nothing' }).click();

  await createCard(page, { title: unique('Say more') });
  await expect(toast(page, /created/).last()).toBeVisible();
  await card(page, title).getByRole('link', { name: 'Answer' }).click();
  await expect(page.getByRole('heading', { name: 'Which colour?' })).toBeVisible();
  await expect(toast(page, /created/).last()).toBeVisible();
  await page.getByRole('button', { name: 'Archive' }).click({ trial: true });
});

test('what is typed while a dialog’s code is on its way is not lost @desktop', async ({ page }) => {
  await visit(page, '/board');
  const title = unique('Water the plants');
  await page.keyboard.press('c');
  await page.keyboard.type(title);
  const dialog = page.getByRole('dialog', { name: 'New card' });
  const field = dialog.getByRole('textbox', { name: 'Title' });
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(title);

  // Closed by mistake: it is there again, until it is thrown away.
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await page.keyboard.press('c');
  await expect(field).toHaveValue(title);
  await dialog.getByRole('button', { name: 'Start over' }).click();
  await expect(field).toHaveValue('');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await page.keyboard.press('Control+k');
  await page.keyboard.type('sett');
  await expect(page.getByRole('combobox', { name: 'Find anything' })).toHaveValue('sett');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/settings$/);
});

test('two people may write into different fields of a card, and choose when it is the same one', async ({ page, world }) => {
  const { hermes } = world;
  const [first, second, third, theirs] = ['Plan', 'Plan it', 'Plan it well', 'Plan nothing'].map(unique) as [string, string, string, string];
  const { number } = (await hermes.cliJson<Created>('kanban', 'create', first, '--triage')).card;
  const edit = page.getByRole('button', { name: 'Edit', exact: true });
  const title = page.getByRole('textbox', { name: 'Title' });
  const save = page.getByRole('button', { name: 'Save', exact: true });
  await visit(page, `/card/${number}`);
  await edit.click();
  await expect(title).toBeFocused();
  await hermes.cli('kanban', 'edit', `${number}`, '--priority', '2');
  await hermes.cli('kanban', 'comment', `${number}`, 'By the way.');
  await title.fill(second);
  await save.click();
  await expect(page.getByRole('heading', { name: second })).toBeVisible();
  await expect(page.getByRole('complementary', { name: 'Details' })).toContainText('Urgent');

  await edit.click();
  await expect(title).toHaveValue(second);
  await hermes.cli('kanban', 'edit', `${number}`, '--title', theirs);
  await title.fill(third);
  await save.click();
  const clash = page.getByRole('alert').filter({ hasText: 'Somebody else changed the same meanwhile.' });
  await expect(clash).toContainText(theirs);
  await expect(clash).toContainText(third);
  await clash.getByRole('button', { name: 'Keep mine' }).click();
  await expect(page.getByRole('heading', { name: third })).toBeVisible();
});

test('a template is saved, starts a card, is deleted and had again', async ({ page }) => {
  const [title, name] = [unique('Weekly report'), unique('Report')];
  await visit(page, '/board');
  await createCard(page, { title, body: 'What happened this week.' });
  await pick(page, title, 'Save as template…');
  const saving = page.getByRole('dialog', { name: 'Save as template' });
  await saving.getByRole('textbox').first().fill(name);
  await saving.getByRole('button', { name: 'Save' }).click();
  await expect(saving).toBeHidden();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('button', { name, exact: true }).click();
  await expect(dialog.getByRole('textbox', { name: 'Description' })).toHaveValue('What happened this week.');
  await dialog.getByRole('button', { name: `Delete the template ${name}` }).click();
  await expect(dialog.getByRole('button', { name, exact: true })).toBeHidden();
  await dialog.getByRole('status').filter({ hasText: `Template ${name} deleted` }).getByRole('button', { name: 'Undo' }).click();
  await expect(dialog.getByRole('button', { name, exact: true })).toBeVisible();
});

test('a card made beside a card lands on that card’s board', async ({ page, world }) => {
  const [slug, first, second] = [`beside-${Date.now()}`, unique('First'), unique('Second')];
  await world.hermes.cli('kanban', 'boards', 'create', slug);
  const { number } = (await world.hermes.cliJson<Created>('kanban', '--board', slug, 'create', first)).card;
  await visit(page, `/card/${number}`);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('textbox', { name: 'Title' }).fill(second);
  await dialog.getByRole('button', { name: 'Create card' }).click();
  await expect(dialog).toBeHidden();
  await visit(page, `/board/${slug}`);
  await expect(card(column(page, 'Ready'), second)).toBeAttached();
});

test('a new card is given what it waits for, and keeps it in the draft', async ({ page }) => {
  const [first, second] = [unique('Lay the table'), unique('Eat')];
  await visit(page, '/board');
  await createCard(page, { title: first });
  const open = () => page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  await open();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('textbox', { name: 'Title' }).fill(second);
  await dialog.getByText('More options').click();
  const waits = dialog.getByRole('group', { name: 'Waits for' });
  const field = waits.getByRole('combobox');
  // Enter does not send the form: it takes what is found for these words, at once or as soon as it is there.
  await field.fill(first);
  await field.press('Enter');
  await expect(waits.getByRole('listitem').filter({ hasText: first })).toBeVisible();
  await expect(field).toHaveValue('');
  await waits.getByRole('button', { name: /^No longer wait for/ }).click();
  await expect(waits.getByRole('listitem')).toHaveCount(0);
  await field.fill(first);
  await expect(waits.getByRole('option', { name: first })).toHaveAttribute('aria-selected', 'true');
  await expect(field).toHaveAttribute('aria-expanded', 'true');
  await accessible(page, 'what a new card waits for');
  await field.press('Escape');
  await expect(field).toHaveValue('');
  await expect(dialog).toBeVisible();
  await field.fill(first);
  await waits.getByRole('option', { name: first }).click();
  await expect(waits.getByRole('listitem').filter({ hasText: first })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await open();
  await dialog.getByText('More options').click();
  await expect(waits.getByRole('listitem').filter({ hasText: first })).toBeVisible();
  await dialog.getByRole('button', { name: 'Create card' }).click();
  await expect(dialog).toBeHidden();
  await expect(card(column(page, 'Todo'), second)).toBeAttached();
  await pick(page, second, 'Delete');
  await expect(card(page, second)).not.toBeAttached();
});

test('a worktree has a branch, and a directory can be shared @desktop', async ({ page }) => {
  await visit(page, '/board');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByText('More options').click();
  const workspace = dialog.getByRole('combobox', { name: 'Workspace' });
  const [branch, shared] = [dialog.getByRole('textbox', { name: 'Branch' }), dialog.getByRole('checkbox')];
  await expect(branch).toBeHidden();
  await workspace.selectOption('worktree');
  await expect(branch).toBeVisible();
  await expect(shared).toBeHidden();
  await workspace.selectOption('dir');
  await expect(branch).toBeHidden();
  await shared.check();
  await expect(shared).toBeChecked();
  await workspace.selectOption('scratch');
  await expect(shared).toBeHidden();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a card that did not run yet gets another directory to work in', async ({ page }) => {
  const title = unique('Tidy the shed');
  await visit(page, '/board');
  await createCard(page, { title, start: 'triage' });
  await pick(page, title, 'Edit');
  const dialog = page.getByRole('dialog', { name: /Edit/ });
  await dialog.getByText('More options').click();
  await dialog.getByRole('combobox', { name: 'Workspace' }).selectOption('dir');
  const path = dialog.getByRole('textbox', { name: 'Directory' });
  await path.fill('shed');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('is not an absolute path')).toBeVisible();
  await expect(path).toBeFocused();
  await path.fill('/tmp');
  await dialog.getByRole('checkbox', { name: /^Other cards may work/ }).check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  await pick(page, title, 'Edit');
  await dialog.getByText('More options').click();
  await expect(path).toHaveValue('/tmp');
  await expect(dialog.getByRole('checkbox', { name: /^Other cards may work/ })).toBeChecked();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a dialog with an edit is not closed unasked @desktop', async ({ page }) => {
  const title = unique('Think twice');
  await visit(page, '/board');
  await createCard(page, { title });
  await pick(page, title, 'Edit');
  const dialog = page.getByRole('dialog', { name: /Edit/ });
  const field = dialog.getByRole('textbox', { name: 'Description' });
  await field.fill('Half a thought');
  let asked = 0;
  page.on('dialog', (question) => {
    asked += 1;
    void (asked < 4 ? question.dismiss() : question.accept());
  });
  // A selection that ends beside the dialog closes nothing, so nothing is asked.
  const box = await field.boundingBox();
  if (!box) throw new Error('the field is not on screen');
  await page.mouse.move(box.x + 20, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(4, 4);
  await page.mouse.up();
  await expect(field).toHaveValue('Half a thought');
  expect(asked).toBe(0);
  await page.keyboard.press('Escape');
  await expect.poll(() => asked).toBe(1);
  await expect(field).toHaveValue('Half a thought');
  // Going back asks as well, each time anew.
  for (const questions of [2, 3]) {
    await page.evaluate(() => history.back());
    await expect.poll(() => asked).toBe(questions);
    await expect(field).toHaveValue('Half a thought');
  }
  await page.evaluate(() => history.back());
  await expect(dialog).toBeHidden();
  await expect(card(page, title)).toBeVisible();
});

test('what was typed into an edit is not lost by a chord @desktop', async ({ page }) => {
  const title = unique('Keep my words');
  await visit(page, '/board');
  await createCard(page, { title });
  await card(page, title).getByRole('link', { name: title }).click();
  await page.getByRole('button', { name: /^Edit/ }).first().click();
  await page.getByRole('textbox', { name: 'Description' }).fill('Half a thought');
  let asked = 0;
  page.on('dialog', (dialog) => {
    asked += 1;
    void dialog.dismiss();
  });
  await page.getByRole('link', { name: 'Back to the board' }).click();
  await expect.poll(() => asked).toBe(1);
  await expect(page.getByRole('textbox', { name: 'Description' })).toHaveValue('Half a thought');
});

test('what was set on a card stands on its page, and when it is due on the board, too', async ({ page, world }) => {
  const title = unique('Plan the feast');
  const limits = ['--max-runtime', '30m', '--max-tokens', '5000', '--max-cost', '2', '--max-retries', '3'];
  const others = ['--tenant', 'acme', '--skill', 'sql', '--repeat', 'every 2d'];
  const { number } = (await world.hermes.cliJson<Created>('kanban', 'create', title, '--triage', ...limits, ...others)).card;
  await visit(page, `/card/${number}`);
  const details = page.getByRole('complementary', { name: 'Details' });
  const said = (name: string) => details.locator('.detail').filter({ has: page.getByText(name, { exact: true }) }).getByRole('definition');
  await expect(said('Minutes at most')).toHaveText('30');
  await expect(said('Tokens')).toHaveText('0 of 5000 used');
  await expect(said('Costs at most')).toHaveText('$2.00');
  await expect(said('Failures at most')).toHaveText('3');
  await expect(said('Tenant')).toHaveText('acme');
  await expect(said('Skills')).toHaveText('sql');
  await expect(said('Comes again')).toHaveText('every 2d');
  await expect(said('Due')).toHaveText(/No date$/);

  for (const [days, words] of [[3, /due in 2d/], [-2, /overdue 2d/]] as const) {
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByText('More options').click();
    const at = new Date(Date.now() + days * 86_400_000 - new Date().getTimezoneOffset() * 60_000);
    await page.getByLabel('Due', { exact: true }).fill(at.toISOString().slice(0, 16));
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(said('Due')).toHaveText(words);
  }
  await visit(page, '/board');
  await expect(card(page, title)).toContainText('overdue 2d');
});
