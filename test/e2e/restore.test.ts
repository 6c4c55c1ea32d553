import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, type Program, startProgram } from '@overcall/harness';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { type Supernode, startSupernode } from 'overcall-supernode';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

const SILENT = ['--play', 'null', '--record', 'null', '--bind', '127.0.0.1'];

let folder: string;
let directory: RunningDirectory;
let supernode: Supernode;
const programs: Program[] = [];
beforeAll(buildPrograms);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-restore-'));
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await supernode?.close();
  await directory?.close();
  rmSync(folder, { recursive: true, force: true });
});

const dataDir = () => join(folder, 'directory');

async function startBoth(listen: { directory: string; supernode: string }): Promise<void> {
  directory = await startDirectory({ listen: listen.directory, dataDir: dataDir() });
  supernode = await startSupernode({
    directory: directory.url,
    listen: [listen.supernode],
    publicAddresses: ['127.0.0.1'],
    allowNets: ['127.0.0.0/8'],
    dataDirectory: join(folder, 'supernode'),
    name: 'one',
  });
  await supernode.whenReady();
}

function run(name: 'directory' | 'softphone', ...argv: string[]): Program {
  const program = startProgram(name, argv);
  programs.push(program);
  return program;
}

const overcall = (user: string, ...argv: string[]) =>
  run('softphone', ...argv, '--home', join(folder, user), '--directory', directory.url);

it('a directory is backed up, destroyed and restored, and its users still renew and call', async () => {
  await startBoth({ directory: '127.0.0.1:0', supernode: '127.0.0.1:0' });
  for (const user of ['alice', 'bob']) expect(await overcall(user, 'register', user).exited).toBe(0);
  const backup = join(folder, 'overcall.backup');
  expect(await run('directory', 'backup', backup, '--data', dataDir()).exited).toBe(0);

  const listen = { directory: new URL(directory.url).host, supernode: supernode.udp[0]! };
  await Promise.all([supernode.close(), directory.close()]);
  rmSync(dataDir(), { recursive: true });
  expect(await run('directory', 'restore', backup, '--data', dataDir()).exited).toBe(0);
  await startBoth(listen);

  // What she would need to do without the directory is gone: list and certificate come from the restored one.
  rmSync(join(folder, 'alice', 'supernodes.json'));
  expect(await overcall('alice', 'register', 'alice').exited).toBe(0);
  const bob = overcall('bob', 'listen', '--auto-answer', '--once', ...SILENT);
  await bob.waitFor('attached');
  const alice = overcall('alice', 'call', 'bob', '--duration', '1', ...SILENT);
  expect(await alice.exited).toBe(0);
  expect(alice.find('first-audio')).toBeDefined();
  expect(await overcall('carol', 'register', 'alice').exited).not.toBe(0);
});
