//! Parts of the app are fetched when they are first needed. One that cannot be fetched says so and leaves the rest alive.

import { expect, test } from '../fixtures.ts';
import { createCard, hydrated, toast, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

// What the worker keeps is always there; not every browser has one.
test.beforeEach(async ({ page }) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'serviceWorker'));
});

const PARTS = '**/pkg/**/*.wasm';
const unique = (text: string) => `${text} ${Date.now()}`;
const UNREACHABLE = 'This part cannot be loaded now.';

test('a part that cannot be fetched says so where it would stand, and another try fetches it', async ({ page }) => {
  await visit(page, '/board');
  await page.route(PARTS, (route) => route.abort());
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'New card' }).click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await expect(dialog.getByRole('alert')).toHaveText(UNREACHABLE);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog.getByRole('alert')).toHaveText(UNREACHABLE);
  await page.unroute(PARTS);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog.getByRole('textbox', { name: 'Title' })).toBeVisible();
});

test('a menu that cannot be fetched says so in a message, and opens with another try', async ({ page }) => {
  await visit(page, '/board');
  await createCard(page, { title: unique('Out of reach') });
  await page.route(PARTS, (route) => route.abort());
  await page.getByRole('button', { name: /^Move to…, edit or archive / }).first().click();
  await expect(toast(page, UNREACHABLE)).toBeVisible();
  await page.unroute(PARTS);
  await toast(page, UNREACHABLE).getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('menuitem').first()).toBeVisible();
});

test('a page that is older than its server leads to the newer one', async ({ page }) => {
  await visit(page, '/board');
  await createCard(page, { title: unique('Before the upgrade') });
  await page.route('**/pkg/**', (route) => route.fulfill({ status: 404 }));
  await page.getByRole('button', { name: /^Move to…, edit or archive / }).first().click();
  const message = toast(page, 'the server has a newer version');
  await expect(message).toBeVisible();
  await page.unroute('**/pkg/**');
  const reloaded = page.waitForEvent('load');
  await message.getByRole('button', { name: 'Reload' }).click();
  await reloaded;
  await hydrated(page);
  await page.getByRole('button', { name: /^Move to…, edit or archive / }).first().click();
  await expect(page.getByRole('menuitem').first()).toBeVisible();
});
