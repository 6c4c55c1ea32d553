import { describe, expect, it } from 'vitest';
import type { HostFacts } from './host-capacity.ts';
import { judgeHost, refusalOf } from './host-checks.ts';

const MIB = 1024 * 1024;
const GOOD: HostFacts = {
  relayedPerCpuS: 220_000,
  tablePerCpuS: 3_000_000,
  availableBytes: 4096 * MIB,
  openFiles: 65_536,
  link: { name: 'eth0', mbps: 1000 },
  clock: { aheadMs: -300, errorMs: 510 },
};
const UNKNOWN: HostFacts = {
  relayedPerCpuS: null,
  tablePerCpuS: null,
  availableBytes: 4096 * MIB,
  openFiles: null,
  link: null,
  clock: null,
};

describe('what a host can carry', () => {
  it('is bounded by processor, link, memory and files', () => {
    expect(judgeHost(GOOD).capacity).toEqual({ calls: 2000, mbps: 800, softphones: 10_000 });
    const small = { ...GOOD, relayedPerCpuS: 11_000, availableBytes: 128 * MIB, openFiles: 1024 };
    expect(judgeHost(small).capacity).toMatchObject({ calls: 100, softphones: 384 });
    expect(judgeHost({ ...GOOD, availableBytes: 128 * MIB }).capacity.softphones).toBe(1024);
    expect(judgeHost({ ...GOOD, availableBytes: MIB }).capacity.softphones).toBe(0);
  });

  it('is not bounded by what cannot be known', () => {
    expect(judgeHost(UNKNOWN).capacity).toEqual({ calls: null, mbps: null, softphones: 10_000 });
  });
});

describe('a self-test', () => {
  it('passes a host that is good enough, and one of which little is known', () => {
    for (const facts of [GOOD, UNKNOWN]) {
      const report = judgeHost(facts);
      expect(report.checks.every(({ ok }) => ok)).toBe(true);
      expect(refusalOf(report)).toBeNull();
    }
  });

  it.each<[string, Partial<HostFacts>, string, RegExp]>([
    ['a slow processor', { relayedPerCpuS: 1000 }, 'host-unfit', /enough for 9 calls; 10 are needed/],
    ['little memory', { availableBytes: 95 * MIB }, 'host-unfit', /95 MiB .* raise MemoryMax=/],
    ['a slow link', { link: { name: 'ppp0', mbps: 1 } }, 'host-unfit', /1 Mbit\/s is needed/],
    ['few files', { openFiles: 500 }, 'host-unfit', /LimitNOFILE=/],
    [
      'a clock behind',
      { clock: { aheadMs: -121_000, errorMs: 500 } },
      'clock-wrong',
      /121\.0 s behind .* set it/,
    ],
    ['a clock ahead', { clock: { aheadMs: 3e9, errorMs: 500 } }, 'clock-wrong', /ahead of .*timesyncd/],
  ])('refuses %s with one line that says what to mend', (_what, facts, code, line) => {
    const report = judgeHost({ ...GOOD, ...facts });
    const refusal = refusalOf(report);
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(line) });
    expect(refusal!.message).not.toContain('\n');
  });

  it('lets a clock pass that may be right, and warns of few files', () => {
    const report = judgeHost({ ...GOOD, openFiles: 1024, clock: { aheadMs: 120_400, errorMs: 500 } });
    expect(report.checks.filter(({ ok }) => !ok).map(({ check }) => check)).toEqual(['open-files']);
    expect(refusalOf(report)).toBeNull();
  });
});
