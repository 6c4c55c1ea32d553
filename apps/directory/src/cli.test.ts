import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, 'main.ts');
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
});
afterAll(() => rmSync(root, { recursive: true }));

function start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, HOME: root, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
    expect(runHelp.stdout).toContain('Example:');
  });

  it('answers wrong flags, files and values with one line and exit code 2', async () => {
    const config = join(root, 'wrong.json');
    writeFileSync(config, '{"lissten": 1}');
    const data = join(root, 'open-key');
    await run(['key', '--data', data]);
    chmodSync(join(data, 'key.json'), 0o644);
    const cases: [string[], string, NodeJS.ProcessEnv?][] = [
      [['bogus'], 'bogus'],
      [['run', '--bogus'], '--bogus'],
      [['run', '--listen', 'here'], '--listen "here"'],
      [['run', '--listen', '0.0.0.0:0'], '--insecure-http'],
      [['run', '--registration', 'maybe'], 'maybe'],
      [['run', '--store', 'nats://x'], 'sqlite'],
      [['run', '--tls-cert', 'x'], '--tls-key'],
      [['run', '--config', config], 'lissten'],
      [['run', '--config', '/nowhere'], '/nowhere'],
      [['run'], 'OVERCALL_RATE_LIMIT', { OVERCALL_RATE_LIMIT: 'many' }],
      [['run', '--data', data, '--listen', '127.0.0.1:0'], 'chmod 600'],
    ];
    const answers = await Promise.all(cases.map(([args, , env]) => run(args, env)));
    for (const [i, { code, stdout, stderr }] of answers.entries()) {
      const [args, named] = cases[i]!;
      expect(stderr, args.join(' ')).toContain(named);
      expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
        code: 2,
        stdout: '',
        lines: 1,
      });
    }
  });

  it('serves until it is stopped, and is administered meanwhile', async () => {
    const data = join(root, 'served');
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

    const taken = ['run', '--listen', new URL(url).host, '--data', join(root, 'other')];
    const [key, invite, users, backup, again, port] = await Promise.all([
      run(['key', '--data', data]),
      run(['invite', '--count', '2', '--json', '--data', data]),
      run(['users', '--data', data]),
      run(['backup', join(root, 'backup'), '--data', data]),
      run(['run', '--listen', '127.0.0.1:0', '--data', data]),
      run(taken),
    ]);
    expect(key).toMatchObject({ code: 0, stdout: `${event.key}\n` });
    expect(invite.stdout).toMatch(/^(\{"invite":"[\w-]{22}","expiresAt":\d+\}\n){2}$/);
    expect(users).toMatchObject({ code: 0, stdout: '' });
    expect(backup.code).toBe(0);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining(data) });
    expect(port).toMatchObject({ code: 1, stderr: expect.stringContaining(new URL(url).host) });

    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    const restored = await run(['restore', join(root, 'backup'), '--data', join(root, 'restored')]);
    expect(restored.code).toBe(0);
    const { stdout } = await run(['key', '--data', join(root, 'restored')]);
    expect(stdout).toBe(`${event.key}\n`);
  });

  it('says on SIGINT that it was interrupted', async () => {
    const child = start(['run', '--json', '--listen', '127.0.0.1:0', '--data', join(root, 'interrupted')]);
    await firstEvent(child);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
  });
});
