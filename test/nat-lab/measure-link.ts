import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Lab } from '@overcall/nat-lab';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const PORT = 4000;

export interface Traffic {
  count: number;
  /** Sockets that take turns. */
  flows?: number;
  perSecond?: number;
  /** Of UDP payload. */
  bytes?: number;
}

/** A packet that arrived. */
export interface Arrival {
  number: number;
  delayMs: number;
}

export interface Receiver {
  /** Everything that has arrived, once nothing more is on its way. */
  finish(): Promise<Arrival[]>;
}

function start(lab: Lab, node: string, ...argv: (string | number)[]): ChildProcess {
  const [first, ...rest] = lab.command(node, argv.map(String));
  return spawn(first!, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
}

export async function startReceiver(lab: Lab, node: string): Promise<Receiver> {
  const child = start(lab, node, 'perl', program('link-receiver.pl'), PORT);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async finish() {
      child.stdin!.end();
      const { value } = await lines.next();
      return (JSON.parse(value as string) as [number, number][]).map(([number, delayMs]) => ({
        number,
        delayMs,
      }));
    },
  };
}

/** Resolves when the last packet has been sent. */
export async function sendTraffic(lab: Lab, from: string, to: string, traffic: Traffic): Promise<void> {
  const { count, flows = 1, perSecond = 50, bytes = 12 } = traffic;
  const plan = [lab.addressOf(to), PORT, count, flows, perSecond, bytes];
  const child = start(lab, from, process.execPath, program('link-sender.ts'), ...plan);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the sender ended with ${code}`);
}

/** Sends all of it, waits until what is on its way has arrived, and returns the arrivals. */
export async function measure(
  lab: Lab,
  from: string,
  to: string,
  traffic: Traffic,
  longestDelayMs: number,
): Promise<Arrival[]> {
  const receiver = await startReceiver(lab, to);
  await sendTraffic(lab, from, to, traffic);
  await delay(longestDelayMs + 200);
  return receiver.finish();
}

/** The mean without the given share at each end, so that a machine that stood still for a moment does not count. */
export function trimmedMean(values: readonly number[], share = 0.02): number {
  const cut = Math.floor(values.length * share);
  const kept = values.toSorted((a, b) => a - b).slice(cut, values.length - cut);
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}
