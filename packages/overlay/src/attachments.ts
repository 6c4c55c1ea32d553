import type { CertifiedDevice } from '@overcall/identity';
import type { CertificateChain, Endpoint } from '@overcall/wire';

/** One attached softphone process. */
export interface Attachment {
  connection: number;
  who: CertifiedDevice;
  chain: CertificateChain;
  endpoint: string;
}

/** Endpoints that one user may have attached at once. */
const MAX_ENDPOINTS_PER_USER = 32;

/** Who is attached to this supernode, and over which control connection. Bounded. */
export class Attachments {
  readonly #max: number;
  readonly #byEndpoint = new Map<string, Attachment>();
  readonly #byConnection = new Map<number, Attachment>();
  readonly #countByUser = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#byEndpoint.size;
  }

  /**
   * Adds one. A softphone that reconnects takes the place of its own earlier attachment, which is given back so
   * that the connection can be closed.
   */
  add(
    attachment: Attachment,
  ): { refused: 'overloaded' | 'too-many-endpoints' } | { replaced: Attachment | null } {
    const key = keyOf({ device: attachment.who.deviceId, endpoint: attachment.endpoint });
    const replaced = this.#byEndpoint.get(key) ?? null;
    if (replaced) this.remove(replaced.connection);
    const user = attachment.who.identityKeyId;
    const count = this.#countByUser.get(user) ?? 0;
    if (this.size >= this.#max) return { refused: 'overloaded' };
    if (count >= MAX_ENDPOINTS_PER_USER) return { refused: 'too-many-endpoints' };
    this.#byEndpoint.set(key, attachment);
    this.#byConnection.set(attachment.connection, attachment);
    this.#countByUser.set(user, count + 1);
    return { replaced };
  }

  remove(connection: number): Attachment | null {
    const attachment = this.#byConnection.get(connection);
    if (!attachment) return null;
    this.#byConnection.delete(connection);
    this.#byEndpoint.delete(keyOf({ device: attachment.who.deviceId, endpoint: attachment.endpoint }));
    const user = attachment.who.identityKeyId;
    const left = (this.#countByUser.get(user) ?? 0) - 1;
    if (left > 0) this.#countByUser.set(user, left);
    else this.#countByUser.delete(user);
    return attachment;
  }

  find(endpoint: Endpoint): Attachment | null {
    return this.#byEndpoint.get(keyOf(endpoint)) ?? null;
  }

  ofConnection(connection: number): Attachment | null {
    return this.#byConnection.get(connection) ?? null;
  }

  *all(): IterableIterator<Attachment> {
    yield* this.#byConnection.values();
  }

  /** Oldest first. */
  get byConnection(): ReadonlyMap<number, Attachment> {
    return this.#byConnection;
  }
}

function keyOf({ device, endpoint }: Endpoint): string {
  return `${device} ${endpoint}`;
}
