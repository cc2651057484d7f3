//! A board without a connection: what it has read is enough to go on, and what it has not is read by itself afterwards.

import { expect, test } from '../fixtures.ts';
import { clearReady, column, draggable, toast, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });
test.afterEach(({ world }) => clearReady(world));

test('a new card can be given to whom the board knows', async ({ page, context }) => {
  await visit(page, '/board');
  const open = () => page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  const options = dialog.getByRole('combobox', { name: 'Assignee' }).getByRole('option');
  await open();
  await expect(options.filter({ hasText: /^default · / })).toBeAttached();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(dialog).toBeHidden();
  await context.setOffline(true);
  const refused = page.waitForEvent('requestfailed', (request) => request.url().includes('/api/kanban/profiles'));
  await open();
  await refused;
  await expect(options.filter({ hasText: /^default · / })).toBeAttached();
  await context.setOffline(false);
});

test('a long column says that the rest comes later, and it does', async ({ page, context, world }) => {
  const slug = `far-${Date.now()}`;
  await world.hermes.cli('kanban', 'boards', 'create', slug);
  await visit(page, '/board');
  await page.evaluate(async (board) => {
    for (let n = 1; n <= 40; n += 1) {
      const answer = await fetch('/api/kanban/create', {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ params: { title: `Far ${n}`, board } }),
      });
      if (!answer.ok) throw new Error(await answer.text());
    }
  }, slug);
  await visit(page, `/board/${slug}`);
  await draggable(page);
  const ready = column(page, 'Ready');
  await context.setOffline(true);
  const refused = page.waitForEvent('requestfailed', (request) => request.url().includes('/api/kanban/column'));
  const toEnd = () => ready.locator('[data-scroller]').evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
  await expect(async () => {
    await toEnd();
    await expect(ready.getByText('More when the connection is back')).toBeInViewport({ timeout: 500 });
  }).toPass();
  await refused;
  await expect(toast(page, 'did not answer')).toHaveCount(0);
  await context.setOffline(false);
  await expect(async () => {
    await toEnd();
    await expect(ready.getByRole('link', { name: 'Far 40' })).toBeInViewport({ timeout: 500 });
  }).toPass({ timeout: 30_000 });
  await expect(toast(page, 'did not answer')).toHaveCount(0);
});
