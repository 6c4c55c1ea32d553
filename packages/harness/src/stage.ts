/** Where a program runs: `alice`, `bob`, `directory`, `supernode`, `supernode-b` and so on. */
export type Place = string;

/** Packets being written to a file. */
interface StageCapture {
  readonly file: string;
  stop(): Promise<unknown>;
}

/** The network in which programs meet: loopback, or a NAT lab (`@overcall/nat-lab` makes that one). */
export interface Stage {
  readonly kind: 'lab' | 'loopback';
  /** One line for people: what stands between the two softphones. */
  readonly description: string;
  addressOf(place: Place): string;
  /** What to spawn so that `argv` runs there. */
  command(place: Place, argv: readonly string[]): string[];
  /** What programs there find in their environment, besides what everybody has. */
  environmentOf?(place: Place): Record<string, string>;
  /** Writes a pcap; null on loopback, where it would take rights that nobody should need. */
  capture(place: Place, file: string): Promise<StageCapture | null>;
  close(): Promise<void>;
}

export function openLoopbackStage(): Stage {
  return {
    kind: 'loopback',
    description: 'loopback, without NATs',
    addressOf: () => '127.0.0.1',
    command: (_place, argv) => [...argv],
    capture: async () => null,
    close: async () => {},
  };
}
