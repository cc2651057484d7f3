//! What every browser test gets: a world, a signed-in page, and a guard that watches every page for what no page may
//! do: leave the origin, break the content security policy, or report an error.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test as base, chromium, expect, type BrowserContext } from '@playwright/test';
import { LAUNCH } from './browser.ts';
import { witnessNotifications } from './helpers.ts';
import { startWorld, stopWorld, type World, type WorldOptions } from './world.ts';

/** What a `command` profile runs in these tests: real work, then a request for review, all through the command line. */
const PROGRAM = [
  'set -e',
  'echo "counting the words"',
  'printf "alpha beta gamma\\n" > words.txt',
  'wc -w < words.txt > count.txt',
  'hermes kanban comment "$HERMES_KANBAN_TASK" "There are $(cat count.txt) words."',
  'hermes kanban block "$HERMES_KANBAN_TASK" "review-required: Are three words enough?"',
].join('\n');

/** One red pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

/** What a program does in a git worktree: a first try, and a second one that follows the comment on a line. */
const CODER = [
  'set -e',
  'if [ "$(git rev-list --count HEAD)" = 1 ]; then',
  '  printf "alpha\\nBETA\\ngamma\\n" > notes.txt',
  '  printf "more\\n" > extra.txt',
  `  echo ${PIXEL} | base64 -d > chart.png`,
  'else',
  // Comments on lines come with file and line.
  `  at=$(grep -o '"anchor":{[^}]*}' "$HERMES_TASK_FILE" | head -1 | sed 's/.*"line":\\([0-9]*\\).*"path":"\\([^"]*\\)".*/\\2 \\1/')`,
  '  printf "alpha\\nbeta, as asked at %s\\ngamma\\n" "$at" > notes.txt',
  'fi',
  'git add -A',
  'git -c user.name=Coder -c user.email=coder@example.org commit -qm work',
  'hermes kanban block "$HERMES_KANBAN_TASK" "review-required: Are the notes right?" --artifact chart.png',
].join('\n');

/** A program that says why it fails, in colour, and fails. */
const BROKEN = 'printf "\\033[31mcannot find the map\\033[0m\\n"; exit 3';

/** A program that tells a long story, with a key in it. */
const NOISY = [
  'echo "API_KEY=sk-abcdefghijklmnopqrstuvwxyz123456"',
  'i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo "line $i of the story"; sleep 0.3; done',
].join('\n');

const WORLDS = {
  /** Without a provider, so nothing moves by itself. */
  quiet: { provider: false },
  /** With a model and a program. */
  working: { provider: true, programs: { counter: PROGRAM, coder: CODER, broken: BROKEN, noisy: NOISY } },
  /** For guessing passwords: locks do not hit the other tests. */
  locked: { provider: false },
  /** For settings, which change what everybody sees. */
  fresh: { provider: false },
} satisfies Record<string, WorldOptions>;

export type WorldName = keyof typeof WORLDS;

interface TestFixtures {
  /** Which world the tests of a file live in. */
  worldName: WorldName;
  world: World;
  /** Another device of the same person. */
  newDevice: () => Promise<BrowserContext>;
  /**
   * The app as a person has it on a home screen: a browser with a profile of its own, in which push really works. The
   * push service it names is replaced by the double, which Hermes is allowed to reach.
   */
  installed: BrowserContext;
  /** Watches a context that a test made itself. */
  watch: (context: BrowserContext) => Promise<void>;
  /** What pages did wrong. A test that provokes something takes it out of the list. */
  faults: string[];
}

interface WorkerFixtures {
  worlds: (name: WorldName) => Promise<World>;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  worlds: [
    async ({ browser }, use) => {
      const started = new Map<WorldName, Promise<World>>();
      await use((name) => {
        const world = started.get(name) ?? startWorld(browser, WORLDS[name]);
        started.set(name, world);
        return world;
      });
      for (const world of started.values()) await stopWorld(await world);
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  worldName: ['quiet', { option: true }],
  world: async ({ worlds, worldName }, use) => {
    const world = await worlds(worldName);
    await use(world);
    expect(world.model.refusals, 'requests a real model server would refuse').toEqual([]);
    expect(world.push.refusals, 'messages a real push service would refuse').toEqual([]);
  },
  baseURL: async ({ world }, use) => use(world.hermes.origin),
  storageState: async ({ world }, use) => use(world.storage),
  faults: async ({}, use) => {
    const faults: string[] = [];
    await use(faults);
    expect(faults, 'what pages did wrong').toEqual([]);
  },
  watch: async ({ faults, world }, use) => use((context) => guard(context, world.hermes.origin, faults)),
  context: async ({ context, watch }, use) => {
    await watch(context);
    await use(context);
  },
  newDevice: async ({ browser, contextOptions, viewport, hasTouch, isMobile, world, watch }, use) => {
    const made: BrowserContext[] = [];
    await use(async () => {
      const options = { ...contextOptions, viewport, hasTouch, isMobile, storageState: world.storage };
      const context = await browser.newContext({ ...options, baseURL: world.hermes.origin });
      made.push(context);
      await watch(context);
      return context;
    });
    for (const context of made) await context.close();
  },
  installed: async ({ viewport, hasTouch, isMobile, world, watch }, use) => {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      ...LAUNCH,
      args: [...LAUNCH.args, ...world.gcm.flags],
      // Chromium counts push as background networking.
      ignoreDefaultArgs: ['--disable-background-networking'],
      viewport,
      hasTouch,
      isMobile,
      baseURL: world.hermes.origin,
      locale: 'en-US',
    });
    await context.addCookies(world.storage.cookies);
    await context.grantPermissions(['notifications'], { origin: world.hermes.origin });
    await context.route('**/push/subscribe', async (route) => {
      const body = route.request().postData() ?? '';
      const rewritten = body.replace(/https:\/\/[a-z0-9.]+\/(?:fcm\/send|wp)\//g, `${world.push.origin}/fcm/send/`);
      await route.continue({ postData: rewritten });
    });
    witnessNotifications(context);
    await watch(context);
    await use(context);
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  },
});

export { expect };

/** Chromium's own words for answers like 401, which pages handle themselves. */
const EXPECTED_NOISE = /Failed to load resource/;

async function guard(context: BrowserContext, origin: string, faults: string[]): Promise<void> {
  await context.exposeBinding('reportFault', (_, text: string) => void faults.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const report = (globalThis as unknown as { reportFault: (text: string) => void }).reportFault;
      report(`content security policy: ${event.violatedDirective} refused ${event.blockedURI} on ${location.pathname}`);
    });
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    const local = url.protocol === 'blob:' || url.protocol === 'data:' || url.origin === origin;
    if (!local) faults.push(`left the origin: ${request.url()}`);
  });
  context.on('weberror', (error) => faults.push(`script error: ${error.error().message}`));
  context.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED_NOISE.test(message.text())) faults.push(`console: ${message.text()}`);
  });
}
