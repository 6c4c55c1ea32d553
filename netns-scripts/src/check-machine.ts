import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { findProgram, findTool, TOOLS, type Tool } from './tools.ts';

/** Something that a machine cannot do. */
export interface Lack {
  /** One line: what is missing. */
  reason: string;
  /** One line: what to do about it. */
  remedy: string;
}

/** The first missing program, as the reason that names its Debian package. */
export function missingTool(find: (tool: Tool) => string | null = findTool): Lack | null {
  const missing = (Object.keys(TOOLS) as Tool[]).filter((tool) => find(tool) === null);
  if (missing.length === 0) return null;
  const packages = [...new Set(missing.map((tool) => TOOLS[tool]))].join(' ');
  return {
    reason: `missing ${missing.length === 1 ? 'program' : 'programs'}: ${missing.join(', ')} (Debian: ${packages})`,
    remedy: `sudo apt-get install ${packages}`,
  };
}

const MINIUPNPD = 'miniupnpd';

/**
 * What is missing for NATs that map ports on request. Debian has miniupnpd for nftables and for iptables, under one
 * name; `--version` tells which it is.
 */
export function noPortMapping(find = findProgram, versionOf = versionText): Lack | null {
  const path = find(MINIUPNPD);
  if (path !== null && versionOf(path).includes('nftables')) return null;
  return {
    reason: `missing for scenarios with portMapping: ${MINIUPNPD} (Debian: miniupnpd-nftables)`,
    remedy: 'sudo apt-get install miniupnpd-nftables',
  };
}

const versionText = (path: string): string => spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout;

const NAMESPACE_FLAGS = ['-U', '-r', '--net', '--mount', '--pid', '--fork', '--kill-child'];

/** Runs a shell program in new namespaces, as in a lab: null, or the first line of what went wrong. */
export const attemptInLab = (program: string, args: readonly string[] = []): Promise<string | null> =>
  attempt('unshare', [
    ...NAMESPACE_FLAGS,
    ...[findTool('sh')!, '-c', `set -e; ${FIND_ALL}\nmount -t tmpfs lab /run\n${program}`, 'sh', ...args],
  ]);

/** An ordinary user's PATH on Debian lacks the directories where `nft` is. */
const FIND_ALL = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH';

/** Null, or the first line of what went wrong. */
async function attempt(tool: Tool, args: readonly string[]): Promise<string | null> {
  const child = spawn(findTool(tool)!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
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
export function noNamespaces(message: string): Lack {
  const because = (reason: string, remedy: string): Lack => ({
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

/** What stands in the way of links made by the kernel. */
export async function noNetem(): Promise<Lack | null> {
  if (findProgram('tc') === null)
    return { reason: 'there is no tc', remedy: 'sudo apt-get install iproute2' };
  const message = await attemptInLab(
    'ip link add x type veth peer name y; tc qdisc add dev x root netem delay 1ms',
  );
  return message === null
    ? null
    : { reason: `this kernel has no netem (${message})`, remedy: 'sudo modprobe sch_netem' };
}
