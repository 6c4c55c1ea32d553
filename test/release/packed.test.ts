import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '@overcall/harness';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const SILENT = ['--bind', '127.0.0.1', '--play', 'null', '--record', 'null'];
const COMMANDS = ['overcall-directory', 'overcall-supernode', 'overcall'];

let folder: string;
const programs: Program[] = [];

const npm = (...argv: string[]): string => {
  const { status, stdout, stderr } = spawnSync('npm', argv, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${argv[0]} failed: ${stderr}`);
  return stdout;
};

/** A machine of its own, as far as npm is concerned. */
const installOn = (machine: string, packages: readonly string[]): void => {
  npm('install', '--global', '--prefix', join(folder, machine), '--no-audit', '--no-fund', ...packages);
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-packed-'));
  const packed = npm('run', '--silent', 'pack').trim().split('\n');
  for (const machine of ['here', 'there']) installOn(machine, packed);
}, 180_000);
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function run(machine: string, command: string, ...argv: string[]): Program {
  const env = { OVERCALL_NO_PORT_MAPPING: '1' };
  const program = new Program(command, [join(folder, machine, 'bin', command), ...argv], { env });
  programs.push(program);
  return program;
}

it.each(COMMANDS)('%s answers --version and --help where nothing else is installed', async (command) => {
  const version = run('here', command, '--version');
  expect(await version.exited).toBe(0);
  const help = run('here', command, '--help');
  expect(await help.exited).toBe(0);
});

it('two installs call each other, over a directory and a supernode that were installed', async () => {
  const data = (name: string) => join(folder, 'data', name);
  const directory = run(
    'here',
    'overcall-directory',
    ...['run', '--listen', '127.0.0.1:0', '--data', data('directory'), '--json'],
  );
  const url = String((await directory.waitFor('listening')).url);
  const supernode = run(
    'there',
    'overcall-supernode',
    ...['run', '--directory', url, '--listen', '127.0.0.1:0', '--public-address', '127.0.0.1'],
    ...['--allow-net', '127.0.0.0/8', '--data', data('supernode'), '--json'],
  );
  await supernode.waitFor('listening');
  const phone = (machine: string, user: string, ...argv: string[]) =>
    run(machine, 'overcall', ...argv, '--home', data(user), '--directory', url, '--json');
  expect(await phone('here', 'alice', 'register', 'alice').exited).toBe(0);
  expect(await phone('there', 'bob', 'register', 'bob').exited).toBe(0);
  const bob = phone('there', 'bob', 'listen', '--auto-answer', ...SILENT);
  await bob.waitFor('attached');
  const alice = phone('here', 'alice', 'call', 'bob', '--duration', '1', ...SILENT);
  expect(await alice.exited).toBe(0);
  expect(alice.find('first-audio')).toBeDefined();
  expect((await bob.waitFor('ended')).reason).toBe('remote-hangup');
});
