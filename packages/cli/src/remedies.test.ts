import { OvercallError } from '@overcall/wire';
import { expect, it } from 'vitest';
import { exitCodeOf } from './remedies.ts';

it.each([
  // A wrong flag, value or file that a person gave.
  ['usage', 2],
  ['audio-spec-unknown', 2],
  ['audio-program-unknown', 2],
  ['recording-missing', 2],
  ['export-unusable', 2],
  ['directory-unreachable', 3],
  ['unknown-user', 3],
  ['no-path', 3],
  ['too-many-endpoints', 3],
  ['contact-key-changed', 5],
  ['device-revoked', 5],
  ['not-direct', 6],
  ['interrupted', 130],
  // Files that programs keep themselves, and what nobody can help.
  ['state-damaged', 1],
  ['audio-device-missing', 1],
])('%s ends a command with %i', (code, exit) => {
  expect(exitCodeOf(new OvercallError(code, ''))).toBe(exit);
});

it('is 1 for errors that should not be', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(1);
});
