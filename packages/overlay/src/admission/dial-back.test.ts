import { createHmac, randomBytes } from 'node:crypto';
import type { DialBackResult } from '@overcall/identity';
import { fromBase64Url, isDialBackFrom, writeDialBackProbe } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { DialBackSecrets } from './dial-back-secrets.ts';
import { judgeReports, whatToMend } from './dial-back-verdict.ts';

const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac('sha256', key).update(bytes).digest());
const crypto = { hmacSha256, randomBytes: (length: number) => new Uint8Array(randomBytes(length)) };

describe('who is to be reached', () => {
  const asking = () => {
    const secrets = new DialBackSecrets(crypto);
    const { id, secret } = secrets.open(0);
    const mac = (bytes: Uint8Array) => hmacSha256(fromBase64Url(secret)!, bytes);
    const nonce = new Uint8Array(16).fill(3);
    return { secrets, id, mac, probe: writeDialBackProbe({ id: fromBase64Url(id)!, nonce }, mac), nonce };
  };

  it('answers a probe of whom it asked with as many bytes', () => {
    const { secrets, mac, probe } = asking();
    const answer = secrets.answer(probe, 1000)!;
    expect(answer).toHaveLength(probe.length);
    expect(isDialBackFrom(answer, mac)).toBe(true);
  });

  it('answers nobody else, and nobody later', () => {
    const { secrets, id, probe, nonce } = asking();
    const forged = writeDialBackProbe({ id: fromBase64Url(id)!, nonce }, (bytes) =>
      hmacSha256(new Uint8Array(32), bytes),
    );
    expect(secrets.answer(forged, 1000)).toBeNull();
    expect(secrets.answer(probe, 15_000)).toBeNull();
    expect(secrets.answer(probe.subarray(1), 1000)).toBeNull();
    secrets.close(id);
    expect(secrets.answer(probe, 1000)).toBeNull();
    expect(secrets.proof(fromBase64Url(id)!, nonce, 1000)).toBeNull();
  });

  it('keeps so many requests and no more', () => {
    const { secrets, probe } = asking();
    for (let i = 0; i < 31; i++) secrets.open(0);
    expect(secrets.answer(probe, 1000)).not.toBeNull();
    secrets.open(0);
    expect(secrets.answer(probe, 1000)).toBeNull();
  });
});

describe('what reports say', () => {
  const entry = { udp: ['192.0.2.1:1', '[2001:db8::1]:1'], control: ['192.0.2.1:2'] };
  const result = (
    transport: 'udp' | 'tcp',
    address: string,
    outcome: DialBackResult['outcome'] = 'reached',
  ) => ({ transport, address, outcome });
  const all = (v6: DialBackResult['outcome'] = 'reached') => [
    result('udp', entry.udp[0]!),
    result('udp', entry.udp[1]!, v6),
    result('tcp', entry.control[0]!),
  ];
  const mend = (reports: DialBackResult[][], needed: number) =>
    whatToMend(
      judgeReports(
        entry,
        reports.map((results, i) => ({ from: `sn${i}`, results })),
        needed,
      ),
    );

  it('is enough when as many as are needed have reached every address', () => {
    expect(mend([all(), all()], 2)).toBeNull();
    expect(mend([all(), all('unreached'), all()], 2)).toBeNull();
    expect(mend([all()], 1)).toBeNull();
    expect(mend([], 0)).toBeNull();
  });

  it('does not count who has no such family', () => {
    expect(mend([all(), all('no-family')], 2)).toBeNull();
    expect(mend([all('no-family'), all('no-family')], 2)).toBeNull();
    expect(mend([all('unreached'), all('no-family')], 2)).toContain('not reached from sn0:');
  });

  it('says which address was not reached from where, and what to do', () => {
    expect(mend([all('unreached'), all('unreached'), all()], 2)).toBe(
      'UDP [2001:db8::1]:1 was not reached from sn0, sn1: open this port in every firewall, or mend --public-address',
    );
    expect(mend([all('forbidden'), all('forbidden')], 2)).toMatch(/no address that sn0, sn1 may send to/);
    expect(mend([all()], 2)).toMatch(/UDP 192.0.2.1:1 was confirmed by too few others/);
    const udpOnly = [all()[0]!, all()[1]!];
    expect(mend([udpOnly, udpOnly], 2)).toMatch(/^TCP 192.0.2.1:2 was confirmed by too few/);
  });
});
