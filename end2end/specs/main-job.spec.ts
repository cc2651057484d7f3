//! The main job, end to end: card → worker → review → push → decision. What carries Hermes; everything else supports it.

import { expect, test } from '../fixtures.ts';
import { card, column, createCard, enablePush, openCard, settle, subscribeDouble, visit } from '../helpers.ts';
import { gate } from '../doubles/model.ts';
import { declarative } from '../doubles/push-service.ts';

test.use({ worldName: 'working' });

test('an agent works with real tools, asks for review, the phone buzzes, one tap settles it', async ({ installed, world }) => {
  const { model, push, hermes } = world;
  const title = `Count the lines ${Date.now()}`;
  const started = gate();
  const written = gate();
  model.script(title, [
    {
      after: started.promise,
      text: 'I will count first.',
      tools: [{ name: 'terminal', args: { command: "printf 'one\\ntwo\\n' > lines.txt && wc -l < lines.txt" } }],
    },
    { after: written.promise, tools: [{ name: 'write_file', args: { path: 'report.md', content: '# Report\n\nTwo lines.\n' } }] },
    { tools: [{ name: 'kanban_block', args: { kind: 'review', reason: 'Is two the right number?', summary: 'Counted **two** lines.' } }] },
  ]);

  // The phone: push is switched on with a tap, and the browser's own crypto will open what arrives.
  const phone = installed.pages()[0]!;
  await visit(phone, '/settings');
  await enablePush(phone);
  // A device of the double beside it, whose messages the test can read.
  const subscription = push.subscribe();
  await visit(phone, '/');
  await subscribeDouble(phone, subscription);

  // The desk: a second tab that is never reloaded.
  const desk = await installed.newPage();
  await visit(desk, '/');
  await createCard(phone, { title, body: 'Count the lines of the two-line file.' });
  await expect(card(column(desk, 'Running'), title)).toBeVisible();

  // What the worker does shows on the card's page while it happens.
  const log = await installed.newPage();
  await openCard(log, title);
  started.open();
  await expect(log.getByText('I will count first.')).toBeVisible();
  await expect(log.getByText('terminal').first()).toBeVisible();
  written.open();

  // Review, in the other tab, by itself.
  await expect(card(column(desk, 'Review'), title)).toBeVisible();
  expect(model.toolResults(title).join('\n')).toContain('2');
  expect(hermes.findInWorkspaces('report.md', '# Report')).toHaveLength(1);

  // The push: what the double opened and what the real browser shows are the same message.
  const message = declarative(await push.next((found) => found.endpoint === subscription.endpoint));
  expect(message.web_push).toBe(8030);
  expect(message.notification.body).toContain('Is two the right number?');
  const shown = () =>
    phone.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      return (await registration.getNotifications()).map((each) => ({ title: each.title, navigate: each.data.navigate as string }));
    });
  await expect.poll(shown).toEqual([{ title: message.notification.title, navigate: message.notification.navigate }]);

  // One tap opens the decision, one settles it.
  await phone.goto(message.notification.navigate);
  await expect(phone.getByText('Is two the right number?')).toBeVisible();
  await settle(phone, 'Approve');
  await expect(card(column(desk, 'Done'), title)).toBeVisible();
});
