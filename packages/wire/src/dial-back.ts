import Type from 'typebox';
import { concatBytes, equalBytes } from './bytes.ts';
import { DatagramType } from './datagram.ts';
import { Jws } from './message-fields.ts';

/**
 * Dial-back: a supernode is asked to reach another one at the addresses that this one advertises. The request travels over
 * HTTPS and holds a secret; whoever answers with it at an address is the one who asked.
 *
 * Probe (49 bytes): type(1) = 9, id(16), nonce(16), mac(16). Answer, of the same length: type(1) = 10, and the id and nonce
 * of the probe. mac is HMAC-SHA-256 under the secret over all bytes before it, truncated. `id` names the request.
 *
 * TCP: `GET /v1/dial-backs/ID/NONCE` on the control port, both base64url, is answered by `{ proof }`: HMAC-SHA-256 under the
 * secret over type(1) = 10, id, nonce, "tcp", truncated to 16 bytes, base64url.
 */
export const DIAL_BACK_PATH = '/v1/dial-backs';
export const DIAL_BACK_BYTES = 49;
export const DIAL_BACK_ID_BYTES = 16;
const MAC_BYTES = 16;
const MACED_BYTES = DIAL_BACK_BYTES - MAC_BYTES;

/** `POST /v1/dial-backs`. `request` is a DialBackRequest, `ticket` a DialBackTicket (packages/identity). */
export const DialBackBody = Type.Object({ request: Jws, ticket: Type.Optional(Jws) });
/** Its answer, a DialBackReport. */
export const DialBackAnswer = Type.Object({ report: Jws });
export const DialBackProof = Type.Object({ proof: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }) });

export interface DialBackProbe {
  id: Uint8Array;
  nonce: Uint8Array;
}
/** HMAC-SHA-256 under the secret; this module truncates. */
export type DialBackMac = (bytes: Uint8Array) => Uint8Array;

export function writeDialBackProbe(probe: DialBackProbe, mac: DialBackMac): Uint8Array<ArrayBuffer> {
  return sealed(DatagramType.DialBackProbe, probe, mac);
}

export function writeDialBackAnswer(probe: DialBackProbe, mac: DialBackMac): Uint8Array<ArrayBuffer> {
  return sealed(DatagramType.DialBackAnswer, probe, mac);
}

function sealed(type: number, { id, nonce }: DialBackProbe, mac: DialBackMac): Uint8Array<ArrayBuffer> {
  const head = concatBytes(Uint8Array.of(type), id, nonce);
  return concatBytes(head, mac(head).subarray(0, MAC_BYTES));
}

/** Not authenticated yet: {@link isDialBackFrom} tells. */
export function readDialBackProbe(datagram: Uint8Array): DialBackProbe | null {
  return read(DatagramType.DialBackProbe, datagram);
}

export function readDialBackAnswer(datagram: Uint8Array): DialBackProbe | null {
  return read(DatagramType.DialBackAnswer, datagram);
}

function read(type: number, datagram: Uint8Array): DialBackProbe | null {
  if (datagram.length !== DIAL_BACK_BYTES || datagram[0] !== type) return null;
  return { id: datagram.subarray(1, 17), nonce: datagram.subarray(17, 33) };
}

/** Whether a probe or answer was made by a holder of the secret. */
export function isDialBackFrom(datagram: Uint8Array, mac: DialBackMac): boolean {
  const expected = mac(datagram.subarray(0, MACED_BYTES)).subarray(0, MAC_BYTES);
  return equalBytes(datagram.subarray(MACED_BYTES), expected);
}

export function dialBackTcpProof({ id, nonce }: DialBackProbe, mac: DialBackMac): Uint8Array {
  const label = new TextEncoder().encode('tcp');
  return mac(concatBytes(Uint8Array.of(DatagramType.DialBackAnswer), id, nonce, label)).subarray(
    0,
    MAC_BYTES,
  );
}
