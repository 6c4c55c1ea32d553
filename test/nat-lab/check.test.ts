import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';

const CLI = fileURLToPath(new URL('../../netns-scripts/main.ts', import.meta.url));

const lab = (argv: readonly string[], prefix: readonly string[] = []) => {
  const [program, ...args] = [...prefix, process.execPath, CLI, ...argv];
  return spawnSync(program!, args, { encoding: 'utf8' });
};

await describeLab('the command line of the lab', () => {
  test('check agrees that labs are possible', () => {
    expect(lab(['check'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^This machine can run labs\.\n(missing for .*\n)*$/),
    });
    expect(JSON.parse(lab(['check', '--json']).stdout)).toEqual({
      possible: true,
      missing: expect.any(Array),
    });
  });

  test('check names the kernel switch that forbids labs', () => {
    // The limit counts per user namespace, so one in which it is 0 stands in for a machine where it is.
    const off = [
      'unshare',
      '-U',
      '-r',
      'sh',
      '-c',
      'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"',
      'sh',
    ];
    const { status, stdout } = lab(['check', '--json'], off);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
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

  test('exec --json tells one event per line', () => {
    const { stdout } = lab(['exec', '--json', 'natPair', 'bob', '--', 'sh', '-c', 'echo out; kill -TERM $$']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toEqual([
      { event: 'up', upMs: expect.any(Number), addresses: expect.objectContaining({ bob: '10.0.0.10' }) },
      { event: 'output', stream: 'stdout', line: 'out' },
      { event: 'exit', code: null, signal: 'SIGTERM' },
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
