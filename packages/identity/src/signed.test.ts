import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { generateSigningKey, keyIdOf, publicKeyOf, type SigningPrivateKey } from './keys.ts';
import { CLOCK_TOLERANCE_S, peekClaims, signedKind, signObject, verifyObject } from './signed.ts';

const Greeting = signedKind('greeting', Type.Object({ text: Type.String({ maxLength: 100 }) }));
const Farewell = signedKind('farewell', Type.Object({ text: Type.String({ maxLength: 100 }) }));
const nowMs = 1_800_000_000_000;
const options = { audience: 'dir', nowMs, lifetimeS: 60 };

/** The key of RFC 8037, appendix A.1. */
const rfc8037Key: SigningPrivateKey = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};
const greeting =
  'eyJhbGciOiJFZERTQSIsInR5cCI6Im92ZXJjYWxsLWdyZWV0aW5nK2p3dCIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2' +
  'SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsifQ.eyJ0ZXh0IjoiaGVsbG8iLCJ2ZXIiOjEsImF1ZCI6ImRpciIsImlhdCI6MTgwM' +
  'DAwMDAwMCwiZXhwIjoxODAwMDAwMDYwfQ.Cf7YxuVkgCOC_FHeTLbom5OrMs0ZpEzk0OJaLm66Ir5P_YaoZibcevk2jmlMPu' +
  'fCymUYWfWcQifx0k-eXjtfBg';

describe('signObject', () => {
  it('names a key by the thumbprint of RFC 8037, appendix A.3', async () => {
    expect(await keyIdOf(rfc8037Key)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it('makes the bytes it always made', async () => {
    expect(await signObject(Greeting, { text: 'hello' }, rfc8037Key, options)).toBe(greeting);
  });

  it('makes what verifyObject reads back, whatever the text', async () => {
    const key = await generateSigningKey();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 50 }), async (text) => {
        const token = await signObject(Greeting, { text }, key, options);
        expect(await verifyObject(Greeting, token, publicKeyOf(key), options)).toMatchObject({
          text,
          ver: 1,
        });
        expect(peekClaims(Greeting, token)?.text).toBe(text);
      }),
      { numRuns: 30 },
    );
  });
});

describe('verifyObject', () => {
  const refusal = (code: string) => expect.objectContaining({ code });

  it('refuses a token with any character changed', async () => {
    const position = fc.integer({ min: 0, max: greeting.length - 1 });
    await fc.assert(
      fc.asyncProperty(position, fc.constantFrom(...'ABab01-_.'), async (at, character) => {
        if (greeting[at] === character) return;
        const token = greeting.slice(0, at) + character + greeting.slice(at + 1);
        await expect(verifyObject(Greeting, token, rfc8037Key, options)).rejects.toThrow(
          refusal('signature-invalid'),
        );
      }),
      { numRuns: 400 },
    );
  });

  it('refuses another spelling of the same bytes', async () => {
    for (const token of [`${greeting.slice(0, -1)}h`, `${greeting}=`, `${greeting}\n`]) {
      await expect(verifyObject(Greeting, token, rfc8037Key, options)).rejects.toThrow(
        refusal('signature-invalid'),
      );
    }
  });

  it('refuses any text that is not a token, without another error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (token) => {
        await expect(verifyObject(Greeting, token, rfc8037Key, options)).rejects.toThrow(
          refusal('signature-invalid'),
        );
        expect(peekClaims(Greeting, token)).toBeNull();
      }),
    );
  });

  it('refuses another key, another kind and another audience', async () => {
    const other = publicKeyOf(await generateSigningKey());
    await expect(verifyObject(Greeting, greeting, other, options)).rejects.toThrow(
      refusal('signature-invalid'),
    );
    await expect(verifyObject(Farewell, greeting, rfc8037Key, options)).rejects.toThrow(
      refusal('signature-invalid'),
    );
    await expect(
      verifyObject(Greeting, greeting, rfc8037Key, { ...options, audience: 'elsewhere' }),
    ).rejects.toThrow(refusal('signature-wrong-audience'));
  });

  it('refuses `alg: none` and HMAC under the public key', async () => {
    const payload = greeting.split('.')[1];
    for (const alg of ['none', 'HS256']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: Greeting.typ })).toString('base64url');
      await expect(verifyObject(Greeting, `${header}.${payload}.AAAA`, rfc8037Key, options)).rejects.toThrow(
        refusal('signature-invalid'),
      );
    }
  });

  it('refuses claims that do not fit the schema, although they are signed', async () => {
    const token = await signObject(Greeting, { text: 'x'.repeat(101) }, rfc8037Key, options);
    await expect(verifyObject(Greeting, token, rfc8037Key, options)).rejects.toThrow(
      refusal('signature-invalid'),
    );
  });

  it('allows for clocks that differ by two minutes and no more, in both directions', async () => {
    const at = (seconds: number) =>
      verifyObject(Greeting, greeting, rfc8037Key, { audience: 'dir', nowMs: nowMs + seconds * 1000 });
    await expect(at(60 + CLOCK_TOLERANCE_S - 1)).resolves.toBeTruthy();
    await expect(at(60 + CLOCK_TOLERANCE_S)).rejects.toThrow(refusal('signature-expired'));
    await expect(at(-CLOCK_TOLERANCE_S)).resolves.toBeTruthy();
    await expect(at(-CLOCK_TOLERANCE_S - 1)).rejects.toThrow(refusal('signature-early'));
  });
});
