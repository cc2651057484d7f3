//! As much of Google's cloud messaging as desktop Chromium needs, so that `pushManager.subscribe` in a page really
//! works without the internet and Blink itself decrypts what Hermes encrypted: check-in and registration over HTTP,
//! delivery over MCS, which is length-prefixed protobuf on TLS.

import crypto from 'node:crypto';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import tls from 'node:tls';
import { selfSigned } from './crypto.ts';

const MCS_VERSION = 41;
const TAG = { heartbeatPing: 0, heartbeatAck: 1, loginRequest: 2, loginResponse: 3, dataMessage: 8 } as const;

/** What Chromium said when it registered for one subscription. */
interface Registration {
  app: string;
  subtype: string;
  /** The server's public key, base64url: who may send. */
  sender: string;
}

export class GcmServer {
  private readonly registrations = new Map<string, Registration>();
  private readonly web: http.Server;
  private readonly mcs: tls.Server;
  private readonly sockets = new Set<Socket>();
  private browser: tls.TLSSocket | undefined;
  private readonly connected: Promise<void>;
  private markConnected = () => {};

  private constructor() {
    this.connected = new Promise((resolve) => {
      this.markConnected = resolve;
    });
    this.web = http.createServer((request, response) => void this.register(request, response));
    this.mcs = tls.createServer(selfSigned(), (socket) => this.talk(socket));
    for (const server of [this.web, this.mcs]) {
      server.on('connection', (socket: Socket) => {
        this.sockets.add(socket);
        socket.on('close', () => this.sockets.delete(socket));
      });
    }
  }

  static async start(): Promise<GcmServer> {
    const gcm = new GcmServer();
    await new Promise<void>((resolve) => gcm.web.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => gcm.mcs.listen(0, '127.0.0.1', resolve));
    return gcm;
  }

  /** Command line of a Chromium that talks to this server. */
  get flags(): string[] {
    const web = `http://127.0.0.1:${(this.web.address() as AddressInfo).port}`;
    return [
      `--gcm-checkin-url=${web}/checkin`,
      `--gcm-registration-url=${web}/register`,
      `--gcm-mcs-endpoint=https://127.0.0.1:${(this.mcs.address() as AddressInfo).port}`,
      '--ignore-certificate-errors',
    ];
  }

  /** Hands an encrypted body to the browser. False when nobody has that token. */
  async deliver(token: string, sender: string, encoding: string, body: Buffer): Promise<boolean> {
    const registration = this.registrations.get(token);
    if (!registration || registration.sender !== sender) return false;
    await this.connected;
    const data = (key: string, value: string) => bytes(7, Buffer.concat([text(1, key), text(2, value)]));
    const stanza = Buffer.concat([
      text(2, crypto.randomUUID()),
      text(3, registration.sender),
      text(5, registration.app),
      data('subtype', registration.subtype),
      data('content-encoding', encoding),
      text(9, crypto.randomUUID()),
      number(17, 60),
      number(18, Date.now()),
      bytes(21, body),
    ]);
    this.browser?.write(frame(TAG.dataMessage, stanza));
    return true;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all([this.web, this.mcs].map((server) => new Promise((resolve) => server.close(resolve))));
  }

  private async register(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url?.startsWith('/checkin')) {
      const device = Buffer.concat([number(1, 1), number(3, Date.now()), fixed64(7, 1n << 60n), fixed64(8, 1n << 59n)]);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(device);
    } else if (request.url?.startsWith('/register')) {
      const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
      const app = form.get('app') ?? '';
      const token = crypto.randomBytes(24).toString('base64url');
      this.registrations.set(token, { app, subtype: form.get('X-subtype') ?? app, sender: form.get('sender') ?? '' });
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`token=${token}`);
    } else {
      response.writeHead(404).end();
    }
  }

  private talk(socket: tls.TLSSocket): void {
    let buffer = Buffer.alloc(0);
    let greeted = false;
    // The browser closes the line whenever it likes; that is no fault of the test.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      if (!greeted && buffer.length > 0) {
        greeted = true;
        buffer = buffer.subarray(1);
        socket.write(Buffer.from([MCS_VERSION]));
      }
      for (let next = unframe(buffer); next; next = unframe(buffer)) {
        buffer = buffer.subarray(next.size);
        this.reply(socket, next.tag);
      }
    });
  }

  private reply(socket: tls.TLSSocket, tag: number): void {
    if (tag === TAG.heartbeatPing) socket.write(frame(TAG.heartbeatAck, Buffer.alloc(0)));
    if (tag !== TAG.loginRequest) return;
    socket.write(frame(TAG.loginResponse, Buffer.concat([text(1, 'chrome'), number(8, Date.now())])));
    this.browser = socket;
    this.markConnected();
  }
}

function varint(value: number | bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Buffer.from(out);
}

const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field: number, value: Buffer): Buffer => Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value, 'utf8'));

function fixed64(field: number, value: bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value);
  return Buffer.concat([varint((field << 3) | 1), out]);
}

const frame = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag]), varint(body.length), body]);

/** The next whole frame, if the buffer holds one. */
function unframe(buffer: Buffer): { tag: number; size: number } | undefined {
  let length = 0;
  for (let index = 1, shift = 0; index < buffer.length; index++, shift += 7) {
    const byte = buffer[index] ?? 0;
    length |= (byte & 127) << shift;
    if (byte & 128) continue;
    const size = index + 1 + length;
    return buffer.length >= size ? { tag: buffer[0] ?? 0, size } : undefined;
  }
  return undefined;
}
