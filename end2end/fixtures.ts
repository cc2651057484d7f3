//! What every browser test gets: a world, a signed-in page, and a guard that watches every page for what no page may
//! do: leave the origin, break the content security policy, or report an error.

import { test as base, expect, type BrowserContext } from '@playwright/test';
import { startWorld, stopWorld, type World, type WorldOptions } from './world.ts';

/** `quiet` has no provider, so nothing moves by itself; `working` has a model and programs. */
export type WorldName = 'quiet' | 'working';

const WORLDS: Record<WorldName, WorldOptions> = {
  quiet: { provider: false },
  working: { provider: true },
};

interface TestFixtures {
  /** Which world the tests of a file live in. */
  worldName: WorldName;
  world: World;
  /** Another device of the same person. */
  newDevice: () => Promise<BrowserContext>;
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
  watch: async ({ faults }, use) => use((context) => guard(context, faults)),
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
});

export { expect };

/** Chromium's own words for answers like 401, which pages handle themselves. */
const EXPECTED_NOISE = /Failed to load resource/;

async function guard(context: BrowserContext, faults: string[]): Promise<void> {
  await context.exposeBinding('reportFault', (_, text: string) => void faults.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const report = (globalThis as unknown as { reportFault: (text: string) => void }).reportFault;
      report(`content security policy: ${event.violatedDirective} refused ${event.blockedURI} on ${location.pathname}`);
    });
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    const local = url.protocol === 'blob:' || url.protocol === 'data:' || url.hostname === 'localhost';
    if (!local) faults.push(`left the origin: ${request.url()}`);
  });
  context.on('weberror', (error) => faults.push(`script error: ${error.error().message}`));
  context.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED_NOISE.test(message.text())) faults.push(`console: ${message.text()}`);
  });
}
