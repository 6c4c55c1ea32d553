import { type Capture, checkLab, type Link, natPair, startLab, withLinks } from '@overcall/nat-lab';

/** Where the parts of a call run. */
export type Place = 'alice' | 'bob' | 'directory' | 'supernode';

export interface Stage {
  readonly kind: 'lab' | 'loopback';
  /** One line for people: what stands between the two softphones. */
  readonly description: string;
  addressOf(place: Place): string;
  /** What to spawn so that `argv` runs there. */
  command(place: Place, argv: readonly string[]): string[];
  /** Writes a pcap; null on loopback, where it would take rights that nobody should need. */
  capture(place: Place, file: string): Promise<Capture | null>;
  close(): Promise<void>;
}

export interface LabStageOptions {
  /** The access link of each softphone: between its NAT and everything else. Without it there is no delay. */
  link?: Link;
}

/** Namespaces with a NAT in front of each softphone; packets between the two NATs are dropped. */
export async function openLabStage({ link }: LabStageOptions = {}): Promise<Stage> {
  const lab = await startLab(link ? withLinks(natPair(), link) : natPair());
  const over = link ? `, access links ${JSON.stringify(link)}` : '';
  return {
    kind: 'lab',
    description: `network namespaces, a port-restricted NAT before each softphone, no direct packets between them${over}`,
    addressOf: (place) => lab.addressOf(place),
    command: (place, argv) => lab.command(place, argv),
    capture: (place, file) => lab.capture(place, file),
    close: () => lab.close(),
  };
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

/** The lab where this machine can have one, else loopback and the reason why. */
export async function openBestStage(): Promise<{ stage: Stage; whyNotLab: string | null }> {
  const check = await checkLab();
  if (check.possible) return { stage: await openLabStage(), whyNotLab: null };
  return { stage: openLoopbackStage(), whyNotLab: `${check.reason}; ${check.remedy}` };
}
