import { networkOf } from './oracle.ts';
import { Random } from './random.ts';
import type { HostSpec, Scenario } from './scenario.ts';
import {
  OTHER,
  SERVER_PORT,
  type Side,
  SimulatedRelay,
  serveAddresses,
} from './simulated-relay.test-support.ts';
import { FRAME_MS, SimulatedSoftphone } from './simulated-softphone.test-support.ts';
import { trueBehaviour } from './true-behaviour.ts';
import type { PairRun } from './try-pairs.ts';

/** The first audio waits for the answer; by then many a direct path has been found. */
const MAX_ANSWER_MS = 500;
/** What servers add to the way of a message from one to the other, at most, ms. */
const MAX_SIGNAL_MS = 80;
/** How long a direct path may take where the oracle says that there is one, ms. */
const DIRECT_LIMIT_MS = 6000;
/** How long a call goes on when the paths are as they should be, ms. */
const SETTLE_MS = 1000;
const RELAYED_MS = 3500;
const STAY_MS = 300;
const SIDES = ['alice', 'bob'] as const;
export const RELAY_NAMES = ['supernode', 'supernode-b', 'supernode-c'] as const;
const FIRST_RELAY_FLOW = 9;

/** A call between the two path agents of a random pair, over a relay and directly. */
export class SimulatedCall {
  readonly run: PairRun;
  /** In the order of their hosts: `supernode`, `supernode-b` and so on. */
  readonly relays: readonly SimulatedRelay[];
  readonly phones: Record<Side, SimulatedSoftphone>;
  #isTalking = false;

  /** @param options.relays how many of the hosts named supernode relay; `direct` whether there may be direct paths */
  constructor(run: PairRun, { audio = true, relays = 1, direct = true } = {}) {
    this.run = run;
    const { world, network, scenario, seed } = run;
    const random = new Random(seed ^ 0x0ca11);
    const linksMs = (scenario.links ?? []).reduce(
      (sum, { delayMs = 0, jitterMs = 0 }) => sum + delayMs + jitterMs,
      0,
    );
    const signalMs = linksMs + random.between(2, MAX_SIGNAL_MS);
    const answerMs = random.happens(50) ? 0 : random.below(MAX_ANSWER_MS);
    const second = network.host('supernode-b');
    this.relays = RELAY_NAMES.slice(0, relays).map(
      (name, index) => new SimulatedRelay(network.host(name), FIRST_RELAY_FLOW + index),
    );
    if (relays < 2) serveAddresses(second);
    const phone = (side: Side) =>
      new SimulatedSoftphone({
        side,
        world,
        host: network.host(side),
        network: networkAround(scenario, side),
        seed,
        relays: this.relays,
        mayGoDirect: direct,
        natOf: (seenPort) => trueBehaviour(networkOf(scenario, side), seenPort),
        secondServer: `${second.address}:${SERVER_PORT}`,
        isUdpBlocked: (scenario.firewalls ?? []).some(
          ({ at, kind }) => at === side && kind === 'udp-blocked',
        ),
        tell: (message) => world.at(world.now + signalMs, () => this.phones[OTHER[side]].handleTold(message)),
      });
    this.phones = { alice: phone('alice'), bob: phone('bob') };
    for (const side of SIDES) this.phones[side].start();
    if (audio) world.at(answerMs, () => this.#talkWhenBound());
  }

  #talkWhenBound(): void {
    const { world } = this.run;
    if (!SIDES.every((side) => this.phones[side].isBound)) {
      world.at(world.now + FRAME_MS, () => this.#talkWhenBound());
      return;
    }
    this.#isTalking = true;
    for (const side of SIDES) this.phones[side].talk();
  }

  get isTalking(): boolean {
    return this.#isTalking;
  }

  areOn(kind: 'direct' | 'relay'): boolean {
    return SIDES.every((side) => this.phones[side].agent.current?.kind === kind);
  }

  get faults(): string[] {
    return SIDES.flatMap((side) => this.phones[side].faults.map((fault) => `${side}: ${fault}`));
  }

  /** Frames that `side` should have heard by now and has not; the last ones are under way. */
  missing(side: Side, underWayMs = 500): number {
    const { heard } = this.phones[side];
    const due = this.phones[OTHER[side]].sent.frames - underWayMs / FRAME_MS;
    let missing = 0;
    for (let frame = 0; frame < due; frame++) if (!heard.has(frame)) missing++;
    return missing;
  }
}

/** A host on the public segment has no neighbours. */
function networkAround(scenario: Scenario, name: string): string {
  const host = scenario.hosts.find((one) => one.name === name) as HostSpec;
  return scenario.nats?.find((nat) => nat.name === host.behind)?.inside ?? `${host.address}/32`;
}

export interface CallVerdict {
  why: string | null;
  /** From when both might tell their addresses to when both were on a direct path, ms; null for never. */
  directAfterMs: number | null;
  /** The same from when both knew all candidates of the other. */
  directAfterKnownMs: number | null;
}

const losesPackets = ({ links = [] }: Scenario): boolean => links.some(({ lossPct = 0 }) => lossPct > 0);

/**
 * Plays one call and compares it with what the oracle says.
 * @param options without audio only paths are judged, several times as fast
 */
export function judgeCall(run: PairRun, { audio = true } = {}): CallVerdict {
  const call = new SimulatedCall(run, { audio });
  const { world, expected } = run;
  const isDirect = world.runUntil(
    () => call.areOn('direct'),
    expected === 'relay' ? RELAYED_MS : DIRECT_LIMIT_MS,
  );
  const directAtMs = isDirect ? world.now : null;
  const begunAtMs = Math.max(...SIDES.map((side) => call.phones[side].exposedAtMs));
  const knownAtMs = Math.max(...SIDES.map((side) => call.phones[side].toldAtMs));
  // Audio before and after the switch.
  if (audio) world.runUntil(() => call.isTalking, DIRECT_LIMIT_MS);
  world.run(world.now + (audio ? SETTLE_MS : STAY_MS));
  return {
    why: whyNotByPath(call, directAtMs) ?? (audio ? whyNotHeard(call) : null),
    directAfterMs: directAtMs === null ? null : directAtMs - begunAtMs,
    directAfterKnownMs: directAtMs === null ? null : Math.max(0, directAtMs - knownAtMs),
  };
}

function whyNotByPath(call: SimulatedCall, directAtMs: number | null): string | null {
  const { expected, scenario } = call.run;
  const isPlain = expected === 'plain';
  const lossy = losesPackets(scenario);
  const [fault] = call.faults;
  if (fault !== undefined) return fault;
  const where = SIDES.map((side) => call.phones[side].agent.current?.kind ?? 'nowhere').join(' and ');
  if (isPlain && directAtMs === null) return `not direct in ${DIRECT_LIMIT_MS} ms: ${where}`;
  // With loss an agent may doubt a path for a moment and be on its spare.
  if (isPlain && !lossy && !call.areOn('direct')) return `did not stay on the direct path: ${where}`;
  // A port may be hit by chance where one could be foretold or sprayed: what carries every frame is no wrong path.
  return expected === 'relay' && !call.areOn('relay') ? `not by the relay: ${where}` : null;
}

function whyNotHeard(call: SimulatedCall): string | null {
  const lossy = losesPackets(call.run.scenario);
  if (!call.isTalking) return 'never talked';
  for (const side of SIDES) {
    if (call.phones[side].heard.size === 0) return `${side} heard nothing`;
    const missing = call.missing(side);
    if (!lossy && missing > 0) return `${side} missed ${missing} frames`;
  }
  return null;
}
