import {
  DeviceRevocation,
  DirectoryLookup,
  generateSigningKey,
  publicKeyOf,
  Registration,
  SupernodeAdmission,
} from '@overcall/identity';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isApiErrorCode } from './api-error.ts';
import { entryOf, TestDirectory } from './test-support.ts';

let test: TestDirectory;
const key = await generateSigningKey();
beforeAll(async () => {
  test = await TestDirectory.start({ requestsPerMinute: 1_000_000 });
});
afterAll(() => test.close());

const paths = fc.constantFrom(
  '/v1/users',
  '/v1/lookups',
  '/v1/revocations',
  '/v1/supernodes',
  '/v1/challenges',
);
const fields = fc.constantFrom(
  'registration',
  'lookup',
  'chain',
  'receipt',
  'revocation',
  'admission',
  'user',
);

/** A refusal the API knows, or for /v1/challenges an answer; never a failure of the server. */
function check(statusCode: number, payload: string): void {
  expect(statusCode, payload).toBeLessThan(500);
  if (statusCode >= 400) expect(isApiErrorCode((JSON.parse(payload) as { code: string }).code)).toBe(true);
}

it('refuses any bytes', async () => {
  await fc.assert(
    fc.asyncProperty(paths, fc.uint8Array({ maxLength: 200 }), async (url, bytes) => {
      const headers = { 'content-type': 'application/json' };
      const { app } = test.directory;
      const answer = await app.inject({ method: 'POST', url, payload: Buffer.from(bytes), headers });
      check(answer.statusCode, answer.payload);
    }),
    { numRuns: 300 },
  );
});

it('refuses any JSON', async () => {
  const jsonValue = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fields, fc.oneof(fc.jsonValue(), fc.constant('a.b.c'), fc.constant('e30.e30.e30'))),
  );
  await fc.assert(
    fc.asyncProperty(paths, jsonValue, async (url, value) => {
      const payload = JSON.stringify(value);
      const headers = { 'content-type': 'application/json' };
      const answer = await test.directory.app.inject({ method: 'POST', url, payload, headers });
      check(answer.statusCode, answer.payload);
    }),
    { numRuns: 300 },
  );
});

it('refuses validly signed objects with anything in their members', async () => {
  const kinds = [
    [Registration, '/v1/users', 'registration', { sub: 'alice', cnf: { jwk: publicKeyOf(key) } }],
    [DeviceRevocation, '/v1/revocations', 'revocation', { sub: 'alice', device: 'd'.repeat(43) }],
    [SupernodeAdmission, '/v1/supernodes', 'admission', { entry: entryOf(key) }],
    [DirectoryLookup, '/v1/lookups', 'lookup', { name: 'alice' }],
  ] as const;
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'e30.e30.e30'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...kinds),
      fc.nat(),
      odd,
      async ([kind, url, field, good], which, value) => {
        const names = [...Object.keys(good), 'nonce'];
        const claims = { ...good, nonce: await test.nonce(), [names[which % names.length]!]: value };
        const token = await test.sign(kind as typeof Registration, claims as never, key);
        const answer = await test.request('POST', url, {
          [field]: token,
          chain: { user: token, device: token },
          receipt: token,
        });
        check(answer.status, JSON.stringify(answer.body));
      },
    ),
    { numRuns: 300 },
  );
});
