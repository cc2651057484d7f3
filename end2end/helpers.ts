//! How a person uses the pages: by roles and names only, and never before the page is ready.

import { expect, type Page } from '@playwright/test';

/** Opens an address and waits until its controls work: rendered pages look ready before they are. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

export async function hydrated(page: Page): Promise<void> {
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
}

/** Makes the owner's account with the link the server printed. */
export async function setUp(page: Page, link: string, name: string, password: string): Promise<void> {
  await visit(page, link);
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page).not.toHaveURL(/\/setup/);
}
