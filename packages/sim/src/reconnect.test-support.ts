import {
  AttachGate,
  type AttachGateLimits,
  AttachPolicy,
  type ListedChoice,
  type Rate,
  TokenBucket,
} from '@overcall/overlay';
import { EventQueue } from './event-queue.ts';
import { Random } from './random.ts';

/**
 * Everybody comes at once: the attach policies of softphones and the gates of supernodes, both as they run for real, on a
 * virtual clock and a plane where distance is delay. No packets, no cryptography.
 */
export interface ReconnectOptions {
  softphones: number;
  supernodes: number;
  /** Of these, so many are killed, %. */
  killedPct: number;
  seed: number;
  /** Of one supernode. */
  maxAttached: number;
  attaches: AttachGateLimits;
  connections: Rate;
}

export interface ReconnectResult {
  /** From the blow until a softphone is attached again, and until it has its spare, ms, in order. */
  backMs: number[];
  bothMs: number[];
  /** Still not attached at the end. */
  missing: number;
  /** The most that any supernode had in any second, or at any time, of its limit. */
  worstAttachRate: number;
  worstConnectionRate: number;
  worstAttached: number;
  /** Attaches that were sent away, and attempts in all, after the blow. */
  shed: number;
  attempts: number;
  /** Most requests for a round trip that one supernode had in a second. */
  mostMeasurements: number;
}

/** Round trip of neighbours, and across the plane's edge, ms. */
const LEAST_RTT_MS = 4;
const EDGE_RTT_MS = 160;
/** TCP and TLS, then the attach itself, in round trips. */
const CONNECT_ROUND_TRIPS = 3;
/** Checking signatures, ms. */
const CHECK_MS = 5;
const FULL_RETRY_MS = 30_000;
/** A host that has vanished answers nothing. */
const CONNECT_TIMEOUT_MS = 5000;
const ANSWER_TIMEOUT_MS = 5000;
const MEASURE_TIMEOUT_MS = 1500;
/** Softphones come up within this before the blow, and settle for as long, ms. */
const WARM_UP_MS = 120_000;
/** All connections break within this, ms. */
const BLOW_MS = 1000;
const WATCH_MS = 120_000;

export function reconnectAtOnce(options: ReconnectOptions): ReconnectResult {
  return new Crowd(options).play();
}

interface Place {
  x: number;
  y: number;
}

/** Things in each second. */
class PerSecond {
  readonly #counts = new Map<number, number>();

  count(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
  }

  get most(): number {
    return Math.max(0, ...this.#counts.values());
  }
}

class SimSupernode implements ListedChoice {
  readonly id: string;
  readonly prefixes: string[];
  readonly place: Place;
  readonly gate: AttachGate;
  readonly connections: TokenBucket;
  readonly waiting = new Map<number, () => void>();
  readonly attached = new Set<number>();
  readonly attachRate = new PerSecond();
  readonly connectionRate = new PerSecond();
  readonly measurements = new PerSecond();
  mostAttached = 0;
  isUp = true;
  turnAtMs = Number.POSITIVE_INFINITY;

  constructor(index: number, place: Place, { attaches, connections }: ReconnectOptions) {
    this.id = `s${index}`;
    this.prefixes = [`net${index}`];
    this.place = place;
    this.gate = new AttachGate(attaches, 0);
    this.connections = new TokenBucket(connections, 0);
  }
}

interface SimSoftphone {
  index: number;
  place: Place;
  policy: AttachPolicy;
  attached: Set<SimSupernode>;
  wakeAtMs: number;
  backAtMs: number | null;
  bothAtMs: number | null;
}

class Crowd {
  readonly #options: ReconnectOptions;
  readonly #queue = new EventQueue();
  readonly #random: Random;
  readonly #supernodes: SimSupernode[];
  readonly #byId: Map<string, SimSupernode>;
  readonly #softphones: SimSoftphone[] = [];
  #nowMs = 0;
  #blowAtMs = Number.POSITIVE_INFINITY;
  #lastConnection = 0;
  #attempts = 0;

  constructor(options: ReconnectOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#supernodes = Array.from(
      { length: options.supernodes },
      (_, index) => new SimSupernode(index, this.#somewhere(), options),
    );
    this.#byId = new Map(this.#supernodes.map((each) => [each.id, each]));
  }

  #somewhere(): Place {
    return { x: this.#random.fraction(), y: this.#random.fraction() };
  }

  play(): ReconnectResult {
    for (let index = 0; index < this.#options.softphones; index++)
      this.#at(this.#random.fraction() * WARM_UP_MS, () => this.#start());
    this.#runUntil(2 * WARM_UP_MS);
    this.#blow();
    this.#runUntil(this.#blowAtMs + WATCH_MS);
    return this.#result();
  }

  #start(): void {
    const softphone: SimSoftphone = {
      index: this.#softphones.length,
      place: this.#somewhere(),
      policy: new AttachPolicy(() => this.#random.fraction()),
      attached: new Set(),
      wakeAtMs: Number.POSITIVE_INFINITY,
      backAtMs: null,
      bothAtMs: null,
    };
    this.#softphones.push(softphone);
    softphone.policy.setListed(this.#supernodes, this.#nowMs);
    this.#turn(softphone);
  }

  /** Some supernodes are gone, and everybody's connections break within a second. */
  #blow(): void {
    this.#blowAtMs = this.#nowMs;
    this.#attempts = 0;
    const killed = Math.round((this.#options.supernodes * this.#options.killedPct) / 100);
    const left = [...this.#supernodes];
    for (let index = 0; index < killed; index++)
      left.splice(this.#random.below(left.length), 1)[0]!.isUp = false;
    for (const softphone of this.#softphones)
      this.#at(this.#random.fraction() * BLOW_MS, () => {
        for (const supernode of [...softphone.attached]) {
          this.#detach(softphone, supernode);
          softphone.policy.handleLost(supernode.id, this.#nowMs);
        }
        this.#turn(softphone);
      });
  }

  #at(afterMs: number, fire: () => void): void {
    this.#queue.add(this.#nowMs + afterMs, { fire });
  }

  #runUntil(endMs: number): void {
    while (this.#queue.nextAtMs <= endMs) {
      this.#nowMs = Math.max(this.#nowMs, this.#queue.nextAtMs);
      this.#queue.takeNext()!.fire();
    }
    this.#nowMs = endMs;
  }

  #rttMs({ place: a }: SimSoftphone, { place: b }: SimSupernode): number {
    return LEAST_RTT_MS + EDGE_RTT_MS * Math.hypot(a.x - b.x, a.y - b.y);
  }

  #turn(softphone: SimSoftphone): void {
    for (const output of softphone.policy.poll(this.#nowMs)) {
      if (output.type === 'measure')
        for (const id of output.supernodes) this.#measure(softphone, this.#byId.get(id)!);
      else if (output.type === 'attach') this.#connect(softphone, this.#byId.get(output.supernode)!);
      else if (output.type === 'leave') this.#detach(softphone, this.#byId.get(output.supernode)!);
    }
    const { deadline } = softphone.policy;
    if (deadline >= softphone.wakeAtMs || deadline === Number.POSITIVE_INFINITY) return;
    softphone.wakeAtMs = deadline;
    this.#at(Math.max(0, deadline - this.#nowMs), () => {
      if (softphone.wakeAtMs !== deadline) return;
      softphone.wakeAtMs = Number.POSITIVE_INFINITY;
      this.#turn(softphone);
    });
  }

  #tell(softphone: SimSoftphone, verb: (policy: AttachPolicy, nowMs: number) => void): void {
    verb(softphone.policy, this.#nowMs);
    this.#turn(softphone);
  }

  #measure(softphone: SimSoftphone, supernode: SimSupernode): void {
    supernode.measurements.count(this.#nowMs);
    const rttMs = supernode.isUp ? this.#rttMs(softphone, supernode) : null;
    this.#at(rttMs ?? MEASURE_TIMEOUT_MS, () =>
      this.#tell(softphone, (policy, nowMs) => policy.handleMeasured(supernode.id, rttMs, nowMs)),
    );
  }

  #connect(softphone: SimSoftphone, supernode: SimSupernode): void {
    this.#attempts++;
    const rttMs = this.#rttMs(softphone, supernode);
    if (!supernode.isUp) this.#at(CONNECT_TIMEOUT_MS, () => this.#fail(softphone, supernode));
    else
      this.#at(rttMs / 2, () => {
        if (!supernode.connections.take(this.#nowMs)) {
          this.#at(rttMs / 2, () => this.#fail(softphone, supernode));
          return;
        }
        supernode.connectionRate.count(this.#nowMs);
        this.#at(CONNECT_ROUND_TRIPS * rttMs, () => this.#attach(softphone, supernode, rttMs));
      });
  }

  #fail(softphone: SimSoftphone, { id }: SimSupernode, retryAfterMs?: number): void {
    this.#tell(softphone, (policy, nowMs) => policy.handleFailed(id, retryAfterMs, nowMs));
  }

  #attach(softphone: SimSoftphone, supernode: SimSupernode, rttMs: number): void {
    const connection = ++this.#lastConnection;
    const turn = supernode.gate.handleAttach(connection, this.#nowMs);
    if (turn === 'now') this.#check(softphone, supernode, rttMs);
    else if (turn === 'waits') {
      supernode.waiting.set(connection, () => this.#check(softphone, supernode, rttMs));
      this.#wakeGate(supernode);
      this.#at(ANSWER_TIMEOUT_MS, () => {
        if (!supernode.waiting.delete(connection)) return;
        supernode.gate.handleDisconnect(connection);
        this.#fail(softphone, supernode);
      });
    } else this.#at(rttMs / 2, () => this.#fail(softphone, supernode, turn.retryAfterMs));
  }

  #wakeGate(supernode: SimSupernode): void {
    const { deadline } = supernode.gate;
    if (deadline === null || deadline >= supernode.turnAtMs) return;
    supernode.turnAtMs = deadline;
    this.#at(Math.max(0, deadline - this.#nowMs), () => {
      supernode.turnAtMs = Number.POSITIVE_INFINITY;
      for (const connection of supernode.gate.due(this.#nowMs)) {
        const check = supernode.waiting.get(connection);
        supernode.waiting.delete(connection);
        check?.();
      }
      this.#wakeGate(supernode);
    });
  }

  #check(softphone: SimSoftphone, supernode: SimSupernode, rttMs: number): void {
    supernode.attachRate.count(this.#nowMs);
    this.#at(CHECK_MS + rttMs / 2, () => {
      if (supernode.attached.size >= this.#options.maxAttached) {
        this.#fail(softphone, supernode, FULL_RETRY_MS);
        return;
      }
      supernode.attached.add(softphone.index);
      softphone.attached.add(supernode);
      supernode.mostAttached = Math.max(supernode.mostAttached, supernode.attached.size);
      if (softphone.attached.size >= 1) softphone.backAtMs ??= this.#afterBlow;
      if (softphone.attached.size >= 2) softphone.bothAtMs ??= this.#afterBlow;
      const load = Math.max(supernode.attached.size / this.#options.maxAttached, supernode.gate.level);
      this.#tell(softphone, (policy, nowMs) => policy.handleAttached(supernode, { rttMs, load }, nowMs));
      this.#at(CONNECT_ROUND_TRIPS * rttMs, () => {
        if (softphone.attached.has(supernode))
          this.#tell(softphone, (policy, nowMs) => policy.handleRelay(supernode.id, true, nowMs));
      });
    });
  }

  get #afterBlow(): number | null {
    return this.#nowMs >= this.#blowAtMs ? this.#nowMs - this.#blowAtMs : null;
  }

  #detach(softphone: SimSoftphone, supernode: SimSupernode): void {
    softphone.attached.delete(supernode);
    supernode.attached.delete(softphone.index);
  }

  #result(): ReconnectResult {
    const { attaches, connections, maxAttached } = this.#options;
    const most = (of: (supernode: SimSupernode) => number) => Math.max(...this.#supernodes.map(of));
    const times = (of: (softphone: SimSoftphone) => number | null) =>
      this.#softphones
        .map(of)
        .filter((ms) => ms !== null)
        .sort((a, b) => a - b);
    return {
      backMs: times(({ backAtMs }) => backAtMs),
      bothMs: times(({ bothAtMs }) => bothAtMs),
      missing: this.#softphones.filter(({ attached }) => attached.size === 0).length,
      worstAttachRate: most(({ attachRate }) => attachRate.most) / attaches.checks.perSecond,
      worstConnectionRate: most(({ connectionRate }) => connectionRate.most) / connections.perSecond,
      worstAttached: most(({ mostAttached }) => mostAttached) / maxAttached,
      shed: this.#supernodes.reduce((sum, { gate }) => sum + gate.shed, 0),
      attempts: this.#attempts,
      mostMeasurements: most(({ measurements }) => measurements.most),
    };
  }
}
