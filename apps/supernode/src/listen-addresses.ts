import { isIPv6 } from 'node:net';
import { type AddressPort, canonicalAddress, formatAddressPort, parseAddressPort } from '@overcall/traversal';
import { OvercallError } from '@overcall/wire';

/** `ip:port` of a flag. @throws OvercallError `bad-address` naming the flag */
export function listenAddress(text: string, flag: string): AddressPort {
  const parsed = parseAddressPort(text);
  if (parsed) return parsed;
  throw new OvercallError(
    'bad-address',
    `${flag} "${text}" is not IP:PORT such as 0.0.0.0:3478 or [::]:3478`,
  );
}

/**
 * What others dial: each public address with the port of the first socket of its family. A port of its own (NAT
 * in front of the supernode) counts for UDP, and for control too unless `--tcp-listen` sets that apart.
 * @throws OvercallError `bad-address`
 */
export function publicAddresses(
  texts: string[],
  bound: AddressPort[],
  flag: '--listen' | '--tcp-listen',
): string[] {
  return texts.map((text) => {
    const address = canonicalAddress(text);
    const whole = address === null ? parseAddressPort(text) : { address, port: 0 };
    if (whole === null) {
      throw new OvercallError('bad-address', `--public-address "${text}" is not an IP address, nor IP:PORT`);
    }
    const socket = bound.find((local) => isIPv6(local.address) === isIPv6(whole.address));
    if (!socket) {
      throw new OvercallError('bad-address', `--public-address ${text} has no ${flag} of its family`);
    }
    const port = flag === '--listen' && whole.port !== 0 ? whole.port : socket.port;
    return formatAddressPort({ address: whole.address, port });
  });
}

/**
 * How others reach each socket for STUN, the alternate ones last: the n-th socket of a family has the n-th public address
 * of it, and an alternate one its own port. Null for sockets without a public address of their own.
 */
export function stunOrigins(
  publicUdp: readonly string[],
  udp: readonly AddressPort[],
  alternate: readonly AddressPort[],
): (string | null)[] {
  const isV6 = (text: string) => text.startsWith('[');
  const ofMain = udp.map((socket, index) => {
    const nth = udp
      .slice(0, index)
      .filter(({ address }) => isIPv6(address) === isIPv6(socket.address)).length;
    return publicUdp.filter((text) => isV6(text) === isIPv6(socket.address))[nth] ?? null;
  });
  const ofAlternate = alternate.map(({ port }, index) => {
    const main = parseAddressPort(ofMain[index] ?? '');
    return main === null ? null : formatAddressPort({ address: main.address, port });
  });
  return [...ofMain, ...ofAlternate];
}
