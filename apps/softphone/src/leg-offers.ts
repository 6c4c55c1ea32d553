import { type ReadyLeg, RouteChoice, WANTED_ROUTES } from '@overcall/call';
import { DeadlineTimer, monotonicMs, secureRandom } from '@overcall/net';
import { drawn } from '@overcall/overlay';

/** Routes that a ping looks at. */
const PING_ROUTES = 2;
/** Supernodes of the list, drawn by chance, that may serve as a reserve when neither side is attached to one more. */
const MAX_OTHERS = 8;

export interface LegOffersOptions {
  leg: ReadyLeg;
  mine: readonly string[];
  /** Supernodes of the signed list. */
  listed: readonly string[];
  mayAttach: boolean;
  offer(ways: string[][]): void;
}

/** Runs the choice of routes of one leg on the clock. */
export class LegOffers {
  readonly #choice: RouteChoice;
  readonly #offer: (ways: string[][]) => void;
  readonly #timer = new DeadlineTimer(() => this.#offerNow());

  constructor({ leg, mine, listed, mayAttach, offer }: LegOffersOptions) {
    const isPing = leg.purpose === 'ping';
    this.#choice = new RouteChoice({
      mine,
      theirs: leg.supernodes,
      others: isPing ? [] : drawn(listed, MAX_OTHERS, secureRandom),
      mayAttach,
      count: isPing ? PING_ROUTES : WANTED_ROUTES,
    });
    this.#offer = offer;
    this.act((choice, nowMs) => choice.setMine(mine, [], nowMs));
  }

  act(verb: (choice: RouteChoice, nowMs: number) => void): void {
    verb(this.#choice, monotonicMs());
    this.#setTimer();
  }

  #offerNow(): void {
    this.#offer(this.#choice.offers(monotonicMs()));
    this.#setTimer();
  }

  #setTimer(): void {
    const { deadline } = this.#choice;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  close(): void {
    this.#timer.set(null);
  }
}
