import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Lab, NatSpec } from '@overcall/nat-lab';
import type { Mapped } from '../../netns-scripts/src/port-mapping/clients.ts';
import type { MapRequest } from '../../netns-scripts/src/port-mapping/nat-pmp.ts';

export type MappingOrder = MapRequest & {
  protocol: NonNullable<NatSpec['portMapping']>[number];
  /** How long an answer is waited for. */
  patienceMs: number;
};

/** Silence is known by this; an answer that has to come may be late on a busy machine. */
const NEVER_MS = 600;
const GIVE_UP_MS = 20_000;

const PROGRAM = fileURLToPath(new URL('port-mapper.ts', import.meta.url));

/** A program on a host of the lab that asks the NAT in front of it to map ports. */
export class MappingHost {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** @param gateway the inside address of a NAT */
  constructor(lab: Lab, host: string, gateway: string) {
    const argv = [process.execPath, PROGRAM, lab.addressOf(host), gateway];
    const [program, ...args] = lab.command(host, argv);
    this.#child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async map(wish: Omit<MappingOrder, 'patienceMs'>, isExpected = true): Promise<Mapped> {
    const order: MappingOrder = { ...wish, patienceMs: isExpected ? GIVE_UP_MS : NEVER_MS };
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(value as string) as Mapped;
  }
}
