import { createInterface } from 'node:readline';
import { isInBackground } from './foreground.ts';

export type KeyCommand = 'accept' | 'decline' | 'hangup' | 'mute' | 'hold';

/** No object: what is typed may be a name that every object has. */
const BY_WORD: ReadonlyMap<string, KeyCommand> = new Map([
  ['a', 'accept'],
  ['accept', 'accept'],
  ['d', 'decline'],
  ['decline', 'decline'],
  ['b', 'hangup'],
  ['hangup', 'hangup'],
  ['m', 'mute'],
  ['mute', 'mute'],
  ['x', 'hold'],
  ['hold', 'hold'],
]);

/** What a line asks for; undefined for one that is no command. */
function keyCommandOf(line: string): KeyCommand | undefined {
  return BY_WORD.get(line.trim().toLowerCase());
}

/** Said of the commands in help texts. */
export const IN_CALL_KEYS = 'm mute, x hold, t TEXT a message, digits, * and # for keys, b hang up';

/** Something to read, for the other side. */
const TEXT = /^\s*t\s+(\S.*)$/i;
/** Keys of a telephone, several in a line. */
const TELEPHONE_KEYS = /^[0-9*#]{1,64}$/;

/**
 * Lines typed or piped in: `a` accept, `d` decline, `b` hang up, `m` mute or not, `x` hold or not, `t TEXT` a message;
 * digits, `*` and `#` are keys for the other side. In the background of a terminal (`&`, `bg`) nothing is read: what is typed
 * there is for the shell. Returns how to stop listening.
 */
export function onKeyCommand(
  handle: (command: KeyCommand) => void,
  handleKeys: (keys: string) => void,
  handleText: (text: string) => void,
  stdin: NodeJS.ReadStream = process.stdin,
): () => void {
  const lines = createInterface({ input: stdin, terminal: false });
  // Whoever held the other end is gone (EIO of a terminal, ECONNRESET of a pipe): no more keys, and the call goes on. Readline tells
  // of it by itself as well.
  stdin.on('error', () => {});
  lines.on('error', () => {});
  const follow = () => {
    if (stdin.isTTY && isInBackground()) stdin.pause();
    else stdin.resume();
  };
  process.on('SIGCONT', follow);
  follow();
  lines.on('line', (line) => {
    const text = TEXT.exec(line)?.[1];
    if (text !== undefined) handleText(text);
    const command = keyCommandOf(line);
    if (command !== undefined) handle(command);
    else if (TELEPHONE_KEYS.test(line.trim())) handleKeys(line.trim());
  });
  return () => {
    process.off('SIGCONT', follow);
    lines.close();
    stdin.unref?.();
  };
}
