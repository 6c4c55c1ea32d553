import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  DIAL_BACK_BYTES,
  dialBackTcpProof,
  isDialBackFrom,
  readDialBackAnswer,
  readDialBackProbe,
  writeDialBackAnswer,
  writeDialBackProbe,
} from './dial-back.ts';

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const hmac = (key: number) => (bytes: Uint8Array) =>
  new Uint8Array(createHmac('sha256', new Uint8Array(32).fill(key)).update(bytes).digest());
const mac = hmac(7);
const probe = { id: new Uint8Array(16).fill(0xaa), nonce: new Uint8Array(16).fill(0xbb) };
const head = (type: string) => type + 'aa'.repeat(16) + 'bb'.repeat(16);
const maced = (hex: string) => toHex(mac(Buffer.from(hex, 'hex'))).slice(0, 32);

it('has probe and answer as documented, of one length', () => {
  expect(toHex(writeDialBackProbe(probe, mac))).toBe(head('09') + maced(head('09')));
  expect(toHex(writeDialBackAnswer(probe, mac))).toBe(head('0a') + maced(head('0a')));
  expect(writeDialBackProbe(probe, mac)).toHaveLength(DIAL_BACK_BYTES);
  expect(writeDialBackAnswer(probe, mac)).toHaveLength(DIAL_BACK_BYTES);
  expect(toHex(dialBackTcpProof(probe, mac))).toBe(maced(`${head('0a')}746370`));
});

it('tells who holds the secret, and a probe from an answer', () => {
  const [asked, answered] = [writeDialBackProbe(probe, mac), writeDialBackAnswer(probe, mac)];
  expect(readDialBackProbe(asked)).toEqual(probe);
  expect(readDialBackAnswer(answered)).toEqual(probe);
  expect(readDialBackAnswer(asked) ?? readDialBackProbe(answered)).toBeNull();
  expect(isDialBackFrom(asked, mac) && isDialBackFrom(answered, mac)).toBe(true);
  expect(isDialBackFrom(asked, hmac(8))).toBe(false);
  for (let at = 0; at < asked.length; at++) {
    const changed = Uint8Array.from(asked);
    changed[at]! ^= 1;
    expect(isDialBackFrom(changed, mac)).toBe(false);
  }
});

it('reads nothing of another length or type', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      if (bytes.length === DIAL_BACK_BYTES && (bytes[0] === 9 || bytes[0] === 10)) return;
      expect(readDialBackProbe(bytes) ?? readDialBackAnswer(bytes)).toBeNull();
    }),
  );
});
