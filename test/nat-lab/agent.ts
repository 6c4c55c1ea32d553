import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Lab } from '@overcall/nat-lab';

export type Endpoint = readonly [address: string, port: number];

export type AgentOrder = { bind: number } | { send: string; port: number; to: Endpoint; ttl?: number };

export interface Received {
  received: string;
  port: number;
  from: Endpoint;
}

export type AgentEvent = Received | { bound: number } | { error: string };

const PROGRAM = fileURLToPath(new URL('udp-agent.ts', import.meta.url));

/** Longer than any path of the lab takes on a busy machine. What has not come by then does not come. */
const NEVER_MS = 200;
/** For what has to come: a busy machine took 5 s to start a program. */
const GIVE_UP_MS = 30_000;

/** A program in the lab that sends and receives datagrams. */
export class Agent {
  readonly #child: ChildProcess;
  readonly #address: string;
  readonly #events: AgentEvent[] = [];
  #changed: () => void = () => {};

  /** @param family of its sockets; IPv4 unless the node has none */
  constructor(lab: Lab, node: string, family: 4 | 6 = lab.addressOf(node).includes(':') ? 6 : 4) {
    this.#address = family === 4 ? lab.addressOf(node) : lab.address6Of(node)!;
    const [program, ...args] = lab.command(node, [process.execPath, PROGRAM, `udp${family}`]);
    this.#child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#events.push(JSON.parse(line) as AgentEvent);
      this.#changed();
    });
  }

  /** Where this agent's datagrams come from before any translation. */
  at(port: number): Endpoint {
    return [this.#address, port];
  }

  async bind(...ports: number[]): Promise<void> {
    for (const port of ports) {
      this.#order({ bind: port });
      await this.#wait((event) => 'bound' in event && event.bound === port);
    }
  }

  send(text: string, port: number, to: Endpoint, ttl?: number): void {
    this.#order({ send: text, port, to, ...(ttl === undefined ? {} : { ttl }) });
  }

  /** The datagram with this text; a text is used once in a lab. */
  async receive(text: string): Promise<Received> {
    return (await this.#wait((event) => 'received' in event && event.received === text)) as Received;
  }

  /** Which of these texts arrive at all. Those that are to arrive are waited for: they may be late on a busy machine. */
  async receiveAny(texts: readonly string[], expected: readonly string[] = []): Promise<string[]> {
    for (const text of expected) await this.receive(text);
    await delay(NEVER_MS);
    const seen = this.#events.flatMap((event) => ('received' in event ? [event.received] : []));
    return texts.filter((text) => seen.includes(text));
  }

  errors(): string[] {
    return this.#events.flatMap((event) => ('error' in event ? [event.error] : []));
  }

  #order(order: AgentOrder): void {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
  }

  async #wait(wanted: (event: AgentEvent) => boolean): Promise<AgentEvent> {
    const deadline = AbortSignal.timeout(GIVE_UP_MS);
    for (;;) {
      const event = this.#events.find(wanted);
      if (event) return event;
      deadline.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        deadline.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
}
