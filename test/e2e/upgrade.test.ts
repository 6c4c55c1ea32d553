import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program, type ProgramEvent } from '@overcall/harness';
import { afterEach, expect, it } from 'vitest';

const SILENT = ['--play', 'null', '--record', 'null'];
/** As long as a busy machine may take. */
const PATIENT = { patienceMs: 60_000 };

let folder: string;
let network: Network;
afterEach(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Where the audio of a call goes now: the name of its first supernode. */
const carrierOf = (phone: Program): unknown =>
  (phone.events.findLast(({ event }) => event === 'path')?.via as string[] | undefined)?.[0];
const talkedFor = (phone: Program): number => phone.events.filter(({ event }) => event === 'stats').length;

it('a supernode that carries a call is drained, ends, and is used again by the same softphones when it is started again, while the call goes on', async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-upgrade-'));
  network = await Network.start(openLoopbackStage(), folder, { supernodeArgs: ['--admin', '127.0.0.1:0'] });
  await network.startSupernode('supernode-b');
  await Promise.all(['alice', 'bob'].map((user) => network.register('alice', user)));
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', '--path', 'relay', ...SILENT);
  await bob.waitFor('attached', { where: ({ spare }) => spare === true, ...PATIENT });
  const alice = network.overcall('alice', 'alice', 'call', 'bob', '--path', 'relay', ...SILENT);
  for (const phone of [alice, bob]) await phone.waitFor('first-audio', PATIENT);
  await alice.waitFor('path');

  const name = String(carrierOf(alice)) as 'supernode';
  const before = network.programs.find((program) => program.name === name)!;
  const { admin, udp, id } = await before.waitFor('listening');
  // What `overcall-supernode drain` asks for.
  await fetch(`http://${admin}/drain`, { method: 'POST', headers: { 'x-overcall-drain': '1' } });
  expect(await before.exited).toBe(0);
  for (const phone of [alice, bob]) {
    expect(carrierOf(phone)).not.toBe(name);
    expect(phone.find('ended')).toBeUndefined();
  }

  // As after `npm install` of the next version: the same data, the same port. Those it asked to go come back 15 s after that.
  const since = [alice, bob].map(({ events }) => events.length);
  const after = await network.startSupernode(name, Number(String(udp).split(':')[1]));
  expect((await after.waitFor('listening')).id).toBe(id);
  for (const [i, phone] of [alice, bob].entries()) {
    const isBack = (event: ProgramEvent) =>
      event.supernode === name && phone.events.indexOf(event) >= since[i]!;
    await phone.waitFor('attached', { where: isBack, ...PATIENT });
  }

  const talked = talkedFor(alice);
  await alice.waitFor('stats', { where: () => talkedFor(alice) > talked, ...PATIENT });
  alice.signal('SIGINT');
  expect((await alice.waitFor('ended')).reason).toBe('hangup');
  expect((await bob.waitFor('ended')).reason).toBe('remote-hangup');
});
