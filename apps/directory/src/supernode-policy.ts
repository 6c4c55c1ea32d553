import { BlockList, isIP } from 'node:net';
import type { SupernodeEntry } from '@overcall/identity';
import { refusal } from './api-error.ts';
import type { StoredSupernode } from './store.ts';

/** Everybody fetches every entry; an ordinary one with an IPv4 and an IPv6 address has 400 bytes. */
const MAX_ENTRY_BYTES = 768;
/** UDP addresses, and as many of control. */
const MAX_ADDRESSES = 4;

/** Who becomes a supernode: anybody, whom the operator approves, who has an invite. */
export type AdmissionMode = 'open' | 'approved' | 'invited';

/**
 * Whether a supernode gets into the list, as far as its entry and the operator are concerned; the dial-back comes after
 * that (dial-back-desk.ts). Who was in the list and left may come back as it went.
 *
 * @returns the status the supernode has from now on, or that it needs an invite
 * @throws OvercallError `supernode-entry-invalid` or `supernode-removed`
 */
export function admissionStatus(
  entry: SupernodeEntry,
  before: StoredSupernode | null,
  mode: AdmissionMode,
): 'admitted' | 'pending' | 'invite-needed' {
  for (const address of [...entry.udp, ...entry.control]) requireReachable(address);
  if (Math.max(entry.udp.length, entry.control.length) > MAX_ADDRESSES)
    throw invalid(`it has more than ${MAX_ADDRESSES} addresses of a kind`);
  if (Buffer.byteLength(JSON.stringify(knownMembers(entry))) > MAX_ENTRY_BYTES)
    throw invalid(`it is longer than ${MAX_ENTRY_BYTES} bytes`);
  if (/[\p{C}\p{Z}]/u.test(entry.name))
    throw invalid('its name holds blanks or characters that cannot be seen');
  if (entry.dnsName !== undefined && !/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(entry.dnsName)) {
    throw invalid(`${JSON.stringify(entry.dnsName)} is not a DNS name`);
  }
  if (before?.status === 'removed') {
    throw refusal('supernode-removed', 'this supernode was removed by the operator of the directory');
  }
  if (before?.status === 'admitted' || before?.status === 'left' || mode === 'open') return 'admitted';
  return mode === 'approved' ? 'pending' : 'invite-needed';
}

/** The members of an entry that are known here, in one order: what is compared and signed. */
export function knownMembers(entry: SupernodeEntry): SupernodeEntry {
  const { name, key, udp, control, tlsSha256, dnsName } = entry;
  const { kty, crv, x } = key;
  return {
    name,
    key: { kty, crv, x },
    udp,
    control,
    tlsSha256,
    ...(dnsName === undefined ? {} : { dnsName }),
  };
}

/** Addresses that are nobody's: unspecified, multicast, broadcast (RFC 6890). BlockList sees through ::ffff:. */
const NOWHERE = new BlockList();
NOWHERE.addSubnet('0.0.0.0', 8, 'ipv4');
NOWHERE.addSubnet('224.0.0.0', 4, 'ipv4');
NOWHERE.addAddress('255.255.255.255', 'ipv4');
NOWHERE.addAddress('::', 'ipv6');
NOWHERE.addSubnet('ff00::', 8, 'ipv6');

function requireReachable(address: string): void {
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
  const family = isIP(bracketed ?? bare ?? '');
  const isWellFormed =
    family === (bracketed === undefined ? 4 : 6) && Number(port) >= 1 && Number(port) <= 65_535;
  if (!isWellFormed) throw invalid(`${JSON.stringify(address)} is not ip:port or [ip]:port`);
  if (NOWHERE.check(bracketed ?? bare!, family === 4 ? 'ipv4' : 'ipv6')) {
    throw invalid(`${JSON.stringify(address)} is an address that cannot be reached`);
  }
}

function invalid(reason: string) {
  return refusal('supernode-entry-invalid', `supernode entry: ${reason}`);
}
