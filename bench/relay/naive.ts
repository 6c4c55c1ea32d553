import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { End } from './frames.ts';
import { type Ground, RELAY_ADDRESS } from './ground.ts';
import type { NaiveOrders } from './naive-relay.ts';
import {
  calleeOf,
  callerOf,
  type Direction,
  NODE_OPTIONS,
  plainDirection,
  type RelayUnderTest,
} from './relay-under-test.ts';

const SERVER: End = { address: RELAY_ADDRESS, port: 4445 };

/** A relay of a dozen lines, which shows what Node's UDP can do at most. */
export class NaiveRelay implements RelayUnderTest {
  readonly name = 'naive `dgram`';
  readonly #process: ChildProcess;
  #calls = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(ground: Ground): Promise<NaiveRelay> {
    const program = fileURLToPath(new URL('naive-relay.ts', import.meta.url));
    const child = ground.spawn(process.execPath, [...NODE_OPTIONS, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const relay = new NaiveRelay(child);
    await relay.#order({ listen: SERVER });
    return relay;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async #order(orders: NaiveOrders): Promise<{ rss: number }> {
    this.#process.send(orders);
    const [answer] = await once(this.#process, 'message');
    return answer as { rss: number };
  }

  async open(count: number): Promise<Direction[]> {
    const calls = Array.from({ length: count }, (): [End, End] => {
      const index = this.#calls++;
      return [callerOf(index), calleeOf(index)];
    });
    await this.#order({ open: calls });
    return calls.flatMap(([a, b]) => [plainDirection(a, b, SERVER), plainDirection(b, a, SERVER)]);
  }

  async rssBytes(): Promise<number> {
    return (await this.#order({ rss: true })).rss;
  }

  async stop(): Promise<void> {
    this.#process.disconnect();
    await once(this.#process, 'exit');
  }
}
