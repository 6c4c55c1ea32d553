import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { DialBackOutcome } from '@overcall/identity';
import { fetchDialBackProof, hmacSha256, UdpSocket } from '@overcall/net';
import { type AddressPort, parseAddressPort } from '@overcall/traversal';
import {
  dialBackTcpProof,
  isDialBackFrom,
  readDialBackAnswer,
  toBase64Url,
  writeDialBackProbe,
} from '@overcall/wire';

/** When a UDP probe is sent (again), ms; a third of them may be lost. */
const SEND_AT_MS = [0, 250, 700, 1400];
/** Both sides may be busy: starting, or with calls. */
const TIMEOUT_MS = 4000;

interface Request {
  id: Uint8Array;
  secret: Uint8Array;
}

/** Tries one address from outside: from a port that the other side has never sent to, so that no NAT lets it in by mistake. */
export class AddressProber {
  /** Addresses of the own sockets, one of each family that there is. */
  readonly #own: () => readonly AddressPort[];

  constructor(own: () => readonly AddressPort[]) {
    this.#own = own;
  }

  async tryUdp(address: string, { id, secret }: Request): Promise<DialBackOutcome> {
    const to = parseAddressPort(address);
    const own = to === null ? undefined : this.#ofFamily(to.address);
    if (to === null || own === undefined) return 'no-family';
    const mac = (bytes: Uint8Array) => hmacSha256(secret, bytes);
    const probe = writeDialBackProbe({ id, nonce: new Uint8Array(randomBytes(16)) }, mac);
    const reached = Promise.withResolvers<DialBackOutcome>();
    let socket: UdpSocket;
    try {
      socket = await UdpSocket.bind({ address: own.address, port: 0 }, (datagram, source) => {
        const isRight =
          source.port === to.port &&
          sameAddress(source.address, to.address) &&
          readDialBackAnswer(datagram) !== null &&
          Buffer.compare(datagram.subarray(1, 33), probe.subarray(1, 33)) === 0 &&
          isDialBackFrom(datagram, mac);
        if (isRight) reached.resolve('reached');
      });
    } catch {
      return 'no-family';
    }
    const timers = SEND_AT_MS.map((atMs) => setTimeout(() => socket.send(probe, to), atMs));
    timers.push(setTimeout(() => reached.resolve('unreached'), TIMEOUT_MS));
    const outcome = await reached.promise;
    for (const timer of timers) clearTimeout(timer);
    await socket.close();
    return outcome;
  }

  async tryTcp(
    target: { address: string; tlsSha256: readonly string[] },
    { id, secret }: Request,
  ): Promise<DialBackOutcome> {
    const to = parseAddressPort(target.address);
    if (to === null || this.#ofFamily(to.address) === undefined) return 'no-family';
    const nonce = new Uint8Array(randomBytes(16));
    const expected = dialBackTcpProof({ id, nonce }, (bytes) => hmacSha256(secret, bytes));
    try {
      const timed = { ...target, timeoutMs: TIMEOUT_MS };
      const proof = await fetchDialBackProof(timed, toBase64Url(id), toBase64Url(nonce));
      return proof === toBase64Url(expected) ? 'reached' : 'unreached';
    } catch {
      return 'unreached';
    }
  }

  #ofFamily(address: string): AddressPort | undefined {
    return this.#own().find((own) => isIPv6(own.address) === isIPv6(address));
  }
}

/** Both are canonical but for the spelling of IPv6. */
function sameAddress(a: string, b: string): boolean {
  return (
    a === b || (isIPv6(a) && isIPv6(b) && new URL(`http://[${a}]`).host === new URL(`http://[${b}]`).host)
  );
}
