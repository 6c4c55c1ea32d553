import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Network, type Program } from '@overcall/harness';
import { type Lab, type LabSpec, labStage, type PortMappingProtocol, startLab } from '@overcall/nat-lab';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeLab } from '../nat-lab/describe-lab.ts';

const BY_HOST: Record<string, PortMappingProtocol> = { alice: 'upnp-igd', bob: 'nat-pmp', carol: 'pcp' };
const HOSTS = Object.keys(BY_HOST);
const LEASE_S = 2;

/** Three homes, each with a router that speaks one protocol. */
const NETWORK: LabSpec = {
  hosts: [
    { name: 'directory', address: '203.0.113.10' },
    { name: 'supernode', address: '203.0.113.20' },
    ...HOSTS.map((name, i) => ({ name, address: `192.168.${i}.10`, behind: `home-${name}` })),
  ],
  nats: HOSTS.map((name, i) => ({
    name: `home-${name}`,
    address: `11.22.33.${i + 1}`,
    inside: `192.168.${i}.0/24`,
    mapping: 'apdm',
    filtering: 'apdf',
    ports: 'random',
    portMapping: [BY_HOST[name]!],
  })),
};

await describeLab('port mapping by softphones', () => {
  let folder: string;
  let lab: Lab;
  let network: Network;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'overcall-mapping-'));
    lab = await startLab(NETWORK);
    network = await Network.start(labStage(lab), folder);
    await Promise.all(HOSTS.map((host) => network.register(host, host)));
  });
  afterAll(async () => {
    await network?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const silent = ['--play', 'null', '--record', 'null'];
  const lease = ['--port-mapping-lease', String(LEASE_S)];
  const listen = (host: string, ...args: string[]) =>
    network.overcall(host, host, 'listen', ...silent, ...args);

  /** Outside ports that lead to somebody behind a router. */
  function mappedPorts(host: string): number[] {
    const [program, ...args] = lab.command(`home-${host}`, ['nft', 'list', 'table', 'inet', 'port_mapping']);
    const { stdout } = spawnSync(program!, args, { encoding: 'utf8' });
    return [...stdout.matchAll(/th dport (\d+).* dnat ip to/g)].map(([, port]) => Number(port));
  }

  const portOf = (address: unknown) => Number(String(address).split(':')[1]);
  const mapped = (program: Program, where: (address: string) => boolean = () => true) =>
    program.waitFor('port-mapping', {
      where: ({ address }) => typeof address === 'string' && where(address),
    });

  it.each([
    'SIGTERM',
    'SIGKILL',
  ] as const)('outlive their lease, follow a router that starts again, and are gone after %s', async (signal) => {
    const programs = new Map(HOSTS.map((host) => [host, listen(host, ...lease)]));
    for (const [host, program] of programs) {
      const event = await mapped(program);
      expect(event).toMatchObject({
        protocol: BY_HOST[host],
        address: expect.stringMatching(/^11\.22\./),
      });
      expect(mappedPorts(host)).toEqual([portOf(event.address)]);
    }
    if (signal === 'SIGTERM') {
      await delay(1.5 * LEASE_S * 1000);
      for (const host of HOSTS) expect(mappedPorts(host)).toHaveLength(1);
      const moved = HOSTS.map((host, i) => [host, `11.22.34.${i + 1}`] as const);
      await Promise.all(
        moved.map(([host, address]) => lab.apply({ do: 'renumber', nat: `home-${host}`, address })),
      );
      for (const [host, address] of moved) {
        await mapped(programs.get(host)!, (each) => each.startsWith(`${address}:`));
        expect(mappedPorts(host)).toHaveLength(1);
      }
    }
    for (const program of programs.values()) program.signal(signal);
    await Promise.all([...programs.values()].map(({ exited }) => exited));
    if (signal === 'SIGKILL') await delay(LEASE_S * 1000 + 1000);
    for (const host of HOSTS) expect(mappedPorts(host)).toEqual([]);
  });

  it('is asked of the gateway alone, and not at all when it is switched off or of no use', async () => {
    const asked = async (...calls: string[][]) => {
      const file = join(folder, 'alice.pcap');
      const capture = await lab.capture('alice', file);
      const programs = calls.map((args) => listen('alice', ...args));
      await Promise.all(programs.map((program) => program.waitFor('attached')));
      await delay(500);
      await Promise.all(programs.map((program) => program.stop()));
      await capture.stop();
      return new Set(requestsIn(readFileSync(file)));
    };
    const gateway = '192.168.0.1';
    expect(await asked([])).toEqual(new Set([`${gateway}:5351`, `${gateway}:1900`, '239.255.255.250:1900']));
    const off = [
      ['--no-port-mapping'],
      ['--path', 'relay'],
      ['--expose-address', 'never'],
      ['--bind', '127.0.0.1'],
    ];
    expect(await asked(...off)).toEqual(new Set());
  });
});

/** Where IPv4 UDP packets to the ports of NAT-PMP, PCP and SSDP go, in a capture of the lab (LINKTYPE_LINUX_SLL2). */
function requestsIn(pcap: Buffer): string[] {
  const found: string[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const packet = pcap.subarray(at + 36, at + 16 + length); // 20 bytes of its own before the IP header
    at += 16 + length;
    if (packet.length < 28 || packet[0] !== 0x45 || packet[9] !== 17) continue;
    const port = packet.readUInt16BE(22);
    if ([5350, 5351, 1900].includes(port)) found.push(`${[...packet.subarray(16, 20)].join('.')}:${port}`);
  }
  return found;
}
