import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CallReport, SideReport } from '../calls/report.ts';
import { NAT_KIND_NAMES } from '../nat-pairs.ts';
import { matrixPicture } from './picture.ts';
import type { MatrixResult } from './run-matrix.ts';
import { type Cell, summaryOf, type Try } from './summary.ts';

const side = (firstAudioMs: number | null): SideReport => ({
  firstAudioMs,
  longestGapMs: 20,
  lossPct: 0,
  mos: 4.3,
  sentPackets: 100,
  receivedPackets: 100,
  playedFrames: 100,
  concealedFrames: 0,
  waitedMs: null,
  ended: 'hangup',
});

function call(kind: string, firstAudioMs: number | null, transport = 'udp'): CallReport {
  const path = { atMs: 5, kind, transport, via: [], rttMs: 10, reason: 'x' };
  return {
    from: 'a',
    to: 'b',
    answered: true,
    setupMs: 50,
    durationS: 2,
    timeToDirectMs: kind === 'direct' ? 120 : null,
    paths: [path],
    complaint: null,
    caller: side(80),
    callee: side(firstAudioMs),
  };
}

const good = (kind: string, firstAudioMs: number | null = 100, transport = 'udp'): Try => ({
  report: call(kind, firstAudioMs, transport),
  faults: [],
  files: [],
  repeats: 0,
});
const bad: Try = { report: null, faults: ['b < a & "c"'], files: [], repeats: 0 };
const cell = (tries: Try[], possible: Cell['possible'] = 'direct'): Cell => ({
  caller: 'eim-eif',
  callee: 'eim-adf',
  possible,
  tries,
});

function matrix(kinds: string[], tries: Try[][]): MatrixResult {
  const cells = kinds.flatMap((caller, row) =>
    kinds.map((callee, column) => ({
      ...cell(tries[(row * kinds.length + column) % tries.length]!),
      caller,
      callee,
    })),
  );
  return {
    startedAt: '2026-11-22T12:00:00.000Z',
    machine: 'a <machine>',
    kinds,
    seconds: 2,
    jobs: 4,
    tries: 1,
    link: { delayMs: 20 },
    outcome: 'passed',
    reasons: [],
    upMs: 1,
    proofMs: 1,
    durationMs: 1,
    cells,
  };
}

/** Walks the tags: every one closed in order, attributes quoted, no bare ampersand. Returns how many of each. */
function tagsOf(xml: string): Map<string, number> {
  const open: string[] = [];
  const counts = new Map<string, number>();
  const rest = xml.replaceAll(
    /<(\/?)([a-z]+)((?: [A-Za-z-]+="[^"<&]*")*)(\/?)>/g,
    (_all, end, name, _attributes, empty) => {
      if (end) expect(open.pop()).toBe(name);
      else counts.set(name, (counts.get(name) ?? 0) + 1);
      if (!end && !empty) open.push(name);
      return '';
    },
  );
  expect(open).toEqual([]);
  expect(rest.replaceAll(/&(amp|lt|gt|quot);/g, '')).not.toMatch(/[<>&]/);
  return counts;
}

test('is well-formed and has a cell for each pair, whatever became of it', () => {
  const one = fc.oneof(
    fc.constantFrom('direct', 'relay', 'overlay', 'strange').map((kind) => [good(kind)]),
    fc.string({ unit: 'binary' }).map((fault) => [{ ...bad, faults: [fault] }]),
    fc.constant([] as Try[]),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(one, { minLength: 1, maxLength: 81 }),
      (size, tries) => {
        const svg = matrixPicture(matrix(NAT_KIND_NAMES.slice(0, size), tries));
        expect(tagsOf(svg).get('g')).toBe(size * size);
      },
    ),
  );
});

test('everything is inside the picture, and no text runs into the next cell', () => {
  const kinds = ['apdm-apdf:block=256', ...NAT_KIND_NAMES];
  const svg = matrixPicture({ ...matrix(kinds, [[good('direct', 12345)]]), tries: 30 });
  const [, width = 0, height = 0] = (/viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []).map(Number);
  for (const [, x, y] of svg.matchAll(/ x="([\d.]+)" y="([\d.]+)"/g)) {
    expect(Number(x)).toBeLessThan(width);
    expect(Number(y)).toBeLessThan(height);
  }
  const cells = [...svg.matchAll(/<g class="cell">.*?<\/g>/g)].map(([group]) => group);
  for (const [, text = ''] of cells.join('').matchAll(/<text[^>]*>([^<]*)/g))
    expect(text.length).toBeLessThanOrEqual('direct 12345 ms'.length);
});

test.for<[tries: Try[], possible: Cell['possible'], word: string, missed: boolean]>([
  [[good('relay')], 'direct', 'relay', true],
  [[good('relay')], 'relay', 'relay', false],
  [[good('direct')], 'direct', 'direct', false],
  [[good('direct'), good('relay')], 'direct', 'relay', true],
  [[good('direct'), bad], 'direct', 'failed', false],
  [[good('relay', 100, 'tcp')], 'relay', 'tcp', false],
  [[], 'direct', 'failed', false],
])('a cell is as good as its worst try (case %#)', ([tries, possible, word, missed]) => {
  expect(summaryOf(cell(tries, possible))).toMatchObject({ word, missed });
});

test('figures are medians over the tries, of both sides the worse', () => {
  const summary = summaryOf(cell([good('direct', 300), good('direct', 40), good('direct', 100)]));
  expect(summary).toMatchObject({ firstAudioMs: 100, setupMs: 50, timeToDirectMs: 120, directTries: 3 });
  expect(summaryOf(cell([good('relay', null)])).firstAudioMs).toBeNull();
});
