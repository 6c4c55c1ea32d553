/**
 * What links of the NAT lab cost, how exact they are, and how much they carry. Run with `node bench/links/run.ts`, about
 * a minute and a half; put what it prints into RESULTS.md beside it.
 */
import { readFileSync } from 'node:fs';
import { cpus, platform } from 'node:os';
import { type Lab, natPair, startLab, withLinks } from '@overcall/nat-lab';
import {
  measure,
  sendTraffic,
  shaperPid,
  startReceiver,
  trimmedMean,
} from '../../test/nat-lab/measure-link.ts';
import { median, percentile } from '../percentile.ts';

const TICKS_PER_S = 100;
const NAMES = ['a', 'b', 'c', 'd'];
const LINK = { delayMs: 50, jitterMs: 10, lossPct: 3 };
const lines: string[] = [];

/** User and system time of a process so far, s (/proc/PID/stat, fields 14 and 15). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** CPU of the shaper meanwhile, % of a core. */
async function cpuWhile(pid: number, work: () => Promise<unknown>): Promise<number> {
  const [before, startedAt] = [cpuSeconds(pid), performance.now()];
  await work();
  return (100 * (cpuSeconds(pid) - before)) / ((performance.now() - startedAt) / 1000);
}

const stand = (link: object): Promise<Lab> =>
  startLab({
    hosts: NAMES.map((name, index) => ({ name, address: `203.0.113.${index + 1}` })),
    links: NAMES.map((node) => ({ node, ...link })),
  });

async function upTimes(): Promise<void> {
  for (const [what, spec] of [
    ['without links', natPair()],
    ['with two links', withLinks(natPair(), LINK)],
  ] as const) {
    const times: number[] = [];
    for (let i = 0; i < 11; i++) {
      const startedAt = performance.now();
      const lab = await startLab(spec);
      times.push(performance.now() - startedAt);
      await lab.close();
    }
    lines.push(
      `| natPair up, ${what} | ${median(times).toFixed(0)} ms, slowest ${Math.max(...times).toFixed(0)} ms |`,
    );
  }
}

async function accuracy(): Promise<void> {
  const lab = await stand({ up: LINK });
  const count = 400_000;
  const traffic = { count, flows: 200, perSecond: 10_000, bytes: 100 };
  const delays = (await measure(lab, 'a', 'b', traffic, 60)).map(({ delayMs }) => delayMs);
  await lab.close();
  const lossPct = 100 - (100 * delays.length) / count;
  lines.push(
    `| 50 +- 10 ms, 3% loss, ${count} packets | mean ${trimmedMean(delays).toFixed(2)} ms, loss ${lossPct.toFixed(3)}% |`,
  );
}

async function cost(): Promise<void> {
  const lab = await stand({ delayMs: 20, jitterMs: 5 });
  const pid = shaperPid();
  const pairs = [
    ['a', 'b'],
    ['b', 'a'],
    ['c', 'd'],
    ['d', 'c'],
  ] as const;
  const receivers = await Promise.all(NAMES.map((name) => startReceiver(lab, name)));
  const cpu = await cpuWhile(pid, () =>
    Promise.all(
      pairs.map(([from, to]) => sendTraffic(lab, from, to, { count: 500, perSecond: 50, bytes: 100 })),
    ),
  );
  await Promise.all(receivers.map((receiver) => receiver.finish()));
  lines.push(`| 4 links, 50 packets/s each way | ${cpu.toFixed(1)}% of a core |`);
  await lab.close();
}

async function capacity(): Promise<void> {
  const lab = await stand({ delayMs: 20 });
  const pid = shaperPid();
  for (const perSecond of [1_000, 5_000, 10_000, 20_000, 40_000]) {
    const count = 3 * perSecond;
    const receiver = await startReceiver(lab, 'b');
    const cpu = await cpuWhile(pid, () =>
      sendTraffic(lab, 'a', 'b', { count, flows: 20, perSecond, bytes: 100 }),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    const delays = (await receiver.finish()).map(({ delayMs }) => delayMs);
    const at = (share: number) => percentile(delays, share).toFixed(2);
    lines.push(
      `| ${perSecond} packets/s over two links of 20 ms | ${cpu.toFixed(0)}% of a core, lost ${count - delays.length}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms |`,
    );
  }
  await lab.close();
}

await upTimes();
await cost();
await capacity();
await accuracy();
const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
process.stdout.write(`${date}, ${machine}\n\n| what | result |\n|---|---|\n${lines.join('\n')}\n`);
