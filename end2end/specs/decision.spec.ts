//! Decisions: a question answered lets the work go on, and whoever is second is told who was first.

import { expect, test } from '../fixtures.ts';
import { card, column, createCard, settle, visit } from '../helpers.ts';

test.use({ worldName: 'working' });

test('a question, an answer, and the work goes on with it', async ({ page, world }) => {
  const title = `Paint the door ${Date.now()}`;
  world.model.respond(title, (request) => {
    const heard = JSON.stringify(request.messages).includes('Signal blue, please');
    return heard
      ? { tools: [{ name: 'kanban_complete', args: { summary: 'Painted it signal blue.' } }] }
      : { tools: [{ name: 'kanban_block', args: { kind: 'needs_input', reason: 'Which colour?', options: ['Red', 'Blue'] } }] };
  });
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Blocked'), title)).toContainText('Which colour?');

  await visit(page, '/inbox');
  await page.getByRole('link', { name: /Which colour\?/ }).click();
  await expect(page).toHaveURL(/\/d\//);
  await expect(page.getByRole('button', { name: 'Red' })).toBeVisible();
  await settle(page, 'Answer', 'Signal blue, please');

  // A person has five seconds to take an answer back; then the worker reads it.
  await visit(page, '/board');
  await expect(card(column(page, 'Done'), title)).toBeVisible({ timeout: 15_000 });
});

test('settled once and only once: the second device is told who did', async ({ page, newDevice, world }) => {
  const title = `Approve me once ${Date.now()}`;
  world.model.script(title, [
    { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Good enough?', summary: 'It is done.' } }] },
  ]);
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Review'), title)).toBeVisible();
  const link = await world.hermes.decisionOf(title);

  // One device hears nothing of what happens, as on a train; another one listens.
  const deaf = await (await newDevice()).newPage();
  await deaf.route('**/stream*', (route) => route.abort());
  await visit(deaf, link);
  const listening = await (await newDevice()).newPage();
  await visit(listening, link);

  await visit(page, link);
  await settle(page, 'Approve');
  await expect(listening.getByText(/Approved by Ada/)).toBeVisible();
  await settle(deaf, 'Approve');
  await expect(deaf.getByText(/Already approved by Ada/)).toBeVisible();
});
