import { fileURLToPath } from 'node:url';
import {
  attemptInLab,
  type Lack,
  missingTool,
  noNamespaces,
  noNetem,
  noPortMapping,
} from './check-machine.ts';
import { findProgram } from './tools.ts';

/** One thing that a machine can do or not. */
export interface Ability {
  name: string;
  /** What a person cannot have without it. */
  gives: string;
  /** Without it there is no lab at all. */
  isNeeded: boolean;
  /** Tries it. */
  lack: () => Lack | null | Promise<Lack | null>;
}

/**
 * Everything that `check` looks at, in this order. Whoever makes the lab depend on another program or part of the kernel
 * adds a line here.
 */
export const ABILITIES: readonly Ability[] = [
  { name: 'Linux', gives: 'network namespaces', isNeeded: true, lack: notLinux },
  { name: 'programs', gives: 'ip, nft, unshare and so on', isNeeded: true, lack: () => missingTool() },
  { name: 'namespaces', gives: 'a network apart from that of the machine', isNeeded: true, lack: forbidden },
  kernelPart('veth', 'wires', 'veth', [
    'mkdir /run/netns; ip netns add a',
    'ip link add x type veth peer name y netns a; ip link set x up',
  ]),
  kernelPart('bridge', 'several hosts behind a NAT', 'bridge', [
    'ip link add name lan type bridge; ip link set lan up',
  ]),
  kernelPart(
    'nft',
    'NATs and firewalls',
    'nf_tables nf_conntrack nf_nat nft_chain_nat nft_ct nft_nat nft_masq',
    [
      `nft -f - <<'NFT'
      table ip t {
        map m { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 9s; }
        chain a { type nat hook prerouting priority dstnat; dnat ip to udp dport map @m; }
        chain b { type nat hook postrouting priority srcnat; masquerade random,fully-random; }
        chain c { type filter hook postrouting priority srcnat + 50; ct direction original update @m { udp sport : ct original ip saddr . ct original proto-src }; }
      }
NFT`,
    ],
  ),
  { name: 'packet sockets', gives: 'links with delay, loss and so on', isNeeded: false, lack: noLinks },
  { name: 'captures', gives: 'pcap files', isNeeded: false, lack: noCaptures },
  { name: 'netem', gives: 'links made by the kernel, with LAB_LINKS=netem', isNeeded: false, lack: noNetem },
  { name: 'port mapping', gives: 'UPnP IGD, NAT-PMP and PCP', isNeeded: false, lack: () => noPortMapping() },
  program('nc', 'netcat-openbsd', 'the first example of the manual'),
  program('tcpdump', 'tcpdump', 'a look at pcap files without Wireshark'),
  program('conntrack', 'conntrack', 'a look into NATs: on NAT conntrack -L'),
];

function kernelPart(name: string, gives: string, modules: string, script: readonly string[]): Ability {
  const lack = async () => {
    const message = await attemptInLab(script.join('\n'));
    if (message === null) return null;
    const remedy = `load the kernel modules: sudo modprobe -a ${modules}`;
    return { reason: `${name} does not work here: ${message}`, remedy };
  };
  return { name, gives, isNeeded: true, lack };
}

/** For people's convenience. */
function program(name: string, debianPackage: string, gives: string): Ability {
  const lack = () =>
    findProgram(name) === null
      ? { reason: `${name} is not installed`, remedy: `sudo apt-get install ${debianPackage}` }
      : null;
  return { name, gives, isNeeded: false, lack };
}

function notLinux(): Lack | null {
  if (process.platform === 'linux') return null;
  return {
    reason: `network namespaces need Linux, and this is ${process.platform}`,
    remedy: 'run it in a Linux machine, virtual or real',
  };
}

async function forbidden(): Promise<Lack | null> {
  const message = await attemptInLab('');
  return message === null ? null : noNamespaces(message);
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function noLinks(): Promise<Lack | null> {
  const message = await attemptInLab(`exec "$1" "$2"`, [process.execPath, file('links/try-main.ts')]);
  if (message === null) return null;
  return { reason: message, remedy: 'use a 64-bit kernel with CONFIG_PACKET; then npm ci once more' };
}

async function noCaptures(): Promise<Lack | null> {
  const message = await attemptInLab(
    `perl "$1" /dev/null >/run/said & pid=$!
    until grep -q capturing /run/said; do kill -0 "$pid" || exit 1; sleep 0.01; done
    kill "$pid"; wait "$pid"`,
    [file('capture.pl')],
  );
  return message === null ? null : { reason: message, remedy: 'use a kernel with CONFIG_PACKET' };
}
