import { parentPort, workerData } from 'node:worker_threads';
import { VoiceChain, type VoiceChoice } from './voice-chain.ts';

/** From the microphone (`near`, 10 ms) or on its way to the loudspeaker (`far`, 20 ms). */
export type VoiceMessage = { near: Int16Array } | { far: Int16Array };
/** A block that was processed, or: the libraries are there. */
export type VoiceAnswer = { block: Int16Array } | { isReady: true };

/** The thread in which {@link VoiceChain} runs, so that no packet waits for it. */
const port = parentPort!;
const chain = await VoiceChain.load(workerData as VoiceChoice);
port.on('message', (message: VoiceMessage) => {
  if ('far' in message) chain.hear(message.far);
  else port.postMessage({ block: chain.process(message.near) } satisfies VoiceAnswer);
});
port.postMessage({ isReady: true } satisfies VoiceAnswer);
