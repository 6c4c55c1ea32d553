import { type LinkMessage, toBase64Url } from '@overcall/wire';
import type { LinkFailure } from '../control-context.ts';
import { TokenBucket } from '../token-bucket.ts';
import {
  CROSSING_MS,
  DIAL_RATE,
  GOOD_AFTER_MS,
  IDLE_MS,
  LINK_VERSIONS,
  MAX_DIALS,
  MAX_LINK_BACKLOG_BYTES,
  MAX_LINKS,
  MAX_ON_DEMAND,
  TICK_MS,
} from './link-limits.ts';
import { LinkSession, type LinkStep } from './link-session.ts';
import type { LinkClose, LinkOutput, LinksOptions } from './links-types.ts';
import { PeerStates } from './peer-states.ts';
import { PendingMessages } from './pending-messages.ts';
import { Rechecks } from './rechecks.ts';

/** How a link has ended. */
type Ending = 'normal' | 'refused' | 'broken' | 'dead';

/** What it says of the other supernode that a link was closed; the rest is its fault, or its list is another one. */
const WHAT_IT_SAYS: Record<string, Ending> = {
  evicted: 'normal',
  idle: 'normal',
  replaced: 'normal',
  full: 'normal',
  silent: 'dead',
  'handshake-timeout': 'dead',
};

/**
 * Links of this supernode to others: those it wants to hold, those that messages need, those that others open. Both sides
 * prove who they are; of two links between the same two, one remains. Pure: signatures and sockets are elsewhere.
 */
export class Links {
  readonly #options: LinksOptions;
  readonly peers: PeerStates;
  /** What was refused, dropped or closed, by code. */
  readonly counts = new Map<string, number>();
  readonly #sessions = new Map<number, LinkSession>();
  /** The joined one of each supernode that is in use. */
  readonly #joined = new Map<string, LinkSession>();
  readonly #dialing = new Map<string, LinkSession>();
  readonly #pending = new PendingMessages();
  readonly #dialBucket: TokenBucket;
  readonly #rechecks: Rechecks;
  #listed: ReadonlySet<string> = new Set();
  #wanted: ReadonlySet<string> = new Set();
  #lastLink = 0;
  #nextTickMs: number | null = null;

  constructor(options: LinksOptions, nowMs: number) {
    this.#options = options;
    this.peers = new PeerStates(options.random);
    this.#rechecks = new Rechecks(options.random);
    this.#dialBucket = new TokenBucket(DIAL_RATE, nowMs);
  }

  /** Supernodes that are linked. */
  get linked(): IterableIterator<string> {
    return this.#joined.keys();
  }

  get size(): number {
    return this.#joined.size;
  }

  /** Connections of all kinds, those of strangers too. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Whether both have proven who they are on this link. */
  isJoined(link: number): boolean {
    const phase = this.#sessions.get(link)?.phase;
    return phase === 'joined' || phase === 'lingering';
  }

  isLinked(supernode: string): boolean {
    return this.#joined.has(supernode);
  }

  /** Whether it is worth asking: what was never tried counts as alive. */
  isAlive(supernode: string): boolean {
    return this.#joined.has(supernode) || this.peers.isAlive(supernode);
  }

  /** The supernodes of a newer list, without this one. */
  handleList(listed: ReadonlySet<string>, nowMs: number): LinkOutput[] {
    this.#listed = listed;
    this.peers.keep(listed);
    this.#rechecks.keep(listed);
    const outputs: LinkOutput[] = [];
    for (const session of [...this.#sessions.values()])
      if (session.peer !== null && !listed.has(session.peer))
        outputs.push(...this.#close(session, 'not-listed', nowMs));
    return outputs;
  }

  /** Supernodes to hold links to from now on. */
  setWanted(wanted: ReadonlySet<string>, nowMs: number): LinkOutput[] {
    this.#wanted = wanted;
    this.#startTicking(nowMs);
    return this.#dialWanted(nowMs);
  }

  deliver(to: string, message: LinkMessage, nowMs: number): LinkOutput[] {
    const session = this.#joined.get(to);
    if (session) return this.#send(session, message, nowMs);
    const dialed = this.#dialing.has(to) ? [] : this.#dialFor(to, nowMs);
    if (dialed === null) return [this.#fail(to, message, 'no-link')];
    const shed = this.#pending.add(to, message, nowMs);
    return shed === null ? dialed : [...dialed, this.#fail(to, shed, 'overloaded')];
  }

  #send(session: LinkSession, message: LinkMessage, nowMs: number): LinkOutput[] {
    if (this.#options.backlogBytes(session.number) > MAX_LINK_BACKLOG_BYTES)
      return [this.#fail(session.peer!, message, 'overloaded')];
    session.usedAtMs = nowMs;
    return [{ kind: 'send', link: session.number, message }];
  }

  #fail(to: string, message: LinkMessage, code: LinkFailure): LinkOutput {
    this.#count(code);
    return { kind: 'failed', to, message, code };
  }

  /** Null when this supernode is not to be reached now. */
  #dialFor(to: string, nowMs: number): LinkOutput[] | null {
    if (!this.#listed.has(to) || !this.peers.mayDial(to, nowMs)) return null;
    if (this.#dialing.size >= MAX_DIALS || !this.#dialBucket.take(nowMs)) return null;
    this.#rechecks.delete(to);
    const session = this.#open(to, nowMs);
    this.#dialing.set(to, session);
    return [{ kind: 'dial', link: session.number, to }];
  }

  #open(dialed: string | null, nowMs: number): LinkSession {
    const nonce = toBase64Url(this.#options.randomBytes(16));
    const session = new LinkSession(++this.#lastLink, nonce, dialed, nowMs);
    this.#sessions.set(session.number, session);
    this.#startTicking(nowMs);
    return session;
  }

  /** Somebody has connected. */
  accept(nowMs: number): { link: number; outputs: LinkOutput[] } {
    const session = this.#open(null, nowMs);
    return { link: session.number, outputs: [this.#hello(session)] };
  }

  /** A dial has got through. */
  handleOpened(link: number): LinkOutput[] {
    const session = this.#sessions.get(link);
    if (session?.phase !== 'connecting') return [];
    session.handleOpened();
    return [this.#hello(session)];
  }

  #hello({ number, nonce }: LinkSession): LinkOutput {
    const { supernode } = this.#options;
    return {
      kind: 'send',
      link: number,
      message: { t: 'hello', versions: [...LINK_VERSIONS], supernode, nonce },
    };
  }

  handleText(link: number, text: string, nowMs: number): LinkOutput[] {
    const session = this.#sessions.get(link);
    return session ? this.#follow(session, session.handleText(text, nowMs), nowMs) : [];
  }

  #follow(session: LinkSession, step: LinkStep, nowMs: number): LinkOutput[] {
    switch (step.kind) {
      case 'hello':
        return this.#handleHello(session, step.supernode, nowMs);
      case 'join':
        return [
          {
            kind: 'check-join',
            link: session.number,
            proof: step.proof,
            from: session.peer!,
            theirNonce: session.theirNonce!,
            ourNonce: session.nonce,
          },
        ];
      case 'pong':
        return [{ kind: 'send', link: session.number, message: { t: 'pong', id: step.id } }];
      case 'message':
        return [{ kind: 'message', from: session.peer!, message: step.message }];
      case 'hold':
        return [];
      case 'drop':
        if (step.code !== 'pong') this.#count(step.code);
        return [];
      case 'close':
        return this.#close(session, step.code, nowMs);
    }
  }

  #handleHello(session: LinkSession, supernode: string, nowMs: number): LinkOutput[] {
    if (supernode === this.#options.supernode) return this.#close(session, 'not-listed', nowMs);
    if (!this.#listed.has(supernode))
      return [{ kind: 'unknown' }, ...this.#close(session, 'not-listed', nowMs)];
    // Who was dialed waits for the other's proof before it signs anything.
    return session.dialed === null ? [] : [this.#signJoin(session)];
  }

  #signJoin({ number, peer, nonce, theirNonce }: LinkSession): LinkOutput {
    return { kind: 'sign-join', link: number, audience: peer!, ownNonce: nonce, otherNonce: theirNonce! };
  }

  /** Our proof for a link. */
  handleSigned(link: number, proof: string, nowMs: number): LinkOutput[] {
    const session = this.#sessions.get(link);
    if (session?.phase !== (session?.dialed === null ? 'checking' : 'greeting')) return [];
    const join: LinkOutput = { kind: 'send', link, message: { t: 'join', proof } };
    session.handleSigned();
    return session.dialed === null ? [join, ...this.#join(session, nowMs)] : [join];
  }

  /** Whether the other's proof was good. */
  handleJoinChecked(link: number, isGood: boolean, nowMs: number): LinkOutput[] {
    const session = this.#sessions.get(link);
    if (session?.phase !== 'checking') return [];
    if (!isGood) return this.#close(session, 'bad-proof', nowMs);
    return session.dialed === null ? [this.#signJoin(session)] : this.#join(session, nowMs);
  }

  #join(session: LinkSession, nowMs: number): LinkOutput[] {
    const peer = session.peer!;
    const twin = this.#joined.get(peer);
    const outputs: LinkOutput[] = [];
    if (!twin) outputs.push(...this.#makeRoom(session, nowMs));
    if (session.phase === 'closed') return outputs;
    session.handleJoined(nowMs);
    const held = session.takeHeld(nowMs);
    if (this.#dialing.get(peer) === session) this.#dialing.delete(peer);
    this.#rechecks.delete(peer);
    this.peers.handleJoined(peer);
    if (twin && !this.#supersedes(session, twin, nowMs)) {
      session.linger(nowMs);
      return [...outputs, ...held.flatMap((step) => this.#follow(session, step, nowMs))];
    }
    twin?.linger(nowMs);
    this.#joined.set(peer, session);
    if (!twin) outputs.push({ kind: 'up', supernode: peer });
    for (const message of this.#pending.take(peer)) outputs.push(...this.#send(session, message, nowMs));
    for (const step of held) outputs.push(...this.#follow(session, step, nowMs));
    return outputs;
  }

  /**
   * Both sides keep the same one of two links that crossed: what the smaller key id dialed. When the other one has been
   * there for longer, whoever dialed anew has lost it.
   */
  #supersedes(session: LinkSession, twin: LinkSession, nowMs: number): boolean {
    const isSameDialer = (session.dialed === null) === (twin.dialed === null);
    if (isSameDialer || nowMs - twin.joinedAtMs > CROSSING_MS) return true;
    return (session.dialed !== null) === this.#options.supernode < session.peer!;
  }

  /** Closes an idle link when there are too many; without one the new link has to go. */
  #makeRoom(session: LinkSession, nowMs: number): LinkOutput[] {
    if (this.#joined.size < MAX_LINKS) return [];
    const idle = this.#leastUsed(() => true);
    if (idle && nowMs - idle.usedAtMs >= IDLE_MS) return this.#close(idle, 'evicted', nowMs, 'full');
    return this.#close(session, 'full', nowMs, 'full');
  }

  #leastUsed(fits: (session: LinkSession) => boolean): LinkSession | null {
    let least: LinkSession | null = null;
    for (const session of this.#joined.values()) {
      if (this.#wanted.has(session.peer!) || !fits(session)) continue;
      if (least === null || session.usedAtMs < least.usedAtMs) least = session;
    }
    return least;
  }

  #close(session: LinkSession, code: string, nowMs: number, why: LinkClose = 'policy'): LinkOutput[] {
    this.#count(code);
    const outputs = this.#forget(session, WHAT_IT_SAYS[code] ?? 'refused', nowMs);
    return [{ kind: 'close', link: session.number, why }, ...outputs];
  }

  /**
   * A connection has ended: `refused` when the other side wants no link now, `broken` without a word, also when it could not
   * be opened.
   */
  handleDisconnect(link: number, how: 'normal' | 'refused' | 'broken', nowMs: number): LinkOutput[] {
    const session = this.#sessions.get(link);
    return session ? this.#forget(session, how, nowMs) : [];
  }

  #forget(session: LinkSession, how: 'normal' | 'refused' | 'broken' | 'dead', nowMs: number): LinkOutput[] {
    const { number, phase, peer, dialed } = session;
    session.phase = 'closed';
    this.#sessions.delete(number);
    const wasInUse = peer !== null && this.#joined.get(peer) === session;
    if (wasInUse) {
      this.#joined.delete(peer);
      this.#handleLost(session, how, nowMs);
      return [{ kind: 'down', supernode: peer }];
    }
    if (dialed === null || this.#dialing.get(dialed) !== session || phase === 'lingering') return [];
    this.#dialing.delete(dialed);
    // Meanwhile it may have come by itself.
    if (this.#joined.has(dialed)) return [];
    const kind = how === 'broken' || how === 'dead' ? 'dead' : 'refused';
    this.peers.handleFailure(dialed, kind, this.#joined.size === 0, nowMs);
    return this.#pending.take(dialed).map((message) => this.#fail(dialed, message, 'no-link'));
  }

  #handleLost({ peer, joinedAtMs }: LinkSession, how: Ending, nowMs: number): void {
    if (nowMs - joinedAtMs >= GOOD_AFTER_MS) this.peers.handleGood(peer!);
    if (how === 'dead' || how === 'refused')
      this.peers.handleFailure(peer!, how, this.#joined.size === 0, nowMs);
    if (how === 'broken') this.#rechecks.add(peer!, nowMs);
  }

  handleTimeout(nowMs: number): LinkOutput[] {
    if (this.#nextTickMs === null || nowMs < this.#nextTickMs) return [];
    // This process stood still (or was stopped): what others sent meanwhile has not been read yet.
    const stallMs = nowMs - this.#nextTickMs;
    const outputs: LinkOutput[] = [];
    for (const session of [...this.#sessions.values()]) {
      if (stallMs > 4 * TICK_MS) session.heardAtMs += stallMs;
      outputs.push(...this.#tick(session, nowMs));
    }
    for (const { to, message } of this.#pending.takeLate(nowMs))
      outputs.push(this.#fail(to, message, 'no-link'));
    outputs.push(...this.#closeSurplus(nowMs), ...this.#dialWanted(nowMs));
    for (const id of this.#rechecks.take(nowMs))
      if (!this.#joined.has(id) && !this.#dialing.has(id)) outputs.push(...(this.#dialFor(id, nowMs) ?? []));
    const isIdle = this.#sessions.size === 0 && this.#wanted.size === 0 && this.#rechecks.size === 0;
    this.#nextTickMs = isIdle && this.#pending.supernodes === 0 ? null : nowMs + TICK_MS;
    return outputs;
  }

  #tick(session: LinkSession, nowMs: number): LinkOutput[] {
    const over = session.whyOver(nowMs);
    if (over !== null) return this.#close(session, over, nowMs, 'normal');
    const isIdle = session.isJoined && session.dialed !== null && nowMs - session.usedAtMs >= IDLE_MS;
    if (isIdle && !this.#wanted.has(session.peer!)) return this.#close(session, 'idle', nowMs, 'normal');
    if (!session.takePing(this.#options.random(), nowMs)) return [];
    return [{ kind: 'send', link: session.number, message: { t: 'ping', id: Math.floor(nowMs) } }];
  }

  /** Links opened for messages, beyond the number of them that is kept. */
  #closeSurplus(nowMs: number): LinkOutput[] {
    const isOnDemand = ({ dialed }: LinkSession) => dialed !== null;
    let onDemand = 0;
    for (const session of this.#joined.values())
      if (isOnDemand(session) && !this.#wanted.has(session.peer!)) onDemand++;
    const outputs: LinkOutput[] = [];
    for (; onDemand > MAX_ON_DEMAND; onDemand--) {
      const least = this.#leastUsed(isOnDemand);
      if (least) outputs.push(...this.#close(least, 'evicted', nowMs, 'normal'));
    }
    return outputs;
  }

  #dialWanted(nowMs: number): LinkOutput[] {
    const outputs: LinkOutput[] = [];
    for (const id of this.#wanted)
      if (!this.#joined.has(id) && !this.#dialing.has(id)) outputs.push(...(this.#dialFor(id, nowMs) ?? []));
    return outputs;
  }

  #startTicking(nowMs: number): void {
    this.#nextTickMs ??= nowMs + TICK_MS;
  }

  /** When {@link handleTimeout} has something to look at. */
  get nextDeadline(): number | null {
    return this.#nextTickMs;
  }

  #count(code: string): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
  }
}
