import { createInterface } from 'node:readline/promises';
import { askLine } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';

/** Asks for a passphrase in a terminal, twice when it is a new one, without showing it; else the first line of standard input. */
export async function askPassphrase(options: { isNew: boolean }): Promise<string> {
  if (process.stdin.isTTY !== true) return firstLine();
  const passphrase = await askLine('Passphrase: ', { isHidden: true });
  if (options.isNew && (await askLine('Once more: ', { isHidden: true })) !== passphrase) {
    throw new OvercallError('usage', 'the two passphrases differ', { remedy: 'try again' });
  }
  return passphrase;
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new OvercallError('usage', 'there is no passphrase', {
    remedy: 'give it in a terminal, or as a line on standard input',
  });
}
