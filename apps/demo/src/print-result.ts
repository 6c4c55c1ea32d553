import type { DemoResult, Direction } from './demo-call.ts';

/** The result for people. */
export function printResult(
  result: DemoResult,
  say: (text: string) => void,
  shortPath: (path: string) => string,
): void {
  const { path, setupMs, firstAudioMs, lossPct, longestGapMs, mos, safetyNumber } = result;
  const both = (figures: { alice: unknown; bob: unknown }, unit: string) =>
    `${figures.alice} ${unit} at alice, ${figures.bob} ${unit} at bob`.replaceAll('  ', ' ');
  const rows: [string, string][] = [
    ['set-up', `${setupMs} ms from call to answer`],
    ['first audio', `${both(firstAudioMs, 'ms')} after the answer`],
    ['path', `${path.kind} over ${path.transport} via ${path.via.join(', ')}, round trip ${path.rttMs} ms`],
    ['loss', both(lossPct, '%')],
    ['longest gap', both(longestGapMs, 'ms')],
    ['estimated MOS', `${both(mos, '')} (E-model, not a listening test)`],
    ['safety numbers', safetyNumber.equal ? `equal: ${safetyNumber.alice}` : 'DIFFERENT'],
    ['alice to bob', heardText(result.aliceToBob, result.similarityThreshold, shortPath)],
    ['bob to alice', heardText(result.bobToAlice, result.similarityThreshold, shortPath)],
  ];
  say('');
  for (const [label, text] of rows) say(`  ${label.padEnd(15)} ${text}`);
  say('');
  say(result.heard ? 'Both sides were heard.' : 'NOT both sides were heard.');
}

function heardText(
  { similarity, alike, heard }: Direction,
  threshold: number,
  shortPath: (path: string) => string,
): string {
  return `${alike ? 'heard' : 'NOT heard'}: similarity ${similarity} (at least ${threshold} wanted); listen to ${shortPath(heard)}`;
}
