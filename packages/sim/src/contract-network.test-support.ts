import { buildNetwork } from './build.ts';
import type { Host, Socket } from './host.ts';
import type { ContractAgent, ContractNetwork, Endpoint } from './nat-contract.test-support.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

/** Longer than any path of these networks takes. */
const NEVER_MS = 200;

const textOf = ([address, port]: Endpoint): string => `${address}:${port}`;

/** The simulation as the contract tests see a network. */
export function simulated(scenario: Scenario, seed = 1): ContractNetwork & { world: World } {
  const world = new World({ seed });
  const network = buildNetwork(world, scenario);
  return {
    world,
    agent: (node) => new SimAgent(world, network.host(node)),
    addressOf: (node) =>
      scenario.hosts.some(({ name }) => name === node)
        ? network.host(node).address
        : network.nat(node).address,
    rebind: async (nat) => network.nat(nat).rebind(),
    elapse: async (ms) => world.run(world.now + ms),
    close: async () => {},
  };
}

class SimAgent implements ContractAgent {
  readonly #world: World;
  readonly #host: Host;
  readonly #sockets = new Map<number, Socket>();
  readonly #received = new Map<string, Endpoint>();

  constructor(world: World, host: Host) {
    this.#world = world;
    this.#host = host;
  }

  async bind(...ports: number[]): Promise<void> {
    for (const port of ports) {
      const socket = this.#host.bind(port);
      socket.onDatagram = (bytes, from) => {
        const [address, fromPort] = from.split(':') as [string, string];
        this.#received.set(new TextDecoder().decode(bytes), [address, Number(fromPort)]);
      };
      this.#sockets.set(port, socket);
    }
  }

  at(port: number): Endpoint {
    return [this.#host.address, port];
  }

  send(text: string, port: number, to: Endpoint, ttl?: number): void {
    const options = ttl === undefined ? {} : { ttl };
    this.#sockets.get(port)!.send(textOf(to), new TextEncoder().encode(text), options);
  }

  async receive(text: string): Promise<{ from: Endpoint }> {
    if (!this.#world.runUntil(() => this.#received.has(text), NEVER_MS))
      throw new Error(`"${text}" did not arrive at ${this.#host.name}`);
    return { from: this.#received.get(text)! };
  }

  async receiveAny(texts: readonly string[]): Promise<string[]> {
    this.#world.run(this.#world.now + NEVER_MS);
    return texts.filter((text) => this.#received.has(text));
  }
}
