import { viewOf } from './bytes.ts';
import { DatagramType, type FlowId } from './datagram.ts';

/**
 * Binding a softphone's UDP address to a relay flow. A client proves its source address by returning a cookie
 * and proves who it is by an HMAC-SHA-256 (truncated to 16 bytes) under the bind key that its control
 * connection handed out. `flowId` is the flow the client *sends* on, so that the (source, flow id) that the
 * relay will look media up by is the very pair that was proven.
 *
 * Bind request (45 bytes, big-endian): type(1) = 6, flowId(4), sequence(8), cookie(16), mac(16).
 * `sequence` grows with each request of a flow: an old request, replayed, binds nothing. The first request
 * carries a cookie of zeros. mac covers all bytes before it.
 *
 * Bind challenge (29 bytes): type(1) = 7, flowId(4), echo(8), cookie(16). Stateless; `echo` is the request's
 * sequence, or zeros where unbound media drew it. Never longer than what drew it.
 *
 * Bind ack (29 bytes): type(1) = 8, flowId(4), sequence(8), mac(16) over all bytes before it, under the bind key.
 */
export const COOKIE_BYTES = 16;
export const BIND_MAC_BYTES = 16;
export const BIND_REQUEST_BYTES = 45;
export const BIND_CHALLENGE_BYTES = 29;
export const BIND_ACK_BYTES = 29;
/** Bytes of a bind request or ack that its mac covers. */
export const BIND_REQUEST_MACED_BYTES = BIND_REQUEST_BYTES - BIND_MAC_BYTES;
export const BIND_ACK_MACED_BYTES = BIND_ACK_BYTES - BIND_MAC_BYTES;

export interface BindRequest {
  flowId: FlowId;
  sequence: bigint;
  cookie: Uint8Array;
  mac: Uint8Array;
}

export interface BindChallenge {
  flowId: FlowId;
  echo: bigint;
  cookie: Uint8Array;
}

export interface BindAck {
  flowId: FlowId;
  sequence: bigint;
  mac: Uint8Array;
}

/** HMAC-SHA-256 under the bind key; this module truncates. */
export type BindMac = (bytes: Uint8Array) => Uint8Array;

function header(type: number, length: number, flowId: FlowId, number: bigint): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(length);
  const view = viewOf(datagram);
  view.setUint8(0, type);
  view.setUint32(1, flowId);
  view.setBigUint64(5, number);
  return datagram;
}

export function writeBindRequest(request: Omit<BindRequest, 'mac'>, mac: BindMac): Uint8Array<ArrayBuffer> {
  const datagram = header(DatagramType.BindRequest, BIND_REQUEST_BYTES, request.flowId, request.sequence);
  datagram.set(request.cookie, 13);
  const full = mac(datagram.subarray(0, BIND_REQUEST_MACED_BYTES));
  datagram.set(full.subarray(0, BIND_MAC_BYTES), BIND_REQUEST_MACED_BYTES);
  return datagram;
}

export function readBindRequest(datagram: Uint8Array): BindRequest | null {
  if (datagram.length !== BIND_REQUEST_BYTES || datagram[0] !== DatagramType.BindRequest) return null;
  const view = viewOf(datagram);
  return {
    flowId: view.getUint32(1),
    sequence: view.getBigUint64(5),
    cookie: datagram.subarray(13, 29),
    mac: datagram.subarray(29),
  };
}

export function writeBindChallenge(challenge: BindChallenge): Uint8Array<ArrayBuffer> {
  const datagram = header(DatagramType.BindChallenge, BIND_CHALLENGE_BYTES, challenge.flowId, challenge.echo);
  datagram.set(challenge.cookie, 13);
  return datagram;
}

export function readBindChallenge(datagram: Uint8Array): BindChallenge | null {
  if (datagram.length !== BIND_CHALLENGE_BYTES || datagram[0] !== DatagramType.BindChallenge) return null;
  const view = viewOf(datagram);
  return { flowId: view.getUint32(1), echo: view.getBigUint64(5), cookie: datagram.subarray(13) };
}

export function writeBindAck(ack: Omit<BindAck, 'mac'>, mac: BindMac): Uint8Array<ArrayBuffer> {
  const datagram = header(DatagramType.BindAck, BIND_ACK_BYTES, ack.flowId, ack.sequence);
  const full = mac(datagram.subarray(0, BIND_ACK_MACED_BYTES));
  datagram.set(full.subarray(0, BIND_MAC_BYTES), BIND_ACK_MACED_BYTES);
  return datagram;
}

export function readBindAck(datagram: Uint8Array): BindAck | null {
  if (datagram.length !== BIND_ACK_BYTES || datagram[0] !== DatagramType.BindAck) return null;
  const view = viewOf(datagram);
  return { flowId: view.getUint32(1), sequence: view.getBigUint64(5), mac: datagram.subarray(13) };
}
