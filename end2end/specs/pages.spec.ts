//! Every page, on every size: it comes to life, leaves the origin for nothing, breaks no policy, reports no error and
//! does not scroll sideways. The guard of the fixtures watches the first four.

import { expect, test } from '../fixtures.ts';
import { card, createCard, visit } from '../helpers.ts';

test.use({ worldName: 'quiet' });

test('every page comes to life without faults', async ({ page }) => {
  const title = `Look at every page ${Date.now()}`;
  await visit(page, '/board');
  await createCard(page, { title, body: '# A heading\n\n<img src=x onerror=alert(1)> **bold**', start: 'blocked' });
  const address = (await card(page, title).getByRole('link', { name: title }).getAttribute('href')) ?? '';
  const decision = (await card(page, title).getByRole('link', { name: 'Answer' }).getAttribute('href')) ?? '';
  for (const path of ['/', '/inbox', '/board', address, decision, '/settings', '/welcome']) {
    await visit(page, path);
    await expect(page.getByRole('heading').first()).toBeVisible();
    // The frame's main part is what scrolls.
    const sideways = await page.getByRole('main').evaluate((main) => main.scrollWidth - main.clientWidth);
    expect(sideways, `${path} scrolls sideways`).toBeLessThanOrEqual(0);
  }
  // What does not exist says so, in its status, too.
  for (const path of ['/nothing-here', '/card/999999', '/d/0197a000-0000-7000-8000-000000000000', '/board/no-such-board']) {
    const answer = await page.goto(path);
    expect(answer?.status(), path).toBe(404);
    await expect(page.getByText('There is nothing at this address')).toBeVisible();
  }
});

test('pages lead to each other without loading anew', async ({ page }) => {
  await visit(page, '/board');
  await page.evaluate(() => Object.assign(globalThis, { stillHere: true }));
  const nav = page.getByRole('navigation', { name: 'Main' });
  for (const [name, heading] of [['Settings', 'Settings'], ['Inbox', 'Inbox']] as const) {
    await nav.getByRole('link', { name }).click();
    await expect(page.getByRole('heading', { name: heading, exact: true, level: 1 })).toBeVisible();
  }
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Settings', exact: true, level: 1 })).toBeVisible();
  expect(await page.evaluate(() => 'stillHere' in globalThis)).toBe(true);
});
