import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DirectoryTrust,
  directoryTrust,
  issueDeviceCertificate,
  issueUserCertificate,
  verifyChain,
} from './certificates.ts';
import {
  generateAgreementKey,
  generateSigningKey,
  keyIdOf,
  publicKeyOf,
  type SigningPrivateKey,
} from './keys.ts';
import { RevokedDevices } from './supernode-list.ts';

const nowMs = 1_800_000_000_000;
const agreementKey = '3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08';

/** A user with a device, of the given directory. */
async function certify(
  directoryKey: SigningPrivateKey,
  identity: SigningPrivateKey,
  device: SigningPrivateKey,
) {
  const options = { directoryKeyId: await keyIdOf(directoryKey), nowMs };
  return {
    user: await issueUserCertificate('alice', publicKeyOf(identity), directoryKey, options),
    device: await issueDeviceCertificate({ key: publicKeyOf(device), agreementKey }, identity, options),
  };
}

describe('verifyChain', () => {
  let directoryKey: SigningPrivateKey;
  let identity: SigningPrivateKey;
  let device: SigningPrivateKey;
  let trust: DirectoryTrust;
  beforeAll(async () => {
    [directoryKey, identity, device] = await Promise.all([
      generateSigningKey(),
      generateSigningKey(),
      generateSigningKey(),
    ]);
    trust = await directoryTrust(publicKeyOf(directoryKey));
  });
  const refusal = (code: string) => expect.objectContaining({ code });

  it('says who a device acts for', async () => {
    const certified = await verifyChain(await certify(directoryKey, identity, device), trust, nowMs);
    expect(certified).toEqual({
      name: 'alice',
      identityKey: publicKeyOf(identity),
      identityKeyId: await keyIdOf(identity),
      deviceKey: publicKeyOf(device),
      deviceId: await keyIdOf(device),
      agreementKey,
      expiresAt: nowMs + 30 * 86_400_000,
    });
  });

  it('refuses a device that another identity certified', async () => {
    const other = await generateSigningKey();
    const mixed = {
      user: (await certify(directoryKey, identity, device)).user,
      device: (await certify(directoryKey, other, device)).device,
    };
    await expect(verifyChain(mixed, trust, nowMs)).rejects.toThrow(refusal('certificate-invalid'));
  });

  it('refuses the two certificates in each other’s place', async () => {
    const chain = await certify(directoryKey, identity, device);
    const swapped = { user: chain.device, device: chain.user };
    await expect(verifyChain(swapped, trust, nowMs)).rejects.toThrow(refusal('certificate-invalid'));
  });

  it('tells expired, early and foreign certificates from invalid ones', async () => {
    const chain = await certify(directoryKey, identity, device);
    await expect(verifyChain(chain, trust, nowMs + 31 * 86_400_000)).rejects.toThrow(
      refusal('certificate-expired'),
    );
    await expect(verifyChain(chain, trust, nowMs - 3_600_000)).rejects.toThrow(refusal('certificate-early'));
    const elsewhere = await directoryTrust(publicKeyOf(await generateSigningKey()));
    await expect(verifyChain(chain, elsewhere, nowMs)).rejects.toThrow(
      refusal('certificate-wrong-directory'),
    );
    const impostor = { key: elsewhere.key, keyId: trust.keyId };
    await expect(verifyChain(chain, impostor, nowMs)).rejects.toThrow(refusal('certificate-invalid'));
  });

  it('reads a chain that was made long ago', async () => {
    const key = (x: string) => ({ kty: 'OKP', crv: 'Ed25519', x }) as const;
    const fixed = await directoryTrust(key('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'));
    const chain = {
      user:
        'eyJhbGciOiJFZERTQSIsInR5cCI6Im92ZXJjYWxsLXVzZXIrand0Iiwia2lkIjoia1ByS19xbXhWV2FZVkE5d3dCRjZJdW8z' +
        'dlZ6ejdUeEhDVHdYQnlnclM0ayJ9.eyJzdWIiOiJhbGljZSIsImNuZiI6eyJqd2siOnsia3R5IjoiT0tQIiwiY3J2IjoiRWQ' +
        'yNTUxOSIsIngiOiJnWmhJSC1Dazc5QXJLaU10d1RvN1JVd2FOeHdpZ1A4M1EwOF94aWFtQjZZIn19LCJ2ZXIiOjEsImF1ZCI' +
        '6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTg' +
        'wMjU5MjAwMH0.n0NzA-nteriqUHQbbvB9XYvo1lbgFWpzQvmnUz0Ot57SBZt8g6l5rg39vw-R6esUbKbgjD1oykuY4isR0Lp' +
        'iDw',
      device:
        'eyJhbGciOiJFZERTQSIsInR5cCI6Im92ZXJjYWxsLWRldmljZStqd3QiLCJraWQiOiJLSVA4MGJQOS12c3Ryd3VnMEhjS3F3' +
        'ZU1kWmtraXh3emN4RS1jdFNQLTdrIn0.eyJzdWIiOiJVeEZLY2swQVVCX1FUdVdvM09XbU5qZWdvOGtZUWdmQ3dzNmVpb0pI' +
        'azJRIiwiY25mIjp7Imp3ayI6eyJrdHkiOiJPS1AiLCJjcnYiOiJFZDI1NTE5IiwieCI6IkY2RkpaNy04VEpfczhxRTEwQ01D' +
        'UkdEQXI1Q3lMQ3o2d0VmTUt4UHVveDQifX0sIngyNTUxOSI6IjNwN2JmWHQ5d2JUVFcySEM3T1ExTnotRFE4aGJlR2ROcmZ4' +
        'LUZHLUlLMDgiLCJ2ZXIiOjEsImF1ZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLCJp' +
        'YXQiOjE4MDAwMDAwMDAsImV4cCI6MTk1NzY4MDAwMH0.cjr9-zrlWWFEg4-vmqDA5e965MxloeEhf0DB5POy3HUMStZNAhGe' +
        'vlblWoTXraK3jT7-bAg5OzlONyQhadeACg',
    };
    expect(await verifyChain(chain, fixed, nowMs)).toMatchObject({ name: 'alice', agreementKey });
  });

  it('takes a device as revoked only together with its identity', async () => {
    const certified = await verifyChain(await certify(directoryKey, identity, device), trust, nowMs);
    const { identityKeyId, deviceId } = certified;
    expect(new RevokedDevices([{ identity: identityKeyId, device: deviceId }]).has(certified)).toBe(true);
    expect(
      new RevokedDevices([{ identity: await keyIdOf(directoryKey), device: deviceId }]).has(certified),
    ).toBe(false);
    expect(new RevokedDevices([]).has(certified)).toBe(false);
  });

  it('is made with fresh keys each time', async () => {
    expect((await generateSigningKey()).d).not.toBe((await generateSigningKey()).d);
    expect(await generateAgreementKey()).toMatchObject({ kty: 'OKP', crv: 'X25519' });
  });
});
