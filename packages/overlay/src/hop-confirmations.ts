import type { LinkMessage } from '@overcall/wire';
import { type ControlContext, type ControlOutput, send } from './control-context.ts';
import { placeAfter, type Way } from './hop-way.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

type HopConfirm = Extract<LinkMessage, { t: 'hop-confirm' }>;
type HopConfirmed = Extract<LinkMessage, { t: 'hop-confirmed' }>;

/** Questions of softphones here that are under way; the oldest one gives way, and its softphone hears nothing, which is no. */
const MAX_WAITING = 256;
/** Questions, and answers, of one neighbour. */
const RATE: Rate = { perSecond: 20, burst: 100 };
/** Neighbours whose rates are remembered. */
const MAX_BUCKETS = 256;

/**
 * Whether the other party of a flow over several supernodes is bound from an IP address: only the last supernode on the way
 * knows. The question travels there along the way, and the answer back. Nobody in between keeps anything.
 */
export class HopConfirmations {
  readonly #context: ControlContext;
  readonly #waiting = new Map<number, { connection: number; id: number; way: Way }>();
  readonly #buckets = new Map<string, TokenBucket>();
  #last = 0;

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** Of a softphone here, whose flow begins on this way. */
  ask(
    asker: { connection: number; id: number },
    { way, ...question }: Omit<HopConfirm, 't' | 'id' | 'hops'> & { way: Way },
  ): ControlOutput {
    this.#last = (this.#last + 1) % 2 ** 31;
    this.#waiting.set(this.#last, { ...asker, way });
    if (this.#waiting.size > MAX_WAITING) this.#waiting.delete(this.#waiting.keys().next().value!);
    const message = { t: 'hop-confirm' as const, id: this.#last, ...question, hops: [...way] };
    return { kind: 'link', to: way[1]!, message };
  }

  handleConfirm(from: string, message: HopConfirm, nowMs: number): ControlOutput[] {
    const { id, party, receiveFlow, sendFlow, hops, address } = message;
    const { options, count } = this.#context;
    const place = placeAfter(hops, options.supernode, from, 'onwards');
    const neighbour = options.neighbours.known(from);
    if (place === null || neighbour === null || !this.#bucket(from, nowMs).take(nowMs)) {
      count('hop-confirm-ignored');
      return [];
    }
    const next = hops[place + 1];
    if (next !== undefined) return [{ kind: 'link', to: next, message }];
    const known = options.relay.isPeerBoundFrom({ party, neighbour, receiveFlow, sendFlow }, address);
    return [{ kind: 'link', to: from, message: { t: 'hop-confirmed', id, hops, known } }];
  }

  handleConfirmed(from: string, message: HopConfirmed, nowMs: number): ControlOutput[] {
    const { id, hops, known } = message;
    const place = placeAfter(hops, this.#context.options.supernode, from, 'back');
    if (place === null || !this.#bucket(from, nowMs).take(nowMs)) {
      this.#context.count('hop-confirm-ignored');
      return [];
    }
    if (place > 0) return [{ kind: 'link', to: hops[place - 1]!, message }];
    const asked = this.#waiting.get(id);
    if (asked === undefined || asked.way.join() !== hops.join()) return [];
    this.#waiting.delete(id);
    return [send(asked.connection, { t: 'peer-confirmed', id: asked.id, known })];
  }

  #bucket(neighbour: string, nowMs: number): TokenBucket {
    const bucket = this.#buckets.get(neighbour) ?? new TokenBucket(RATE, nowMs);
    this.#buckets.delete(neighbour);
    this.#buckets.set(neighbour, bucket);
    if (this.#buckets.size > MAX_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket;
  }
}
