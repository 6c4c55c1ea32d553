import { createLogger } from '@overcall/cli';
import { describe, expect, it } from 'vitest';
import type { Attachment } from './attachment.ts';
import { AttachmentWatch } from './attachment-watch.ts';

/** A watch whose supernode answers nothing, and what it has asked so far. */
function startWatch() {
  const asked = { probes: 0, pings: 0 };
  const attachment = {
    entry: { udp: ['203.0.113.1:3478'], control: ['203.0.113.1:443'], tlsSha256: [] },
    rttMs: 20,
    openProbe: () => {
      asked.probes++;
      return new Promise(() => {});
    },
    ping: () => asked.pings++,
  } as unknown as Attachment;
  const network = { socketFor: () => 0, send: () => {} };
  const handlers = { onRelay() {}, onUnprovable() {}, onSuspect() {}, onDead() {} };
  const watch = new AttachmentWatch(attachment, network, handlers, createLogger('test', 'silent'));
  watch.start();
  return { watch, asked };
}

describe('a supernode that a call uses', () => {
  it('is asked at once when a way of the call that begins there falls silent', () => {
    const { watch, asked } = startWatch();
    watch.setInUse(true);
    const before = { ...asked };
    watch.handleRouteDown();
    expect(asked).toEqual({ probes: before.probes + 1, pings: before.pings + 1 });
    watch.close();
  });

  it('is asked once only, however many ways fall silent, and one that no call uses is asked anyway', () => {
    const { watch, asked } = startWatch();
    const before = { ...asked };
    watch.handleRouteDown();
    expect(asked).toEqual(before);
    watch.setInUse(true);
    watch.handleRouteDown();
    watch.handleRouteDown();
    expect(asked).toEqual({ probes: before.probes + 1, pings: before.pings + 1 });
    watch.close();
  });
});
