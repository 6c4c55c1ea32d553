import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainJson } from '@overcall/cli';
import { runHere } from '@overcall/cli/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli } from './program.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'overcall-init-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const run = (...args: string[]) => runHere(() => runCli([...args, '--home', home]));

const GIVEN = ['--directory', 'https://directory.example', '--public-address', '192.0.2.7,2001:db8::7'];

it('init writes a configuration that the supernode takes, and prints what to do next', async () => {
  const { code, stdout } = await run('init', ...GIVEN, '--port', '3478', '--max-mbps', '50', '--name', 'one');
  expect(code).toBe(0);
  expect(stdout).toContain('nft add rule inet filter input udp dport 3478 accept');
  expect(stdout).toContain('ufw allow 3478/tcp');
  expect(stdout).toContain('systemctl enable --now overcall-supernode');
  const text = readFileSync(join(home, 'supernode', 'config.json'), 'utf8');
  expect(JSON.parse(plainJson(text))).toEqual({
    directory: 'https://directory.example',
    listen: ['0.0.0.0:3478', '[::]:3478'],
    'public-address': ['192.0.2.7', '2001:db8::7'],
    name: 'one',
    'max-mbps': 50,
    admin: '127.0.0.1:7481',
  });
  expect(await run('config', 'check')).toMatchObject({ code: 0, stderr: '' });
});

it.each([
  [['--public-address', '192.0.2.7'], '--directory is missing'],
  [['--directory', 'ftp://nowhere', '--public-address', '192.0.2.7'], 'ftp://nowhere'],
  [['--directory', 'https://directory.example', '--public-address', 'here'], '"here"'],
  [[...GIVEN, '--port', '0'], '--port'],
])('init says in one line what is wrong with %j, and writes nothing', async (args, named) => {
  const { code, stdout, stderr } = await run('init', ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(named);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(() => readFileSync(join(home, 'supernode', 'config.json'))).toThrow('ENOENT');
});

it('init leaves the configuration that is there alone', async () => {
  await run('init', ...GIVEN);
  expect(await run('init', ...GIVEN)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('config.json is there already'),
  });
  expect(await run('init', ...GIVEN, '--force')).toMatchObject({ code: 0 });
});
