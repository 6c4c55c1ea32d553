import { createInterface } from 'node:readline';

export type KeyCommand = 'accept' | 'decline' | 'hangup';

const BY_WORD: Record<string, KeyCommand> = {
  a: 'accept',
  accept: 'accept',
  d: 'decline',
  decline: 'decline',
  b: 'hangup',
  hangup: 'hangup',
};

/** Lines typed or piped in: `a` accept, `d` decline, `b` hang up. Returns how to stop listening. */
export function onKeyCommand(handle: (command: KeyCommand) => void): () => void {
  const lines = createInterface({ input: process.stdin, terminal: false });
  process.stdin.on('error', () => {});
  lines.on('line', (line) => {
    const command = BY_WORD[line.trim().toLowerCase()];
    if (command !== undefined) handle(command);
  });
  return () => {
    lines.close();
    process.stdin.unref?.();
  };
}
