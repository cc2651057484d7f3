//! Decisions: a question answered lets the work go on, and whoever is second is told who was first.

import { expect, test } from '../fixtures.ts';
import { accessible, card, column, createCard, decisionOf, visit } from '../helpers.ts';

test.use({ worldName: 'working' });

/** A person has five seconds to take an answer back before the worker reads it. */
const AFTER_THE_UNDO_WINDOW = { timeout: 20_000 };

test('a question, an answer, and the work goes on with it', async ({ page, world }) => {
  const title = `Paint the door ${Date.now()}`;
  world.model.respond(title, (request) =>
    JSON.stringify(request.messages).includes('Signal blue, please')
      ? { tools: [{ name: 'kanban_complete', args: { summary: 'Painted it signal blue.' } }] }
      : { tools: [{ name: 'kanban_block', args: { kind: 'needs_input', reason: 'Which colour?', options: ['Red', 'Blue'] } }] },
  );
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Blocked'), title)).toContainText('Which colour?');

  await visit(page, '/inbox');
  await page.getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: 'Which colour?' })).toBeVisible();
  await page.getByRole('button', { name: 'Blue' }).click();
  await accessible(page, 'a question');
  await page.getByRole('textbox', { name: 'Your answer' }).fill('Signal blue, please');
  await page.getByRole('button', { name: 'Answer' }).click();
  await expect(page.getByText('Answered', { exact: true })).toBeVisible();

  await visit(page, '/board');
  await expect(card(column(page, 'Done'), title)).toBeVisible(AFTER_THE_UNDO_WINDOW);
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('region', { name: 'Result' })).toContainText('Painted it signal blue.');
});

test('work is sent back with a reason, and the next attempt hears it', async ({ page, world }) => {
  const title = `Write a haiku ${Date.now()}`;
  world.model.respond(title, (request) =>
    JSON.stringify(request.messages).includes('One line is missing')
      ? { tools: [{ name: 'kanban_complete', args: { summary: 'Now it has three lines.' } }] }
      : { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Do you like it?', summary: 'Two lines.' } }] },
  );
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Review'), title)).toBeVisible();
  await visit(page, await decisionOf(page, title));
  await page.getByRole('button', { name: 'Send back' }).click();
  await accessible(page, 'a review that is sent back');
  await page.getByRole('textbox', { name: 'What shall change?' }).fill('One line is missing');
  await page.getByRole('button', { name: 'Send back' }).click();
  await expect(page.getByText('Sent back', { exact: true })).toBeVisible();
  await visit(page, '/board');
  await expect(card(column(page, 'Done'), title)).toBeVisible(AFTER_THE_UNDO_WINDOW);
});

test('settled once and only once: the second device is told who did', async ({ page, newDevice, world }) => {
  const title = `Approve me once ${Date.now()}`;
  world.model.script(title, [
    { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Good enough?', summary: 'It is done.' } }] },
  ]);
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Review'), title)).toBeVisible();
  const link = await decisionOf(page, title);

  // One device hears nothing of what happens, as in a tunnel; another one listens.
  const deaf = await (await newDevice()).newPage();
  await deaf.route('**/stream*', (route) => route.abort());
  await visit(deaf, link);
  const listening = await (await newDevice()).newPage();
  await visit(listening, link);

  await visit(page, link);
  await page.getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByText('Approved', { exact: true })).toBeVisible();
  await expect(listening.getByText(/^Approved by Ada on /)).toBeVisible();
  await deaf.getByRole('button', { name: 'Approve' }).click();
  await expect(deaf.getByText(/^Already approved by Ada on /)).toBeVisible();
});

test('an approval can be taken back, and the decision is open again', async ({ page, world }) => {
  const title = `Take me back ${Date.now()}`;
  world.model.script(title, [
    { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Ship it?', summary: 'It is done.' } }] },
  ]);
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Review'), title)).toBeVisible();
  await visit(page, await decisionOf(page, title));
  await accessible(page, 'a review');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Taken back')).toBeVisible();
  await page.getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByText('Approved', { exact: true })).toBeVisible();
  await accessible(page, 'a decision that is settled');
});
