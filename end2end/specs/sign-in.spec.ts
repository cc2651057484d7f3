//! Signing in: the link works once, a wrong password says so, guessing is slowed down, and nothing shows without.

import { expect, test } from '../fixtures.ts';
import { OWNER, PASSWORD } from '../hermes.ts';
import { signIn, visit } from '../helpers.ts';

test.use({ worldName: 'locked', storageState: { cookies: [], origins: [] } });

const DECISION = '/d/0197a000-0000-7000-8000-000000000000';

test('no page shows anything before signing in, and the address is kept', async ({ page }) => {
  for (const path of ['/', '/board', '/inbox', '/settings', '/card/1', DECISION]) {
    await page.goto(path);
    await expect(page).toHaveURL(`/login?next=${path}`);
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    await expect(page.getByRole('navigation', { name: 'Main' })).toHaveCount(0);
  }
});

test('the set-up link works once', async ({ page, world }) => {
  await visit(page, world.hermes.setupLink);
  await page.getByRole('textbox', { name: 'Your name' }).fill('Mallory');
  await page.getByLabel('Password', { exact: true }).fill('a password of mine');
  await page.getByLabel('Repeat it').fill('a password of mine');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { name: 'This link no longer works' })).toBeVisible();
});

test('a wrong password is refused, the right one leads where one wanted to go, signing out ends it', async ({ page }) => {
  await visit(page, '/inbox');
  await signIn(page, 'not the password at all');
  await expect(page.getByText(/password/i).filter({ hasText: /wrong|not right/i })).toBeVisible();
  await signIn(page, PASSWORD);
  await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
  await visit(page, '/settings');
  await expect(page.getByText(`Signed in as ${OWNER}`)).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/login/);
  await page.goto('/inbox');
  await expect(page).toHaveURL(/\/login/);
});

test('guessing is slowed down, and the right password works again after the pause', async ({ page }) => {
  await visit(page, '/login');
  const answers: string[] = [];
  for (let guess = 1; guess <= 11; guess++) {
    const answer = page.waitForResponse('**/api/accounts/sign_in');
    await signIn(page, `guess number ${guess}`);
    answers.push(((await (await answer).json()) as { code: string }).code);
  }
  expect(answers).toEqual([...Array<string>(10).fill('denied'), 'too_many']);
  await expect(page.getByText(/^Too many attempts\. Try again in \d+ s\.$/)).toBeVisible();
  const button = page.getByRole('button', { name: 'Sign in' });
  await expect(button).toBeDisabled();
  await expect(button).toBeEnabled();
  await signIn(page, PASSWORD);
  await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
});
