/**
 * What wakes a softphone in a call, for each of its threads: how often a second it is woken, how often it was interrupted, its processor time; page faults; and,
 * where `strace` is installed, its system calls a second, which are counted afterwards because that slows it down.
 * `node bench/call/wakes.ts [SECONDS]`; put what it prints into CPU.md beside it.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import type { Program } from '@overcall/harness';
import { MeasuredCalls, sleep } from './measured-call.ts';

const SECONDS = Number(process.argv[2] ?? 10);
/** Rarer ones are left out, a second. */
const SHOWN_FROM = 0.5;

interface Thread {
  name: string;
  wakes: number;
  interruptions: number;
  cpuMs: number;
  faults: number;
}

/** By thread id. CPU time to the microsecond, which the ticks of `stat` do not tell. */
function threadsOf({ pid }: Program): Map<string, Thread> {
  const folder = `/proc/${pid}/task`;
  return new Map(
    readdirSync(folder).map((tid) => {
      const read = (file: string) => readFileSync(`${folder}/${tid}/${file}`, 'utf8');
      const number = (text: string, key: string) =>
        Number(new RegExp(`^${key}\\s*:\\s*([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
      const [status, sched] = [read('status'), read('sched')];
      return [
        tid,
        {
          name: tid === String(pid) ? 'main' : read('comm').trim(),
          wakes: number(status, 'voluntary_ctxt_switches'),
          interruptions: number(status, 'nonvoluntary_ctxt_switches'),
          cpuMs: number(sched, 'se\\.sum_exec_runtime'),
          faults: Number(read('stat').split(') ')[1]!.split(' ')[7]),
        },
      ];
    }),
  );
}

function row(who: string, what: string, before: Thread | undefined, after: Thread): string {
  const rate = (key: Exclude<keyof Thread, 'name'>) => (after[key] - (before?.[key] ?? 0)) / SECONDS;
  const cells = [rate('wakes'), rate('interruptions'), rate('cpuMs') / 10, rate('faults')];
  return `| ${who} | ${what} | ${cells.map((value) => value.toFixed(2)).join(' | ')} |`;
}

/** Threads of the same name together. */
function byName(threads: Map<string, Thread>): Map<string, Thread> {
  const sums = new Map<string, Thread>();
  for (const thread of threads.values()) {
    const sum = sums.get(thread.name);
    if (sum === undefined) sums.set(thread.name, { ...thread });
    else for (const key of ['wakes', 'interruptions', 'cpuMs', 'faults'] as const) sum[key] += thread[key];
  }
  return sums;
}

/** Name and number of system calls a second, the most frequent first; null without strace. */
async function systemCalls({ pid }: Program): Promise<[string, number][] | null> {
  const trace = spawn('timeout', ['-s', 'INT', String(SECONDS), 'strace', '-f', '-c', '-p', String(pid)]);
  let text = '';
  trace.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const ran = await new Promise((resolve) => trace.on('close', resolve).on('error', () => resolve(null)));
  if (ran === null || !text.includes('% time')) return null;
  const lines = [...text.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w*)$/gm)];
  return lines
    .filter(([, , name]) => name !== 'total')
    .map(([, count, name]): [string, number] => [name!, Number(count) / SECONDS])
    .filter(([, rate]) => rate >= SHOWN_FROM)
    .sort((one, other) => other[1] - one[1]);
}

const calls = await MeasuredCalls.open(3 * SECONDS);
const lines: string[] = [];
try {
  const { caller, callee, end } = await calls.place('native', 'native');
  const sides: [string, Program][] = [
    ['caller', caller],
    ['callee', callee],
  ];
  const before = sides.map(([, program]) => byName(threadsOf(program)));
  await sleep(SECONDS);
  sides.forEach(([side, program], at) => {
    for (const [name, after] of byName(threadsOf(program)))
      lines.push(row(side, name, before[at]!.get(name), after));
  });
  for (const [side, program] of sides) {
    const counted = await systemCalls(program);
    const text = counted?.map(([name, rate]) => `${name} ${rate.toFixed(1)}`).join(', ');
    lines.push(
      '',
      `System calls a second, ${side}: ${text ?? 'not counted, strace is not there or may not'}`,
    );
  }
  await end();
} finally {
  await calls.close();
}
process.stdout.write(
  [
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`,
    '',
    '| side | threads | wakes a second | interrupted a second | CPU, % of a core | page faults a second |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n'),
);
