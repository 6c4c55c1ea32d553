import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LabSpec, loadScenario, type RunResult } from '@overcall/nat-lab';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from '../nat-lab/describe-lab.ts';

const CLI = fileURLToPath(new URL('../../netns-scripts/main.ts', import.meta.url));

await describeLab('lab calls', () => {
  let folder: string;
  let temporary: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nat-lab-calls-'));
    temporary = mkdtempSync(join(tmpdir(), 'nat-lab-tmp-'));
  });
  afterEach(() => {
    // Whatever became of the call, keys and data of its softphones are gone.
    expect(readdirSync(temporary).filter((name) => name.startsWith('nat-lab-'))).toEqual([]);
    for (const each of [folder, temporary]) rmSync(each, { recursive: true });
  });

  function lab(...argv: string[]) {
    const env = { ...process.env, INIT_CWD: folder, TMPDIR: temporary };
    return spawnSync(process.execPath, [CLI, ...argv], { encoding: 'utf8', cwd: folder, env });
  }

  function run(spec: LabSpec, ...argv: string[]) {
    writeFileSync(join(folder, 'my.json'), JSON.stringify(spec));
    const { status, stdout } = lab('run', 'my.json', ...argv);
    const latest = join(folder, 'results', 'latest');
    const result = JSON.parse(readFileSync(join(latest, 'results.json'), 'utf8')) as RunResult;
    return { status, stdout, result, files: readdirSync(latest), latest };
  }

  const PAIR = loadScenario('pair:eim-apdf,eim-apdf');
  const call = { from: 'alice', to: 'bob', seconds: 3 };
  /** What the pair expects is not what it gets: a relay, although these NATs can be punched. */
  const KEPT_APART: LabSpec = {
    ...PAIR,
    call,
    drop: [
      { from: 'nat-a', to: 'nat-b' },
      { from: 'nat-b', to: 'nat-a' },
    ],
  };

  test('a call is reported with its path, its times and what each side heard; captures go', () => {
    const { status, stdout, result, files } = run({
      ...KEPT_APART,
      events: [
        { at: 1, do: 'block', from: 'nat-a', to: 'nat-b', protocol: 'tcp', port: 9 },
        { at: 50, do: 'heal' },
      ],
    });
    expect({ status, reasons: result.reasons }).toEqual({ status: 0, reasons: [] });
    expect(stdout).toMatch(/\nanswered: setupMs [\d.]+\n/);
    expect(stdout).toContain('\npassed\nrelayed although a direct path is possible\n');
    const report = result.call!.report!;
    expect(report).toMatchObject({
      answered: true,
      caller: { ended: 'hangup' },
      callee: { ended: 'remote-hangup' },
    });
    // Over one supernode or two; and on a busy machine one falls silent for a moment, and another one takes over.
    expect(report.paths.length).toBeGreaterThan(0);
    for (const { kind, via } of report.paths) {
      expect(['relay', 'overlay']).toContain(kind);
      for (const name of via) expect(name).toMatch(/^supernode/);
    }
    for (const side of [report.caller, report.callee]) expect(side.playedFrames).toBeGreaterThan(100);
    // Counted from the answer: before that, the programs took longer to start.
    expect(result.events.map(({ happenedAtS }) => happenedAtS)).toEqual([expect.any(Number), null]);
    expect(result.events[0]!.happenedAtS).toBeLessThan(3);
    expect(files.filter((file) => file.endsWith('.pcap'))).toEqual([]);
    expect(files).toContain('alice-call.jsonl');
  });

  test('with --require-direct, a relayed call fails where a direct one is possible; captures stay', () => {
    const { status, result, files, latest } = run(KEPT_APART, '--require-direct');
    expect(status).toBe(1);
    expect(result).toMatchObject({
      outcome: 'failed',
      reasons: ['relayed although a direct path is possible'],
    });
    const captures = files.filter((file) => file.endsWith('.pcap'));
    expect(captures).toEqual(['alice.pcap', 'bob.pcap', 'supernode-b.pcap', 'supernode.pcap']);
    expect(statSync(join(latest, 'alice.pcap')).size).toBeGreaterThan(10_000);
  });

  test('with --require-direct, a direct call passes, and the time to its path is told', () => {
    const { status, result } = run({ ...PAIR, call }, '--require-direct');
    expect({ status, reasons: result.reasons }).toEqual({ status: 0, reasons: [] });
    expect(result.call!.report!.paths.at(-1)).toMatchObject({ kind: 'direct', via: [] });
    expect(result.call!.report!.timeToDirectMs).toEqual(expect.any(Number));
  });

  test('a call that nobody can place fails, and says why', () => {
    const { status, result } = run({
      ...PAIR,
      call,
      firewalls: [{ at: 'nat-a', kind: '53-443-only' }],
      drop: [{ from: 'nat-a', to: 'directory' }],
    });
    expect(status).toBe(1);
    expect(result.call?.report).toBeNull();
    expect(result.reasons).toEqual([
      expect.stringMatching(/^alice: overcall register ended with 3: .*cannot be reached/),
    ]);
  });

  test('matrix: each kind calls each, one line for each call, and a picture', () => {
    const kinds = ['eim-apdf', 'apdm-apdf:block=64'];
    const argv = [
      '--kinds',
      kinds.join(','),
      '--link',
      '{"delayMs":5}',
      // A second that a busy machine takes from it is half of a call of 2 s.
      '--seconds',
      '4',
      '--tries',
      '2',
      '--jobs',
      '2',
      '--json',
    ];
    const { status, stdout } = lab('matrix', ...argv);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect({ status, reasons: events.at(-1)?.reasons }).toEqual({ status: 0, reasons: [] });
    const cells = events.filter(({ event }) => event === 'cell');
    expect(cells).toHaveLength(8);
    for (const cell of cells) {
      expect(cell.faults).toEqual([]);
      expect(cell).toMatchObject({ missed: false, of: 8 });
      // What cannot be reached by ordinary checks may be found by guessing ports; where the machine is busy, TCP or two supernodes may be first.
      expect(cell.possible === 'direct' ? ['direct'] : ['relay', 'overlay', 'direct', 'tcp']).toContain(
        cell.word,
      );
    }
    expect(events.at(-1)).toMatchObject({ event: 'result', outcome: 'passed', kinds });
    const latest = join(folder, 'results', 'latest');
    expect(readdirSync(latest).sort()).toEqual(['matrix.svg', 'results.json', 'results.md']);
    const result = JSON.parse(readFileSync(join(latest, 'results.json'), 'utf8'));
    const pairs = kinds.flatMap((caller) => kinds.map((callee) => [caller, callee]));
    expect(
      result.cells.map((cell: { caller: string; callee: string }) => [cell.caller, cell.callee]),
    ).toEqual(pairs);
    for (const { tries, summary } of result.cells) {
      expect(tries).toHaveLength(2);
      // Four links of 5 ms each way between the two and a supernode.
      expect(summary.setupMs).toBeGreaterThan(20);
    }
    expect(readFileSync(join(latest, 'results.md'), 'utf8')).toMatch(
      /\| \*\*apdm-apdf:block=64\*\* \| (relay|overlay|direct|tcp);/,
    );
  });
});
