import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LabSpec, loadScenario, type RunResult } from '@overcall/nat-lab';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';

const CLI = fileURLToPath(new URL('../../netns-scripts/main.ts', import.meta.url));

const MANUAL = readFileSync(new URL('../../docs/nat-lab.md', import.meta.url), 'utf8');
const NO_NC = spawnSync('nc', ['-h']).error !== undefined;

const NETWORK: LabSpec = {
  hosts: [
    { name: 'server', address: '203.0.113.10' },
    { name: 'carol', address: '192.168.7.2', behind: 'home' },
  ],
  nats: [
    { name: 'home', address: '198.51.100.7', inside: '192.168.7.0/24', mapping: 'eim', filtering: 'apdf' },
  ],
};

await describeLab('lab run', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nat-lab-run-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function lab(argv: readonly string[], env: NodeJS.ProcessEnv = {}, input = '') {
    return spawnSync(process.execPath, [CLI, ...argv], {
      encoding: 'utf8',
      cwd: folder,
      input,
      env: { ...process.env, INIT_CWD: folder, ...env },
    });
  }

  function run(spec: LabSpec, env: NodeJS.ProcessEnv = {}) {
    writeFileSync(join(folder, 'my.json'), JSON.stringify(spec));
    const { status, stdout } = lab(['run', 'my.json'], env);
    const read = (file: string) => readFileSync(join(folder, 'results', 'latest', file), 'utf8');
    return { status, stdout, read, result: JSON.parse(read('results.json')) as RunResult };
  }

  test('keeps results, logs and a link to the latest of them', () => {
    const { status, stdout, read, result } = run({
      ...NETWORK,
      programs: [
        { on: 'server', run: ['sh', '-c', 'echo serving; exec sleep 100'] },
        { on: 'carol', run: ['sh', '-c', 'echo $LAB_NODE; cat $LAB_FILE'], expectExit: 0 },
      ],
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/\npassed\n/);
    expect(result).toMatchObject({
      scenario: 'my',
      outcome: 'passed',
      reasons: [],
      nats: [{ nat: 'home', from: 'carol', mapping: 'eim', filtering: 'apdf', ports: 'preserve' }],
      programs: [
        { on: 'server', signal: 'SIGTERM', asExpected: null },
        { on: 'carol', code: 0, asExpected: true },
      ],
    });
    expect(readlinkSync(join(folder, 'results', 'latest'))).toMatch(/^my-\d{8}-\d{6}$/);
    expect(read('0-server.log')).toBe('serving\n');
    const [node, ...file] = read('1-carol.log').split('\n');
    expect(node).toBe('carol');
    expect(JSON.parse(file.join('\n'))).toMatchObject({
      addresses: { server: '203.0.113.10', carol: '192.168.7.2', home: '198.51.100.7' },
    });
    expect(read('results.md')).toContain('**Passed.**');
  });

  test('fails when a program ends otherwise than expected, or not at all', () => {
    const wrong = run({
      ...NETWORK,
      programs: [{ on: 'carol', run: ['sh', '-c', 'exit 3'], expectExit: 0 }],
    });
    expect(wrong.status).toBe(1);
    expect(wrong.result).toMatchObject({
      outcome: 'failed',
      reasons: ['"sh -c exit 3" on carol ended with 3, not 0 (0-carol.log)'],
    });
    const never = run({
      ...NETWORK,
      timeoutS: 1,
      programs: [{ on: 'carol', run: ['sleep', '100'], expectExit: 0 }],
    });
    expect(never.status).toBe(1);
    expect(never.result.reasons[0]).toBe('after 1 s it was not over');
  });

  test('lets events happen at their times, counted from when the programs were started', () => {
    const { result, read } = run({
      ...NETWORK,
      programs: [
        { on: 'server', run: ['sleep', '100'] },
        {
          on: 'carol',
          // Ends once the file tells the new address.
          run: ['sh', '-c', 'until grep -q 198.51.100.8 $LAB_FILE; do sleep 0.01; done; echo seen'],
          expectExit: 0,
        },
      ],
      events: [
        { at: 0.4, do: 'renumber', nat: 'home', address: '198.51.100.8' },
        { at: 0.1, do: 'kill', node: 'server' },
        { at: 50, do: 'rebind', nat: 'home' },
      ],
    });
    expect(result.outcome).toBe('passed');
    expect(result.programs[0]).toMatchObject({ signal: 'SIGKILL' });
    expect(result.events.map(({ event }) => event.do)).toEqual(['kill', 'renumber', 'rebind']);
    const [kill, renumber, rebind] = result.events.map(({ happenedAtS }) => happenedAtS);
    expect(kill).toBeGreaterThanOrEqual(0.1);
    expect(renumber).toBeGreaterThanOrEqual(0.4);
    expect(rebind).toBeNull();
    expect(read('1-carol.log')).toBe('seen\n');
  });

  test('refuses an event that this network cannot have, before anything starts', () => {
    const scenario = { ...NETWORK, events: [{ at: 0, do: 'degrade', node: 'carol', link: {} }] };
    writeFileSync(join(folder, 'my.json'), JSON.stringify(scenario));
    const { status, stderr } = lab(['run', 'my.json']);
    expect(stderr).toMatch(/\/events\/0: "carol" has no entry in "links"/);
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'results'))).toBe(false);
  });

  test('reports mistakes by line and starts nothing', () => {
    writeFileSync(join(folder, 'my.json'), '{\n  "hosts": [{ "name": "a" }]\n}');
    const { status, stderr } = lab(['run', 'my.json']);
    expect(stderr).toBe('lab: my.json:2:13: /hosts/0: "address" or "address6" missing\n');
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'results'))).toBe(false);
  });

  test('paths are seen from where npm was started, also by the programs', () => {
    const scenario = { ...NETWORK, programs: [{ on: 'carol', run: ['pwd'], expectExit: 0 }] };
    writeFileSync(join(folder, 'my.json'), JSON.stringify(scenario));
    const env = { ...process.env, INIT_CWD: folder };
    const argv = [CLI, 'run', 'my.json', '--results', 'there'];
    const { status } = spawnSync(process.execPath, argv, { cwd: tmpdir(), env });
    expect(status).toBe(0);
    expect(readFileSync(join(folder, 'there', 'latest', '0-carol.log'), 'utf8')).toBe(`${folder}\n`);
  });

  test('a folder that cannot be written to is a mistake, and nothing starts', () => {
    writeFileSync(join(folder, 'my.json'), JSON.stringify(NETWORK));
    const message = `cannot write to the folder ${join(folder, 'my.json')}: EEXIST`;
    const run = lab(['run', 'my.json', '--results', 'my.json']);
    expect(run).toMatchObject({ status: 2, stderr: expect.stringMatching(`^lab: ${message}`) });
    const capture = lab(['capture', 'my.json', '--json', '--out', 'my.json', '--seconds', '1']);
    expect(capture.status).toBe(2);
    expect(JSON.parse(capture.stdout)).toMatchObject({ event: 'error', code: 'bad-folder' });
  });

  test('--json tells one event per line, and the result at last', () => {
    writeFileSync(join(folder, 'my.json'), JSON.stringify(NETWORK));
    const { stdout } = lab(['run', '--json', 'my.json']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; folder?: string });
    expect(events.map(({ event }) => event)).toEqual(['up', 'proved', 'result']);
    expect(events.at(-1)).toMatchObject({ scenario: 'my', outcome: 'passed' });
    expect(readdirSync(events.at(-1)!.folder!).sort()).toEqual(['lab.json', 'results.json', 'results.md']);
  });

  describe.skipIf(NO_NC)(
    `the example with two nc from the manual${NO_NC ? ' [nc is not installed]' : ''}`,
    () => {
      const [, example = ''] = /```json\n(.+?)```/s.exec(MANUAL) ?? [];
      const [, typed = ''] = /```\nnpm run lab -- shell my-scenario.json\n(.+?)```/s.exec(MANUAL) ?? [];
      beforeEach(() => writeFileSync(join(folder, 'my-scenario.json'), example));

      test('runs', () => {
        const { status, stdout } = lab(['run', 'my-scenario.json']);
        expect(stdout).toMatch(/\npassed\n/);
        expect(status).toBe(0);
        const log = (file: string) => readFileSync(join(folder, 'results', 'latest', file), 'utf8');
        expect([log('0-server.log'), log('1-carol.log')]).toEqual(['hello\n', 'welcome\n']);
      });

      test('goes by hand as shown', () => {
        const commands = typed.replaceAll(/^lab> /gm, '');
        expect(commands.split('\n').length).toBeGreaterThan(3);
        const { status, stdout } = lab(['shell', 'my-scenario.json'], {}, commands);
        expect(stdout).toMatch(/^(lab> )*hello$/m);
        expect(status).toBe(0);
      });
    },
  );

  test('the example from the manual ships as it is', () => {
    const [, example = ''] = /```json\n(.+?)```/s.exec(MANUAL) ?? [];
    const { $schema: _, ...written } = JSON.parse(example);
    const { $schema: __, name: ___, ...shipped } = loadScenario('two-nc');
    expect({ ...shipped, about: '' }).toEqual({ ...written, about: '' });
  });
});
