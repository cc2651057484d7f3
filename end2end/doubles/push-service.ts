//! A push service (RFC 8030) that trusts nobody: it verifies every header and the VAPID signature, and opens what is
//! for its own subscribers with their keys. What is for a real browser goes on through the GCM double.

import crypto from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { SubscriberKeys, verifyVapid, type VapidClaims } from './crypto.ts';
import type { GcmServer } from './gcm.ts';

export interface PushMessage {
  endpoint: string;
  ttl: number;
  urgency: string;
  topic: string | undefined;
  vapid: VapidClaims;
  /** The decrypted text; undefined when only a real browser can open it. */
  text: string | undefined;
}

/** A declarative message, as the server must write it. */
export interface Declarative {
  web_push: number;
  notification: { title: string; body?: string; navigate: string; tag?: string };
  app_badge?: number | string;
}

export interface Subscription {
  endpoint: string;
  p256dh: string;
  auth: string;
}

/** RFC 8030 §7.2 lets services refuse more. */
const MAX_BODY = 4096;

export class PushService {
  readonly messages: PushMessage[] = [];
  /** What a real push service would have refused. Tests expect none. */
  readonly refusals: string[] = [];
  private readonly subscribers = new Map<string, SubscriberKeys>();
  private readonly scripted: { status: number; headers?: Record<string, string> }[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly server: http.Server;
  private readonly gcm: GcmServer | undefined;

  private constructor(gcm?: GcmServer) {
    this.gcm = gcm;
    this.server = http.createServer((request, response) => void this.receive(request, response));
  }

  static async start(gcm?: GcmServer): Promise<PushService> {
    const service = new PushService(gcm);
    await new Promise<void>((resolve) => service.server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** A new subscriber of this service. */
  subscribe(): Subscription {
    const keys = new SubscriberKeys();
    const path = `/push/${crypto.randomBytes(18).toString('base64url')}`;
    this.subscribers.set(path, keys);
    return { endpoint: this.origin + path, p256dh: keys.p256dh, auth: keys.auth };
  }

  /** From now on the service answers 410 for that subscriber. */
  forget(subscription: Subscription): void {
    this.subscribers.delete(new URL(subscription.endpoint).pathname);
  }

  /** The next request is answered so, whatever it says. */
  answerNext(status: number, headers?: Record<string, string>): void {
    this.scripted.push({ status, ...(headers ? { headers } : {}) });
  }

  /** Waits for a message; rejects when none came in time. */
  async next(found: (message: PushMessage) => boolean, timeoutMs = 10_000): Promise<PushMessage> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const message = this.messages.find(found);
      if (message) return message;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no such push in ${timeoutMs} ms; came: ${JSON.stringify(this.messages)}; refused: ${this.refusals.join('; ')}`);
      await this.arrival(left);
    }
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private arrival(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiting.add(done);
    });
  }

  private async receive(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const scripted = this.scripted.shift();
    if (scripted) return void response.writeHead(scripted.status, scripted.headers).end();
    const [status, reason] = await this.accept(request, Buffer.concat(chunks));
    if (status >= 400 && status !== 410) this.refusals.push(`${status} ${reason}`);
    const headers: Record<string, string> = status === 201 ? { location: `${this.origin}/message/${crypto.randomUUID()}` } : {};
    response.writeHead(status, headers).end(reason);
    for (const wake of [...this.waiting]) wake();
  }

  private async accept(request: http.IncomingMessage, body: Buffer): Promise<[number, string]> {
    const path = request.url ?? '';
    const { ttl, urgency, topic, 'content-encoding': encoding } = request.headers;
    if (request.method !== 'POST') return [405, 'POST only'];
    if (!/^\d+$/.test(String(ttl))) return [400, `TTL is ${String(ttl)}`];
    if (encoding !== 'aes128gcm') return [415, `Content-Encoding is ${String(encoding)}`];
    if (!/^(very-low|low|normal|high)$/.test(String(urgency))) return [400, `Urgency is ${String(urgency)}`];
    if (topic !== undefined && !/^[\w-]{1,32}$/.test(String(topic))) return [400, `Topic is ${String(topic)}`];
    if (body.length > MAX_BODY) return [413, `${body.length} bytes`];
    let vapid: VapidClaims;
    try {
      vapid = verifyVapid(request.headers.authorization, this.origin);
    } catch (error) {
      return [403, String(error)];
    }
    const message = { endpoint: this.origin + path, ttl: Number(ttl), urgency: String(urgency), topic: topic as string | undefined, vapid };
    const token = /^\/fcm\/send\/([\w-]+)$/.exec(path)?.[1];
    if (token) {
      if (!(await this.gcm?.deliver(token, vapid.key, encoding, body))) return [410, 'gone'];
      this.messages.push({ ...message, text: undefined });
      return [201, ''];
    }
    const keys = this.subscribers.get(path);
    if (!keys) return [410, 'gone'];
    try {
      this.messages.push({ ...message, text: keys.decrypt(body) });
      return [201, ''];
    } catch (error) {
      return [400, `not decryptable: ${String(error)}`];
    }
  }
}

/** The JSON of a message for one of the double's own subscribers. */
export function declarative(message: PushMessage): Declarative {
  return JSON.parse(message.text ?? 'null') as Declarative;
}
