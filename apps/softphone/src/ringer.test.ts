import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Ringer } from './ringer.ts';

let opened: string[];
let heard: number;
beforeEach(() => {
  vi.useFakeTimers();
  opened = [];
  heard = 0;
});
afterEach(() => vi.useRealTimers());

function ringer(isAutomatic = false): Ringer {
  const sink = (name: string) => () => {
    opened.push(name);
    return {
      write: () => void heard++,
      close: async () => void opened.push(`${name} closed`),
    };
  };
  return new Ringer({ open: { ring: sink('ring'), ringback: sink('ringback') }, isAutomatic });
}

it('rings while a call comes in, and gives the device back when that is answered', () => {
  const made = ringer();
  made.handleEvent({ event: 'incoming', callId: 'a', from: 'bob' });
  expect(made.isRinging).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(heard).toBeGreaterThanOrEqual(49);
  // Another call ends meanwhile: not this one's business.
  made.handleEvent({ event: 'ended', callId: 'b' });
  expect(opened).toEqual(['ring']);
  made.handleEvent({ event: 'answered', callId: 'a' });
  const before = heard;
  vi.advanceTimersByTime(1000);
  expect([heard - before, made.isRinging, opened]).toEqual([0, false, ['ring', 'ring closed']]);
});

it('lets a caller hear that it rings, until nobody answered', () => {
  const made = ringer();
  made.handleEvent({ event: 'ringing', callId: 'a', to: 'bob' });
  expect(made.isRinging).toBe(false);
  made.handleEvent({ event: 'ended', callId: 'a' });
  expect(opened).toEqual(['ringback', 'ringback closed']);
});

it('rings for nobody where calls are answered by themselves, or there is no speaker', () => {
  ringer(true).handleEvent({ event: 'incoming', callId: 'a' });
  const mute = new Ringer({ open: { ring: null, ringback: null }, isAutomatic: false });
  mute.handleEvent({ event: 'incoming', callId: 'a' });
  expect([opened, mute.isRinging]).toEqual([[], false]);
});
