import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { ownProgram } from '../own-program.ts';
import type { Node } from '../wiring.ts';
import { hiddenHosts } from './hidden-hosts.ts';
import { NAT64_NAMESPACE, sidesOf } from './setup-nat64.ts';
import type { Side } from './sides.ts';

/** Every NAT64 of a network, as the translator is told. */
function sides(nodes: readonly Node[]): Side[] {
  const nats = nodes.filter((node) => 'inside' in node);
  return nats.flatMap((nat, number) => (nat.nat64 ? [sidesOf(number, hiddenHosts(nat, nodes))] : []));
}

/** The process that translates between IPv6 and IPv4. */
export class Translator {
  readonly #child: ChildProcess;
  readonly #answers: Interface;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout! });
    this.#ended = once(child, 'exit');
    child.stderr!.pipe(process.stderr);
  }

  /** Null where no NAT is a NAT64. Resolves when it translates. */
  static async start(ground: Ground, nodes: readonly Node[]): Promise<Translator | null> {
    if (sides(nodes).length === 0) return null;
    const child = ground.spawnOwn(NAT64_NAMESPACE, ownProgram('nat64/translator-main'));
    const translator = new Translator(child);
    await translator.set(nodes);
    return translator;
  }

  /** Resolves when hosts are translated as they stand now. */
  async set(nodes: readonly Node[]): Promise<void> {
    this.#hold(true);
    const answered = once(this.#answers, 'line');
    this.#child.stdin!.write(`${JSON.stringify(sides(nodes))}\n`);
    const ended = this.#ended.then(() => {
      throw new LabError('lab-gone', 'the process that translates between IPv6 and IPv4 has ended');
    });
    await Promise.race([answered, ended]);
    this.#hold(false);
  }

  /** Calls back when it has ended, which it does not do by itself. */
  onEnd(handle: () => void): void {
    this.#child.once('exit', handle);
  }

  /** A lab that nobody closes must not keep its maker running. */
  #hold(on: boolean): void {
    for (const handle of [this.#child, ...this.#child.stdio] as unknown as { ref(): void; unref(): void }[]) {
      if (on) handle.ref();
      else handle.unref();
    }
  }
}
