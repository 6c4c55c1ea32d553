import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OvercallError } from '@overcall/wire';

/**
 * What is in a configuration file: JSON in which comments (`//` and between slash and star) and commas at the end of a list
 * are allowed. Null where a file that nobody asked for is not there.
 *
 * @throws OvercallError `usage`
 */
export function readConfigFile(file: string, isAskedFor: boolean): Record<string, unknown> | null {
  const text = textOf(file, isAskedFor);
  if (text === null) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(plainJson(text));
  } catch (cause) {
    const reason = (cause as Error).message.replaceAll('\n', ' ');
    throw new OvercallError('usage', `configuration file ${file} is not JSON: ${reason}`, {
      cause,
      remedy: 'mend it there',
    });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new OvercallError('usage', `configuration file ${file} is not a JSON object`);
  }
  return parsed as Record<string, unknown>;
}

function textOf(file: string, isAskedFor: boolean): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!isAskedFor && code === 'ENOENT') return null;
    // Such as a --home that is a file.
    const isNoFolder = code === 'ENOTDIR';
    const what = isNoFolder
      ? `${dirname(file)} is not a folder`
      : `configuration file ${file} cannot be read (${code})`;
    const remedy = code === 'EACCES' ? 'let this user read it' : 'give one that is there';
    throw new OvercallError('usage', what, { cause, remedy });
  }
}

/** Strings come first, so that what looks like a comment inside one is left alone. */
const STRING_OR_COMMENT = /"(?:\\.|[^"\\\n])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const STRING_OR_LAST_COMMA = /"(?:\\.|[^"\\\n])*"|,(?=\s*[\]}])/g;

/** Blanks take the place of comments: the line and column of an error stay those of the file. */
export function plainJson(text: string): string {
  const blank = (part: string): string => (part.startsWith('"') ? part : part.replace(/[^\n]/g, ' '));
  return text.replace(STRING_OR_COMMENT, blank).replace(STRING_OR_LAST_COMMA, blank);
}
