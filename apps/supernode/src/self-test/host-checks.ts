import { OvercallError } from '@overcall/wire';
import { openFilesTrouble } from '../open-files.ts';
import type { SelfTestResult } from '../options.ts';
import { clockCheck } from './clock-check.ts';
import { capacityOf, type HostFacts, type HostReport } from './host-capacity.ts';

/** A host that carries less is no help to anybody. */
const NEEDED_CALLS = 10;
const NEEDED_MBPS = 1;
const NEEDED_BYTES = 96 * 1024 * 1024;
/** With fewer than this it cannot even hold its links; up to what is good there is a warning. */
const NEEDED_FILES_TO_START = 512;
const MIB = 1024 * 1024;

/** What the facts mean, and how to mend what is wrong. */
export function judgeHost(facts: HostFacts): HostReport {
  const capacity = capacityOf(facts);
  const checks = [
    cpu(facts, capacity.calls),
    memory(facts),
    bandwidth(facts, capacity.mbps),
    clockCheck(facts.clock),
    openFiles(facts),
  ];
  return { facts, capacity, checks };
}

/** What keeps a host from joining as it is: a wrong clock first, for it makes everything else fail. */
export function refusalOf({ checks, facts }: HostReport): OvercallError | null {
  const failed = checks.filter(({ ok }) => !ok);
  const wrongClock = failed.find(({ check }) => check === 'clock');
  if (wrongClock !== undefined) return new OvercallError('clock-wrong', wrongClock.detail);
  const mayStart = facts.openFiles === null || facts.openFiles >= NEEDED_FILES_TO_START;
  const unfit = failed.find(({ check }) => check !== 'open-files' || !mayStart);
  if (unfit === undefined) return null;
  return new OvercallError('host-unfit', `this host cannot be a supernode: ${unfit.detail}`);
}

function cpu({ relayedPerCpuS, tablePerCpuS }: HostFacts, calls: number | null): SelfTestResult {
  const found = { check: 'cpu', target: 'one core', value: relayedPerCpuS } as const;
  if (relayedPerCpuS === null || calls === null)
    return { ...found, ok: true, detail: 'unknown: could not be measured' };
  const ok = calls >= NEEDED_CALLS;
  const table = tablePerCpuS === null ? '' : ` (the flow table alone ${tablePerCpuS})`;
  const measured = `relays ${relayedPerCpuS} datagrams in a second of one core${table}, enough for ${calls} calls`;
  return {
    ...found,
    ok,
    detail: ok ? measured : `${measured}; ${NEEDED_CALLS} are needed: take a faster host`,
  };
}

function memory({ availableBytes }: HostFacts): SelfTestResult {
  const ok = availableBytes >= NEEDED_BYTES;
  const there = `${Math.floor(availableBytes / MIB)} MiB of memory are available`;
  return {
    check: 'memory',
    target: 'this process',
    ok,
    value: availableBytes,
    detail: ok
      ? there
      : `${there}, ${NEEDED_BYTES / MIB} are needed: raise MemoryMax= (systemd), or stop other programs`,
  };
}

function bandwidth({ link }: HostFacts, mbps: number | null): SelfTestResult {
  const found = { check: 'bandwidth', target: link?.name ?? 'this host', value: link?.mbps ?? null } as const;
  if (link?.mbps == null || mbps === null)
    return { ...found, ok: true, detail: 'unknown: the system names no speed; set --max-mbps' };
  const ok = mbps >= NEEDED_MBPS;
  const says = `the interface has ${link.mbps} Mbit/s; what the way beyond it takes is not measured (--max-mbps)`;
  return { ...found, ok, detail: ok ? says : `${says}: ${NEEDED_MBPS} Mbit/s is needed` };
}

function openFiles({ openFiles: limit }: HostFacts): SelfTestResult {
  const trouble = openFilesTrouble(limit);
  return {
    check: 'open-files',
    target: 'this process',
    ok: trouble === null,
    value: limit,
    detail: trouble ?? (limit === null ? 'no limit is known' : `${limit} may be open`),
  };
}
