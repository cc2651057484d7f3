//! The main job, end to end: card → worker → review → push → decision. What carries Hermes; everything else supports it.

import { expect, test } from '../fixtures.ts';
import { gate } from '../doubles/model.ts';
import { declarative, type PushMessage } from '../doubles/push-service.ts';
import { addDevice, card, column, createCard, enablePush, notifications, openCard, visit } from '../helpers.ts';

test.use({ worldName: 'working' });

const about = (endpoint: string, title: string) => (message: PushMessage) =>
  message.endpoint === endpoint && (message.text ?? '').includes(title);

test('an agent works with real tools and asks for review; the phone buzzes; one tap opens, one settles', async ({ installed, world }) => {
  const { model, push, hermes } = world;
  const title = `Count the lines ${Date.now()}`;
  const [started, written] = [gate(), gate()];
  model.script(title, [
    {
      after: started.promise,
      text: 'I will count first.',
      tools: [{ name: 'terminal', args: { command: "printf 'one\\ntwo\\n' > lines.txt && wc -l < lines.txt" } }],
    },
    { after: written.promise, tools: [{ name: 'write_file', args: { path: 'report.md', content: '# Report\n\nTwo lines.\n' } }] },
    { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Is two right?', summary: 'Counted **two** lines.' } }] },
  ]);

  // The phone: push is switched on with a tap, and the browser's own keys open what arrives. A device of the double
  // stands beside it, whose messages the test can read.
  const phone = installed.pages()[0]!;
  await visit(phone, '/settings');
  await enablePush(phone);
  const double = push.subscribe();
  await addDevice(phone, double);

  // A second tab, which is never reloaded.
  const other = await installed.newPage();
  await visit(other, '/board');
  await visit(phone, '/board');
  await createCard(phone, { title, body: 'How many lines has the file?' });
  await expect(card(column(other, 'Running'), title)).toBeVisible();

  // What the worker does shows on the card's page while it happens.
  await openCard(phone, title);
  started.open();
  const log = phone.getByRole('log');
  await expect(log.getByText('I will count first.')).toBeVisible();
  await expect(log.getByText('terminal')).toBeVisible();
  expect(hermes.findInWorkspaces('report.md')).toEqual([]);
  written.open();

  // Review, in the other tab, by itself; the work is really there.
  await expect(card(column(other, 'Review'), title)).toContainText('Is two right?');
  expect(model.toolResults(title).join('\n')).toMatch(/\b2\b/);
  expect(hermes.findInWorkspaces('report.md', '# Report')).toHaveLength(1);

  // The push: what the double opened and what the real browser shows are the same message.
  const arrived = await push.next(about(double.endpoint, title));
  const message = declarative(arrived);
  expect(message.web_push).toBe(8030);
  expect(message.notification.body).toContain('Is two right?');
  expect(arrived).toMatchObject({ urgency: 'high', vapid: { sub: 'mailto:owner@example.com' } });
  const { title: headline, navigate } = message.notification;
  await expect.poll(() => notifications(phone)).toMatchObject([{ title: headline, navigate }]);

  // One tap opens the decision, one settles it.
  await visit(phone, navigate);
  await expect(phone.getByRole('heading', { name: 'Is two right?' })).toBeVisible();
  await expect(phone.getByText('two', { exact: true })).toBeVisible();
  await phone.getByRole('button', { name: 'Approve' }).click();
  await expect(phone.getByText('Approved', { exact: true })).toBeVisible();
  await expect(card(column(other, 'Done'), title)).toBeVisible();
  await expect.poll(() => hermes.workers()).toEqual([]);
});

test('a program does the same work through the command line', async ({ page, context, world }) => {
  const { push, hermes } = world;
  const title = `Count the words ${Date.now()}`;
  const double = push.subscribe();
  await visit(page, '/board');
  await addDevice(page, double);
  const other = await context.newPage();
  await visit(other, '/board');
  await createCard(page, { title, assignee: 'counter' });

  await expect(card(column(other, 'Review'), title)).toContainText('Are three words enough?');
  expect(hermes.findInWorkspaces('count.txt', '3')).toHaveLength(1);
  const message = declarative(await push.next(about(double.endpoint, title)));
  // What a program said last is stored a moment after it handed its card over.
  await expect.poll(() => hermes.workers()).toEqual([]);
  await visit(page, message.notification.navigate);
  await page.getByRole('link', { name: 'Card and runs' }).click();
  await expect(page.getByText('There are 3 words.')).toBeVisible();
  await expect(page.getByRole('log').getByText('counting the words')).toBeVisible();

  await visit(page, message.notification.navigate);
  await page.getByRole('button', { name: 'Approve' }).click();
  await expect(card(column(other, 'Done'), title)).toBeVisible();
});
