import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runHere } from '@overcall/cli/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './cli/program.ts';

const main = join(import.meta.dirname, 'main.ts');
let root: string;
const children: ChildProcess[] = [];
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
});
afterAll(() => {
  // Those of a test that failed half-way.
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

function start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, HOME: root, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = start(args, env);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const runCommand = (args: string[]) => runHere(() => runCli(args));

/** The first line of what a command prints, as JSON. */
async function firstEvent(child: ChildProcess): Promise<Record<string, unknown>> {
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line);
  throw new Error('it printed nothing');
}

describe('overcall-directory', () => {
  it('explains itself', async () => {
    const [help, version, runHelp] = await Promise.all([
      run(['--help']),
      run(['--version']),
      run(['run', '--help']),
    ]);
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('backup') });
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(runHelp.stdout).toContain('--trust-proxy');
  });

  it('explains every command on one screen, with an example', async () => {
    const commands = ['', 'run', 'key', 'invite', 'users', 'backup', 'restore', 'supernodes'];
    for (const command of [...commands, 'supernodes approve', 'supernodes remove']) {
      const { code, stdout } = await runCommand([...command.split(' ').filter(Boolean), '--help']);
      const lines = stdout.trimEnd().split('\n');
      expect(code).toBe(0);
      expect(stdout).toContain('Example:\n  overcall-directory ');
      expect(lines.length).toBeLessThanOrEqual(30);
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    }
  });

  it('answers wrong flags, files and values with one line and exit code 2', async () => {
    const config = join(root, 'wrong.json');
    writeFileSync(config, '{"lissten": 1}');
    const cases: [string[], string][] = [
      [['bogus'], 'bogus'],
      [['run', '--bogus'], '--bogus'],
      [['run', '--listen', 'here'], '--listen "here"'],
      [['run', '--trust-proxy', 'here'], '--trust-proxy "here"'],
      [['run', '--trust-proxy', '10.0.0.0/33'], '--trust-proxy "10.0.0.0/33"'],
      [['run', '--listen', '0.0.0.0:0'], '--insecure-http'],
      [['run', '--registration', 'maybe'], 'maybe'],
      [['run', '--store', 'mysql://x'], 'sqlite'],
      [['users', '--store', 'nats://x?replicas=9'], 'replicas'],
      [['run', '--tls-cert', 'x'], '--tls-key'],
      [['run', '--config', config], 'lissten'],
      [['run', '--config', '/nowhere'], '/nowhere'],
      [['invite', '--count', '0'], '--count'],
    ];
    for (const [args, named] of cases) {
      const { code, stdout, stderr } = await runCommand(args);
      expect(stderr, args.join(' ')).toContain(named);
      expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
        code: 2,
        stdout: '',
        lines: 1,
      });
    }
  });

  it('does not start with a key file that is open to others: one line and exit code 1', async () => {
    const data = join(root, 'open-key');
    await runCommand(['key', '--data', data]);
    chmodSync(join(data, 'key.json'), 0o644);
    expect(await runCommand(['run', '--data', data, '--listen', '127.0.0.1:0'])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^overcall-directory: key file .*key\.json .*chmod 600 .*\n$/),
    });
  });

  it('serves until it is stopped, and is administered meanwhile', async () => {
    const [data, backup, restored] = ['served', 'backup', 'restored'].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    const child = start(['run', '--json', '--listen', '127.0.0.1:0'], {
      OVERCALL_DATA: data,
      OVERCALL_REGISTRATION: 'invite',
    });
    const event = await firstEvent(child);
    expect(event).toEqual({
      event: 'listening',
      at: expect.any(Number),
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      key: expect.stringMatching(/^[\w-]{43}$/),
    });
    const url = event.url as string;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);

    const { host } = new URL(url);
    expect(await runCommand(['key', '--data', data])).toMatchObject({ code: 0, stdout: `${event.key}\n` });
    const invites = await runCommand(['invite', '--count', '2', '--json', '--data', data]);
    expect(invites.stdout).toMatch(/^(\{"invite":"[\w-]{22}","expiresAt":\d+\}\n){2}$/);
    expect(await runCommand(['users', '--data', data])).toMatchObject({ code: 0, stdout: '' });
    expect(await runCommand(['supernodes', '--data', data])).toMatchObject({ code: 0, stdout: '' });
    const unknown = await runCommand(['supernodes', 'approve', 'k', '--data', data]);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('no supernode k') });
    expect((await runCommand(['backup', backup, '--data', data])).code).toBe(0);
    const quiet = ['--log-level', 'silent'];
    const again = await runCommand(['run', '--listen', '127.0.0.1:0', '--data', data, ...quiet]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining(data) });
    const port = await runCommand(['run', '--listen', host, '--data', join(root, 'other'), ...quiet]);
    expect(port).toMatchObject({ code: 1, stderr: expect.stringContaining(host) });

    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect((await runCommand(['restore', backup, '--data', restored])).code).toBe(0);
    const { stdout } = await runCommand(['key', '--data', restored]);
    expect(stdout).toBe(`${event.key}\n`);
  });

  it('says on SIGINT that it was interrupted', async () => {
    const child = start(['run', '--json', '--listen', '127.0.0.1:0', '--data', join(root, 'interrupted')]);
    await firstEvent(child);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
  });
});
