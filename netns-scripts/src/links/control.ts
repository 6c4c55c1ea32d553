import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LabError } from '../errors.ts';
import type { Link } from './link-spec.ts';
import { prefer } from './priority.ts';
import { LINKS_ENDED, LINKS_NAMESPACE } from './setup-links.ts';
import type { Wire } from './wire.ts';

/** What the shaper is told, one JSON object per line; it answers each order with one line. */
export type Order = { open: { namespace: string; wires: Wire[] } } | { set: { node: string; link: Link } };

/** `pid` comes with the first, as it is in the lab. */
export interface Answer {
  done: 'open' | 'set';
  pid?: number;
}

const linksEnded = (cause?: Error) =>
  new LabError('lab-gone', 'the process that plays the links has ended', { cause });

/** The line to the process that plays the links. */
export class ShaperControl {
  readonly #socket: Socket;
  readonly #pending: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  #failure: Error | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    createInterface({ input: socket })
      .on('line', (line) => this.#answered(JSON.parse(line) as Answer))
      // Killed while it had an order unread, the other end resets the connection.
      .on('error', (cause) => this.fail(linksEnded(cause)));
  }

  /** Resolves when the order has taken effect. */
  order(order: Order): Promise<Answer> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#socket.write(`${JSON.stringify(order)}\n`);
    this.#socket.ref(); // as long as somebody waits for the answer
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }));
  }

  #answered(answer: Answer): void {
    this.#pending.shift()?.resolve(answer);
    if (this.#pending.length === 0) this.#socket.unref();
  }

  /** There will be no more answers. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }
}

/** What the holder needs to know to start the shaper (setup-links.ts). */
export const shaperEnvironment = (): Record<string, string> => ({
  LAB_NODE_PROGRAM: process.execPath,
  LAB_SHAPER: fileURLToPath(new URL('shaper-main.ts', import.meta.url)),
});

/** Tells the shaper of a network that stands what to play. @throws when it has ended */
export async function openShaper(
  keeper: ChildProcess,
  holderPid: number,
  wires: Wire[],
): Promise<ShaperControl> {
  const control = new ShaperControl(keeper.stdio[4] as Socket);
  const ended = (text?: string) => {
    if (text === undefined || text.includes(LINKS_ENDED)) control.fail(linksEnded());
  };
  keeper.stdout!.on('data', ended).once('end', ended);
  const { pid } = await control.order({ open: { namespace: `/run/netns/${LINKS_NAMESPACE}`, wires } });
  prefer(holderPid, pid!);
  return control;
}
