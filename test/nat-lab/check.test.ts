import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';

const CLI = fileURLToPath(new URL('../../netns-scripts/main.ts', import.meta.url));

const RUN = fileURLToPath(new URL('../run.ts', import.meta.url));

const lab = (argv: readonly string[], prefix: readonly string[] = [], env = process.env) => {
  const [program, ...args] = [...prefix, process.execPath, CLI, ...argv];
  return spawnSync(program!, args, { encoding: 'utf8', input: '', env });
};

const shellBefore = (script: string, ...flags: string[]) => [
  ...['unshare', '-U', '-r', ...flags, 'sh', '-c', `${script}; exec "$@"`, 'sh'],
];
/** The limit counts per user namespace, so one in which it is 0 stands in for a machine where it is. */
const withoutNamespaces = shellBefore('echo 0 >/proc/sys/user/max_user_namespaces');
/** A file that cannot be run, in its place. */
const withoutNft = shellBefore('mount --bind /dev/null "$(PATH=$PATH:/usr/sbin command -v nft)"', '--mount');

await describeLab('where labs are impossible', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nat-lab-check-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const env = { ...process.env, CI: '', LAB_REQUIRED: '' };
  const COMMANDS = [
    ['run', '--results', folder, 'natPair'],
    ['exec', 'natPair', 'alice', '--', 'true'],
    ['shell', 'natPair'],
    ['capture', '--out', folder, '--seconds', '1', 'natPair'],
  ];

  test.for(COMMANDS)('%s says why, and is skipped (77) or, where labs are required, fails (1)', (argv) => {
    for (const [prefix, why] of [
      [withoutNamespaces, 'user.max_user_namespaces = 0'],
      [withoutNft, 'missing program: nft'],
    ] as const) {
      const skipped = lab(argv, prefix, env);
      expect(skipped.stdout + skipped.stderr).toContain(why);
      expect(skipped.status).toBe(77);
    }
    expect(lab(argv, withoutNft, { ...env, LAB_REQUIRED: '1' }).status).toBe(1);
  });

  test('--json says so, too', () => {
    const [command, ...rest] = COMMANDS[1]!;
    const { stdout } = lab([command!, '--json', ...rest], withoutNft, env);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'error', code: 'lab-impossible' });
  });

  test('npm test shows the reason beside what it skipped, or fails', { timeout: 120_000 }, () => {
    const run = (more: NodeJS.ProcessEnv) => {
      const [program, ...args] = [...withoutNamespaces, process.execPath, RUN, 'test/nat-lab/expectations'];
      const { VITEST: _, ...rest }: NodeJS.ProcessEnv = { ...env, ...more };
      return spawnSync(program!, args, { encoding: 'utf8', env: rest });
    };
    const skipped = run({});
    expect(skipped.stdout).toMatch(/\nskipped:\n.*\[user namespaces are refused .*Remedy: sudo sysctl/);
    expect(skipped.stdout).toMatch(/\n0 passed, 0 failed, \d+ skipped\n/);
    expect(skipped.status).toBe(0);
    const required = run({ LAB_REQUIRED: '1' });
    expect(required.stdout + required.stderr).toContain('user namespaces are refused');
    expect(required.status).toBe(1);
  });
});

await describeLab('the command line of the lab', () => {
  test('check agrees that labs are possible', () => {
    const { status, stdout } = lab(['check']);
    expect(stdout).toMatch(/^✓ nft {2,}NATs and firewalls$/m);
    expect(stdout).toMatch(/\nThis machine can run labs.\n$/);
    expect(status).toBe(0);
    const { possible, items } = JSON.parse(lab(['check', '--json']).stdout);
    expect(possible).toBe(true);
    for (const name of ['namespaces', 'veth', 'packet sockets', 'captures'])
      expect(items).toContainEqual(expect.objectContaining({ name, state: 'there' }));
  });

  test('check goes on with what is optional, and names what cannot be tried', () => {
    const { status, stdout } = lab(['check'], withoutNft);
    expect(stdout).toMatch(/✗ programs .*\n {2}missing program: nft .*\n {2}Remedy: .*\n\? namespaces/);
    expect(status).toBe(1);
  });

  test('check names the kernel switch that forbids labs', () => {
    const { status, stdout } = lab(['check', '--json'], withoutNamespaces);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      possible: false,
      reason: expect.stringContaining('user.max_user_namespaces = 0'),
      remedy: 'sudo sysctl -w user.max_user_namespaces=10000',
    });
  });

  test('exec runs a program, tells it the addresses, and ends as it did', () => {
    const program = 'echo $LAB_NODE $LAB_ADDRESS_SUPERNODE $LAB_ADDRESS_NAT_A; exit 7';
    expect(lab(['exec', 'natPair', 'alice', '--', 'sh', '-c', program])).toMatchObject({
      status: 7,
      stdout: 'alice 203.0.113.20 198.51.100.1\n',
    });
  });

  test('exec without a node runs at the first host, from where the others can be entered', () => {
    const { stdout, status } = lab([
      ...['exec', 'natPair', '--', 'sh', '-c'],
      'echo $LAB_NODE; nsenter --net=/run/netns/bob ip -o -4 address show eth0',
    ]);
    expect(stdout).toMatch(/^directory\n.*inet 10\.0\.0\.10\/24/);
    expect(status).toBe(0);
  });

  test('exec --json tells one event per line', () => {
    const { stdout } = lab(['exec', '--json', 'natPair', 'bob', '--', 'sh', '-c', 'echo out; kill -TERM $$']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toEqual([
      {
        event: 'up',
        at: expect.any(Number),
        upMs: expect.any(Number),
        addresses: expect.objectContaining({ bob: '10.0.0.10' }),
      },
      { event: 'output', at: expect.any(Number), stream: 'stdout', line: 'out' },
      { event: 'exit', at: expect.any(Number), code: null, signal: 'SIGTERM' },
    ]);
  });

  test('shell runs commands at nodes until its input ends', () => {
    const done = spawnSync(process.execPath, [CLI, 'shell', 'natPair'], {
      encoding: 'utf8',
      input: [
        'on alice echo $((40 + 2)) in',
        'on nobody true',
        'what',
        'do rebind nat=nat-a',
        'do renumber nat=nat-b address=198.51.100.99',
        'on alice cat $LAB_FILE',
        'do rebind nat=nobody',
        'do rebind',
        'prove',
      ].join('\n'),
    });
    expect(done.status).toBe(0);
    expect(done.stdout).toContain('42 in\n');
    expect(done.stdout).toContain('there is no "nobody" in this lab');
    expect(done.stdout).toContain('on NODE COMMAND       runs a command there\n');
    expect(done.stdout).toContain('"nat-b": "198.51.100.99"');
    expect(done.stdout).toContain('there is no NAT "nobody"');
    expect(done.stdout).toContain('"nat" missing');
    expect(done.stdout).toContain('{"nat":"nat-b","from":"bob","mapping":"eim"');
  });

  test('shell --json answers each command in lines of JSON', () => {
    const input = [
      'on bob echo out; echo err >&2; exit 3',
      'on bob sleep 1000 & echo in the background',
      'capture bob /dev/null',
      'on bob ping -c 1 -W 5 203.0.113.20 >/dev/null',
      'capture stop',
      'do rebind nat=nat-a',
      'do rebind nat=nobody',
      'what',
      'prove',
    ].join('\n');
    const done = spawnSync(process.execPath, [CLI, 'shell', '--json', 'natPair'], {
      encoding: 'utf8',
      input,
    });
    const lines = done.stdout.trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { event: string; command?: number });
    const [up, ...rest] = events;
    expect(up).toMatchObject({ event: 'up', addresses: { bob: '10.0.0.10' } });
    const of = (command: number) => rest.filter((event) => event.command === command);
    expect(of(1)).toMatchObject([
      { event: 'output', node: 'bob', stream: expect.any(String) },
      { event: 'output', node: 'bob', stream: expect.any(String) },
      { event: 'exit', node: 'bob', code: 3, signal: null },
    ]);
    expect(of(2)).toMatchObject([{ line: 'in the background' }, { event: 'exit', code: 0 }]);
    expect(of(3)).toMatchObject([{ event: 'capturing', node: 'bob', file: '/dev/null' }]);
    expect(of(5)).toMatchObject([{ event: 'captured', node: 'bob', packets: expect.any(Number) }]);
    expect(of(6)).toMatchObject([{ event: 'happened', do: 'rebind', nat: 'nat-a' }]);
    expect(of(7)).toMatchObject([{ event: 'error', code: 'unknown-node' }]);
    expect(of(8)).toMatchObject([{ event: 'error', code: 'usage' }]);
    expect(of(9)).toMatchObject([{ event: 'proved', nats: [{ nat: 'nat-a' }, { nat: 'nat-b' }] }]);
    expect(done.status).toBe(0);
  });
});

test.for<[words: string, argv: string[]]>([
  ['neither a scenario of the lab', ['exec', 'nope', 'alice', '--', 'true']],
  ['JSON', ['exec', CLI, 'alice', '--', 'true']],
  ['missing required argument', ['exec']],
  ['unknown command', ['frobnicate']],
  ['unknown option', ['check', '--yaml']],
])('the command line answers a wrong one with "%s" and exit code 2', ([words, argv]) => {
  const { status, stderr } = lab(argv);
  expect(stderr).toContain(words);
  expect(status).toBe(2);
});

test('list shows every scenario', () => {
  const { stdout } = lab(['list']);
  expect(stdout).toMatch(/^natPair {2,}alice and bob/m);
  expect(stdout).toMatch(/^pair:KIND,KIND {2,}alice and bob/m);
});
