import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runHere } from '@overcall/cli/testing';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './cli/program.ts';

let root: string;
let directory: RunningDirectory;
const children: ChildProcess[] = [];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'overcall-supernode-'));
  directory = await startDirectory();
});
afterAll(async () => {
  // Those of a test that failed half-way.
  for (const child of children) child.kill('SIGKILL');
  await directory.close();
  rmSync(root, { recursive: true });
});

const run = (...args: string[]) => runHere(() => runCli(args));

/** A supernode of its own process, what it found out about its host, and where it listens. */
async function start(name: string, which = ['--directory', directory.pinnedUrl]) {
  const args = ['run', '--json', '--listen', '127.0.0.1:0', '--public-address', '127.0.0.1'];
  const more = ['--home', join(root, name), '--admin', '127.0.0.1:0', ...which];
  const main = join(import.meta.dirname, 'main.ts');
  // What the first one has compiled the others need not: on a busy machine that takes most of their time.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'compiled') };
  const child = spawn(process.execPath, [main, ...args, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  children.push(child);
  let tested: Record<string, unknown> | undefined;
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as Record<string, string>;
    if (event.event === 'listening') return { child, event, tested };
    tested = event;
  }
  throw new Error('it printed nothing');
}

describe('overcall-supernode', () => {
  it('explains every command on one screen, with an example', async () => {
    for (const args of [
      [],
      ['run'],
      ['init'],
      ['status'],
      ['drain'],
      ['reload'],
      ['self-test'],
      ['config', 'check'],
    ]) {
      const { code, stdout } = await run(...args, '--help');
      const lines = stdout.trimEnd().split('\n');
      expect(code).toBe(0);
      expect(stdout).toContain('Example:\n  overcall-supernode ');
      expect(lines.length).toBeLessThanOrEqual(30);
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    }
  });

  it('answers wrong flags, files and values with one line and exit code 2', async () => {
    const config = join(root, 'wrong.json');
    writeFileSync(config, '{"max-calls": "some"}');
    const needed = ['--directory', directory.pinnedUrl, '--listen', '127.0.0.1:0', '--home', root];
    const cases: [string[], string][] = [
      [['run'], '--directory is missing'],
      [['run', ...needed], '--public-address is missing'],
      [['run', ...needed, '--public-address', 'here'], '--public-address "here"'],
      [['run', ...needed, '--public-address', '127.0.0.1', '--allow-net', 'all'], 'all'],
      [['run', ...needed, '--public-address', '127.0.0.1', '--deny', 'no name!'], '--deny "no name!"'],
      [['run', ...needed, '--public-address', '127.0.0.1', '--allow', '10.0.0.1'], '10.0.0.1/32'],
      [['run', '--max-calls', '1.5'], '--max-calls'],
      [['run', ...needed, '--public-address', '127.0.0.1', '--name', ''], '--name'],
      [['run', ...needed, '--public-address', '127.0.0.1', '--name', 'x'.repeat(65)], '--name'],
      [['run', '--config', config], 'maxCalls'],
      [['status'], '--admin is missing'],
      [['reload', '--admin', '127.0.0.1:1', '--deny', 'no name!'], '--deny "no name!"'],
      [['status', '--admin', 'nonsense'], '--admin "nonsense"'],
      [['drain', '--admin', '127.0.0.1:99999'], '127.0.0.1:99999'],
    ];
    for (const [args, named] of cases) {
      const { code, stdout, stderr } = await run(...args);
      expect(stderr, args.join(' ')).toContain(named);
      expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
        code: 2,
        stdout: '',
        lines: 1,
      });
    }
  });

  it('exits 3 when nothing answers at the admin address', async () => {
    expect(await run('status', '--admin', '127.0.0.1:1')).toEqual({
      code: 3,
      stdout: '',
      stderr:
        'overcall-supernode: no supernode answers at the admin address 127.0.0.1:1; give the --admin of one that runs\n',
    });
  });

  it('serves until it is stopped or drained, and is administered meanwhile', async () => {
    const { child, event, tested: before } = await start('one');
    expect(before).toMatchObject({ event: 'self-test', softphones: expect.any(Number) });
    expect(event).toEqual({
      event: 'listening',
      at: expect.any(Number),
      udp: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      control: event.udp,
      admin: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      id: expect.stringMatching(/^[\w-]{43}$/),
    });
    const admin = ['--admin', event.admin!];
    expect(await run('status', ...admin)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(event.id!),
    });
    const tested = await run('self-test', '--json', ...admin);
    const results = tested.stdout.trimEnd().split('\n');
    expect(results.map((line) => JSON.parse(line))).toMatchObject(
      ['stun', 'control', 'listed', 'cpu', 'memory', 'bandwidth', 'clock', 'open-files'].map((check) => ({
        check,
        ok: true,
      })),
    );
    expect(tested.code).toBe(0);
    expect(await run('reload', ...admin, '--max-calls', '7', '--deny', 'mallory')).toEqual({
      code: 0,
      stdout:
        'in force: max-calls 7, max-mbps not set, max-gb-month not set; 0 allowed, 1 denied; 0 softphones detached\n',
      stderr: '',
    });
    expect(await run('drain', ...admin)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('draining'),
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  // In one home: the second one knows its directory from the first.
  it.each([
    ['SIGTERM', 0, 'a directory that was given'],
    ['SIGINT', 130, 'one that is remembered'],
  ] as const)('ends on %s with %i, with %s', async (signal, exitCode, which) => {
    const { child } = await start('stopped', which === 'one that is remembered' ? [] : undefined);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([exitCode, null]);
  });
});
