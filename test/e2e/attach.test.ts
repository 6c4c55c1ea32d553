import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, type Program, startProgram } from '@overcall/harness';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { type Supernode, startSupernode } from 'overcall-supernode';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

/** A supernode whose relay can be made to swallow everything, while the rest of it goes on. */
interface Tapped {
  supernode: Supernode;
  relays: boolean;
}

let folder: string;
let directory: RunningDirectory;
const tapped: Tapped[] = [];
const programs: Program[] = [];
beforeAll(buildPrograms);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-attach-'));
  directory = await startDirectory({ listen: '127.0.0.1:0', dataDir: join(folder, 'directory') });
  for (const name of ['s1', 's2', 's3']) tapped.push(await startTapped(name));
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await Promise.all(tapped.splice(0).map(({ supernode }) => supernode.close()));
  await directory.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startTapped(name: string): Promise<Tapped> {
  const made = { relays: true } as Tapped;
  made.supernode = await startSupernode({
    directory: directory.url,
    listen: ['127.0.0.1:0'],
    publicAddresses: ['127.0.0.1'],
    allowNets: ['127.0.0.0/8'],
    dataDirectory: join(folder, name),
    name,
    taps: { forward: (datagram) => (made.relays ? [datagram] : []) },
  });
  await made.supernode.whenReady();
  return made;
}

function overcall(user: string, ...argv: string[]): Program {
  const common = ['--home', join(folder, user), '--directory', directory.url];
  const program = startProgram('softphone', [...argv, ...common], { name: user });
  programs.push(program);
  return program;
}

const attachedTo = () => tapped.filter(({ supernode }) => supernode.status().attached > 0);
const within = (ms: number) => ({ timeout: ms, interval: 50 });

it('a supernode that attaches and does not relay is left within 10 s, used again when it relays, and emptied by drain, without the directory', async () => {
  await overcall('alice', 'register', 'alice').exited;
  overcall('alice', 'listen', '--play', 'null', '--record', 'null', '--bind', '127.0.0.1');
  await expect.poll(() => attachedTo().length, within(20_000)).toBe(2);
  await expect
    .poll(
      () => attachedTo().every(({ supernode }) => supernode.status().forwardedDatagrams > 1),
      within(20_000),
    )
    .toBe(true);
  await directory.close();

  const [zombie, other] = attachedTo() as [Tapped, Tapped];
  const third = tapped.find((each) => each !== zombie && each !== other)!;
  zombie.relays = false;
  await expect.poll(() => zombie.supernode.status().attached, within(10_000)).toBe(0);
  await expect
    .poll(attachedTo, within(10_000))
    .toEqual([other, third].sort((a, b) => tapped.indexOf(a) - tapped.indexOf(b)));

  zombie.relays = true;
  await other.supernode.close();
  await expect.poll(() => zombie.supernode.status().attached, within(45_000)).toBe(1);

  third.supernode.drain();
  await expect.poll(() => third.supernode.status().attached, within(10_000)).toBe(0);
  await third.supernode.whenDrained();
  expect(zombie.supernode.status().attached).toBe(1);
});
