/**
 * Whether a listener can follow every word over a link that loses 20% and has 60 ms of jitter: a real call in the lab, judged
 * word by word. `node bench/voice/words.ts [--keep FOLDER]` keeps what was heard there (heard-over-bad-link.ogg, by ffmpeg) and a
 * picture of it beside what was spoken; `--from heard.wav` judges a recording of before; `--simulated CALLS` plays so many in virtual time.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readRecording } from '@overcall/media';
import { type SpokenWord, speechSimilarity, WORD_HEARD_THRESHOLD, wordsHeard } from '@overcall/quality';
import { callOverBadLink } from '../../test/nat-lab/bad-link-call.ts';
import { simulatedWords } from './simulated-words.ts';
import { spectrogramPicture } from './spectrogram-picture.ts';

const RECORDINGS = join(import.meta.dirname, '..', '..', 'test', 'recordings');
const NAME = 'heard-over-bad-link';

const { values } = parseArgs({
  options: { keep: { type: 'string' }, from: { type: 'string' }, simulated: { type: 'string' } },
});
const spoken = await readRecording(join(RECORDINGS, 'alice.wav'));
const spokenWords = JSON.parse(readFileSync(join(RECORDINGS, 'alice.words.json'), 'utf8')) as SpokenWord[];

if (values.simulated !== undefined) {
  simulate(Number(values.simulated));
  process.exit();
}

const folder = mkdtempSync(join(tmpdir(), 'overcall-words-'));
try {
  const recording = values.from ?? join(folder, 'heard.wav');
  if (values.from === undefined) await callOverBadLink(folder, Number.POSITIVE_INFINITY);
  const heard = await readRecording(recording);
  const words = wordsHeard(spoken, heard, spokenWords);
  const { similarity, offsetMs } = speechSimilarity(spoken, heard);
  const least = Math.min(...words.map(({ clarity }) => clarity));
  const missed = words.filter(({ clarity }) => clarity < WORD_HEARD_THRESHOLD);
  for (const { word, clarity } of words) process.stdout.write(`${clarity.toFixed(2)} ${word}\n`);
  process.stdout.write(
    `${words.length - missed.length} of ${words.length} words heard, the least clear ${least.toFixed(2)}, similarity ${similarity.toFixed(2)}\n`,
  );
  if (values.keep !== undefined) {
    const ogg = join(values.keep, `${NAME}.ogg`);
    const coding = ['-c:a', 'libopus', '-b:a', '40k', '-application', 'audio'];
    const { status } = spawnSync('ffmpeg', ['-y', '-loglevel', 'error', '-i', recording, ...coding, ogg]);
    if (status !== 0) throw new Error('ffmpeg is needed to keep what was heard');
    writeFileSync(join(values.keep, `${NAME}.svg`), spectrogramPicture(spoken, heard, words, offsetMs));
  }
  if (missed.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function simulate(calls: number): void {
  let whole = 0;
  const missed = new Map<string, number>();
  for (let seed = 0; seed < calls; seed++) {
    const lost = simulatedWords(spoken, spokenWords, seed).filter(
      ({ clarity }) => clarity < WORD_HEARD_THRESHOLD,
    );
    if (lost.length === 0) whole++;
    for (const { word } of lost) missed.set(word, (missed.get(word) ?? 0) + 1);
  }
  const which = [...missed].map(([word, count]) => `${word} ${count}`).join(', ');
  process.stdout.write(`${whole} of ${calls} calls with every word; missed: ${which || 'none'}\n`);
}
