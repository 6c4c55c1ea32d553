import { DatagramType } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import { buildNetwork } from './build.ts';
import { LossModel } from './loss-model.ts';
import type { Nat } from './nat.ts';
import { networkOf } from './oracle.ts';
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { RELAY_NAMES, SimulatedCall } from './simulated-call.test-support.ts';
import { OTHER, type Side, type SimulatedRelay } from './simulated-relay.test-support.ts';
import type { SentCount } from './simulated-softphone.test-support.ts';
import { type PairRun, pairOf } from './try-pairs.ts';
import { World } from './world.ts';

const SIDES = ['alice', 'bob'] as const;
/** From the start: time to find a direct path, to talk on it, and for second thoughts. */
const BEFORE_MS = 5000;
/** How long a call is watched after an event, ms: a path that flaps does so within that. */
const AFTER_MS = 30_000;
/** Most is over after so long, ms. */
const SHORTLY_MS = 4000;
/** One way, between a supernode and the middle of the network, where there are several. */
const MAX_RELAY_DELAY_MS = 20;
/** What a relay that is slow adds, one way: more than any honest way takes here. */
const LATE_MS = 200;
/** A softphone looks at its addresses each 250 ms. */
const NOTICE_MS = 250;

interface EventSpec {
  happens: (scene: Scene) => void;
  /** How many supernodes relay; 1 where it is not said. */
  relays?: number;
  /** The call goes over a relay, and no direct path is looked for. */
  isRelayed?: boolean;
  /** Watched for what comes after, too. */
  isLong?: boolean;
}

/** What happens to a call that goes by a direct path, or by a relay. */
export const CALL_EVENTS = {
  'dead both ways': { happens: cut(['alice', 'bob']) },
  'dead one way': { happens: cut(['alice']) },
  rebind: { happens: ({ nat }) => nat?.rebind() },
  renumber: { happens: ({ nat }) => nat?.renumber('198.51.100.200') },
  'roam to another NAT': { happens: roam },
  'lossy direct: 10% in bursts': { happens: (scene) => loseDirect(scene, 10), isLong: true },
  'small packets only': {
    happens: ({ call, outer }) => {
      for (const side of SIDES) call.run.world.drop(outer[side], outer[OTHER[side]], { aboveBytes: 70 });
    },
    isLong: true,
  },
  'direct dies, and a relay': {
    relays: 2,
    happens: (scene) => {
      cut(['alice', 'bob'])(scene);
      scene.random.pick(scene.call.relays).isDead = true;
    },
  },
  'relay dies': { relays: 2, isRelayed: true, happens: ({ call, side }) => kill(call, relayOf(call, side)) },
  'two of three relays die': {
    relays: 3,
    isRelayed: true,
    happens: ({ call, side, random }) => {
      const inUse = relayOf(call, side);
      kill(call, inUse);
      kill(call, random.pick(call.relays.filter(({ name }) => name !== inUse)).name);
    },
  },
  'relay loses 30%': {
    relays: 2,
    isRelayed: true,
    isLong: true,
    happens: ({ call, side, random }) => loseAt(call, relayOf(call, side), 30, random),
  },
  'relay is late by 200 ms': {
    relays: 2,
    isRelayed: true,
    isLong: true,
    happens: (scene) => {
      const { world } = scene.call.run;
      tamper(scene, (_from, _bytes, pass) => world.at(world.now + LATE_MS, pass));
    },
  },
  'relay carries one direction only': {
    relays: 2,
    isRelayed: true,
    isLong: true,
    happens: (scene) => tamper(scene, (from, _bytes, pass) => from !== scene.side && pass()),
  },
  'relay carries checks only': {
    relays: 2,
    isRelayed: true,
    isLong: true,
    happens: (scene) => tamper(scene, (_from, bytes, pass) => bytes[0] !== DatagramType.Media && pass()),
  },
  'all lossy: 10% in bursts': {
    relays: 2,
    isLong: true,
    happens: (scene) => {
      loseDirect(scene, 10);
      for (const { name } of scene.call.relays) loseAt(scene.call, name, 10, scene.random);
    },
  },
} as const satisfies Record<string, EventSpec>;

export type CallEvent = keyof typeof CALL_EVENTS;

/** Mean length of a burst of loss, packets. */
const BURST_PACKETS = 5;

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

function loseDirect({ call, outer }: Scene, lossPct: number): void {
  for (const side of SIDES)
    call.run.world.drop(outer[side], outer[OTHER[side]], { loss: { lossPct, meanBurst: BURST_PACKETS } });
}

/** Name of the relay that carries what a side says. */
const relayOf = (call: SimulatedCall, side: Side): string => call.phones[side].agent.current!.via[0]!;

function kill(call: SimulatedCall, name: string): void {
  for (const relay of call.relays) if (relay.name === name) relay.isDead = true;
}

/** Both directions are lost by themselves, but one after the other takes from one source of chance. */
function loseAt(call: SimulatedCall, name: string, lossPct: number, random: Random): void {
  for (const relay of call.relays)
    if (relay.name === name) relay.loss = new LossModel({ lossPct, meanBurst: BURST_PACKETS }, random);
}

/** The relay that carries what `side` says is not honest any more. */
function tamper({ call, side }: Scene, how: NonNullable<SimulatedRelay['tamper']>): void {
  const name = relayOf(call, side);
  for (const relay of call.relays) if (relay.name === name) relay.tamper = how;
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
  /** Frames that never came, of the side that missed more. */
  missing: number;
  /** From the event to when the slower side first changed to a relay, ms; Infinity for never. */
  leftAfterMs: number;
  /** Changes of path after the event, of the side with more of them. */
  switches: number;
  faults: string[];
  endsOn: string[];
  /** Share of the packets that went out twice or more after the event, percent; of the side with more. */
  copiesPct: number;
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
    const run = cleanPair(seed, delayMs, CALL_EVENTS[event]);
    const verdict = run && playEvent(run, event);
    if (verdict !== null) verdicts.push({ seed, ...verdict });
  }
  return verdicts;
}

function cleanPair(seed: number, delayMs: number | undefined, { relays = 1 }: EventSpec): PairRun | null {
  const run = pairOf(seed);
  const { scenario, expected } = run;
  const isApart = outermost(scenario, 'alice') !== outermost(scenario, 'bob');
  if (expected !== 'plain' || !isApart || scenario.firewalls !== undefined) return null;
  scenario.links = (scenario.links ?? []).map(({ lossPct: _, ...link }) =>
    delayMs === undefined ? link : { node: link.node, delayMs },
  );
  const random = new Random(seed ^ 0x5e1a7);
  for (const [index, name] of RELAY_NAMES.slice(0, relays).entries()) {
    if (index >= 2) scenario.hosts.push({ name, address: `203.0.113.${20 + 10 * index}` });
    // Supernodes are nearer and farther.
    if (relays > 1) scenario.links!.push({ node: name, delayMs: random.below(MAX_RELAY_DELAY_MS) });
  }
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
  const { happens, relays, isRelayed, isLong }: EventSpec = CALL_EVENTS[event];
  const call = new SimulatedCall(run, { relays: relays ?? 1, direct: isRelayed !== true });
  world.run(BEFORE_MS);
  if (!call.areOn(isRelayed ? 'relay' : 'direct') || !call.isTalking) return null;
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
  const sentBefore = SIDES.map((each) => ({ ...call.phones[each].sent }));
  happens({ call, random, outer, nat, side });
  world.run(atMs + (isLong ? AFTER_MS : SHORTLY_MS));
  const switches = SIDES.map((each) => call.phones[each].switches.filter((one) => one.atMs > atMs));
  return {
    gapMs: Math.max(...SIDES.map((each) => longestGap(call.phones[each].heard, atMs, world.now))),
    missing: Math.max(...SIDES.map((each) => call.missing(each))),
    leftAfterMs: Math.max(...switches.map((ones) => leftAfter(ones, atMs))),
    switches: Math.max(...switches.map((ones) => ones.length)),
    faults: call.faults,
    endsOn: SIDES.map((each) => call.phones[each].agent.current?.kind ?? 'none'),
    copiesPct: Math.max(...SIDES.map((each, index) => copiesPct(sentBefore[index]!, call.phones[each].sent))),
    rttMs,
  };
}

const copiesPct = (before: SentCount, after: SentCount): number =>
  (100 * (after.packets - before.packets)) / (after.frames - before.frames) - 100;

const leftAfter = (switches: readonly { kind: string; atMs: number }[], fromMs: number): number =>
  (switches.find(({ kind }) => kind !== 'direct')?.atMs ?? Number.POSITIVE_INFINITY) - fromMs;

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
