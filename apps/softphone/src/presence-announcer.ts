import { PRESENCE_LIFETIME_S, PresenceRecord, signObject } from '@overcall/identity';
import { CALL_VERSIONS } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import type { Profile } from './profile.ts';

/** Changes within this are announced together, ms: a supernode takes one record a second (burst 10). */
const GATHER_MS = 300;
/** A record that was refused is announced again after the first of these when there were too many, else the second, ms. */
const LIMITED_AGAIN_MS = 2000;
const REFUSED_AGAIN_MS = 30_000;

/**
 * Says where this endpoint is to be found: one signed record that names all its supernodes, to each of them, a newer
 * one whenever that changes and before it runs out.
 */
export class PresenceAnnouncer {
  readonly #endpoint: string;
  readonly #profile: () => Profile;
  readonly #attachmentOf: (supernodeId: string) => Attachment | undefined;
  #supernodes: readonly string[] = [];
  #seq = 0;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    endpoint: string;
    profile: () => Profile;
    attachmentOf: (supernodeId: string) => Attachment | undefined;
  }) {
    this.#endpoint = options.endpoint;
    this.#profile = options.profile;
    this.#attachmentOf = options.attachmentOf;
  }

  /** It is to be found at these now, the best first. */
  announce(supernodes: readonly string[]): void {
    this.#supernodes = supernodes;
    this.#announceIn(Math.max(0, this.#announcedAtMs + GATHER_MS - performance.now()));
  }

  /** Somebody did not take the record. */
  handleRefused(code: string): void {
    if (this.#supernodes.length > 0)
      this.#announceIn(code === 'rate-limited' ? LIMITED_AGAIN_MS : REFUSED_AGAIN_MS);
  }

  /** Takes no calls any more; resolves when it is on its way. */
  async withdraw(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#supernodes.length > 0) await this.#send(false);
    this.#supernodes = [];
  }

  #announceIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (delayMs <= 0) {
      this.#announcedAtMs = performance.now();
      void this.#send(true);
      delayMs = (PRESENCE_LIFETIME_S * 1000) / 2;
    }
    this.#timer = setTimeout(() => this.#announceIn(0), delayMs);
    this.#timer.unref();
  }

  async #send(accepts: boolean): Promise<void> {
    const { keys, name, deviceId, directory } = this.#profile();
    const nowMs = Date.now();
    const supernodes = [...this.#supernodes];
    // Grows even when somebody sets the clock back.
    this.#seq = Math.max(this.#seq + 1, nowMs);
    const claims = {
      name,
      device: deviceId,
      endpoint: this.#endpoint,
      supernodes,
      seq: this.#seq,
      accepts,
      versions: [...CALL_VERSIONS],
    };
    const record = await signObject(PresenceRecord, claims, keys.device, {
      audience: directory.keyId,
      nowMs,
      lifetimeS: PRESENCE_LIFETIME_S,
    });
    for (const id of supernodes) this.#attachmentOf(id)?.send({ t: 'present', record });
  }
}
