import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { loadLinuxCalls } from './linux-calls.ts';

type Koffi = typeof koffi;

/** What it says where koffi is like that. */
const saysOf = (changes: object) =>
  loadLinuxCalls(async () => ({ default: { ...koffi, ...changes } as Koffi }));

const failing = (what: string) => () => {
  throw new Error(what);
};

describe.runIf(process.platform === 'linux')('system calls of Linux', () => {
  it('are there where koffi is', async () => {
    expect(await loadLinuxCalls()).toMatchObject({ errors: { EAGAIN: 11 } });
  });

  it('are not there without it', async () => {
    const missing = await loadLinuxCalls(() => Promise.reject(new Error('Cannot find package koffi')));
    expect(missing).toBe('the package koffi is not installed');
  });

  it.each([
    ['has no poll', { node: {} }, /^koffi cannot do it: .*poll/],
    ['has nothing for the event loop', { node: undefined }, /^koffi cannot do it: .*poll/],
    ['cannot watch', { node: { poll: failing('uv_poll_init') } }, /^koffi cannot do it: uv_poll_init$/],
    ['finds no libc', { load: failing('dlopen') }, /^koffi cannot do it: dlopen$/],
  ])('are not there where koffi %s', async (_name, changes, reason) => {
    expect(await saysOf(changes)).toMatch(reason);
  });
});
