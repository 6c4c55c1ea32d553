import type { LinkMessage } from '@overcall/wire';
import { type ControlContext, type ControlOutput, type RelayTicket, relayFailed } from './control-context.ts';
import type { OpenResult } from './flow-book.ts';
import { HopConfirmations } from './hop-confirmations.ts';
import type { HopNeighbours } from './hop-neighbours.ts';
import { isWay, placeAfter, type Way } from './hop-way.ts';
import type { ListedNodes } from './listed-nodes.ts';

type HopOpen = Extract<LinkMessage, { t: 'hop-open' }>;
type HopClose = Extract<LinkMessage, { t: 'hop-close' }>;
type HopFailed = Extract<LinkMessage, { t: 'hop-failed' }>;

/**
 * Flows over several supernodes. What a party opens travels along its way; each supernode on it holds a half for the side
 * that it came from, and relays once the same way has been opened from the other end. So a supernode sends nothing to a
 * neighbour that has not asked for this very flow, and nothing to a softphone but what it agreed to.
 */
export class ControlHops {
  readonly #context: ControlContext;
  readonly #neighbours: HopNeighbours;
  readonly confirmations: HopConfirmations;
  /** What softphones get to hear of a flow that was opened. */
  readonly #answers: (result: OpenResult<RelayTicket>) => ControlOutput[];

  constructor(context: ControlContext, answers: (result: OpenResult<RelayTicket>) => ControlOutput[]) {
    this.#context = context;
    this.#neighbours = context.options.neighbours;
    this.confirmations = new HopConfirmations(context);
    this.#answers = answers;
  }

  /** The way of a softphone that is attached here; null for what is none, or leads over unknown supernodes. */
  wayOf(next: readonly string[]): Way | null {
    const way = [this.#me, ...next];
    return isWay(way) && next.every((id) => this.#isListed(id)) ? way : null;
  }

  /** Passes on what a softphone here has opened. */
  openNext(half: Omit<HopOpen, 't' | 'hops'>, way: Way): ControlOutput {
    return { kind: 'link', to: way[1]!, message: { t: 'hop-open', ...half, hops: [...way] } };
  }

  /** And closed. */
  closeNext(half: Omit<HopClose, 't' | 'hops'>, way: Way): ControlOutput {
    return { kind: 'link', to: way[1]!, message: { t: 'hop-close', ...half, hops: [...way] } };
  }

  /** Flows over supernodes that the list names no more end. */
  handleList(nodes: ListedNodes): void {
    for (const gone of this.#neighbours.handleList((id) => nodes.get(id)))
      this.#context.options.relay.closeAllOf(gone);
  }

  handleOpen(from: string, message: HopOpen, nowMs: number): ControlOutput[] {
    const { party, peer, receiveFlow, sendFlow, hops } = message;
    const place = placeAfter(hops, this.#me, from, 'onwards');
    // No answer: an honest supernode asks nothing of the kind.
    if (place === null || !hops.every((id) => id === this.#me || this.#isListed(id)))
      return this.#ignore('hop-bad-way');
    const neighbour = this.#neighbours.get(from, nowMs);
    const next = hops[place + 1];
    if (neighbour === null || (next !== undefined && this.#neighbours.get(next, nowMs) === null))
      return this.#fail(from, message, 'hop-no-address');
    if (!neighbour.opens.take(nowMs)) return this.#fail(from, message, 'rate-limited');
    const closed = this.#context.whyClosed(nowMs);
    if (closed && closed.code !== 'list-expired') return this.#fail(from, message, closed.code);
    const request = { party, peer, receiveFlow, sendFlow, way: hops, neighbour, ticket: null };
    const result = this.#context.options.relay.open(request, nowMs);
    if (result.kind === 'refused') return this.#fail(from, message, result.code);
    const outputs = this.#answers(result);
    if (next !== undefined) outputs.push({ kind: 'link', to: next, message });
    return outputs;
  }

  handleClose(from: string, message: HopClose): ControlOutput[] {
    const { party, receiveFlow, sendFlow, hops } = message;
    const place = placeAfter(hops, this.#me, from, 'onwards');
    const neighbour = this.#neighbours.known(from);
    if (place === null || neighbour === null) return this.#ignore('hop-bad-way');
    const half = { party, neighbour, receiveFlow, sendFlow };
    const closed = this.#context.options.relay.close(half, { way: hops });
    const next = hops[place + 1];
    return closed && next !== undefined ? [{ kind: 'link', to: next, message }] : [];
  }

  /** A supernode further on refuses. */
  handleFailed(from: string, message: HopFailed): ControlOutput[] {
    const place = placeAfter(message.hops, this.#me, from, 'back');
    if (place === null) return this.#ignore('hop-bad-way');
    return this.#failBack(place, message, { onlyWaiting: false });
  }

  /** There is no link to the next supernode. A flow that is carried already needs none. */
  handleLinkFailed({ party, receiveFlow, sendFlow, hops }: HopOpen): ControlOutput[] {
    const place = hops.indexOf(this.#me);
    const message = { t: 'hop-failed' as const, party, receiveFlow, sendFlow, hops, code: 'hop-unreachable' };
    return this.#failBack(place, message, { onlyWaiting: true });
  }

  /** Ends the flow here, and tells whoever asked for it. */
  #failBack(place: number, message: HopFailed, { onlyWaiting }: { onlyWaiting: boolean }): ControlOutput[] {
    const { party, receiveFlow, sendFlow, hops, code } = message;
    const before = place === 0 ? null : this.#neighbours.known(hops[place - 1]!);
    if (place > 0 && before === null) return [];
    const half = { party, neighbour: before, receiveFlow, sendFlow };
    const closed = this.#context.options.relay.close(half, { way: hops, onlyWaiting });
    if (closed === null) return [];
    if (closed.ticket === null) return [{ kind: 'link', to: hops[place - 1]!, message }];
    this.#context.count(code);
    return [relayFailed(closed.ticket, code, 'a supernode on the way refuses, or cannot be reached')];
  }

  #fail(to: string, { party, receiveFlow, sendFlow, hops }: HopOpen, code: string): ControlOutput[] {
    this.#context.count(`hop-${code}`);
    return [{ kind: 'link', to, message: { t: 'hop-failed', party, receiveFlow, sendFlow, hops, code } }];
  }

  #ignore(code: string): ControlOutput[] {
    this.#context.count(code);
    return [];
  }

  get #me(): string {
    return this.#context.options.supernode;
  }

  #isListed(id: string): boolean {
    return this.#context.node(id) !== null;
  }
}
