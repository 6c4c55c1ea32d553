import type { Ground } from './ground.ts';
import {
  calleeOf,
  callerOf,
  type Direction,
  plainDirection,
  type RelayUnderTest,
} from './relay-under-test.ts';

/**
 * No relay at all: the kernel in its place routes packets back to where they came from. What the table says of it is what
 * the generator, the wire and the machine add to the figures of every relay.
 */
export class Wire implements RelayUnderTest {
  readonly name = 'no relay';
  readonly pid = null;
  #calls = 0;

  static async start(ground: Ground): Promise<Wire> {
    ground.routeBack();
    return new Wire();
  }

  async open(count: number): Promise<Direction[]> {
    return Array.from({ length: count }, () => {
      const index = this.#calls++;
      const [a, b] = [callerOf(index), calleeOf(index)];
      return [plainDirection(a, b, b), plainDirection(b, a, a)];
    }).flat();
  }

  async rssBytes(): Promise<number> {
    return 0;
  }

  async stop(): Promise<void> {}
}
