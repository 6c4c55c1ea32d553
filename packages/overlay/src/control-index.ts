import type { LinkMessage } from '@overcall/wire';
import type { ControlContext, ControlOutput } from './control-context.ts';
import { INDEX_GETS, INDEX_PUTS, indexCapacity, MAX_INDEX_CHECKS, MAX_INDEX_PEERS } from './index-limits.ts';
import { type Asker, type FoundRecords, IndexLookups } from './index-lookups.ts';
import { IndexMoves } from './index-moves.ts';
import type { ListedNodes } from './listed-nodes.ts';
import { fittingEndpoints } from './lookup-result.ts';
import { type Presence, PresenceTable } from './presence.ts';
import { INDEX_COPIES, type IndexRing, indexRings } from './presence-index.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

type IndexPut = Extract<LinkMessage, { t: 'index-put' }>;
type IndexGet = Extract<LinkMessage, { t: 'index-get' }>;
type IndexResult = Extract<LinkMessage, { t: 'index-result' }>;

/** What is to become of records once their signatures have been checked. */
type Check = { from: string } & ({ kind: 'put' } | { kind: 'result'; request: number });

const SWEEP_MS = 10_000;
/** How long a keeper that there was no link to is passed over. */
const SUSPECT_MS = 30_000;

/**
 * The presence index as one supernode has part in it: it keeps the records of names that fall to it, puts those of its own
 * softphones to their keepers, and asks keepers for who is looked up.
 */
export class ControlIndex {
  readonly #context: ControlContext;
  /** Records that others have put here. */
  readonly #kept: PresenceTable;
  readonly #lookups = new IndexLookups();
  readonly #moves = new IndexMoves();
  readonly #checks = new Map<number, Check>();
  readonly #puts = new PeerBuckets(INDEX_PUTS);
  readonly #gets = new PeerBuckets(INDEX_GETS);
  /** Where each record of a softphone here has been put. */
  readonly #putTo = new WeakMap<Presence, Set<string>>();
  /** Keepers that there was no link to, and until when they are passed over; null for "from the next tick on". */
  readonly #suspects = new Map<string, number | null>();
  #rings: readonly IndexRing[] = [];
  #dead = '';
  #lastCheck = 0;
  #sweepAtMs: number | null = null;

  constructor(context: ControlContext) {
    this.#context = context;
    const { maxAttachments } = context.options;
    this.#kept = new PresenceTable(indexCapacity(1, 1, INDEX_COPIES, maxAttachments), maxAttachments);
  }

  /** Records kept for others. */
  get size(): number {
    return this.#kept.size;
  }

  get pendingLookups(): number {
    return this.#lookups.size;
  }

  handleList(nodes: ListedNodes): void {
    for (const id of this.#suspects.keys()) if (nodes.get(id) === null) this.#suspects.delete(id);
    const [before] = this.#rings;
    this.#rings = nodes.all.length === 0 ? [] : indexRings(nodes.all, nodes.epochs, this.#rings);
    const { maxAttachments } = this.#context.options;
    const keepers = this.#rings[0]?.size ?? 1;
    this.#kept.resize(indexCapacity(nodes.all.length, keepers, INDEX_COPIES, maxAttachments));
    // Most new lists only have newcomers, who wait for the next epoch.
    if (!this.#rings[0]?.isSameAs(before)) this.#moves.want();
  }

  /** A softphone here has announced itself, or withdrawn. */
  put(presence: Presence, nowMs: number): ControlOutput[] {
    const { chain, record } = presence;
    // Who was dead meanwhile may have forgotten it.
    const known = new Set([...(this.#putTo.get(presence) ?? [])].filter(this.#isAlive));
    const keepers = this.#rings[0]?.nodesFor(presence.name, this.#isAlive) ?? [];
    const fresh = keepers.filter((id) => !known.has(id));
    this.#putTo.set(presence, new Set([...known, ...fresh]));
    if (fresh.includes(this.#me)) this.#keep(presence, this.#me, nowMs);
    return fresh
      .filter((id) => id !== this.#me)
      .map((to) => ({ kind: 'link', to, message: { t: 'index-put', chain, record } }));
  }

  handlePut(from: string, { chain, record }: IndexPut, nowMs: number): ControlOutput[] {
    this.#suspects.delete(from);
    if (!this.#puts.take(from, nowMs)) return this.#ignore('index-rate-limited');
    return this.#check({ kind: 'put', from }, [{ chain, record }]);
  }

  handleGet(from: string, { id, name }: IndexGet, nowMs: number): ControlOutput[] {
    this.#suspects.delete(from);
    if (!this.#gets.take(from, nowMs)) return this.#ignore('index-rate-limited');
    const endpoints = fittingEndpoints(this.#own(name, nowMs));
    return [{ kind: 'link', to: from, message: { t: 'index-result', id, endpoints } }];
  }

  handleResult(from: string, { id, endpoints }: IndexResult, nowMs: number): ControlOutput[] {
    this.#suspects.delete(from);
    if (this.#lookups.nameAsked(id, from) === null) return this.#ignore('index-not-asked');
    if (endpoints.length > 0) return this.#check({ kind: 'result', from, request: id }, endpoints);
    this.#lookups.handleAnswer(id, from, [], nowMs);
    return [];
  }

  /** Those of the records of a `check-records` output that are validly signed, by devices that are not revoked. */
  handleChecked(check: number, valid: readonly Presence[], nowMs: number): void {
    const known = this.#checks.get(check);
    this.#checks.delete(check);
    if (known?.kind === 'result') this.#lookups.handleAnswer(known.request, known.from, valid, nowMs);
    if (known?.kind !== 'put') return;
    const [presence] = valid;
    // Only where a softphone is attached its records come from: nobody brings old ones back.
    if (presence?.supernodes.includes(known.from)) this.#keep(presence, known.from, nowMs);
    else this.#context.count('index-invalid');
  }

  /** Asks the keepers of a name; answers come from {@link handleTimeout}. */
  find(asker: Asker, name: string, nowMs: number): ControlOutput[] {
    const keepers = new Set(this.#rings.flatMap((ring) => ring.nodesFor(name, this.#isAlive)));
    keepers.delete(this.#me);
    const asked = this.#lookups.hasRoom ? [...keepers] : [];
    if (asked.length < keepers.size) this.#context.count('index-busy');
    const own = this.#own(name, nowMs);
    const id = this.#lookups.start(asker, name, { keepers: asked, own }, nowMs);
    return asked.map((to) => ({ kind: 'link', to, message: { t: 'index-get', id, name } }));
  }

  /** A message did not leave: answers of that keeper are not waited for, and the next in rank takes its place for now. */
  handleLinkFailed(to: string, message: IndexPut | IndexGet): void {
    if (message.t === 'index-get') this.#lookups.handleAnswer(message.id, to, [], 0);
    this.#suspects.set(to, null);
    this.#moves.want();
  }

  /** A softphone here has detached. Where it is named to be here alone it is nowhere now. */
  handleDetached({ name, device, endpoint }: { name: string; device: string; endpoint: string }): void {
    const [kept] = this.#kept
      .records(name, 0)
      .filter((each) => each.device === device && each.endpoint === endpoint);
    if (kept?.supernodes.every((id) => id === this.#me)) this.#kept.remove(name, kept);
  }

  /** Once a second: who is dead, or back. */
  handleTick(nowMs: number): void {
    for (const [id, untilMs] of this.#suspects) {
      if (untilMs === null) this.#suspects.set(id, nowMs + SUSPECT_MS);
      else if (nowMs >= untilMs) this.#suspects.delete(id);
    }
    const dead = this.#rings.flatMap((ring) => ring.ids.filter((id) => !this.#isAlive(id))).join(' ');
    if (dead === this.#dead) return;
    this.#dead = dead;
    this.#moves.want();
  }

  handleTimeout(nowMs: number): { outputs: ControlOutput[]; found: FoundRecords[] } {
    const { presence } = this.#context;
    const moving = this.#moves.handleTimeout(presence.all(), nowMs).filter((each) => presence.has(each));
    if (this.#sweepAtMs !== null && nowMs >= this.#sweepAtMs) {
      this.#kept.sweep(nowMs);
      this.#sweepAtMs = this.#kept.size > 0 ? nowMs + SWEEP_MS : null;
    }
    return {
      outputs: moving.flatMap((each) => this.put(each, nowMs)),
      found: this.#lookups.handleTimeout(nowMs),
    };
  }

  get deadline(): number | null {
    const deadlines = [this.#moves.deadline, this.#lookups.deadline, this.#sweepAtMs];
    const set = deadlines.filter((at) => at !== null);
    return set.length === 0 ? null : Math.min(...set);
  }

  #own(name: string, nowMs: number): Presence[] {
    return [...this.#context.presence.records(name, nowMs), ...this.#kept.records(name, nowMs)];
  }

  #keep(presence: Presence, from: string, nowMs: number): void {
    const code = this.#kept.put(presence, nowMs, from);
    if (code === 'full') this.#context.count('index-full');
    if (this.#kept.size > 0) this.#sweepAtMs ??= nowMs + SWEEP_MS;
  }

  #check(check: Check, records: IndexResult['endpoints']): ControlOutput[] {
    if (this.#checks.size >= MAX_INDEX_CHECKS) return this.#ignore('index-busy');
    this.#checks.set(++this.#lastCheck, check);
    return [{ kind: 'check-records', check: this.#lastCheck, records }];
  }

  #ignore(code: string): ControlOutput[] {
    this.#context.count(code);
    return [];
  }

  get #me(): string {
    return this.#context.options.supernode;
  }

  readonly #isAlive = (id: string): boolean =>
    id === this.#me || (!this.#suspects.has(id) && this.#context.options.isAlive(id));
}

/** A rate for each supernode. */
class PeerBuckets {
  readonly #rate: Rate;
  readonly #byPeer = new Map<string, TokenBucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  take(peer: string, nowMs: number): boolean {
    const bucket = this.#byPeer.get(peer) ?? new TokenBucket(this.#rate, nowMs);
    this.#byPeer.delete(peer);
    this.#byPeer.set(peer, bucket);
    if (this.#byPeer.size > MAX_INDEX_PEERS) this.#byPeer.delete(this.#byPeer.keys().next().value!);
    return bucket.take(nowMs);
  }
}
