import { setTimeout as delay } from 'node:timers/promises';
import type { Network, Program, ProgramEvent } from '@overcall/harness';
import { ProcessorWaits } from './processor-waits.ts';
import { type CallReport, reportOf } from './report.ts';

/** What each side plays: different tones, so that nobody hears an echo of himself. */
const TONES = { caller: 'tone:440', callee: 'tone:300' };
/** From the start of the program to an answer, at the most: a softphone gives up by itself before. */
const ANSWER_PATIENCE_MS = 90_000;
/** For the callee to notice the end: 8 s of silence, when it is not told. */
const END_PATIENCE_MS = 10_000;

/** Starts a softphone that answers every call, and waits until it can be called. */
export async function startListener(network: Network, host: string): Promise<Program> {
  const audio = ['--play', TONES.callee, '--record', 'null'];
  const listener = network.overcall(host, host, 'listen', '--auto-answer', ...audio);
  await listener.waitFor('attached');
  return listener;
}

export interface PlacedCall {
  report: CallReport;
  caller: Program;
}

/** Users bear the names of their hosts. `onEvent` gets the events of the caller's softphone as they come. */
export async function placeCall(
  network: Network,
  from: string,
  to: string,
  {
    listener,
    seconds,
    onEvent,
  }: { listener: Program; seconds: number; onEvent?: (event: ProgramEvent) => void },
): Promise<PlacedCall> {
  const audio = ['--play', TONES.caller, '--record', 'null'];
  const caller = network.overcall(from, from, 'call', to, ...audio, '--duration', String(seconds));
  const waits = new ProcessorWaits([caller.pid, listener.pid]);
  caller.follow((event) => waits.handleEvent(event));
  if (onEvent) caller.follow(onEvent);
  const over = new AbortController();
  const late = delay(ANSWER_PATIENCE_MS + seconds * 1000, 'late', { signal: over.signal }).catch(
    () => 'over',
  );
  if ((await Promise.race([caller.exited, late])) === 'late') await caller.stop();
  over.abort();
  waits.stop();
  await waitForEnd(listener, caller.find('calling')?.callId);
  return { report: reportOf(from, to, caller, listener, waits.waitedMs), caller };
}

/** Until the callee's softphone has told how the call was, if it knows of it. */
async function waitForEnd(listener: Program, callId: unknown): Promise<void> {
  const knows = listener.events.some((event) => event.callId === callId);
  if (callId === undefined || !knows) return;
  const where = (event: ProgramEvent) => event.callId === callId;
  await listener.waitFor('ended', { where, patienceMs: END_PATIENCE_MS }).catch(() => {}); // told by its absence
}
