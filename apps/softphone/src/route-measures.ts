import type { MediaSession, Near, RouteChoice } from '@overcall/call';
import type { RouteKnowledge, Stretch } from '@overcall/overlay';
import type { MeasuredLink } from '@overcall/wire';

/** How often what the call has measured is looked at, ms. */
const LOOK_MS = 2000;
/** How often a supernode is asked for the links between others, at most, ms. */
const ASK_MS = 10_000;
/** Supernodes that are asked about: as many as a question holds. */
const MAX_ASKED = 16;

export interface RouteMeasuresOptions {
  /** How well we reach supernodes. */
  near(): Near;
  /** What our supernode knows of the links between these; null when it does not say. */
  linksBetween(supernodes: readonly string[]): Promise<readonly MeasuredLink[] | null>;
  choose(verb: (choice: RouteChoice, nowMs: number) => void): void;
  session(): MediaSession | undefined;
}

/** Gathers what is known of the supernodes between the two ends of a leg that we called for, and of its routes. */
export class RouteMeasures {
  readonly #options: RouteMeasuresOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #packetsByFlow = new Map<number, number>();
  #peerNear: Near = [];
  #links = new Map<string, Stretch>();
  #asked = '';
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RouteMeasuresOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** How well the peer reaches supernodes, as far as we may know. */
  setPeerNear(near: Near): void {
    this.#peerNear = near;
    this.#learn();
    void this.#ask();
  }

  #look(): void {
    this.#noteTraffic();
    void this.#ask();
  }

  #noteTraffic(): void {
    for (const { flow, packets, lossPct, rttMs } of this.#options.session()?.routeStats() ?? []) {
      const sent = Math.max(0, packets - (this.#packetsByFlow.get(flow) ?? 0));
      this.#packetsByFlow.set(flow, packets);
      const traffic = { sent, lost: (sent * (lossPct ?? 0)) / 100, rttMs };
      this.#options.choose((choice, nowMs) => choice.handleMeasured(flow, traffic, nowMs));
    }
  }

  async #ask(): Promise<void> {
    const ids = [...this.#options.near(), ...this.#peerNear].map(([id]) => id);
    const supernodes = [...new Set(ids)].sort().slice(0, MAX_ASKED);
    const question = supernodes.join(' ');
    const nowMs = performance.now();
    const isNews = question !== this.#asked;
    if (this.#peerNear.length === 0 || supernodes.length < 2) return;
    if (nowMs < this.#askedAtMs + (isNews ? LOOK_MS / 2 : ASK_MS)) return;
    this.#asked = question;
    this.#askedAtMs = nowMs;
    const links = await this.#options.linksBetween(supernodes);
    if (links === null) return;
    this.#links = new Map(
      links.map(([from, to, rttMs, lossPct]) => [
        `${supernodes[from]} ${supernodes[to]}`,
        { rttMs, lossPct },
      ]),
    );
    this.#learn();
  }

  #learn(): void {
    if (this.#peerNear.length === 0) return;
    const between: RouteKnowledge['between'] = (one, other) =>
      this.#links.get(`${one} ${other}`) ?? this.#links.get(`${other} ${one}`) ?? null;
    const known = { caller: stretchesOf(this.#options.near()), callee: stretchesOf(this.#peerNear), between };
    this.#options.choose((choice, nowMs) => choice.setKnowledge(known, nowMs));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

const stretchesOf = (near: Near): ReadonlyMap<string, Stretch> =>
  new Map(near.map(([id, rttMs, lossPct]) => [id, { rttMs, lossPct }]));
