//! Ideas: a model proposes, a person looks, changes and accepts, and can take it back; and several workers on one goal.

import { expect, test } from '../fixtures.ts';
import { gate } from '../doubles/model.ts';
import { accessible, card, column, toast, visit } from '../helpers.ts';

test.use({ worldName: 'working' });

interface Created {
  card: { number: number };
}

test('an idea is taken apart, changed before it is accepted, and put together again with Undo', async ({ page, context, world }) => {
  const { hermes, model } = world;
  const title = `Move the office ${Date.now()}`;
  const thought = gate();
  const tasks = [
    { title: `Pack ${title}`, body: 'Everything in boxes.' },
    { title: `Drive ${title}`, body: 'With the van.', after: [1] },
    { title: `Party ${title}`, body: 'Cake.', after: [2] },
  ];
  model.script(title, [
    { after: thought.promise, tools: [{ name: 'propose', args: { title, body: 'All of it.', rationale: 'One after the other.', tasks } }] },
  ]);
  const { number } = (await hermes.cliJson<Created>('kanban', 'create', title, '--triage')).card;
  await visit(page, `/card/${number}`);
  const idea = page.getByRole('region', { name: 'An idea' });
  await idea.getByRole('button', { name: 'Take it apart' }).click();
  await expect(idea.getByRole('heading', { name: 'A model is taking it apart' })).toBeVisible();
  expect((await hermes.cliJson<{ card: { state: string } }>('kanban', 'show', `${number}`)).card.state).toBe('triage');

  // The answer is there on every device, without a reload.
  const other = await context.newPage();
  await visit(other, `/card/${number}`);
  thought.open();
  await expect(other.getByText('One after the other.')).toBeVisible();
  await expect(idea.getByRole('button', { name: 'Make 3 cards' })).toBeVisible();
  await accessible(page, 'a proposal of several cards');

  // No party; and the drive waits for nothing.
  await idea.getByRole('button', { name: 'Remove card 3' }).click();
  await idea.getByRole('listitem').nth(1).getByRole('button', { name: '1', exact: true }).click();
  await idea.getByRole('textbox', { name: 'Title of card 1' }).fill(`Wrap ${title}`);
  await idea.getByRole('button', { name: 'Make 2 cards' }).click();
  await expect(toast(page, '2 cards made')).toBeVisible();
  await expect(page.getByRole('link', { name: `Wrap ${title}` }).first()).toBeVisible();
  await expect(page.getByRole('link', { name: `Party ${title}` })).toHaveCount(0);
  await toast(page, '2 cards made').getByRole('button', { name: 'Undo' }).click();
  await expect(idea.getByRole('button', { name: 'Take it apart' })).toBeVisible();
  await expect(page.getByRole('link', { name: `Wrap ${title}` })).toHaveCount(0);
});

test('a model that says no is quoted, and what a person writes meanwhile counts more', async ({ page, world }) => {
  const { hermes, model } = world;
  const title = `Tidy the attic ${Date.now()}`;
  let asked = 0;
  model.respond(title, () => {
    asked += 1;
    return asked === 1
      ? { fails: { status: 402, message: 'your credit is used up' } }
      : { tools: [{ name: 'propose', args: { title: `Tidy it well: ${title}`, body: '## Goal\n\nRoom to walk.' } }] };
  });
  const { number } = (await hermes.cliJson<Created>('kanban', 'create', title, '--triage')).card;
  await visit(page, `/card/${number}`);
  const idea = page.getByRole('region', { name: 'An idea' });
  await idea.getByRole('button', { name: 'Write it out' }).click();
  await expect(idea.getByText('your credit is used up')).toBeVisible();
  await accessible(page, 'a model that refuses');
  await idea.getByRole('button', { name: 'Try again' }).click();
  await expect(idea.getByRole('textbox', { name: 'Description' })).toHaveValue(/Room to walk/);
  await hermes.cli('kanban', 'edit', `${number}`, '--title', `${title}, mine`);
  await expect(idea.getByText('The card has changed since')).toBeVisible();
  await accessible(page, 'a proposal for what the card said before');
  await idea.getByRole('button', { name: 'Ask again' }).click();
  await idea.getByRole('button', { name: 'Accept' }).click();
  await expect(page.getByRole('heading', { level: 1, name: `Tidy it well: ${title}` })).toBeVisible();
  await expect(page.getByText('Room to walk.')).toBeVisible();
});

test('a swarm is made in one go @desktop', async ({ page, world }) => {
  const goal = `Compare the vans ${Date.now()}`;
  world.model.respond(goal, () => ({ tools: [{ name: 'kanban_complete', args: { summary: 'Compared.' } }] }));
  await visit(page, '/board');
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await page.getByRole('menuitem', { name: 'New swarm…' }).click();
  const dialog = page.getByRole('dialog', { name: 'New swarm' });
  await dialog.getByRole('textbox', { name: 'What for?' }).fill(goal);
  await dialog.getByRole('textbox', { name: 'Part 1' }).fill(`Prices: ${goal}`);
  await dialog.getByRole('textbox', { name: 'Part 2' }).fill(`Sizes: ${goal}`);
  await dialog.getByRole('button', { name: 'Start them' }).click();
  await expect(toast(page, '2 workers start')).toBeVisible();
  await expect(card(column(page, 'Done'), goal).first()).toBeVisible();
  await expect(card(page, `Put together: ${goal}`)).toBeVisible();
});
