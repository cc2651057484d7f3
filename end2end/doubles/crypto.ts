//! The receiving half of Web Push, written from the RFCs with node:crypto only, so that the sender is judged by
//! something that shares no code with it.

import crypto from 'node:crypto';

/** The keys a browser makes when it subscribes (RFC 8291 §3.1). */
export class SubscriberKeys {
  private readonly ecdh = crypto.createECDH('prime256v1');
  private readonly secret: Buffer;

  /** New keys, or given ones: private key and authentication secret in base64url. */
  constructor(given?: { privateKey: string; auth: string }) {
    if (given) this.ecdh.setPrivateKey(given.privateKey, 'base64url');
    else this.ecdh.generateKeys();
    this.secret = given ? Buffer.from(given.auth, 'base64url') : crypto.randomBytes(16);
  }

  get p256dh(): string {
    return this.ecdh.getPublicKey('base64url', 'uncompressed');
  }

  get auth(): string {
    return this.secret.toString('base64url');
  }

  /** Opens a body of RFC 8188 with the keys of RFC 8291 §3.4; throws when a single bit is wrong. */
  decrypt(body: Buffer): string {
    const salt = body.subarray(0, 16);
    const recordSize = body.readUInt32BE(16);
    const idLength = body[20] ?? 0;
    const senderKey = body.subarray(21, 21 + idLength);
    const record = body.subarray(21 + idLength);
    if (record.length > recordSize) throw new Error(`one record of ${recordSize} bytes expected, got ${record.length}`);
    const shared = this.ecdh.computeSecret(senderKey);
    const info = Buffer.concat([
      Buffer.from('WebPush: info\0'),
      this.ecdh.getPublicKey(null, 'uncompressed'),
      senderKey,
    ]);
    const material = hkdf(shared, this.secret, info, 32);
    const key = hkdf(material, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
    const nonce = hkdf(material, salt, Buffer.from('Content-Encoding: nonce\0'), 12);
    const cipher = crypto.createDecipheriv('aes-128-gcm', key, nonce);
    cipher.setAuthTag(record.subarray(-16));
    const padded = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
    // The last record ends with 2 and any number of zeros (RFC 8188 §2).
    const end = padded.findLastIndex((byte) => byte !== 0);
    if (padded[end] !== 2) throw new Error('the padding delimiter of the last record is missing');
    return padded.subarray(0, end).toString('utf8');
  }
}

export interface VapidClaims {
  aud: string;
  exp: number;
  sub: string;
  /** The server's public key, base64url. */
  key: string;
}

/** Checks the signature and the claims of RFC 8292 and returns them; throws with the reason otherwise. */
export function verifyVapid(authorization: string | undefined, origin: string, now = Date.now()): VapidClaims {
  const parts = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)$/.exec(authorization ?? '');
  if (!parts) throw new Error(`not a VAPID header: ${authorization}`);
  const [, head, payload, signature, key] = parts as unknown as [string, string, string, string, string];
  const raw = Buffer.from(key, 'base64url');
  if (raw.length !== 65 || raw[0] !== 4) throw new Error('k is not an uncompressed P-256 point');
  const publicKey = crypto.createPublicKey({
    format: 'jwk',
    key: { kty: 'EC', crv: 'P-256', x: raw.subarray(1, 33).toString('base64url'), y: raw.subarray(33).toString('base64url') },
  });
  const signed = Buffer.from(`${head}.${payload}`);
  const verified = crypto.verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  if (!verified) throw new Error('the signature does not fit');
  if (decode(head).alg !== 'ES256') throw new Error('alg must be ES256');
  const claims = decode(payload);
  const { aud, exp, sub } = claims;
  if (aud !== origin) throw new Error(`aud is ${String(aud)}, not ${origin}`);
  if (typeof exp !== 'number' || exp * 1000 < now || exp * 1000 > now + 24 * 3_600_000) throw new Error(`exp is ${String(exp)}`);
  if (typeof sub !== 'string' || !/^(mailto:|https:)/.test(sub)) throw new Error(`sub is ${String(sub)}`);
  return { aud, exp, sub, key };
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
}

function hkdf(material: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  return Buffer.from(crypto.hkdfSync('sha256', material, salt, info, length));
}

/** A certificate for a TLS server that no one checks (DER by hand: node makes keys but no certificates). */
export function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = (tag: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    // DER wants the shortest form of the length.
    const long = body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
    const length = body.length < 128 ? [body.length] : long;
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const hex = (text: string) => Buffer.from(text, 'hex');
  const ecdsaSha256 = der(0x30, hex('06082a8648ce3d040302'));
  const name = der(0x30, der(0x31, der(0x30, hex('0603550403'), der(0x0c, Buffer.from('localhost')))));
  const time = (at: number) => der(0x17, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
  const serial = der(0x02, Buffer.concat([Buffer.from([1]), crypto.randomBytes(8)]));
  const valid = der(0x30, time(Date.now() - 86_400_000), time(Date.now() + 86_400_000));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const body = der(0x30, serial, ecdsaSha256, name, valid, name, spki);
  const signature = crypto.sign('sha256', body, privateKey);
  const certificate = der(0x30, body, ecdsaSha256, der(0x03, Buffer.from([0]), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}
