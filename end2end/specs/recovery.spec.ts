//! What happens when processes die: no work is lost, nothing runs twice, and the card says why.

import { expect, test } from '../fixtures.ts';
import { gate, type ModelServer } from '../doubles/model.ts';
import { kill } from '../hermes.ts';
import { card, column, createCard, openCard, visit } from '../helpers.ts';

test.use({ worldName: 'working' });

const asked = (model: ModelServer, title: string) =>
  model.requests.filter((request) => JSON.stringify(request.messages).includes(title)).length;

test('a killed worker gives its card back, says why, and the next attempt finishes it', async ({ page, world }) => {
  const { model, hermes } = world;
  const title = `Survive a crash ${Date.now()}`;
  const hold = gate();
  let attempts = 0;
  model.respond(title, (request) => {
    if (request.messages.every((message) => message.role !== 'assistant')) attempts += 1;
    return attempts === 1
      ? { after: hold.promise, text: 'never said' }
      : { tools: [{ name: 'kanban_complete', args: { summary: 'Finished on the second attempt.' } }] };
  });
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Running'), title)).toBeVisible();
  await expect.poll(() => asked(model, title)).toBe(1);

  const [worker] = hermes.workers();
  kill(worker!);
  await expect(card(column(page, 'Ready'), title)).toContainText(/retries in/);
  await expect(card(column(page, 'Ready'), title).getByRole('img', { name: '1 failed attempt' })).toBeVisible();
  hold.open();

  await expect(card(column(page, 'Done'), title)).toBeVisible({ timeout: 15_000 });
  await openCard(page, title);
  const runs = page.getByRole('region', { name: 'Runs' }).getByRole('listitem');
  await expect(runs).toHaveCount(2);
  await expect(runs.last()).toContainText(/crashed.*(killed by signal 9|process is gone)/s);
  await expect(page.getByRole('region', { name: 'Result' })).toContainText('Finished on the second attempt.');
  expect(attempts).toBe(2);
});

test('a killed server leaves its worker at work, adopts it, and every page catches up', async ({ page, world }) => {
  const { model, hermes } = world;
  const title = `Outlive the server ${Date.now()}`;
  const first = gate();
  const second = gate();
  model.script(title, [
    { after: first.promise, tools: [{ name: 'write_file', args: { path: 'half.txt', content: 'written while the server was dead\n' } }] },
    { after: second.promise, tools: [{ name: 'kanban_complete', args: { summary: 'Outlived it.' } }] },
  ]);
  await visit(page, '/board');
  await createCard(page, { title });
  await expect(card(column(page, 'Running'), title)).toBeVisible();
  await expect.poll(() => asked(model, title)).toBe(1);
  const workers = hermes.workers();
  expect(workers).toHaveLength(1);

  await hermes.kill();
  first.open();
  // The worker goes on: it writes its file and asks the model again, with nobody watching.
  await expect.poll(() => asked(model, title)).toBe(2);
  expect(hermes.findInWorkspaces('half.txt')).toHaveLength(1);
  await hermes.serve();
  expect(hermes.workers()).toEqual(workers);
  second.open();

  // The page was never reloaded.
  await expect(card(column(page, 'Done'), title)).toBeVisible({ timeout: 15_000 });
  await expect.poll(() => hermes.workers()).toEqual([]);
});
