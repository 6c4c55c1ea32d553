import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Network } from '@overcall/harness';
import { readRecording, SAMPLE_RATE_HZ, writeRecording } from '@overcall/media';
import { type Link, labStage, loadScenario, startLab, withLinks } from '@overcall/nat-lab';
import { type HeardWord, type SpokenWord, wordsHeard } from '@overcall/quality';

const RECORDINGS = join(import.meta.dirname, '..', 'recordings');
const SPOKEN = join(RECORDINGS, 'alice.wav');
const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000;

/** The access link of the listener, both ways: a fifth of all packets is lost, the others come up to 60 ms early or late. */
const BAD_LINK: Link = { delayMs: 80, jitterMs: 60, lossPct: 20 };

export interface HeardCall {
  spoken: Int16Array;
  heard: Int16Array;
  words: HeardWord[];
}

/**
 * In a lab, alice calls bob and speaks her recording, no word of which begins later than `seconds`; what bob hears. His link is
 * bad from before anybody calls him.
 */
export async function callOverBadLink(folder: string, seconds: number): Promise<HeardCall> {
  const all = JSON.parse(readFileSync(join(RECORDINGS, 'alice.words.json'), 'utf8')) as SpokenWord[];
  const words = all.filter(({ startMs }) => startMs < seconds * 1000);
  const spoken = (await readRecording(SPOKEN)).subarray(0, words.at(-1)!.endMs * SAMPLES_PER_MS);
  const playing = join(folder, 'spoken.wav');
  await writeRecording(playing, spoken);
  const lab = await startLab(withLinks(loadScenario('pair:eim-apdf,eim-apdf'), {}));
  await lab.prove();
  const network = await Network.start(labStage(lab), folder);
  try {
    await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
    const recording = join(folder, 'heard.wav');
    const listening = ['listen', '--auto-answer', '--once', '--play', 'null', '--record', recording];
    const bob = network.overcall('bob', 'bob', ...listening);
    await bob.waitFor('attached');
    await lab.setLink('nat-b', BAD_LINK);
    const calling = ['call', 'bob', '--play', playing, '--record', 'null', '--hangup-at-end'];
    const alice = network.overcall('alice', 'alice', ...calling);
    await bob.waitFor('ended', { patienceMs: 60_000 });
    await Promise.all([alice.stop(), bob.exited]);
    const heard = await readRecording(recording);
    return { spoken, heard, words: wordsHeard(spoken, heard, words) };
  } finally {
    await network.close();
  }
}
