import type { Socket } from 'node:net';
import {
  DATAGRAM_PATH,
  type DatagramHandlers,
  type DatagramLink,
  linkDatagrams,
  MAX_DATAGRAM_MESSAGE_BYTES,
} from './datagram-link.ts';
import { openPinnedWebSocket, type PinnedTarget } from './pinned-web-socket.ts';

/** A connection for datagrams that is being made: it can be given up at any time. */
export interface DatagramConnecting {
  /** @throws OvercallError `supernode-unreachable`, `supernode-certificate-differs` */
  opened: Promise<DatagramLink>;
  abort(): void;
}

/** Connects to `wss://address/v1/datagrams`; the supernode takes nothing there but flows bound by their key. */
export function connectDatagrams(target: PinnedTarget, handlers: DatagramHandlers): DatagramConnecting {
  const { socket, opened } = openPinnedWebSocket(target, DATAGRAM_PATH, {
    maxPayload: MAX_DATAGRAM_MESSAGE_BYTES,
    autoPong: false,
  });
  let tcp: Socket | null = null;
  socket.once('upgrade', (response) => {
    tcp = response.socket;
  });
  return {
    opened: opened.then(() => linkDatagrams(socket, tcp, handlers)),
    abort: () => socket.terminate(),
  };
}
