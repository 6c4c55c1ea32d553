import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callPrologue, highestCommonVersion, negotiatedVersion } from './prologue.ts';

const PARTS = {
  callerVersions: [1, 2],
  calleeVersions: [2, 3],
  directoryKeyId: 'dir',
  caller: 'alice',
  callee: 'bøb',
};

const versions = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 16 });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const parts = fc.record({
  callerVersions: versions,
  calleeVersions: versions,
  directoryKeyId: text,
  caller: text,
  callee: text,
});

describe('callPrologue', () => {
  it('is laid out as documented', () => {
    expect(Buffer.from(callPrologue(PARTS)).toString('hex')).toBe(
      [
        '6f76657263616c6c2063616c6c', // overcall call
        '02', // negotiated
        '020102', // caller's versions
        '020203', // callee's
        '0003646972', // dir
        '0005616c696365', // alice
        '000462c3b862', // bøb
      ].join(''),
    );
  });

  it('differs whenever the parts do', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(Buffer.compare(callPrologue(a), callPrologue(b)) === 0).toBe(same);
      }),
    );
  });

  it('does not let one field run into the next', () => {
    const a = callPrologue({ ...PARTS, caller: 'ali', callee: 'cebob' });
    const b = callPrologue({ ...PARTS, caller: 'alice', callee: 'bob' });
    expect(a).not.toEqual(b);
    const c = callPrologue({ ...PARTS, callerVersions: [2, 2], calleeVersions: [2] });
    const d = callPrologue({ ...PARTS, callerVersions: [2], calleeVersions: [2, 2] });
    expect(c).not.toEqual(d);
  });

  it('takes any version list that an invite can carry', () => {
    fc.assert(
      fc.property(versions, (callerVersions) => {
        expect(negotiatedVersion(callPrologue({ ...PARTS, callerVersions, calleeVersions: [1] }))).toBe(
          callerVersions.includes(1) ? 1 : null,
        );
      }),
    );
  });
});

describe('versions', () => {
  it.each([
    [[1], [1], 1],
    [[1, 2, 3], [3, 2], 3],
    [[3, 1], [2, 1], 1],
    [[1], [2], null],
    [[], [1], null],
    [[0], [0], null],
  ])('%j and %j have %j in common', (a, b, expected) => {
    expect(highestCommonVersion(a, b)).toBe(expected);
    expect(highestCommonVersion(b, a)).toBe(expected);
    expect(negotiatedVersion(callPrologue({ ...PARTS, callerVersions: a, calleeVersions: b }))).toBe(
      expected,
    );
  });

  it('are not read from anything else', () => {
    expect(negotiatedVersion(new Uint8Array(0))).toBeNull();
    expect(negotiatedVersion(new Uint8Array(40).fill(1))).toBeNull();
    expect(negotiatedVersion(callPrologue(PARTS).subarray(0, 13))).toBeNull();
  });
});
