//! How a person uses the pages: by roles and names only, and never before the page is ready.

import { expect, type Locator, type Page } from '@playwright/test';

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
  await hydrated(page);
}

export async function signIn(page: Page, password: string): Promise<void> {
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

// ---- Board ----

export type Column = 'Triage' | 'Todo' | 'Scheduled' | 'Ready' | 'Running' | 'Review' | 'Blocked' | 'Done';

export function column(page: Page, name: Column): Locator {
  return page.getByRole('region', { name });
}

export function card(scope: Page | Locator, title: string): Locator {
  return scope.getByRole('article', { name: title });
}

export interface NewCard {
  title: string;
  body?: string;
  /** Profile. */
  assignee?: string;
}

export async function createCard(page: Page, wanted: NewCard): Promise<void> {
  await page.getByRole('button', { name: 'New card' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'New card' });
  await dialog.getByRole('textbox', { name: 'Title' }).fill(wanted.title);
  if (wanted.body) await dialog.getByRole('textbox', { name: 'Description' }).fill(wanted.body);
  if (wanted.assignee) await dialog.getByRole('combobox', { name: 'Assignee' }).selectOption(wanted.assignee);
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(dialog).toBeHidden();
}

/** Opens a card's page from the board. */
export async function openCard(page: Page, title: string): Promise<void> {
  await visit(page, '/');
  await card(page, title).getByRole('link', { name: title }).click();
  await expect(page.getByRole('heading', { name: title })).toBeVisible();
}

/** The accessible twin of dragging. */
export async function moveTo(page: Page, title: string, to: string): Promise<void> {
  await card(page, title).getByRole('button', { name: 'Move to…' }).click();
  await page.getByRole('menuitem', { name: to }).click();
}

// ---- Decisions and push ----

export async function settle(page: Page, verb: 'Approve' | 'Send back' | 'Answer', comment = ''): Promise<void> {
  if (comment) await page.getByRole('textbox').fill(comment);
  await page.getByRole('button', { name: verb }).click();
}
