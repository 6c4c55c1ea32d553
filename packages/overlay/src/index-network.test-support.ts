import { type CertificateChain, fromBase64Url, type LinkMessage, toBase64Url } from '@overcall/wire';
import { CHAIN, id43, person } from './control-world.test-support.ts';
import { HopNetwork, type Softphone } from './hop-network.test-support.ts';
import type { Presence } from './presence.ts';

type Entry = { chain: CertificateChain; record: string };

/** A record that counts as signed, or as forged: the real ones are checked by attach-check.ts. */
export function recordOf(claims: Omit<Presence, 'chain' | 'record'>, isSigned = true): Entry {
  const payload = toBase64Url(new TextEncoder().encode(JSON.stringify(claims)));
  return { chain: CHAIN, record: `h.${payload}.${isSigned ? 'ok' : 'no'}` };
}

function readRecord({ chain, record }: Entry): Presence[] {
  const [, payload, signature] = record.split('.');
  if (signature !== 'ok') return [];
  return [{ ...JSON.parse(new TextDecoder().decode(fromBase64Url(payload!)!)), chain, record }];
}

/** Supernodes that keep a presence index for each other; some of them may lie to who asks. */
export class IndexNetwork extends HopNetwork {
  /** What supernodes that lie say to an index-get. */
  readonly liars = new Map<string, (name: string) => Entry[]>();
  /** Supernodes that never answer an index-get. */
  readonly mute = new Set<string>();
  #lookups = 10_000;

  protected override check(): void {
    for (const world of this.worlds.values()) {
      for (const output of world.checks.splice(0)) {
        if (output.kind !== 'check-records') continue;
        const valid = output.records.flatMap(readRecord);
        world.follow(world.plane.handleRecordsChecked(output.check, valid, world.nowMs));
      }
    }
  }

  protected override carry(from: string, to: string, message: LinkMessage): void {
    if (message.t === 'index-get' && this.mute.has(to)) return;
    const lie = message.t === 'index-get' ? this.liars.get(to)?.(message.name) : undefined;
    if (message.t !== 'index-get' || lie === undefined) super.carry(from, to, message);
    else this.forge(to, from, { t: 'index-result', id: message.id, endpoints: lie });
  }

  claims(phone: Softphone, changes: Partial<Presence> = {}): Omit<Presence, 'chain' | 'record'> {
    const { who, endpoint } = person(phone.name);
    const expiresAtMs = this.at(phone.at).nowMs + 600_000;
    const supernodes = [id43(phone.at)];
    const { deviceId: device } = who;
    return { name: phone.name, device, endpoint, seq: 1, accepts: true, expiresAtMs, supernodes, ...changes };
  }

  present(phone: Softphone, changes: Partial<Presence> = {}): Entry {
    const claims = this.claims(phone, changes);
    const entry = recordOf(claims);
    const world = this.at(phone.at);
    world.say(phone.connection, { t: 'present', record: entry.record });
    world.checks.length = 0;
    const checked = { ok: { ...claims, ...entry } };
    world.follow(world.plane.handlePresenceChecked(phone.connection, checked, world.nowMs));
    this.pump();
    return entry;
  }

  ask(phone: Softphone, name: string): number {
    const id = ++this.#lookups;
    this.at(phone.at).say(phone.connection, { t: 'lookup', id, name });
    this.pump();
    return id;
  }

  /** Records that a lookup was answered with; null when it has not been answered. */
  found(phone: Softphone, id: number): string[] | null {
    const answer = this.answerTo(phone, id);
    return answer?.t === 'lookup-result' ? answer.endpoints.map(({ record }) => record) : null;
  }

  /** Supernodes that keep records, and how many. */
  kept(): Record<string, number> {
    return Object.fromEntries(
      [...this.worlds].map(([letter, { plane }]) => [letter, plane.index.records] as const),
    );
  }
}
