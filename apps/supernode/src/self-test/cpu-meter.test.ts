import { expect, test } from 'vitest';
import { CpuMeter } from './cpu-meter.ts';

/** A meter whose clocks are set by hand. */
function openMeter() {
  const clock = { nowMs: 0, cpuMs: 0 };
  const meter = new CpuMeter({ wallMs: 300, nowMs: () => clock.nowMs, cpuMs: () => clock.cpuMs });
  const spend = (ms: number) => {
    clock.nowMs += ms;
    clock.cpuMs += ms;
  };
  return { clock, meter, spend };
}

test('counts from when the code is warm until enough was measured', () => {
  const { meter, spend } = openMeter();
  spend(20);
  expect(meter.count(256)).toBe(false);
  spend(15);
  expect(meter.count(1500)).toBe(false);
  spend(15);
  expect(meter.count(1500)).toBe(true);
  expect(meter.perCpuSecond).toBe(100_000);
});

test('says nothing of code that never became warm', () => {
  const { clock, meter, spend } = openMeter();
  spend(10);
  clock.nowMs = 300;
  expect(meter.count(256)).toBe(true);
  expect(meter.perCpuSecond).toBeNull();
});

test('says nothing where others had the processor, and threads that compile used what was counted', () => {
  const { clock, meter, spend } = openMeter();
  spend(20);
  meter.count(256);
  spend(12);
  clock.nowMs = 300;
  expect(meter.perCpuSecond).toBeNull();
  meter.count(255);
  expect(meter.perCpuSecond).toBeNull();
});
