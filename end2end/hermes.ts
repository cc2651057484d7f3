//! The real release binary with a home of its own: started, killed, restarted and asked through its command line.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const TARGET = process.env.CARGO_TARGET_DIR ?? path.resolve(import.meta.dirname, '../target');

/** The binary under test. */
export const HERMES_BIN = process.env.HERMES_BIN ?? path.join(TARGET, 'release', 'hermes');

export const PASSWORD = 'correct horse battery staple';
export const OWNER = 'Ada';

export interface HermesOptions {
  /** Text of `config.yaml`. */
  config?: string;
  /** Further files of the home: relative path → text. */
  files?: Record<string, string>;
}

/** How long the server may take to answer its first request. */
const START_TIMEOUT_MS = 20_000;

export class Hermes {
  readonly home: string;
  readonly port: number;
  /** What the server wrote so far. */
  output = '';
  private child: ChildProcess | undefined;

  private constructor(home: string, port: number) {
    this.home = home;
    this.port = port;
  }

  /** Makes a home, starts the server and waits until it answers. */
  static async start(options: HermesOptions = {}): Promise<Hermes> {
    if (!fs.existsSync(HERMES_BIN)) throw new Error(`${HERMES_BIN} is missing: build it, or set HERMES_BIN`);
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-e2e-'));
    const files = { ...(options.config ? { 'config.yaml': options.config } : {}), ...options.files };
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true, mode: 0o700 });
      fs.writeFileSync(path.join(home, name), text, { mode: text.startsWith('#!') ? 0o700 : 0o600 });
    }
    const hermes = new Hermes(home, await freePort());
    await hermes.serve();
    return hermes;
  }

  /** As the server prints it and writes it into notifications. Browsers trust loopback as they trust https. */
  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The single-use link the server printed. */
  get setupLink(): string {
    const link = /https?:\/\/\S+\/setup\S*/.exec(this.output)?.[0];
    if (!link) throw new Error(`no setup link in the server's output:\n${this.output}`);
    return link;
  }

  /** Starts the server on this home, for instance after `kill`. */
  async serve(): Promise<void> {
    const args = ['serve', '--addr', `127.0.0.1:${this.port}`];
    const child = spawn(HERMES_BIN, args, { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    const listen = (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    await this.untilHealthy(child);
  }

  /** Ends the server as a power cut would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends the server, every worker that is left, and removes the home. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    for (const pid of this.processes()) kill(pid);
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Runs `hermes …` on this home and returns what it printed. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run(HERMES_BIN, args, { env: this.environment, timeout: 15_000 });
    return stdout;
  }

  async cliJson<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.cli(...args, '--json')) as T;
  }

  /** Processes of this home whose command line contains `part`: the server and its workers' descendants. */
  processes(part = ''): number[] {
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((name) => {
        try {
          const environment = fs.readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
          const command = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
          return environment.includes(`HERMES_HOME=${this.home}`) && command.includes(part);
        } catch {
          return false; // Gone in the meantime, or not ours.
        }
      })
      .map(Number);
  }

  /** Files of that name in the workspaces of cards, if they start so. */
  findInWorkspaces(name: string, start = ''): string[] {
    const root = path.join(this.home, 'workspaces');
    if (!fs.existsSync(root)) return [];
    return fs
      .readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => path.basename(file) === name)
      .filter((file) => fs.readFileSync(path.join(root, file), 'utf8').startsWith(start));
  }

  /** The worker processes that lead their own session. */
  workers(): number[] {
    return this.processes('worker run');
  }

  private get environment(): NodeJS.ProcessEnv {
    const { PATH, LANG } = process.env;
    return { PATH, LANG, HOME: this.home, HERMES_HOME: this.home };
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }

  private async untilHealthy(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.output}`);
      try {
        const response = await fetch(`${this.origin}/healthz`);
        if (response.ok) return;
      } catch {
        // Not listening yet.
      }
      if (Date.now() > deadline) throw new Error(`the server does not answer:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** Ends one process for good. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
