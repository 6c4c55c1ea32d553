import {
  type CertifiedDevice,
  directoryTrust,
  generateAgreementKey,
  generateSigningKey,
  issueDeviceCertificate,
  issueUserCertificate,
  type KeyId,
  publicKeyOf,
  verifyChain,
} from '@overcall/identity';
import { nodeCrypto, x25519KeyPair } from '@overcall/net';
import type {
  Keeping,
  LocalParty,
  PhoneEvent,
  PhoneOutput,
  ReadyLeg,
  ReceivedText,
  RemoteEndpoint,
  Route,
  WrittenText,
} from './call-types.ts';
import { Phone } from './phone.ts';
import { SIGNAL_COPIES, signalWays } from './signal-ways.ts';

export const SUPERNODE: KeyId = 'S'.repeat(43);
const NOW_MS = 1_800_000_000_000;

export interface Party {
  /** What tests call it; the name of the user when left out. */
  key?: string;
  local: LocalParty;
  device: CertifiedDevice;
  endpoint: RemoteEndpoint;
}

/** A directory and parties with real keys and certificates, made once for many scenarios. */
export async function makeParties(...names: string[]): Promise<Party[]> {
  const directoryKey = await generateSigningKey();
  const trust = await directoryTrust(publicKeyOf(directoryKey));
  return Promise.all(names.map((name, i) => makeParty(name, i, directoryKey, trust)));
}

async function makeParty(
  name: string,
  index: number,
  directoryKey: Awaited<ReturnType<typeof generateSigningKey>>,
  trust: Awaited<ReturnType<typeof directoryTrust>>,
): Promise<Party> {
  const identity = await generateSigningKey();
  const deviceKey = await generateSigningKey();
  const agreement = await generateAgreementKey();
  const options = { directoryKeyId: trust.keyId, nowMs: NOW_MS };
  const chain = {
    user: await issueUserCertificate(name, publicKeyOf(identity), directoryKey, options),
    device: await issueDeviceCertificate(
      { key: publicKeyOf(deviceKey), agreementKey: agreement.x },
      identity,
      options,
    ),
  };
  const device = await verifyChain(chain, trust, NOW_MS);
  const local: LocalParty = {
    name,
    identityKey: identity.x,
    directoryKeyId: trust.keyId,
    chain,
    staticKey: x25519KeyPair(agreement),
    versions: [1],
  };
  const endpointId = `${index}`.padStart(22, 'e');
  return {
    local,
    device,
    endpoint: { supernodes: [SUPERNODE], device, endpoint: endpointId, versions: [1] },
  };
}

/** Another softphone of the same user, on the same device. */
export function anotherSoftphone(party: Party, key: string): Party {
  return { ...party, key, endpoint: { ...party.endpoint, endpoint: key.padStart(22, 'f') } };
}

/** A copy of a signal on its way, as supernodes see it. */
export interface Signal {
  from: string;
  to: string;
  callId: string;
  body: Uint8Array;
  /** Where the sender is attached, and where the receiver is thought to be; {@link SUPERNODE} when left out. */
  at?: KeyId;
  supernode?: KeyId;
  /** The copies of one signal together. */
  copies?: { left: number };
}

export const CALL_ID = 'c'.repeat(22);
export const OTHER_CALL_ID = 'd'.repeat(22);

/**
 * Phones on a virtual clock with supernodes between them that hold every signal until it is delivered, so that a test can
 * drop, repeat, reorder and forge them, and kill supernodes. Certificates are looked up instead of verified anew.
 */
export class PhoneWorld {
  nowMs = 0;
  /** Signals not delivered yet, oldest first. */
  readonly wire: Signal[] = [];
  readonly events = new Map<string, PhoneEvent[]>();
  readonly legs = new Map<string, ReadyLeg[]>();
  readonly talks = new Map<string, string[]>();
  readonly phones = new Map<string, Phone>();
  /** Routes that are open, by name and flow. */
  readonly routes = new Map<string, Map<number, Route>>();
  readonly attached = new Map<string, readonly KeyId[]>();
  /** Supernodes that carry nothing any more. */
  readonly dead = new Set<KeyId>();
  /** Those that the signed list does not name. */
  readonly unlisted = new Set<KeyId>();
  readonly #parties: Map<string, Party>;
  /** Names found at an endpoint where no phone of this world is. */
  readonly elsewhere = new Map<string, string>();
  /** Names whose lookups find nobody. */
  readonly absent = new Set<string>();
  /** What becomes of text messages, by what tests call the phone; refused without. */
  readonly keep = new Map<string, (text: ReceivedText) => Keeping | 'later'>();
  readonly keepWritten = new Map<string, (text: WrittenText) => Keeping | 'later'>();

  constructor(parties: Party[]) {
    this.#parties = new Map(parties.map((party) => [party.key ?? party.local.name, party]));
    for (const [name, { local }] of this.#parties) {
      this.phones.set(name, new Phone(local, nodeCrypto, (supernode) => !this.unlisted.has(supernode)));
      this.routes.set(name, new Map());
      this.attach(name, [SUPERNODE]);
      this.events.set(name, []);
      this.legs.set(name, []);
      this.talks.set(name, []);
    }
  }

  /** From now on this softphone is attached to these. */
  attach(name: string, supernodes: readonly KeyId[]): void {
    this.attached.set(name, supernodes);
    this.phone(name).setAttached(supernodes, this.nowMs);
    this.drain();
  }

  phone(name: string): Phone {
    return this.phones.get(name)!;
  }

  eventNames(name: string): string[] {
    return this.events.get(name)!.map(({ event }) => event);
  }

  endOf(name: string): string | undefined {
    const ended = this.events.get(name)!.findLast((event) => event.event === 'ended');
    return ended?.event === 'ended' ? ended.reason : undefined;
  }

  /** Carries out what the phones ask for; signals go onto the wire. */
  drain(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const [name, phone] of this.phones) {
        for (const output of phone.poll()) {
          busy = true;
          this.#carryOut(name, phone, output);
        }
      }
    }
  }

  #carryOut(name: string, phone: Phone, output: PhoneOutput): void {
    if (output.type === 'event') this.events.get(name)!.push(output.event);
    if (output.type === 'leg-ready') this.legs.get(name)!.push(output);
    if (output.type === 'talk') this.talks.get(name)!.push(output.callId);
    if (output.type === 'lookup') {
      const found = [...this.#parties]
        .filter(
          ([key, { local }]) => key !== name && local.name === output.name && !this.absent.has(output.name),
        )
        .map(([key, { endpoint }]) => ({
          ...endpoint,
          endpoint: this.elsewhere.get(key) ?? endpoint.endpoint,
          supernodes: this.attached.get(key)!,
        }));
      phone.handleFound(output.callId, found, this.nowMs);
    }
    if (output.type === 'keep' || output.type === 'keep-written') {
      const keeping =
        output.type === 'keep'
          ? this.keep.get(name)?.(output.text)
          : this.keepWritten.get(name)?.(output.text);
      if (keeping !== 'later') phone.handleKept(output.keepId, keeping ?? 'refused');
    }
    if (output.type === 'verify') {
      const author = [...this.#parties.values()].find(
        ({ local }) => local.chain.device === output.chain.device,
      );
      phone.handleVerified(output.inviteId, author?.device ?? null, this.nowMs);
    }
    if (output.type === 'route') this.routes.get(name)!.set(output.route.receiveFlow, output.route);
    if (output.type === 'route-closed') this.routes.get(name)!.delete(output.receiveFlow);
    if (output.type === 'signal') this.#send(name, output);
  }

  #send(name: string, { to, supernodes, callId, body }: PhoneOutput & { type: 'signal' }): void {
    const receiver = [...this.#parties].find(
      ([, { device, endpoint }]) => device.deviceId === to.device && endpoint.endpoint === to.endpoint,
    )?.[0];
    if (receiver === undefined) return;
    const ways = signalWays(this.attached.get(name)!, supernodes).slice(0, SIGNAL_COPIES);
    const copies = { left: ways.length };
    for (const { at, supernode } of ways)
      this.wire.push({ from: name, to: receiver, callId, body, at, supernode, copies });
  }

  /** A dead supernode says nothing; a living one says when it cannot deliver. */
  deliver(signal: Signal): void {
    const { at = SUPERNODE, supernode = at, copies } = signal;
    if (this.dead.has(at)) return;
    const { local, device, endpoint } = this.#parties.get(signal.from)!;
    const isThere = !this.dead.has(supernode) && this.attached.get(signal.to)!.includes(supernode);
    if (isThere) {
      const origin = {
        supernode: at,
        name: local.name,
        device: device.deviceId,
        endpoint: endpoint.endpoint,
      };
      this.phone(signal.to).handleSignal(origin, signal.callId, signal.body.slice(), this.nowMs);
    } else if (copies !== undefined && --copies.left === 0) {
      const party = this.#parties.get(signal.to)!;
      const to = { device: party.device.deviceId, endpoint: party.endpoint.endpoint };
      this.phone(signal.from).handleUndeliverable(to, signal.callId, this.nowMs);
    }
    this.drain();
  }

  /** Delivers everything, and what follows from it, in order. */
  settle(): void {
    this.drain();
    while (this.wire.length > 0) this.deliver(this.wire.shift()!);
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const phone of this.phones.values()) phone.handleTimeout(this.nowMs);
    this.drain();
  }

  call(from: string, to: string, callId = CALL_ID): void {
    this.phone(from).call(callId, to, this.nowMs);
    this.drain();
  }
}
