import { describe, expect, it } from 'vitest';
import { type NatsPlace, parseStore } from './store-choice.ts';

describe('--store', () => {
  it('is SQLite, or says where NATS is and how to get in', () => {
    expect(parseStore('sqlite')).toBe('sqlite');
    expect({ ...(parseStore('nats://127.0.0.1') as NatsPlace) }).toEqual({
      servers: ['127.0.0.1:4222'],
      user: null,
      password: null,
      isTls: false,
      name: 'overcall',
      replicas: null,
      credentialsFile: null,
      caFile: null,
      patienceMs: 3000,
    });
    const text =
      'nats://me:p%40ss@a.example:4222,[2001:db8::1]:80,b/calls?replicas=3&creds=/c&ca=/ca.pem&patience=10';
    expect({ ...(parseStore(text) as NatsPlace) }).toEqual({
      servers: ['a.example:4222', '[2001:db8::1]:80', 'b:4222'],
      user: 'me',
      password: 'p@ss',
      isTls: true,
      name: 'calls',
      replicas: 3,
      credentialsFile: '/c',
      caFile: '/ca.pem',
      patienceMs: 10_000,
    });
  });

  it('is shown without user and password', () => {
    const place = parseStore('tls://me:secret@a:1,b/calls');
    expect(`${place} ${JSON.stringify({ place })}`).not.toMatch(/me|secret/);
    expect(`${place}`).toBe('tls://a:1,b:4222/calls');
  });

  it.each([
    '',
    'mysql://x',
    'nats://',
    'nats:///x',
    'nats://a b',
    'nats://a:99999',
    'nats://a/b/c',
    'nats://a/b.c',
    'nats://a?replicas=0',
    'nats://a?replicas=33',
    'nats://a?replica=3',
    'nats://a?creds=',
    'nats://a?patience=0',
    'nats://%zz@a',
    'nats://a,,b',
    'nats://a#key',
  ])('is refused: %j', (text) => {
    expect(() => parseStore(text)).toThrow(expect.objectContaining({ code: 'commander.invalidArgument' }));
  });
});
