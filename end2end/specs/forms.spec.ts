//! What is typed arrives where it was meant, nobody's words are lost, and no message stands in the way of a button.

import { expect, test } from '../fixtures.ts';
import { card, createCard, toast, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

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
  await expect(toast(page, /created/)).toBeVisible();
  await card(page, title).getByRole('link', { name: 'Answer' }).click();
  await expect(page.getByRole('heading', { name: 'Which colour?' })).toBeVisible();
  await expect(toast(page, /created/)).toBeVisible();
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
