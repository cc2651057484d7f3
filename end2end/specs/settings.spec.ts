//! Settings: a provider that works says how fast, one that does not says why in its own words, and the key stays on the
//! server.

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '../fixtures.ts';
import { visit } from '../helpers.ts';

test.use({ worldName: 'fresh' });

const KEY = 'sk-test-0123456789abcdef';

test('a provider is tested before it is stored, and its key never comes back', async ({ page, world }) => {
  const { model, hermes } = world;
  const answers = { works: true };
  model.respond('ready', () =>
    answers.works ? { text: 'ready' } : { fails: { status: 401, message: 'This account is closed.' } },
  );
  await visit(page, '/settings');
  await page.getByLabel('Base URL').fill(model.baseUrl);
  await page.getByRole('textbox', { name: 'Model' }).or(page.getByRole('combobox', { name: 'Model' })).fill('scripted-1');
  await page.getByLabel('API key').fill(KEY);
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(page.getByText(/works: first word after \d+ ms/)).toBeVisible();
  expect(model.requests.at(-1)?.authorization).toBe(`Bearer ${KEY}`);

  answers.works = false;
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(page.getByText(/This account is closed\./)).toBeVisible();

  // Nobody listens there.
  await page.getByLabel('Base URL').fill('http://127.0.0.1:9/v1');
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(page.getByText(/Connection refused/)).toBeVisible();
  await expect(page.getByText('Nothing answers at this address.')).toBeVisible();

  await page.getByLabel('Base URL').fill(model.baseUrl);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText(/^Stored: sk-…cdef\./)).toBeVisible();
  const html = await (await page.request.get('/settings')).text();
  expect(html).not.toContain(KEY);
  const file = path.join(hermes.home, '.env');
  expect(fs.readFileSync(file, 'utf8')).toContain(KEY);
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
});

test('the theme is applied at once and again on the next page', async ({ page }) => {
  await visit(page, '/settings');
  await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await expect.poll(background).toBe('rgb(14, 15, 18)');
  await visit(page, '/inbox');
  expect(await background()).toBe('rgb(14, 15, 18)');
});
