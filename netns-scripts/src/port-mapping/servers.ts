import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Ground } from '../ground.ts';
import { firstLine } from '../own-program.ts';
import type { NatSpec } from '../spec.ts';
import { findProgram } from '../tools.ts';
import { PMP_PORT, SSDP_PORT, serverConfig } from './server-config.ts';

/**
 * Becomes miniupnpd. Its configuration comes on standard input; "ready" is said once its sockets are open (those
 * for packets are the last): from then on, whatever arrives is answered. Arguments: program, name of the NAT,
 * number of the start, and the ports that will be open, in hexadecimal.
 */
const PROGRAM = `
miniupnpd=$1 base=/run/port-mapping/$2 start=$3; shift 3
mkdir -p /run/port-mapping && cat >"$base.conf" || exit
(
  while kill -0 $$ 2>/dev/null; do
    open=yes
    for port; do grep -q ":$port " /proc/net/udp || open=; done
    if [ "$open" ]; then echo ready; exit; fi
    sleep 0.002
  done
  sed -n 's/^miniupnpd[^:]*: \\(Error: \\)*/Error: /p' "$base.log" | tail -n 1 >&2
) &
exec "$miniupnpd" -4 -d -f "$base.conf" -P "$base-$start.pid" -b "$start" </dev/null 2>"$base.log"`;

const hexadecimal = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** The port mapping servers of a lab: one miniupnpd in each NAT that has such a thing. */
export class PortMappingServers {
  readonly #ground: Ground;
  readonly #childByNat = new Map<string, ChildProcess>();
  readonly #startsByNat = new Map<string, number>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async startAll(nats: readonly NatSpec[]): Promise<void> {
    await Promise.all(nats.map((nat) => this.start(nat)));
  }

  /** Resolves when it answers. The chains that it fills must be there, and empty. */
  async start(nat: NatSpec): Promise<void> {
    const { name, portMapping } = nat;
    if (portMapping === undefined) return;
    const starts = (this.#startsByNat.get(name) ?? 0) + 1;
    this.#startsByNat.set(name, starts);
    const ports = [
      ...(portMapping.includes('upnp-igd') ? [SSDP_PORT] : []),
      ...(portMapping.some((protocol) => protocol !== 'upnp-igd') ? [PMP_PORT] : []),
    ];
    const args = [findProgram('miniupnpd')!, name, String(starts), ...ports.map(hexadecimal)];
    const child = this.#ground.spawnService(name, ['/bin/sh', '-c', PROGRAM, 'sh', ...args]);
    this.#childByNat.set(name, child);
    child.stdin!.end(serverConfig(nat));
    await firstLine(child, `the port mapping server of "${name}"`);
    for (const stream of [child, ...child.stdio]) (stream as unknown as { unref(): void }).unref();
  }

  /** As if the router lost its power. */
  async stop(nat: string): Promise<void> {
    const child = this.#childByNat.get(nat);
    this.#childByNat.delete(nat);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}
