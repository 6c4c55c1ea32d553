import { plainText } from './plain-text.ts';

/** Longest text message, UTF-16 units: as JSON, sealed and in base64url it fits a signal whatever it is made of. */
export const MAX_TEXT_CHARS = 1000;

/**
 * A text message as it is sent, kept and shown: one line, without what steers a terminal. Both sides make it so: the sender
 * that it reads alike at both ends, the receiver because others may not. Null for what is empty or too long then.
 */
export function asTextMessage(text: string): string | null {
  const blanks = text.replace(/\s/gu, ' ');
  const line = plainText(blanks, Number.POSITIVE_INFINITY).replace(/ +/g, ' ').trim();
  return line === '' || line.length > MAX_TEXT_CHARS ? null : line;
}
