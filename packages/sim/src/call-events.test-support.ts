import type { Attachment } from './attachment.ts';
import { buildNetwork } from './build.ts';
import type { Nat } from './nat.ts';
import { networkOf } from './oracle.ts';
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { SimulatedCall } from './simulated-call.test-support.ts';
import { OTHER, type Side } from './simulated-relay.test-support.ts';
import { type PairRun, pairOf } from './try-pairs.ts';
import { World } from './world.ts';

const SIDES = ['alice', 'bob'] as const;
/** From the start: time to find a direct path, to talk on it, and for second thoughts. */
const BEFORE_MS = 5000;
/** How long a call is watched after an event, ms: a path that flaps does so within that. */
const AFTER_MS = 30_000;
/** Most is over after so long, ms. */
const SHORTLY_MS = 4000;
/** A softphone looks at its addresses each 250 ms. */
const NOTICE_MS = 250;

/** What happens to a call that goes by a direct path. */
export const CALL_EVENTS = {
  'dead both ways': cut(['alice', 'bob']),
  'dead one way': cut(['alice']),
  rebind: ({ nat }) => nat?.rebind(),
  renumber: ({ nat }) => nat?.renumber('198.51.100.200'),
  'roam to another NAT': roam,
  '10% loss in bursts': ({ call, outer }) => {
    for (const side of SIDES)
      call.run.world.drop(outer[side], outer[OTHER[side]], { loss: { lossPct: 10, meanBurst: 5 } });
  },
  'small packets only': ({ call, outer }) => {
    for (const side of SIDES) call.run.world.drop(outer[side], outer[OTHER[side]], { aboveBytes: 70 });
  },
} as const satisfies Record<string, (scene: Scene) => void>;

export type CallEvent = keyof typeof CALL_EVENTS;

const LONG_WATCHED: readonly CallEvent[] = ['10% loss in bursts', 'small packets only'];

interface Scene {
  call: SimulatedCall;
  random: Random;
  /** Outermost node of each side: what the middle of the network sees of it. */
  outer: Record<Side, Attachment>;
  /** In front of `side`, nearest to the middle; null where it is public. */
  nat: Nat | null;
  side: Side;
}

function cut(from: readonly Side[]) {
  return ({ call, outer }: Scene) => {
    for (const side of from) call.run.world.drop(outer[side], outer[OTHER[side]]);
  };
}

function roam({ call, side, random }: Scene): void {
  const { world, network } = call.run;
  const inside = '192.168.77.0/24';
  const kind = { mapping: 'eim', filtering: 'apdf', ports: 'random' } as const;
  const nat = world.nat({ name: 'mobile', address: '198.51.100.77', inside, ...kind });
  world.roam(network.host(side), { address: '192.168.77.5', behind: nat });
  world.at(world.now + random.below(NOTICE_MS), () => call.phones[side].handleNetworkChange(inside));
}

export interface EventVerdict {
  /** Longest time without a new frame, ms, after the event. */
  gapMs: number;
  /** Frames that never came although they were said after the event. */
  missing: number;
  /** From the event to when the slower side sent by the relay, ms; Infinity for never. */
  leftAfterMs: number;
  /** Changes of path after the event, of the side with more of them. */
  switches: number;
  faults: string[];
  endsOn: string[];
  /** Round trip by the direct path before. */
  rttMs: number;
}

/**
 * Plays an event in calls between random pairs that have a direct path through the middle of the network and lose
 * nothing by themselves.
 * @param delayMs of each of the two access links; without it, random ones
 */
export function playEvents(
  event: CallEvent,
  { calls, delayMs }: { calls: number; delayMs?: number },
): (EventVerdict & { seed: number })[] {
  const verdicts: (EventVerdict & { seed: number })[] = [];
  for (let seed = 1; verdicts.length < calls; seed++) {
    const run = cleanPair(seed, delayMs);
    const verdict = run && playEvent(run, event);
    if (verdict !== null) verdicts.push({ seed, ...verdict });
  }
  return verdicts;
}

function cleanPair(seed: number, delayMs: number | undefined): PairRun | null {
  const run = pairOf(seed);
  const { scenario, expected } = run;
  const isApart = outermost(scenario, 'alice') !== outermost(scenario, 'bob');
  if (expected !== 'plain' || !isApart || scenario.firewalls !== undefined) return null;
  scenario.links = (scenario.links ?? []).map(({ lossPct: _, ...link }) =>
    delayMs === undefined ? link : { node: link.node, delayMs },
  );
  const world = new World({ seed });
  return { ...run, world, network: buildNetwork(world, scenario) };
}

function outermost(scenario: Scenario, name: string): string {
  const layers = networkOf(scenario, name).nats;
  return layers.at(-1)?.name ?? name;
}

/** Plays a call until it is direct and settled, then the event. Null where it did not become direct. */
function playEvent(run: PairRun, event: CallEvent): EventVerdict | null {
  const { world, network, scenario, seed } = run;
  const call = new SimulatedCall(run);
  world.run(BEFORE_MS);
  if (!call.areOn('direct') || !call.isTalking) return null;
  const random = new Random(seed ^ 0xe7e27);
  const side = random.pick(SIDES);
  const nodeOf = (name: string): Attachment =>
    scenario.nats?.some((nat) => nat.name === name) ? network.nat(name) : network.host(name);
  const outer = {
    alice: nodeOf(outermost(scenario, 'alice')),
    bob: nodeOf(outermost(scenario, 'bob')),
  };
  const natName = outermost(scenario, side);
  const nat = scenario.nats?.some(({ name }) => name === natName) ? network.nat(natName) : null;
  const rttMs = call.phones[side].agent.current?.rttMs ?? 0;
  world.run(world.now + random.below(1000));
  const atMs = world.now;
  CALL_EVENTS[event]({ call, random, outer, nat, side });
  world.run(atMs + (LONG_WATCHED.includes(event) ? AFTER_MS : SHORTLY_MS));
  const switches = SIDES.map((each) => call.phones[each].switches.filter((one) => one.atMs > atMs));
  return {
    gapMs: Math.max(...SIDES.map((each) => longestGap(call.phones[each].heard, atMs, world.now))),
    missing: Math.max(...SIDES.map((each) => call.missing(each))),
    leftAfterMs: Math.max(...switches.map((ones) => leftAfter(ones, atMs))),
    switches: Math.max(...switches.map((ones) => ones.length)),
    faults: call.faults,
    endsOn: SIDES.map((each) => call.phones[each].agent.current?.kind ?? 'none'),
    rttMs,
  };
}

const leftAfter = (switches: readonly { kind: string; atMs: number }[], fromMs: number): number =>
  (switches.find(({ kind }) => kind === 'relay')?.atMs ?? Number.POSITIVE_INFINITY) - fromMs;

/** Longest time without a new frame from `fromMs` on; silence up to the end counts, too. */
function longestGap(heard: ReadonlyMap<number, number>, fromMs: number, untilMs: number): number {
  const times = [...heard.values()].sort((a, b) => a - b);
  let lastMs = times.findLast((time) => time <= fromMs) ?? fromMs;
  let longestMs = 0;
  for (const time of times) {
    if (time <= fromMs) continue;
    longestMs = Math.max(longestMs, time - lastMs);
    lastMs = time;
  }
  return Math.max(longestMs, untilMs - lastMs);
}
