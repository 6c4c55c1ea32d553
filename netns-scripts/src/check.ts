import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { LabError } from './errors.ts';
import { findTool, TOOLS, type Tool } from './tools.ts';

export interface Impossible {
  possible: false;
  /** One line: what this machine lacks. */
  reason: string;
  /** One line: what to do about it. */
  remedy: string;
}

export type LabCheck = { possible: true } | Impossible;

/**
 * Whether this machine can run labs for the user who asks. It tries: namespaces, a virtual Ethernet pair, a
 * bridge, address translation with learned maps, and then leaves nothing behind.
 */
export async function checkLab(): Promise<LabCheck> {
  if (process.platform !== 'linux')
    return {
      possible: false,
      reason: `network namespaces need Linux, and this is ${process.platform}`,
      remedy: 'run it in a Linux machine, virtual or real',
    };
  const missing = missingTool();
  if (missing) return missing;
  const namespaces = await attempt('unshare', NAMESPACE_FLAGS, 'mount -t tmpfs lab /run');
  if (namespaces !== null) return noNamespaces(namespaces);
  for (const part of PARTS) {
    const message = await attempt('unshare', NAMESPACE_FLAGS, `mount -t tmpfs lab /run\n${part.program}`);
    if (message === null) continue;
    return {
      possible: false,
      reason: `${part.what} does not work here: ${message}`,
      remedy: `load the kernel modules: sudo modprobe -a ${part.modules}`,
    };
  }
  return { possible: true };
}

/** The first missing program, as the reason that names its Debian package. */
export function missingTool(find: (tool: Tool) => string | null = findTool): Impossible | null {
  const missing = (Object.keys(TOOLS) as Tool[]).filter((tool) => find(tool) === null);
  if (missing.length === 0) return null;
  const packages = [...new Set(missing.map((tool) => TOOLS[tool]))].join(' ');
  return {
    possible: false,
    reason: `missing ${missing.length === 1 ? 'program' : 'programs'}: ${missing.join(', ')} (Debian: ${packages})`,
    remedy: `sudo apt-get install ${packages}`,
  };
}

/** Said where a scenario wants IPv6 and the kernel has none. */
export const noIpv6 = (): Impossible | null =>
  existsSync('/proc/sys/net/ipv6')
    ? null
    : {
        possible: false,
        reason: 'the scenario uses IPv6, and this kernel runs without it',
        remedy: 'boot without ipv6.disable=1',
      };

export function impossible({ reason, remedy }: Impossible): LabError {
  return new LabError('lab-impossible', `${reason}. Remedy: ${remedy}`);
}

const NAMESPACE_FLAGS = ['-U', '-r', '--net', '--mount', '--pid', '--fork', '--kill-child'];

const PARTS = [
  {
    what: 'a virtual Ethernet pair',
    modules: 'veth',
    program: `mkdir /run/netns; ip netns add a
      ip link add x type veth peer name y netns a; ip link set x up`,
  },
  { what: 'a bridge', modules: 'bridge', program: 'ip link add name lan type bridge; ip link set lan up' },
  {
    what: 'address translation with nft',
    modules: 'nf_tables nf_conntrack nf_nat nft_chain_nat nft_ct nft_nat nft_masq',
    program: `nft -f - <<'NFT'
      table ip t {
        map m { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 9s; }
        chain a { type nat hook prerouting priority dstnat; dnat ip to udp dport map @m; }
        chain b { type nat hook postrouting priority srcnat; masquerade random,fully-random; }
        chain c { type filter hook postrouting priority srcnat + 50; ct direction original update @m { udp sport : ct original ip saddr . ct original proto-src }; }
      }
NFT`,
  },
];

/** Runs a shell program in new namespaces: null, or the first line of what went wrong. */
async function attempt(tool: Tool, args: readonly string[], program: string): Promise<string | null> {
  const text = `set -e; PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH\n${program}`;
  const child = spawn(findTool(tool)!, [...args, findTool('sh')!, '-c', text], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk;
  });
  const [code] = await once(child, 'close');
  if (code === 0) return null;
  return complaint.trim().split('\n')[0] || `${tool} ended with ${code}`;
}

const readNumber = (path: string): number | null => {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
};

/** The known switches that forbid user namespaces, looked at only once they have been refused. */
function noNamespaces(message: string): Impossible {
  const because = (reason: string, remedy: string): Impossible => ({
    possible: false,
    reason: `user namespaces are refused here (${message}): ${reason}`,
    remedy,
  });
  const sysctl = (key: string, value: number) =>
    because(`${key} = ${readNumber(sysctlPath(key))}`, `sudo sysctl -w ${key}=${value}`);
  if (readNumber(sysctlPath('user.max_user_namespaces')) === 0)
    return sysctl('user.max_user_namespaces', 10_000);
  if (readNumber(sysctlPath('user.max_net_namespaces')) === 0)
    return sysctl('user.max_net_namespaces', 10_000);
  if (process.getuid?.() !== 0) {
    if (readNumber(sysctlPath('kernel.unprivileged_userns_clone')) === 0)
      return sysctl('kernel.unprivileged_userns_clone', 1);
    if (readNumber(sysctlPath('kernel.apparmor_restrict_unprivileged_userns')) === 1)
      return sysctl('kernel.apparmor_restrict_unprivileged_userns', 0);
  }
  if (/^Seccomp:\s+2$/m.test(readFileSync('/proc/self/status', 'utf8')))
    return because(
      'a system call filter (seccomp) is on, as in most containers',
      'start the container with --privileged, or with --security-opt seccomp=unconfined --security-opt apparmor=unconfined',
    );
  return because('no known switch is off', 'look for a security module or a chroot that forbids it');
}

const sysctlPath = (key: string): string => `/proc/sys/${key.replaceAll('.', '/')}`;
