//! A double that judges must be judged first: by the examples of the RFCs.

import { expect, test } from '@playwright/test';
import { SubscriberKeys } from '../doubles/crypto.ts';

/** RFC 8291, appendix A. */
const VECTOR = {
  privateKey: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  body:
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7' +
    'A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
};

test('the push double opens the example of RFC 8291 and nothing that was tampered with', () => {
  const keys = new SubscriberKeys(VECTOR);
  const body = Buffer.from(VECTOR.body, 'base64url');
  expect(keys.decrypt(body)).toBe('When I grow up, I want to be a watermelon');
  const tampered = Buffer.from(body);
  tampered[tampered.length - 20]! ^= 1;
  expect(() => keys.decrypt(tampered)).toThrow();
  expect(() => new SubscriberKeys().decrypt(body)).toThrow();
});
