import { expect, it } from 'vitest';
import { hadNoPath } from './silent-call.ts';

it.each([
  ['nobody was heard and it was given up', { isHeard: false, reason: 'failed', durationS: 8 }, true],
  ['nobody was heard until it was hung up', { isHeard: false, reason: 'hangup', durationS: 2 }, true],
  ['nobody was heard until they hung up', { isHeard: false, reason: 'remote-hangup', durationS: 30 }, true],
  ['it was hung up at once', { isHeard: false, reason: 'hangup', durationS: 1.9 }, false],
  ['they were heard, and then not any more', { isHeard: true, reason: 'failed', durationS: 8 }, false],
  ['they were heard', { isHeard: true, reason: 'hangup', durationS: 60 }, false],
] as const)('a call in which %s', (_, call, expected) => {
  expect(hadNoPath(call)).toBe(expected);
});
