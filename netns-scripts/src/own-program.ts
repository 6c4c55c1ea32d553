import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LabError } from './errors.ts';

/** A program of the lab that is run in a node: its file beside this one, without `.ts`. */
export const ownProgram = (name: string): string[] => [
  process.execPath,
  fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
];

/** The first line that a program of the lab says. @throws LabError `lab-setup-failed` if it ends before */
export async function firstLine(child: ChildProcess, what: string): Promise<string> {
  let said = '';
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  child.stdout!.setEncoding('utf8');
  const ended = once(child, 'close').then(() => null);
  child.stdout!.on('data', (text: string) => {
    said += text;
  });
  while (!said.includes('\n'))
    if ((await Promise.race([once(child.stdout!, 'data'), ended])) === null && !said.includes('\n')) {
      throw new LabError('lab-setup-failed', `${what}: ${whyEnded(complaint)}`);
    }
  return said.split('\n')[0]!;
}

/** From what a program of the lab wrote to standard error. */
export function whyEnded(complaint: string): string {
  return /^\w*Error(?: \[\w+\])?: (.+)$/m.exec(complaint)?.[1] ?? 'it ended early';
}
