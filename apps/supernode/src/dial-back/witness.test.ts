import {
  DialBackReport,
  DialBackRequest,
  DialBackTicket,
  generateSigningKey,
  keyIdOf,
  publicKeyOf,
  type SigningPrivateKey,
  type SupernodeEntry,
  signObject,
  verifyObject,
} from '@overcall/identity';
import { addressPolicy } from '@overcall/overlay';
import { testDirectory } from '@overcall/overlay/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { DialBackWitness } from './witness.ts';

const directory = await testDirectory();
const [own, candidate] = await Promise.all([generateSigningKey(), generateSigningKey()]);
const [ownId, candidateId] = await Promise.all([keyIdOf(own), keyIdOf(candidate)]);
const entry: SupernodeEntry = {
  name: 'new',
  key: publicKeyOf(candidate),
  udp: ['192.0.2.7:3478', '10.0.0.1:53', '[::ffff:127.0.0.1]:53'],
  control: ['192.0.2.7:443', '127.0.0.1:22'],
  tlsSha256: ['ab'.repeat(32)],
};

let tried: string[];
let nowMs: number;
let listed: SupernodeEntry[];
let witness: DialBackWitness;
beforeEach(() => {
  tried = [];
  nowMs = 1000;
  listed = [];
  witness = new DialBackWitness({
    key: own,
    id: ownId,
    mayReach: addressPolicy(),
    prober: {
      tryUdp: async (address) => {
        tried.push(`udp ${address}`);
        return 'reached';
      },
      tryTcp: async ({ address }) => {
        tried.push(`tcp ${address}`);
        return 'unreached';
      },
    },
    directory: () => directory.trust,
    listed: async (id) => (id === candidateId ? (listed[0] ?? null) : null),
    now: () => nowMs,
  });
});

const now = () => ({ nowMs: Date.now(), lifetimeS: 60 });
const requestBy = (key: SigningPrivateKey, iss = candidateId, audience = ownId) =>
  signObject(DialBackRequest, { iss, id: `${'i'.repeat(21)}A`, secret: `${'s'.repeat(42)}A` }, key, {
    audience,
    ...now(),
  });
const ticketFor = (witnesses: string[], signer = directory.key, id = 't'.repeat(22)) =>
  signObject(DialBackTicket, { id, entry, witnesses }, signer, {
    audience: directory.trust.keyId,
    ...now(),
  });

describe('a supernode that is asked to try another one', () => {
  it('tries what the ticket names and it may send to, and signs what it saw', async () => {
    const body = { request: await requestBy(candidate), ticket: await ticketFor([ownId]) };
    const answer = await witness.tryAddresses(body, '192.0.2.7');
    expect(tried).toEqual(['udp 192.0.2.7:3478', 'tcp 192.0.2.7:443']);
    const options = { audience: directory.trust.keyId, nowMs: Date.now() };
    const report = (answer as { report: string }).report;
    expect(await verifyObject(DialBackReport, report, publicKeyOf(own), options)).toMatchObject({
      iss: ownId,
      subject: candidateId,
      ticket: 't'.repeat(22),
      results: [
        { transport: 'udp', address: '192.0.2.7:3478', outcome: 'reached' },
        { transport: 'udp', address: '10.0.0.1:53', outcome: 'forbidden' },
        { transport: 'udp', address: '[::ffff:127.0.0.1]:53', outcome: 'forbidden' },
        { transport: 'tcp', address: '192.0.2.7:443', outcome: 'unreached' },
        { transport: 'tcp', address: '127.0.0.1:22', outcome: 'forbidden' },
      ],
    });
  });

  it('does so once for each ticket', async () => {
    const body = { request: await requestBy(candidate), ticket: await ticketFor([ownId]) };
    await witness.tryAddresses(body, '192.0.2.7');
    expect(await witness.tryAddresses(body, '192.0.2.7')).toMatchObject({ code: 'ticket-used' });
    expect(tried).toHaveLength(2);
  });

  it.each([
    ['no ticket, and not in the list', 'not-asked', async () => ({ request: await requestBy(candidate) })],
    [
      'a ticket for others',
      'not-asked',
      async () => ({ request: await requestBy(candidate), ticket: await ticketFor([candidateId]) }),
    ],
    [
      'a ticket that somebody else signed',
      'request-invalid',
      async () => ({ request: await requestBy(candidate), ticket: await ticketFor([ownId], own) }),
    ],
    [
      'a request that somebody else signed',
      'request-invalid',
      async () => ({ request: await requestBy(own), ticket: await ticketFor([ownId]) }),
    ],
    [
      'a request made for another supernode',
      'request-invalid',
      async () => ({
        request: await requestBy(candidate, candidateId, candidateId),
        ticket: await ticketFor([ownId]),
      }),
    ],
    [
      'a request in the name of another',
      'not-asked',
      async () => ({ request: await requestBy(candidate, ownId), ticket: await ticketFor([ownId]) }),
    ],
  ])('sends nothing for %s', async (_what, code, make) => {
    expect(await witness.tryAddresses(await make(), '192.0.2.7')).toMatchObject({ code });
    expect(tried).toEqual([]);
  });

  it('tries a supernode of the list at the addresses in it', async () => {
    listed = [{ ...entry, udp: ['192.0.2.8:1'], control: [] }];
    const answer = await witness.tryAddresses({ request: await requestBy(candidate) }, '192.0.2.7');
    expect(answer).toHaveProperty('report');
    expect(tried).toEqual(['udp 192.0.2.8:1']);
  });

  it('does so often, but not without end, for one network and at one network', async () => {
    listed = [{ ...entry, udp: ['192.0.2.8:1'], control: [] }];
    const request = await requestBy(candidate);
    const ask = async (from: string) => {
      const answer = await witness.tryAddresses({ request }, from);
      return 'report' in answer ? 'report' : answer.code;
    };
    for (let i = 0; i < 30; i++) expect(await ask('198.51.100.1')).toBe('report');
    expect(await ask('198.51.100.2')).toBe('rate-limited');
    for (let i = 0; i < 30; i++) expect(await ask(`203.0.113.${i}`)).toBe('report');
    // 60 addresses of 192.0.2.0/24 have been tried.
    expect(await ask('2001:db8::1')).toBe('rate-limited');
    nowMs += 2000;
    expect(await ask('2001:db8::1')).toBe('report');
  });
});
