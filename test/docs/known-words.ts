import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { programFile } from '@overcall/harness';
import type { ProgramName } from '@overcall/release';
import { ROOT } from './documented-commands.ts';

const PROGRAMS: Readonly<Record<string, ProgramName>> = {
  overcall: 'softphone',
  'overcall-supernode': 'supernode',
  'overcall-directory': 'directory',
};

/** Subcommands and flags by path (`config check`), from the completion script: it is made from what `--help` shows. */
const wordsByProgram = new Map<string, Map<string, Set<string>>>();
function wordsOf(program: string): Map<string, Set<string>> {
  const known = wordsByProgram.get(program);
  if (known) return known;
  const { stdout } = spawnSync(process.execPath, [programFile(PROGRAMS[program]!), 'completion', 'bash'], {
    encoding: 'utf8',
  });
  const words = new Map(
    [...stdout.matchAll(/^ {4}'([^']*)'\) words='([^']*)' ;;$/gm)].map(([, path, list]) => [
      path!,
      new Set(list!.split(' ')),
    ]),
  );
  wordsByProgram.set(program, words);
  return words;
}

const flagsIn = (words: readonly string[]): string[] =>
  words.flatMap((word) => /^\[?(--?[a-z][\w-]*)/.exec(word)?.[1] ?? []);

/** What a command names that does not exist; null when all of it does. Placeholders and values are not looked at. */
export function unknownIn(command: string): string | null {
  const [first, ...words] = command.replace(/^sudo /, '').split(/\s+/) as [string, ...string[]];
  if (first in PROGRAMS) return unknownOfProgram(first, words);
  if (first === 'node') {
    const at = words.findIndex((word) => !word.startsWith('-'));
    return unknownOfSource(words[at]!, words.slice(at + 1));
  }
  if (first === 'npm' && words[0] === 'run') return unknownOfScript(words.slice(1));
  return null;
}

/** Whether it is the bare name of a command, as a sentence mentions it. */
export function isName(command: string): boolean {
  const [program, ...path] = command.split(' ');
  return program! in PROGRAMS && wordsOf(program!).has(path.join(' '));
}

function unknownOfProgram(program: string, words: readonly string[]): string | null {
  const known = wordsOf(program);
  let path = '';
  for (const word of words) {
    const longer = `${path} ${word}`.trim();
    if (known.has(longer)) path = longer;
    else break;
  }
  const next = words[path === '' ? 0 : path.split(' ').length];
  if (path === '' && next !== undefined && /^[a-z]/.test(next)) return `${program} ${next}`;
  // `overcall` alone is the phone.
  const own = known.get(path === '' && known.has('phone') ? 'phone' : path) ?? [];
  const flags = new Set([...(known.get('') ?? []), ...own]);
  return flagsIn(words).find((flag) => !flags.has(flag)) ?? null;
}

/** Flags of a script are looked for in the text of its folder. */
function unknownOfSource(file: string, words: readonly string[]): string | null {
  const path = join(ROOT, file);
  if (!existsSync(path)) return file;
  const folder = statSync(path).isDirectory() ? path : join(path, '..');
  const text = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  return flagsIn(words).find((flag) => !text.includes(flag.replace(/^--?/, ''))) ?? null;
}

function unknownOfScript([script, ...rest]: readonly string[]): string | null {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  if (script !== undefined && !(script in scripts)) return `npm run ${script}`;
  const [, name = '', ...words] = rest;
  if (script === 'bench') return unknownOfSource(`bench/${name}`, words);
  return script === 'lab' ? unknownOfLab(name, words) : null;
}

/** What comes behind `--` is a command for a node. */
function unknownOfLab(command: string, words: readonly string[]): string | null {
  const text = ['netns-scripts/main.ts', 'netns-scripts/src/commands/matrix.ts']
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  if (!text.includes(`command('${command}')`)) return `lab ${command}`;
  const end = words.indexOf('--');
  return flagsIn(end < 0 ? words : words.slice(0, end)).find((flag) => !text.includes(`'${flag}`)) ?? null;
}
