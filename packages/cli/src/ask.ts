import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { OvercallError } from '@overcall/wire';
import { InvalidArgumentError } from 'commander';

/** Whether there is somebody to answer. */
export const canAsk = (): boolean => process.stdin.isTTY === true;

/**
 * Asks in a terminal; an empty answer is `proposal`. Where nobody can be asked it says which flag has the answer.
 * @throws OvercallError `usage`, `interrupted`
 */
export async function ask(question: string, flag: string, proposal?: string): Promise<string> {
  if (!canAsk()) {
    if (proposal !== undefined) return proposal;
    throw new OvercallError('usage', `${flag} is missing`, {
      remedy: 'give it, or start in a terminal, which asks',
    });
  }
  const hint = proposal === undefined ? '' : ` [${proposal}]`;
  for (;;) {
    const answer = (await askLine(`${question}${hint}: `)).trim();
    if (answer !== '') return answer;
    if (proposal !== undefined) return proposal;
  }
}

export interface LineOptions {
  /** What is typed is not shown. */
  isHidden?: boolean;
  input?: Readable;
  output?: Writable;
}

/**
 * One line that somebody types.
 * @throws OvercallError `interrupted` at Ctrl-C and Ctrl-D, and when nothing more can come
 */
export async function askLine(
  question: string,
  { isHidden = false, input = process.stdin, output = process.stderr }: LineOptions = {},
): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  if (isHidden) output.write(question);
  const prompt = createInterface({ input, output: isHidden ? nowhere : output, terminal: true });
  const closed = new Promise<never>((_resolve, reject) =>
    prompt.once('close', () => reject(new Error('closed'))),
  );
  closed.catch(() => {});
  try {
    return await Promise.race([prompt.question(isHidden ? '' : question), closed]);
  } catch (cause) {
    throw new OvercallError('interrupted', 'interrupted', { cause });
  } finally {
    prompt.close();
    if (isHidden) output.write('\n');
  }
}

/** An answer checked as the flag's value would be. @throws OvercallError `usage` */
export function parseAnswer<T>(parse: (text: string) => T, text: string, flag: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new OvercallError('usage', `${flag} "${text}": ${error.message}`);
  }
}
