import {
  DialBackReport,
  type DialBackResult,
  DialBackTicket,
  generateSigningKey,
  keyIdOf,
  peekClaims,
  type SigningPrivateKey,
  SupernodeAdmission,
  type SupernodeEntry,
} from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entryOf, TestDirectory } from './test-support.ts';

/** On loopback nothing listens, so that whoever lives there is dead; the directory connects to no private network. */
const DEAD = { udp: ['127.0.0.1:1'], control: ['127.0.0.1:1'] };
const ALIVE = { udp: ['10.0.0.1:1'], control: ['10.0.0.1:1'] };

let test: TestDirectory;
beforeEach(async () => {
  test = await TestDirectory.start({ dialBack: true });
});
afterEach(() => test.close());

interface Task {
  ticket: string;
  witnesses: SupernodeEntry[];
  nonce: string;
}

async function ask(key: SigningPrivateKey, entry: Partial<SupernodeEntry> = {}): Promise<Task> {
  const { status, body } = await test.admit(key, entry);
  expect(status).toBe(202);
  return body as unknown as Task;
}

async function comeAgain(
  key: SigningPrivateKey,
  { ticket, nonce }: Task,
  reports: string[],
  entry: Partial<SupernodeEntry> = {},
) {
  const admission = await test.sign(SupernodeAdmission, { entry: entryOf(key, entry), nonce }, key);
  return test.request('POST', '/v1/supernodes', { admission, ticket, reports });
}

async function report(
  witness: SigningPrivateKey,
  subject: SigningPrivateKey,
  { ticket }: Task,
  outcome: DialBackResult['outcome'] = 'reached',
  entry: Partial<SupernodeEntry> = {},
) {
  const { udp, control } = entryOf(subject, entry);
  const results = [
    ...udp.map((address) => ({ transport: 'udp' as const, address, outcome })),
    ...control.map((address) => ({ transport: 'tcp' as const, address, outcome: 'reached' as const })),
  ];
  const { id } = peekClaims(DialBackTicket, ticket)!;
  const claims = { iss: await keyIdOf(witness), subject: await keyIdOf(subject), ticket: id, results };
  return test.sign(DialBackReport, claims, witness);
}

/** A network of this many supernodes, where the first is let in untried. */
async function network(size: number, place: Partial<SupernodeEntry>): Promise<SigningPrivateKey[]> {
  const keys = await Promise.all(Array.from({ length: size }, generateSigningKey));
  for (const [i, key] of keys.entries()) {
    const entry = { ...place, name: `sn${i}` };
    if (i === 0) expect(await test.admit(key, entry)).toMatchObject({ status: 200 });
    else {
      const task = await ask(key, entry);
      const reports = keys.slice(0, i).map((witness) => report(witness, key, task, 'reached', entry));
      expect(await comeAgain(key, task, await Promise.all(reports), entry)).toMatchObject({ status: 200 });
    }
  }
  return keys;
}

describe('admission by dial-back', () => {
  it('takes two confirmations where there are as many others', async () => {
    const [a, b, c] = (await network(3, ALIVE)) as [SigningPrivateKey, SigningPrivateKey, SigningPrivateKey];
    const key = await generateSigningKey();
    const task = await ask(key);
    expect(task.witnesses.map(({ name }) => name).sort()).toEqual(['sn0', 'sn1', 'sn2']);
    const [one, two] = [await report(a, key, task), await report(b, key, task)];
    expect(await comeAgain(key, task, [one])).toMatchObject({ status: 403, code: 'not-reachable' });
    const again = await ask(key);
    const reports = [await report(a, key, again), await report(c, key, again), two];
    expect(await comeAgain(key, again, reports)).toMatchObject({ status: 200 });
  });

  it('asks at most four, and nobody about itself', async () => {
    const keys = await network(6, ALIVE);
    const { witnesses } = await ask(keys[0]!, { ...ALIVE, udp: ['10.0.0.1:2'] });
    expect(witnesses).toHaveLength(4);
    expect(witnesses.map(({ name }) => name)).not.toContain('sn0');
  });

  it('says which address was not reached from where', async () => {
    const [a, b] = (await network(2, ALIVE)) as [SigningPrivateKey, SigningPrivateKey];
    const key = await generateSigningKey();
    const task = await ask(key);
    const reports = [await report(a, key, task, 'unreached'), await report(b, key, task)];
    const { status, code, body } = await comeAgain(key, task, reports);
    expect({ status, code }).toEqual({ status: 403, code: 'not-reachable' });
    expect(body?.message).toMatch(/^UDP 192\.0\.2\.1:3478 was not reached from sn0: /);
    expect((await test.list()).supernodes).toHaveLength(2);
  });

  it('names those who live and told nothing, where only they are missing', async () => {
    const [a] = (await network(2, ALIVE)) as [SigningPrivateKey];
    const key = await generateSigningKey();
    const task = await ask(key);
    const { body } = await comeAgain(key, task, [await report(a, key, task)]);
    expect(body?.message).toMatch(
      /; nothing was heard of sn1: see that this host and they reach each other$/,
    );
  });

  it('does not wait for the dead', async () => {
    const [a] = (await network(3, DEAD)) as [SigningPrivateKey];
    const key = await generateSigningKey();
    const task = await ask(key);
    expect(await comeAgain(key, task, [await report(a, key, task)])).toMatchObject({ status: 200 });
    const other = await generateSigningKey();
    // Two are known to be dead by now; the one that spoke, and the new one, are not.
    expect((await ask(other)).witnesses.map(({ name }) => name).sort()).toEqual(['sn0', 'sn1']);
  });

  it('counts each witness once, and no report made for something else', async () => {
    const [a, b] = (await network(2, ALIVE)) as [SigningPrivateKey, SigningPrivateKey];
    const [key, stranger] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    const old = await ask(key);
    const task = await ask(key);
    const one = await report(a, key, task);
    for (const useless of [
      await report(a, key, task),
      await report(b, key, old),
      await report(b, stranger, task),
      await report(stranger, key, task),
      'a.b.c',
    ]) {
      const fresh = { ...task, nonce: await test.nonce() };
      expect(await comeAgain(key, fresh, [one, useless])).toMatchObject({ code: 'not-reachable' });
    }
  });

  it('takes a ticket for the entry that it was given for, in time', async () => {
    const [a] = (await network(1, ALIVE)) as [SigningPrivateKey];
    const key = await generateSigningKey();
    const task = await ask(key);
    const reports = [await report(a, key, task)];
    const changed = { udp: ['192.0.2.9:1'] };
    expect(await comeAgain(key, task, reports, changed)).toMatchObject({ code: 'ticket-invalid' });
    test.clock.nowMs += 241_000;
    const late = { ...task, nonce: await test.nonce() };
    expect(await comeAgain(key, late, reports)).toMatchObject({ status: 400, code: 'ticket-invalid' });
  });

  it('is asked for again when addresses change, and not for another name', async () => {
    const [a] = (await network(2, ALIVE)) as [SigningPrivateKey];
    expect(await test.admit(a, { ...ALIVE, name: 'other' })).toMatchObject({ status: 200 });
    for (const change of [
      { udp: ['10.0.0.1:2'] },
      { control: ['10.0.0.1:2'] },
      { tlsSha256: ['cd'.repeat(32)] },
    ])
      expect(await test.admit(a, { ...ALIVE, ...change })).toMatchObject({ status: 202 });
    await test.depart(a);
    expect(await test.admit(a, ALIVE)).toMatchObject({ status: 202 });
  });

  it('comes before the operator is asked', async () => {
    await test.close();
    test = await TestDirectory.start({ dialBack: true, admission: 'approved' });
    const key = await generateSigningKey();
    expect(await test.admit(key)).toMatchObject({ status: 403, code: 'approval-needed' });
  });
});
