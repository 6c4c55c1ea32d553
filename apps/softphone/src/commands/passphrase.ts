import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { OvercallError } from '@overcall/wire';

/** Asks for a passphrase in a terminal, twice when it is a new one, without showing it; else the first line of standard input. */
export async function askPassphrase(options: { isNew: boolean }): Promise<string> {
  if (process.stdin.isTTY !== true) return firstLine();
  const passphrase = await ask('Passphrase: ');
  if (options.isNew && (await ask('Once more: ')) !== passphrase) {
    throw new OvercallError('usage', 'the two passphrases differ');
  }
  return passphrase;
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new OvercallError('usage', 'give the passphrase in a terminal, or as a line on standard input');
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const interrupted = new Promise<never>((_resolve, reject) =>
    prompt.once('SIGINT', () => reject(new OvercallError('interrupted', 'interrupted'))),
  );
  try {
    return await Promise.race([prompt.question(''), interrupted]);
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
}
