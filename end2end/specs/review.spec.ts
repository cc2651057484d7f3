//! Reviewing code: a program works in a git worktree, a person reads what changed, comments on a line, sends it back,
//! approves the second try and merges it.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '../fixtures.ts';
import { accessible, card, column, toast, visit } from '../helpers.ts';
import type { Hermes } from '../hermes.ts';

test.use({ worldName: 'working' });

const repositories: string[] = [];

test.afterAll(() => {
  for (const directory of repositories) fs.rmSync(directory, { recursive: true, force: true });
});

/** A repository with one commit on `main`. */
function repository(): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-repo-')));
  repositories.push(directory);
  git(directory, 'init', '-q', '-b', 'main');
  fs.writeFileSync(path.join(directory, 'notes.txt'), 'alpha\nbeta\ngamma\n');
  git(directory, 'add', '-A');
  git(directory, '-c', 'user.name=Grace', '-c', 'user.email=grace@example.org', 'commit', '-qm', 'first');
  return directory;
}

function git(directory: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: directory, encoding: 'utf8' }).trim();
}

interface Detail {
  card: { number: number; state: string };
  decision: { id: string } | null;
}

async function untilReview(hermes: Hermes, number: number): Promise<string> {
  const read = () => hermes.cliJson<Detail>('kanban', 'show', `${number}`);
  await expect.poll(async () => (await read()).card.state, { timeout: 25_000 }).toBe('review');
  return (await read()).decision!.id;
}

test('changes are read, a line is commented, the second try is approved and merged', async ({ page, world, isMobile }) => {
  // Two runs of a program, and the five seconds in which an answer can be taken back.
  test.setTimeout(90_000);
  const { hermes } = world;
  const repo = repository();
  const title = `Mend the notes ${Date.now()}`;
  const created = await hermes.cliJson<{ card: { number: number } }>(
    'kanban', 'create', title, '--assignee', 'coder', '--workspace', `worktree:${repo}`,
  );
  const { number } = created.card;
  const first = await untilReview(hermes, number);
  await visit(page, `/d/${first}`);

  // The evidence: how much, in which files, and the picture that came with it.
  const changes = page.getByRole('region', { name: 'Changes' });
  await expect(changes.getByText('3 files')).toBeVisible();
  const files = page.getByRole('region', { name: 'Files' });
  await files.getByRole('button', { name: 'Open chart.png' }).click();
  const picture = page.getByRole('dialog', { name: 'chart.png' }).getByRole('img', { name: 'chart.png' });
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
  await page.keyboard.press('Escape');

  // One file at a time on a phone, all of them on a desk.
  await changes.getByRole('button', { name: /notes\.txt/ }).first().click();
  const notes = changes.getByRole('article', { name: 'notes.txt' });
  await expect(notes.getByText('BETA', { exact: true })).toBeVisible();
  await expect(changes.getByRole('article', { name: 'extra.txt' })).toBeVisible({ visible: !isMobile });
  if (isMobile) {
    await changes.getByRole('button', { name: 'Previous file' }).click();
    await expect(changes.getByRole('article', { name: 'extra.txt' })).toBeVisible();
    await changes.getByRole('button', { name: 'Next file' }).click();
    await expect(notes).toBeVisible();
  }
  // Colours reach as far as the longest line, and long lines can go on below.
  const widths = await notes.locator('.diff-line').evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().width));
  expect(new Set(widths).size).toBe(1);
  const wrap = changes.getByRole('button', { name: 'Wrap lines' });
  await wrap.click();
  await expect(wrap).toHaveAttribute('aria-pressed', 'true');
  await wrap.click();
  await expect(wrap).toHaveAttribute('aria-pressed', 'false');
  await notes.getByRole('checkbox', { name: 'Viewed: notes.txt' }).check();
  await expect(notes.getByText('BETA', { exact: true })).toBeHidden();
  await notes.getByRole('checkbox', { name: 'Viewed: notes.txt' }).uncheck();

  // A comment on a line stands under it.
  await notes.getByRole('button', { name: 'Comment on line 2', exact: true }).click();
  // A finger chooses the line first.
  if (isMobile) await notes.getByRole('toolbar', { name: 'Line 2' }).getByRole('button', { name: 'Comment on line 2' }).click();
  await notes.getByRole('textbox', { name: 'Comment on line 2 of notes.txt' }).fill('Small letters, please.');
  await accessible(page, 'a comment on a line');
  await notes.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(notes.getByText('Small letters, please.')).toBeVisible();
  await accessible(page, 'a line with its comment');

  await page.getByRole('button', { name: 'Send back' }).click();
  await page.getByRole('textbox', { name: 'What shall change?' }).fill('See my comment.');
  await page.getByRole('button', { name: 'Send back' }).click();
  // When something else waits, it comes next, and a strip says what was done.
  await expect(page.getByText(/^Sent back/).first()).toBeVisible();
  // What was sent back is not for merging.
  await visit(page, `/d/${first}`);
  await expect(changes).toBeVisible();
  await expect(page.locator('.merge')).toBeVisible();
  await expect(page.locator('.merge .btn-primary')).toHaveCount(0);

  // The second run has read the comment with its line, and works in the same worktree.
  await expect.poll(() => git(repo, 'rev-list', '--count', `hermes/T-${number}`), { timeout: 25_000 }).toBe('3');
  await visit(page, `/d/${await untilReview(hermes, number)}`);
  await changes.getByRole('button', { name: /notes\.txt/ }).first().click();
  await expect(notes.getByText('beta, as asked at notes.txt 2')).toBeVisible();
  await page.getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByText(/^Approved/).first()).toBeVisible();

  await visit(page, `/card/${number}`);
  // Away from its line the comment says which one it means.
  const remark = page.getByRole('region', { name: 'Comments' }).getByRole('listitem').filter({ hasText: 'Small letters, please.' });
  await expect(remark).toContainText('notes.txt:2');
  await page.getByRole('button', { name: 'Merge into main' }).click();
  await expect(toast(page, 'Merged into main')).toBeVisible();
  await expect(changes.getByText('main has all of it.')).toBeVisible();
  expect(fs.readFileSync(path.join(repo, 'notes.txt'), 'utf8')).toContain('as asked');
  expect(git(repo, 'status', '--porcelain')).toBe('');
  await visit(page, '/board');
  await expect(card(column(page, 'Done'), title)).toBeAttached();
});

test('files are added and deleted on the card, and come back', async ({ page, world }) => {
  const { hermes } = world;
  const created = await hermes.cliJson<{ card: { number: number } }>('kanban', 'create', `Keep files ${Date.now()}`, '--triage');
  await visit(page, `/card/${created.card.number}`);
  const files = page.getByRole('region', { name: 'Files' });
  await expect(files).toBeVisible();
  await files.getByLabel('Add files').first().setInputFiles([
    { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Notes\n') },
    { name: 'evil.html', mimeType: 'text/html', buffer: Buffer.from('<script>document.title = "ran"</script>') },
  ]);
  await expect(toast(page, '2 files added')).toBeVisible();
  const link = files.getByRole('link', { name: 'Open evil.html' });
  const answer = await page.request.get((await link.getAttribute('href'))!);
  expect(answer.headers()['content-type']).toBe('text/plain; charset=utf-8');
  await files.getByRole('button', { name: 'Delete notes.md' }).click();
  await expect(files.getByText('notes.md')).toBeHidden();
  await toast(page, 'notes.md deleted').getByRole('button', { name: 'Undo' }).click();
  await expect(files.getByText('notes.md')).toBeVisible();
});
