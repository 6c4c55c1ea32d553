import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, type Program, startProgram } from '@overcall/harness';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { type Supernode, startSupernode } from 'overcall-supernode';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

const SILENT = ['--play', 'null', '--record', 'null', '--bind', '127.0.0.1'];
const LOOPBACK = [
  '--serve-address',
  '127.0.0.1',
  '--serve-listen',
  '127.0.0.1:0',
  '--allow-net',
  '127.0.0.0/8',
];

beforeAll(buildPrograms);

let folder: string;
let directory: RunningDirectory;
let supernode: Supernode;
const programs: Program[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-volunteer-'));
  directory = await startDirectory({ listen: '127.0.0.1:0', dataDir: join(folder, 'directory') });
  supernode = await startReal('127.0.0.1:0');
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await supernode.close();
  await directory.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startReal(listen: string): Promise<Supernode> {
  const started = await startSupernode({
    directory: directory.url,
    listen: [listen],
    publicAddresses: ['127.0.0.1'],
    allowNets: ['127.0.0.0/8'],
    dataDirectory: join(folder, 'real'),
    name: 'real',
  });
  await started.whenReady();
  return started;
}

function overcall(user: string, ...argv: string[]): Program {
  const common = ['--home', join(folder, user), '--directory', directory.url];
  const program = startProgram('softphone', [...argv, ...common], { name: user });
  programs.push(program);
  return program;
}

const state = (name: string) => ({
  where: (event: Record<string, unknown>) => event.state === name,
  patienceMs: 60_000,
});
const via = (name: string) => (event: Record<string, unknown>) => String(event.via) === name;

it('a softphone on a public host is promoted, carries a call of two others, and leaves when it runs on battery; the call goes on', async () => {
  await Promise.all(['alice', 'bob', 'carol'].map((user) => overcall(user, 'register', user).exited));
  const power = join(folder, 'power');
  mkdirSync(power);
  const serve = ['--serve', '--serve-after', '0', '--power-supplies', power, ...LOOPBACK];
  const carol = overcall('carol', 'listen', ...serve, ...SILENT);
  const serving = await carol.waitFor('serve', state('serving'));
  const volunteer = String(serving.supernode);

  // Only the volunteer is there, so it is the volunteer that carries the call.
  const address = supernode.udp[0]!;
  await supernode.close();
  const bob = overcall('bob', 'listen', '--auto-answer', ...SILENT);
  await bob.waitFor('attached');
  const alice = overcall('alice', 'call', 'bob', '--path', 'relay', ...SILENT);
  await Promise.all([alice, bob].map((each) => each.waitFor('first-audio')));
  await alice.waitFor('path', { where: via(volunteer) });

  supernode = await startReal(address);
  const isReal = ({ supernode: name }: Record<string, unknown>) => name === 'real';
  await Promise.all(
    [alice, bob].map((each) => each.waitFor('attached', { where: isReal, patienceMs: 60_000 })),
  );

  const battery = join(power, 'BAT0');
  mkdirSync(battery);
  writeFileSync(join(battery, 'type'), 'Battery\n');
  writeFileSync(join(battery, 'status'), 'Discharging\n');
  const draining = await carol.waitFor('serve', state('draining'));
  expect(draining).toMatchObject({ reason: 'battery', attached: 2 });
  expect(Number(draining.calls)).toBeGreaterThan(0);
  const demoted = await carol.waitFor('serve', state('demoted'));
  expect(demoted).toMatchObject({ reason: 'battery', callsLeft: 0 });
  await supernode.refreshList();
  expect(supernode.status()).toMatchObject({ attached: 3, neighbours: [] });
  expect(carol.find('ended')).toBeUndefined();

  const before = alice.events.length;
  await alice.waitFor('stats', { where: (event) => alice.events.indexOf(event) > before + 1 });
  alice.signal('SIGINT');
  for (const program of [alice, bob]) {
    const { reason, totals } = await program.waitFor('ended');
    expect(reason).toMatch(/hangup/);
    const { lostPackets, longestGapMs } = totals as { lostPackets: number; longestGapMs: number };
    // What was under way by the volunteer was waited for: none on a quiet machine, few where a process waits for seconds.
    expect(lostPackets).toBeLessThan(3);
    // 20 ms on a quiet machine; on a busy one it tells how long the processes waited for their turn.
    expect(longestGapMs).toBeLessThan(1000);
    // Make before break: both had left it while it still relayed.
    const moved = await program.waitFor('path', { where: via('real') });
    expect(Number(moved.at)).toBeLessThan(Number(demoted.at));
  }
}, 180_000);
