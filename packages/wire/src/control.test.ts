import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClientMessage,
  readClientMessage,
  readSupernodeMessage,
  type SupernodeMessage,
} from './control.ts';
import { MAX_CONTROL_CHARS } from './json-message.ts';

const KEY_ID = 'k'.repeat(43);
const ID = 'i'.repeat(22);
const JWS = 'aGVhZA.cGF5bG9hZA.c2ln';
const CHAIN = { user: JWS, device: JWS };

/** One valid message of each kind; the compiler says when one is missing. */
const CLIENT: { [T in keyof typeof ClientMessage]: Record<string, unknown> } = {
  attach: { chain: CHAIN, proof: JWS },
  present: { record: JWS },
  lookup: { id: 1, name: 'bob' },
  signal: { to: { device: KEY_ID, endpoint: ID }, callId: ID, body: 'AQID' },
  'relay-open': { id: 2, peer: KEY_ID, receiveFlow: 0, sendFlow: 0xffffffff },
  'relay-close': { receiveFlow: 1, sendFlow: 2 },
  'confirm-peer': { id: 4, receiveFlow: 1, sendFlow: 2, address: '198.51.100.2' },
  'probe-open': { id: 6, flow: 7 },
  measurements: { id: 5, supernodes: [KEY_ID, 'l'.repeat(43)] },
  ping: { id: 3 },
};
const SUPERNODE: { [T in keyof typeof SupernodeMessage]: Record<string, unknown> } = {
  hello: { versions: [1], supernode: KEY_ID, nonce: ID },
  attached: { receipt: JWS, udp: ['192.0.2.1:3478', '[2001:db8::1]:3478'] },
  move: { reason: 'draining', withinMs: 5000 },
  refused: { code: 'not-attached', message: 'attach first' },
  'lookup-result': { id: 1, endpoints: [{ chain: CHAIN, record: JWS }] },
  signal: { from: { name: 'alice', device: KEY_ID, endpoint: ID }, callId: ID, body: '' },
  'signal-failed': { to: { device: KEY_ID, endpoint: ID }, callId: ID, code: 'gone' },
  'relay-opened': { id: 2, bindKey: 'A'.repeat(43), udp: ['192.0.2.1:3478'] },
  'relay-failed': { id: 2, code: 'busy', message: 'no room' },
  'peer-confirmed': { id: 4, known: true },
  'measurements-result': { id: 5, links: [[0, 1, 20.5, 0.1]] },
  pong: { id: 3 },
  list: { version: 1_800_000_000_000 },
};
const SIDES = [
  { side: 'softphone', samples: CLIENT as Record<string, Record<string, unknown>>, read: readClientMessage },
  {
    side: 'supernode',
    samples: SUPERNODE as Record<string, Record<string, unknown>>,
    read: readSupernodeMessage,
  },
] as const;

describe.each(SIDES)('control messages of a $side', ({ samples, read }) => {
  const messages = Object.entries(samples).map(([t, fields]) => ({ t, ...fields }));

  it.each(messages)('takes $t, with unknown fields too', (message) => {
    expect(read(JSON.stringify(message))).toEqual(message);
    expect(read(JSON.stringify({ ...message, later: { x: 1 } }))).toMatchObject(message);
  });

  it.each(messages)('refuses $t without any one of its fields, or with one of another type', (message) => {
    for (const field of Object.keys(message)) {
      const { [field as 't']: _, ...without } = message;
      expect(read(JSON.stringify(without))).toBeNull();
      expect(read(JSON.stringify({ ...message, [field]: null }))).toBeNull();
      expect(read(JSON.stringify({ ...message, [field]: { a: [] } }))).toBeNull();
    }
  });

  it('refuses what is no message', () => {
    const texts = [
      '',
      '{',
      'null',
      '1',
      '"ping"',
      '[]',
      '{}',
      '{"t":1}',
      '{"t":"nothing"}',
      '{"t":"__proto__"}',
    ];
    for (const text of [
      ...texts,
      '{"t":"constructor"}',
      '{"t":"toString"}',
      '\u0000',
      '{"t":"ping","id":1}x',
    ]) {
      expect(read(text)).toBeNull();
    }
  });

  it('refuses long texts before it parses them', () => {
    const message = messages.at(-1)!;
    const padded = JSON.stringify(message).padEnd(MAX_CONTROL_CHARS, ' ');
    expect(read(padded)).toEqual(message);
    expect(read(`${padded} `)).toBeNull();
  });

  it('never throws', () => {
    const json = fc.oneof(fc.string(), fc.json({ maxDepth: 4 }));
    const nearly = fc
      .record({ t: fc.constantFrom(...Object.keys(samples)), extra: fc.object({ maxDepth: 2 }) })
      .map(({ t, extra }) => JSON.stringify({ ...samples[t], ...extra, t }));
    fc.assert(
      fc.property(fc.oneof(json, nearly), (text) => {
        const message = read(text);
        if (message !== null) expect(Object.keys(samples)).toContain(message.t);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('bounds', () => {
  it.each([
    [-1, false],
    [0, true],
    [0xffffffff, true],
    [0x100000000, false],
    [1.5, false],
  ])('of flow ids: %d', (flow, valid) => {
    const message = { t: 'relay-close', receiveFlow: flow, sendFlow: 1 };
    expect(readClientMessage(JSON.stringify(message)) !== null).toBe(valid);
  });

  it('do not let one side send what is for the other', () => {
    expect(readClientMessage(JSON.stringify({ t: 'pong', id: 1 }))).toBeNull();
    expect(readSupernodeMessage(JSON.stringify({ t: 'ping', id: 1 }))).toBeNull();
  });

  it('hold signal bodies that carry the longest handshake message', () => {
    const body = 'A'.repeat(Math.ceil(((16 * 1024 + 18) * 4) / 3));
    const message = { t: 'signal', to: { device: KEY_ID, endpoint: ID }, callId: ID, body };
    expect(readClientMessage(JSON.stringify(message))).not.toBeNull();
    const tooLong = { ...message, body: 'A'.repeat(32_769) };
    expect(readClientMessage(JSON.stringify(tooLong))).toBeNull();
  });
});
