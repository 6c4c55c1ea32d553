import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hmacSha256, type RelaySocketKind } from '@overcall/net';
import { DatagramType, readBindAck, readBindChallenge, writeBindRequest } from '@overcall/wire';
import type { End } from './frames.ts';
import { type Ground, RELAY_ADDRESS } from './ground.ts';
import {
  calleeOf,
  callerOf,
  type Direction,
  type Exchange,
  NODE_OPTIONS,
  PACKET_BYTES,
  type RelayUnderTest,
} from './relay-under-test.ts';
import type { OpenedFlow, Orders } from './supernode-relay.ts';
import type { Cause } from './wave-log.ts';

const PORTS = { plain: 4443, batch: 4444 };

export interface StartOptions {
  /** What its slow packets wait for is written down. */
  isLogged?: boolean;
  /** Folder of another checkout, and a port of its own. */
  at?: string;
  port?: number;
}

/** The relay path of a supernode, with flows that were opened and bound as those of calls are. */
export class SupernodeRelay implements RelayUnderTest {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #server: End;
  #calls = 0;

  private constructor(process: ChildProcess, kind: RelaySocketKind, port: number) {
    this.#process = process;
    this.#server = { address: RELAY_ADDRESS, port };
    this.name = `supernode, ${kind}`;
  }

  static async start(
    ground: Ground,
    kind: RelaySocketKind,
    { isLogged = false, at, port = PORTS[kind] }: StartOptions = {},
  ): Promise<SupernodeRelay> {
    const own = fileURLToPath(new URL('supernode-relay.ts', import.meta.url));
    const program = at === undefined ? own : join(at, 'bench', 'relay', 'supernode-relay.ts');
    const args = [...NODE_OPTIONS, program, kind, ...(isLogged ? ['logged'] : [])];
    const child = ground.spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const relay = new SupernodeRelay(child, kind, port);
    await relay.#order({ listen: relay.#server });
    return relay;
  }

  /** What packets waited for that were on the way from when to when, on the clock of the machine, ms. */
  async causesOf(packets: readonly (readonly [number, number])[]): Promise<Cause[]> {
    const causes = await this.#order<(Cause | null)[]>({ causes: [...packets] });
    return causes.filter((cause) => cause !== null);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async #order<T>(orders: Orders): Promise<T> {
    this.#process.send(orders);
    const [answer] = await once(this.#process, 'message');
    return answer as T;
  }

  async open(count: number, exchange: Exchange): Promise<Direction[]> {
    const directions: Direction[] = [];
    for (const { flows, keys } of await this.#order<OpenedFlow[]>({ open: count })) {
      const index = this.#calls++;
      const [caller, callee] = [callerOf(index), calleeOf(index)];
      const [a, b] = flows;
      await bind(exchange, caller, this.#server, b, keys[0]);
      await bind(exchange, callee, this.#server, a, keys[1]);
      const direction = (from: End, to: End, flow: number): Direction => ({
        from,
        to: this.#server,
        payload: media(flow),
        out: `${to.address}:${to.port}`,
      });
      directions.push(direction(caller, callee, b), direction(callee, caller, a));
    }
    return directions;
  }

  async rssBytes(): Promise<number> {
    const { rss, calls } = await this.#order<{ rss: number; calls: number }>({ rss: true });
    if (calls !== this.#calls) throw new Error(`${calls} calls instead of ${this.#calls}`);
    return rss;
  }

  async stop(): Promise<void> {
    this.#process.disconnect();
    await once(this.#process, 'exit');
  }
}

async function bind(exchange: Exchange, from: End, server: End, flowId: number, key: string): Promise<void> {
  const request = (sequence: bigint, cookie: Uint8Array) =>
    writeBindRequest({ flowId, sequence, cookie }, (bytes) => hmacSha256(Buffer.from(key, 'hex'), bytes));
  const read = (answer: Uint8Array) => {
    const challenge = readBindChallenge(answer);
    return challenge?.echo === 1n ? challenge : null;
  };
  const { cookie } = await exchange(from, server, request(1n, new Uint8Array(16)), read);
  const readAck = (answer: Uint8Array) => (readBindAck(answer)?.sequence === 2n ? true : null);
  await exchange(from, server, request(2n, cookie), readAck);
}

function media(flow: number): Uint8Array {
  const datagram = Buffer.alloc(PACKET_BYTES);
  datagram[0] = DatagramType.Media;
  datagram.writeUInt32BE(flow, 1);
  return datagram;
}
