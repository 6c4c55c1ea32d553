import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildPrograms,
  NatsServer,
  NEEDS_NATS,
  type Program,
  SKIPS_NATS,
  startProgram,
} from '@overcall/harness';
import { type Supernode, startSupernode } from 'overcall-supernode';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

const SILENT = ['--play', 'null', '--record', 'null', '--bind', '127.0.0.1'];

let folder: string;
let nats: NatsServer;
let supernode: Supernode | null = null;
const programs: Program[] = [];
beforeAll(buildPrograms);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-directories-'));
  nats = await NatsServer.start();
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await supernode?.close();
  await nats.close();
  rmSync(folder, { recursive: true, force: true });
});

function run(name: 'directory' | 'softphone', ...argv: string[]): Program {
  const env = { OVERCALL_STORE: `nats://${nats.address}?patience=20` };
  const program = startProgram(name, argv, { env });
  programs.push(program);
  return program;
}

const dataOf = (name: string) => join(folder, name);

async function startDirectory(
  name: string,
  listen = '127.0.0.1:0',
): Promise<{ program: Program; url: string }> {
  const program = run('directory', 'run', '--listen', listen, '--data', dataOf(name), '--log-level', 'warn');
  return { program, url: String((await program.waitFor('listening')).url) };
}

const overcall = (user: string, directory: string, ...argv: string[]) =>
  run('softphone', ...argv, '--home', join(folder, user), '--directory', directory);
const register = (user: string, directory: string, name = user) =>
  overcall(user, directory, 'register', name).exited;

it.skipIf(SKIPS_NATS)(
  `two processes on one NATS are one directory, and one goes on when the other is killed${NEEDS_NATS}`,
  async () => {
    const one = await startDirectory('one');
    mkdirSync(dataOf('other'), { mode: 0o700 });
    copyFileSync(join(dataOf('one'), 'key.json'), join(dataOf('other'), 'key.json'));
    const other = await startDirectory('other');
    supernode = await startSupernode({
      directory: one.url,
      listen: ['127.0.0.1:0'],
      publicAddresses: ['127.0.0.1'],
      allowNets: ['127.0.0.0/8'],
      dataDirectory: dataOf('supernode'),
      name: 'sn',
    });
    await supernode.whenReady();
    expect(await Promise.all([register('alice', one.url), register('bob', other.url)])).toEqual([0, 0]);

    const bob = overcall('bob', other.url, 'listen', '--auto-answer', ...SILENT);
    await bob.waitFor('attached');
    const call = async (user: string, directory: string) => {
      const caller = overcall(user, directory, 'call', 'bob', '--duration', '1', ...SILENT);
      expect(await caller.exited, caller.stderr).toBe(0);
      expect(caller.find('first-audio')).toBeDefined();
    };
    await call('alice', one.url);

    one.program.signal('SIGKILL');
    await one.program.exited;
    expect(await register('carol', other.url)).toBe(0);
    await call('carol', other.url);

    // Back again, the first one knows what it missed.
    await startDirectory('one', new URL(one.url).host);
    expect(await register('mallory', one.url, 'carol')).toBe(1);
    expect((await fetch(`${one.url}/readyz`)).status).toBe(200);
  },
);
