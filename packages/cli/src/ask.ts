import { createInterface } from 'node:readline/promises';
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
    throw new OvercallError('usage', `${flag} is missing; it is asked for in a terminal only`);
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new Promise<never>((_resolve, reject) => {
    const stop = () => reject(new OvercallError('interrupted', 'interrupted'));
    prompt.once('SIGINT', stop);
    prompt.once('close', stop);
  });
  interrupted.catch(() => {});
  try {
    const hint = proposal === undefined ? '' : ` [${proposal}]`;
    for (;;) {
      const answer = (await Promise.race([prompt.question(`${question}${hint}: `), interrupted])).trim();
      if (answer !== '') return answer;
      if (proposal !== undefined) return proposal;
    }
  } finally {
    prompt.close();
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
