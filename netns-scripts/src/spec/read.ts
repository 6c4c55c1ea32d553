import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { LabError } from '../errors.ts';
import { problemsOf } from './check.ts';
import type { LabSpec } from './schema.ts';

/**
 * Reads a scenario from JSON text.
 * @throws LabError `bad-scenario`, with one line `FILE:LINE:COLUMN: FIELD: what is wrong` for each mistake
 */
export function readScenario(text: string, file: string): LabSpec {
  const syntax: ParseError[] = [];
  const root = parseTree(text, syntax, { disallowComments: true });
  const [first] = syntax; // those after it are often its consequences
  if (first || !root) {
    const where = position(text, first?.offset ?? 0);
    const what = first ? inWords(printParseErrorCode(first.error)) : 'it is empty';
    throw new LabError('bad-scenario', `${file}:${where}: this is not JSON: ${what}`);
  }
  const input: unknown = JSON.parse(text);
  const lines = problemsOf(input)
    .map(({ field, message }) => ({ offset: offsetOf(root, field), what: `${field}: ${message}` }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, what }) => `${file}:${position(text, offset)}: ${what}`);
  if (lines.length > 0) throw new LabError('bad-scenario', lines.join('\n'));
  return input as LabSpec;
}

/** Where a field stands, or the nearest thing around it that is there. A field of an object is shown by its name. */
function offsetOf(root: Node, field: string): number {
  const path: (string | number)[] = field
    .split('/')
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')));
  for (; path.length > 0; path.pop()) {
    const node = findNodeAtLocation(root, path);
    if (node) return node.parent?.type === 'property' ? node.parent.offset : node.offset;
  }
  return root.offset;
}

/** LINE:COLUMN, both from 1. */
function position(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${before.at(-1)!.length + 1}`;
}

/** `PropertyNameExpected` as `property name expected`. */
const inWords = (code: string): string =>
  code.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
