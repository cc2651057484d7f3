//! A signed-in Hermes with everything around it.

import type { Browser, BrowserContextOptions } from '@playwright/test';
import { GcmServer } from './doubles/gcm.ts';
import { ModelServer } from './doubles/model.ts';
import { PushService } from './doubles/push-service.ts';
import { Hermes, OWNER, PASSWORD } from './hermes.ts';
import { setUp } from './helpers.ts';

export type Storage = Exclude<NonNullable<BrowserContextOptions['storageState']>, string>;

export interface World {
  hermes: Hermes;
  model: ModelServer;
  push: PushService;
  gcm: GcmServer;
  /** Cookies of the owner. */
  storage: Storage;
}

export interface WorldOptions {
  /** Without a provider nothing starts to work, so cards stay where a person puts them. */
  provider: boolean;
  /** Programs of `command` profiles: profile → text of a script. */
  programs?: Record<string, string>;
}

/** Starts a server with its doubles and makes the owner's account through the browser. */
export async function startWorld(browser: Browser, options: WorldOptions): Promise<World> {
  const gcm = await GcmServer.start();
  const [model, push] = await Promise.all([ModelServer.start(), PushService.start(gcm)]);
  const hermes = await Hermes.start({ config: config(options, model, push), files: profiles(options) });
  const context = await browser.newContext();
  const page = await context.newPage();
  await setUp(page, hermes.setupLink, OWNER, PASSWORD);
  const storage = await context.storageState();
  await context.close();
  return { hermes, model, push, gcm, storage };
}

export async function stopWorld(world: World): Promise<void> {
  await world.hermes.stop();
  await Promise.all([world.model.stop(), world.push.stop(), world.gcm.stop()]);
}

function config(options: WorldOptions, model: ModelServer, push: PushService): string {
  const provider = options.provider ? `model:\n  base_url: ${model.baseUrl}\n  default: scripted-1\n` : '';
  return `${provider}push:\n  subject: mailto:owner@example.com\n  allowed_origins: ["${push.origin}"]\n`;
}

/** Profiles that run a program, with `hermes` on its path. */
function profiles(options: WorldOptions): Record<string, string> {
  const entries = Object.entries(options.programs ?? {}).flatMap(([id, script]) => [
    [`profiles/${id}/config.yaml`, `executor: command\ncommand: ["sh", "-c", ${JSON.stringify(script)}]\n`],
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
