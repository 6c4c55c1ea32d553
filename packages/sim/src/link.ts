import { SimError } from './errors.ts';
import type { Random } from './random.ts';
import type { LinkDirectionSpec, LinkSpec } from './scenario.ts';

/** Flows share this many places for the time of their last packet; two that share one wait for each other. */
const FLOW_SLOTS = 64;

/** One direction of a link: what becomes of each packet. */
export class LinkDirection {
  readonly #spec: LinkDirectionSpec;
  readonly #delayMs: number;
  readonly #jitterMs: number;
  readonly #random: Random;
  #lastArrivalsMs: Float64Array | null = null;

  constructor(spec: LinkDirectionSpec, random: Random) {
    this.#spec = spec;
    this.#delayMs = spec.delayMs ?? 0;
    this.#jitterMs = spec.jitterMs ?? 0;
    this.#random = random;
  }

  /** Whether it is small enough for this link. */
  fits(packetBytes: number): boolean {
    return this.#spec.mtuBytes === undefined || packetBytes <= this.#spec.mtuBytes;
  }

  loses(): boolean {
    return this.#random.happens(this.#spec.lossPct ?? 0);
  }

  duplicates(): boolean {
    return this.#random.happens(this.#spec.duplicatePct ?? 0);
  }

  /** @param flow packets with the same number keep their order */
  arrivalMs(flow: number, nowMs: number): number {
    if (this.#random.happens(this.#spec.reorderPct ?? 0)) return nowMs;
    if (this.#jitterMs === 0) return nowMs + this.#delayMs;
    const varied = this.#delayMs + this.#jitterMs * (2 * this.#random.fraction() - 1);
    this.#lastArrivalsMs ??= new Float64Array(FLOW_SLOTS);
    const slot = flow % FLOW_SLOTS;
    const arrivalMs = Math.max(nowMs + Math.max(0, varied), this.#lastArrivalsMs[slot]!);
    this.#lastArrivalsMs[slot] = arrivalMs;
    return arrivalMs;
  }
}

const FIELDS = ['delayMs', 'jitterMs', 'lossPct', 'reorderPct', 'duplicatePct', 'mtuBytes', 'up', 'down'];

/** The lab's links can do more: better an error than a network that is not the one described. */
export function checkLink(node: string, spec: LinkSpec): void {
  for (const [field, value] of Object.entries({ ...spec, ...spec.up, ...spec.down })) {
    if (!FIELDS.includes(field))
      throw new SimError('bad-network', `link of "${node}": ${field}: the simulation has no such behaviour`);
    if (typeof value === 'number' && !(value >= 0))
      throw new SimError('bad-network', `link of "${node}": ${field}: ${value} is less than 0`);
  }
}

/** Fields that stand for both directions, then those of the direction itself. */
export function directionOf(spec: LinkSpec, direction: 'up' | 'down'): LinkDirectionSpec {
  const { up: _up, down: _down, ...both } = spec;
  return { ...both, ...spec[direction] };
}
