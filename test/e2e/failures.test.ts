import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage } from '@overcall/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let network: Network;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['alice', 'bob'].map((user) => network.register('alice', user)));
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

const SILENT = ['--play', 'null', '--record', 'null'];

/** Runs `overcall`; its exit code and what it said on stderr. */
async function overcall(user: string, ...argv: string[]): Promise<[number, string]> {
  const program = network.overcall('alice', user, ...argv);
  const code = await program.exited;
  return [code, program.stderr];
}

/** The errors of the contract: one line, naming the thing, and the exit code. */
const oneLine = (pattern: RegExp) =>
  expect.stringMatching(new RegExp(`^overcall: [^\\n]*${pattern.source}[^\\n]*\\n$`));

/** A copy of a registered user's home, to be spoilt. */
function spoiltHome(name: string, spoil: (home: string) => void): string {
  cpSync(network.homeOf('alice'), network.homeOf(name), { recursive: true });
  spoil(network.homeOf(name));
  return name;
}

describe('people', () => {
  it('unknown user: exit 3', async () => {
    expect(await overcall('alice', 'call', 'nobody', ...SILENT)).toEqual([3, oneLine(/nobody/)]);
    expect(await overcall('alice', 'lookup', 'nobody')).toEqual([3, oneLine(/nobody/)]);
  });

  it('user not attached: exit 3', async () => {
    expect(await overcall('alice', 'call', 'bob', ...SILENT)).toEqual([3, oneLine(/bob is not attached/)]);
  });

  it('name taken: exit 1', async () => {
    expect(await overcall('mallory', 'register', 'Alice')).toEqual([1, oneLine(/alice.*taken/)]);
  });

  it('malformed and confusable names: exit 2, or taken', async () => {
    expect(await overcall('mallory', 'register', 'a b')).toEqual([2, oneLine(/not a username/)]);
    expect(await overcall('mallory', 'register', '\u0430lice')).toEqual([2, oneLine(/./)]);
  });

  it('calling oneself: exit 2', async () => {
    expect(await overcall('alice', 'call', 'ALICE', ...SILENT)).toEqual([2, oneLine(/yourself/)]);
  });
});

describe('recordings', () => {
  it('missing, empty, not a WAV, a folder to record to that is not there: exit 2 before anybody rings', async () => {
    const empty = join(folder, 'empty.wav');
    writeFileSync(empty, '');
    const text = join(folder, 'text.wav');
    writeFileSync(text, 'this is no sound, and long enough to hold a header of forty-four bytes');
    for (const file of [join(folder, 'missing.wav'), empty, text]) {
      const [code, stderr] = await overcall('alice', 'call', 'bob', '--play', file, '--record', 'null');
      expect([file, code]).toEqual([file, 2]);
      expect(stderr).toContain(file);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    const nowhere = join(folder, 'no', 'where.wav');
    expect(await overcall('alice', 'call', 'bob', '--play', 'null', '--record', nowhere)).toEqual([
      2,
      oneLine(/where\.wav/),
    ]);
  });

  it('a recording that cannot be written where it should go: exit 2 before anybody rings', async () => {
    const inTheWay = join(folder, 'folder.wav');
    mkdirSync(inTheWay);
    expect(await overcall('alice', 'call', 'bob', '--play', 'null', '--record', inTheWay)).toEqual([
      2,
      oneLine(/folder\.wav/),
    ]);
  });

  it('no sound device: says which package brings one', async () => {
    expect(await overcall('alice', 'call', 'bob', '--record', 'null')).toEqual([1, oneLine(/package/)]);
  });
});

describe('keys and certificates', () => {
  it('not registered: exit 1', async () => {
    expect(await overcall('stranger', 'whoami')).toEqual([1, oneLine(/overcall register/)]);
  });

  it('key file open to others, damaged, unreadable: exit 1, naming the file', async () => {
    const open = spoiltHome('open', (home) => chmodSync(join(home, 'keys.json'), 0o644));
    expect(await overcall(open, 'whoami')).toEqual([1, oneLine(/keys\.json.*chmod 600/)]);
    const damaged = spoiltHome('damaged', (home) => writeFileSync(join(home, 'keys.json'), '{"identity":'));
    expect(await overcall(damaged, 'whoami')).toEqual([1, oneLine(/keys\.json is damaged/)]);
    const unreadable = spoiltHome('unreadable', (home) => {
      rmSync(join(home, 'keys.json'));
      mkdirSync(join(home, 'keys.json'), { mode: 0o700 });
    });
    expect(await overcall(unreadable, 'whoami')).toEqual([1, oneLine(/keys\.json cannot be read/)]);
  });

  it('certificates of other keys: exit 1', async () => {
    const mixed = spoiltHome('mixed', (home) =>
      copyFileSync(join(network.homeOf('bob'), 'keys.json'), join(home, 'keys.json')),
    );
    expect(await overcall(mixed, 'whoami')).toEqual([1, oneLine(/other keys/)]);
  });

  it('a forged certificate: exit 5', async () => {
    const forged = spoiltHome('forged', (home) => {
      const file = join(home, 'account.json');
      const account = JSON.parse(readFileSync(file, 'utf8'));
      const [head, , signature] = account.chain.user.split('.');
      const claims = JSON.parse(Buffer.from(account.chain.user.split('.')[1], 'base64url').toString());
      const body = Buffer.from(JSON.stringify({ ...claims, sub: 'bob' })).toString('base64url');
      account.chain.user = [head, body, signature].join('.');
      writeFileSync(file, JSON.stringify(account));
    });
    expect(await overcall(forged, 'listen', ...SILENT)).toEqual([5, oneLine(/certificate/)]);
  });

  it('certificate of another directory: exit 5', async () => {
    const other = await Network.start(openLoopbackStage(), join(folder, 'other'));
    try {
      const argv = [
        'listen',
        ...SILENT,
        '--bind',
        '127.0.0.1',
        '--home',
        network.homeOf('alice'),
        '--directory',
        other.directoryUrl,
      ];
      const program = other.run('alice', 'alice', 'softphone', argv);
      expect(await program.exited).toBe(5);
      expect(program.stderr).toEqual(oneLine(/is registered with/));
    } finally {
      await other.close();
    }
  });
});

describe('ports in use', () => {
  it('directory and supernode say which, exit 1', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const address = `127.0.0.1:${port}`;
    const directory = network.run('directory', 'second directory', 'directory', [
      'run',
      '--listen',
      address,
      '--data',
      join(folder, 'second'),
    ]);
    expect(await directory.exited).toBe(1);
    expect(directory.stderr.trim().split('\n')).toEqual([expect.stringContaining(address)]);
    const argv = [
      'run',
      '--directory',
      network.directoryUrl,
      '--listen',
      address,
      '--public-address',
      '127.0.0.1',
    ];
    const more = ['--allow-net', '127.0.0.0/8', '--data', join(folder, 'third'), '--log-level', 'error'];
    const supernode = network.run('supernode', 'second supernode', 'supernode', [...argv, ...more]);
    expect(await supernode.exited).toBe(1);
    expect(supernode.stderr.trim().split('\n')).toEqual([expect.stringContaining(address)]);
    taken.close();
  });
});

describe('addresses to bind', () => {
  it('that are none, or not of this machine, are one line', async () => {
    expect(await overcall('alice', 'lookup', 'bob', '--json')).toEqual([0, '']);
    const argv = ['listen', ...SILENT, '--home', network.homeOf('alice')];
    for (const [address, code] of [
      ['nonsense', 2],
      ['203.0.113.7', 1],
    ] as const) {
      const program = network.run('alice', 'listen', 'softphone', [...argv, '--bind', address]);
      expect([address, await program.exited]).toEqual([address, code]);
      expect(program.stderr).toEqual(oneLine(new RegExp(address)));
    }
  });
});

describe('wrong flags', () => {
  it('exit 2 and one line that names the flag', async () => {
    const [code, stderr] = await overcall('alice', 'call', 'bob', '--duration', 'soon');
    expect(code).toBe(2);
    expect(stderr).toContain('--duration');
    expect((await overcall('alice', 'call', 'bob', '--nonsense'))[0]).toBe(2);
    expect((await overcall('alice', 'frobnicate'))[0]).toBe(2);
  });

  it('a configuration file with an unknown setting: exit 2, naming it', async () => {
    const home = spoiltHome('configured', (dir) =>
      writeFileSync(join(dir, 'config.json'), '{"playy":"null"}'),
    );
    expect(await overcall(home, 'whoami')).toEqual([2, oneLine(/playy/)]);
  });
});
