import { readFileSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';

/**
 * What is in a configuration file: JSON in which comments (`//` and between slash and star) and commas at the end of a list
 * are allowed. Null where a file that nobody asked for is not there.
 *
 * @throws OvercallError `usage`
 */
export function readConfigFile(file: string, isAskedFor: boolean): Record<string, unknown> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(plainJson(readFileSync(file, 'utf8')));
  } catch (cause) {
    if (!isAskedFor && (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    const reason = (cause as Error).message.replaceAll('\n', ' ');
    throw new OvercallError('usage', `configuration file ${file} cannot be read: ${reason}`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new OvercallError('usage', `configuration file ${file} is not a JSON object`);
  }
  return parsed as Record<string, unknown>;
}

/** Strings come first, so that what looks like a comment inside one is left alone. */
const STRING_OR_COMMENT = /"(?:\\.|[^"\\\n])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const STRING_OR_LAST_COMMA = /"(?:\\.|[^"\\\n])*"|,(?=\s*[\]}])/g;

/** Blanks take the place of comments: the line and column of an error stay those of the file. */
export function plainJson(text: string): string {
  const blank = (part: string): string => (part.startsWith('"') ? part : part.replace(/[^\n]/g, ' '));
  return text.replace(STRING_OR_COMMENT, blank).replace(STRING_OR_LAST_COMMA, blank);
}
