import {
  AttachProof,
  AttachReceipt,
  generateAgreementKey,
  generateSigningKey,
  keyIdOf,
  peekClaims,
  publicKeyOf,
  type SigningPrivateKey,
  type SupernodeEntry,
  signObject,
} from '@overcall/identity';
import { type ControlConnection, ControlServer, createSelfSigned } from '@overcall/net';
import type { SupernodeMessage } from '@overcall/wire';
import type { Profile } from './profile.ts';

const REFUSAL = { t: 'refused' as const, code: 'device-revoked', message: 'revoked, says a supernode' };
const NONCE = 'n'.repeat(22);

/** A supernode that takes everybody, or nobody, and whose every word is the test's. */
export class StandIn {
  entry!: SupernodeEntry;
  takes = true;
  attaches = 0;
  /** Just before the answer to a ping. */
  beforePong: SupernodeMessage[] = [];
  /** In place of the answer to a ping. */
  insteadOfPong: SupernodeMessage | null = null;
  #connection: ControlConnection | undefined;
  #key!: SigningPrivateKey;
  readonly #profile: Profile;
  readonly #server = new ControlServer({
    onConnection: (connection) => {
      this.#connection = connection;
      void keyIdOf(this.#key).then((id) =>
        connection.send({ t: 'hello', versions: [1], supernode: id, nonce: NONCE }),
      );
      return { onText: (text) => void this.#handle(connection, JSON.parse(text)), onClose() {} };
    },
    admitListRequest: () => true,
  });

  /** @param profile whose receipts it signs */
  constructor(profile: Profile) {
    this.#profile = profile;
  }

  async start(): Promise<this> {
    this.#key = await generateSigningKey();
    const tls = await createSelfSigned('test', ['127.0.0.1']);
    const { port } = await this.#server.listen({ address: '127.0.0.1', port: 0 }, tls);
    const address = `127.0.0.1:${port}`;
    const key = publicKeyOf(this.#key);
    this.entry = { name: 'test', key, udp: [address], control: [address], tlsSha256: [tls.sha256] };
    return this;
  }

  async #handle(
    connection: ControlConnection,
    message: { t: string; id: number; proof: string },
  ): Promise<void> {
    if (message.t === 'ping') {
      for (const more of this.beforePong) connection.send(more);
      connection.send(this.insteadOfPong ?? { t: 'pong', id: message.id });
    }
    if (message.t !== 'attach') return;
    this.attaches++;
    if (this.takes) connection.send({ t: 'attached', receipt: await this.#receipt(message.proof), udp: [] });
    else this.refuse();
  }

  async #receipt(proof: string): Promise<string> {
    const { clientNonce, endpoint } = peekClaims(AttachProof, proof)!;
    const { name, deviceId: device, directory } = this.#profile;
    const claims = { iss: await keyIdOf(this.#key), name, device, endpoint, clientNonce, version: 1 };
    return signObject(AttachReceipt, claims, this.#key, {
      audience: directory.keyId,
      nowMs: Date.now(),
      lifetimeS: 60,
    });
  }

  refuse(): void {
    this.#connection?.send(REFUSAL);
    this.#connection?.close();
  }

  serve(list: string): void {
    this.#server.setList(list);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** That of alice, with certificates that nobody looks at. */
export async function standInProfile(directoryKey: SigningPrivateKey): Promise<Profile> {
  const key = publicKeyOf(directoryKey);
  const keys = {
    identity: await generateSigningKey(),
    device: await generateSigningKey(),
    agreement: await generateAgreementKey(),
  };
  return {
    keys,
    name: 'alice',
    directory: {
      ...{ url: 'http://127.0.0.1:1', key, keyId: await keyIdOf(key) },
      ...{ tlsSha256: null, registration: 'open' as const },
    },
    chain: { user: 'a.b.c', device: 'a.b.c' },
    expiresAt: Number.POSITIVE_INFINITY,
    deviceId: await keyIdOf(keys.device),
    identityKeyId: await keyIdOf(keys.identity),
  };
}
