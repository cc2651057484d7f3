//! Settings: a provider that works says how fast, one that does not says why in its own words, and the key stays on the
//! server.

import { expect, test } from '../fixtures.ts';
import { visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

const KEY = 'sk-test-0123456789abcdef';

test('a provider is tested before it is stored, and its key never comes back', async ({ page, world }) => {
  const { model } = world;
  const answers = { works: true };
  model.respond('single word', () =>
    answers.works ? { text: 'ready' } : { fails: { status: 401, message: 'Incorrect API key provided: this account is closed.' } },
  );
  await visit(page, '/settings');
  await page.getByLabel('Base URL').fill(model.baseUrl);
  await page.getByLabel('Model').fill('scripted-1');
  await page.getByLabel('API key').fill(KEY);
  await page.getByRole('button', { name: 'Test' }).click();
  await expect(page.getByText(/\d+ ms/)).toBeVisible();
  expect(model.requests.at(-1)?.authorization).toBe(`Bearer ${KEY}`);

  answers.works = false;
  await page.getByRole('button', { name: 'Test' }).click();
  await expect(page.getByText(/this account is closed/)).toBeVisible();

  await page.getByLabel('Base URL').fill('http://127.0.0.1:9/v1');
  await page.getByRole('button', { name: 'Test' }).click();
  await expect(page.getByText(/refused|cannot be reached|connect/i)).toBeVisible();
});
