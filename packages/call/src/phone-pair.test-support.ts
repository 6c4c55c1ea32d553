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
import type { LocalParty, PhoneEvent, PhoneOutput, ReadyLeg, RemoteEndpoint } from './call-types.ts';
import { Phone } from './phone.ts';

const SUPERNODE: KeyId = 'S'.repeat(43);
const NOW_MS = 1_800_000_000_000;

export interface Party {
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
  return { local, device, endpoint: { supernode: SUPERNODE, device, endpoint: endpointId, versions: [1] } };
}

/** A signal on its way, as the supernode sees it. */
export interface Signal {
  from: string;
  to: string;
  callId: string;
  body: Uint8Array;
}

export const CALL_ID = 'c'.repeat(22);
export const OTHER_CALL_ID = 'd'.repeat(22);

/**
 * Phones on a virtual clock with a supernode between them that holds every signal until it is delivered, so that
 * a test can drop, repeat, reorder and forge them. Certificates are looked up instead of verified anew.
 */
export class PhoneWorld {
  nowMs = 0;
  /** Signals not delivered yet, oldest first. */
  readonly wire: Signal[] = [];
  readonly events = new Map<string, PhoneEvent[]>();
  readonly legs = new Map<string, ReadyLeg[]>();
  readonly talks = new Map<string, string[]>();
  readonly phones = new Map<string, Phone>();
  readonly #parties: Map<string, Party>;
  /** Names found at an endpoint where no phone of this world is. */
  readonly elsewhere = new Map<string, string>();
  /** Names whose lookups find nobody. */
  readonly absent = new Set<string>();

  constructor(parties: Party[]) {
    this.#parties = new Map(parties.map((party) => [party.local.name, party]));
    for (const [name, { local }] of this.#parties) {
      this.phones.set(name, new Phone(local, nodeCrypto));
      this.events.set(name, []);
      this.legs.set(name, []);
      this.talks.set(name, []);
    }
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
      const party = this.absent.has(output.name) ? undefined : this.#parties.get(output.name);
      const endpoint = this.elsewhere.get(output.name) ?? party?.endpoint.endpoint ?? '';
      phone.handleFound(output.callId, party ? [{ ...party.endpoint, endpoint }] : [], this.nowMs);
    }
    if (output.type === 'verify') {
      const author = [...this.#parties.values()].find(
        ({ local }) => local.chain.device === output.chain.device,
      );
      phone.handleVerified(output.inviteId, author?.device ?? null);
    }
    if (output.type === 'signal') {
      const to = [...this.#parties.values()].find(({ device }) => device.deviceId === output.to.device);
      if (to && to.endpoint.endpoint === output.to.endpoint)
        this.wire.push({ from: name, to: to.local.name, callId: output.callId, body: output.body });
    }
  }

  deliver(signal: Signal): void {
    const { device, endpoint } = this.#parties.get(signal.from)!;
    const origin = {
      supernode: SUPERNODE,
      name: signal.from,
      device: device.deviceId,
      endpoint: endpoint.endpoint,
    };
    this.phone(signal.to).handleSignal(origin, signal.callId, signal.body.slice(), this.nowMs);
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
