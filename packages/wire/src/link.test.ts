import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinkMessage, readLinkMessage } from './link.ts';

const KEY_ID = 'k'.repeat(43);
const OTHER = 'l'.repeat(43);
const ID = 'i'.repeat(22);
const JWS = 'aGVhZA.cGF5bG9hZA.c2ln';
const CHAIN = { user: JWS, device: JWS };
const ENDPOINT = { device: KEY_ID, endpoint: ID };
const FLOW = { party: KEY_ID, receiveFlow: 0, sendFlow: 0xffffffff, hops: [KEY_ID, OTHER] };

/** One valid message of each kind; the compiler says when one is missing. */
const SAMPLES: { [T in keyof typeof LinkMessage]: Record<string, unknown> } = {
  hello: { versions: [1], supernode: KEY_ID, nonce: ID },
  join: { proof: JWS },
  ping: { id: 1 },
  pong: { id: 1 },
  signal: { to: ENDPOINT, from: { name: 'alice', ...ENDPOINT }, callId: ID, body: 'AQID' },
  'signal-failed': { to: ENDPOINT, from: ENDPOINT, callId: ID, code: 'not-attached' },
  'index-put': { chain: CHAIN, record: JWS },
  'index-get': { id: 2, name: 'bob' },
  'index-result': { id: 2, endpoints: [{ chain: CHAIN, record: JWS }] },
  'hop-open': { ...FLOW, peer: OTHER },
  'hop-close': FLOW,
  'hop-failed': { ...FLOW, code: 'overloaded' },
  'hop-confirm': { ...FLOW, id: 4, address: '192.0.2.1' },
  'hop-confirmed': { id: 4, hops: [KEY_ID, OTHER], known: true },
  measurements: { of: KEY_ID, atMs: 1_800_000_000_000, links: [[OTHER, 20.5, 0.1]] },
  measure: { id: 3, to: [OTHER] },
  measured: { id: 3, links: [[OTHER, 20.5, 0.1]] },
  list: { version: 1_800_000_000_000 },
};
const MESSAGES = Object.entries(SAMPLES).map(([t, fields]) => ({ t, ...fields }));

describe('messages between supernodes', () => {
  it.each(MESSAGES)('takes $t, with unknown fields too', (message) => {
    expect(readLinkMessage(JSON.stringify(message))).toEqual(message);
    expect(readLinkMessage(JSON.stringify({ ...message, later: { x: 1 } }))).toMatchObject(message);
  });

  it.each(MESSAGES)('refuses $t without any one of its fields, or with one of another type', (message) => {
    for (const field of Object.keys(message)) {
      const { [field as 't']: _, ...without } = message;
      expect(readLinkMessage(JSON.stringify(without))).toBeNull();
      expect(readLinkMessage(JSON.stringify({ ...message, [field]: { a: [] } }))).toBeNull();
    }
  });

  it('refuses ways of one supernode, and of more than three', () => {
    for (const hops of [[KEY_ID], [KEY_ID, OTHER, KEY_ID, OTHER]])
      expect(readLinkMessage(JSON.stringify({ t: 'hop-close', ...FLOW, hops }))).toBeNull();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => readLinkMessage(text) === null));
    fc.assert(fc.property(fc.json(), (text) => readLinkMessage(text) === null));
  });
});
