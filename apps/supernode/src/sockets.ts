import type { ControlServer, TlsIdentity, UdpAddress } from '@overcall/net';
import { listenAddress } from './listen-addresses.ts';
import type { SupernodeOptions } from './options.ts';
import type { UdpDriver } from './udp-driver.ts';

/** Tries to find a port number that is free for both UDP and TCP, when any will do. */
const PORT_ATTEMPTS = 10;

export interface OpenedSockets {
  udp: UdpAddress[];
  control: UdpAddress[];
  /** For STUN alone, one for each of `udp` in the same order; empty without `--stun-alt-port`. */
  alternate: UdpAddress[];
}

/** Opens every socket; without `--tcp-listen` the control sockets get the addresses and ports of UDP. */
export async function openSockets(
  options: SupernodeOptions,
  udp: UdpDriver,
  server: ControlServer,
  tls: TlsIdentity,
): Promise<OpenedSockets> {
  const opened: OpenedSockets = { udp: [], control: [], alternate: [] };
  const tcpListen = options.tcpListen?.map((text) => listenAddress(text, '--tcp-listen'));
  for (const local of options.listen.map((text) => listenAddress(text, '--listen'))) {
    if (tcpListen) {
      opened.udp.push(await udp.listen(local));
    } else {
      const pair = await openPair(local, udp, server, tls);
      opened.udp.push(pair.udp);
      opened.control.push(pair.control);
    }
  }
  for (const local of tcpListen ?? []) opened.control.push(await server.listen(local, tls));
  const { stunAltPort } = options;
  if (stunAltPort !== undefined)
    for (const { address } of opened.udp)
      opened.alternate.push(await udp.listenForStun({ address, port: stunAltPort }));
  return opened;
}

/** UDP and TCP on one port number. */
async function openPair(
  local: UdpAddress,
  udp: UdpDriver,
  server: ControlServer,
  tls: TlsIdentity,
): Promise<{ udp: UdpAddress; control: UdpAddress }> {
  for (let attempt = 1; ; attempt++) {
    const bound = await udp.listen(local);
    try {
      return { udp: bound, control: await server.listen({ address: local.address, port: bound.port }, tls) };
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || local.port !== 0 || attempt >= PORT_ATTEMPTS) throw error;
      await udp.unlisten();
    }
  }
}
