import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

/** A command that a page shows, without what stands around it. */
export interface Shown {
  page: string;
  command: string;
}

/** Programs whose commands count as such, in a block of code or within a sentence. */
const COMMAND = /^(?:sudo )?(?:overcall(?:-supernode|-directory)?|npm|node|systemctl|podman|source|cp) /;
const INLINE = /`([^`\n]+)`/g;
const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** README and all pages that are for reading. */
export function pages(): { name: string; text: string }[] {
  const inDocs = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md'));
  const results = readdirSync(join(ROOT, 'bench'), { recursive: true, encoding: 'utf8' });
  return [
    'README.md',
    'CONTRIBUTING.md',
    ...inDocs.map((file) => `docs/${file}`),
    ...results.filter((file) => file.endsWith('RESULTS.md')).map((file) => `bench/${file}`),
  ].map((name) => ({ name, text: readFileSync(join(ROOT, name), 'utf8') }));
}

/** Blocks of code with their language; those of commands are marked `sh`. */
export const blocksOf = (text: string): { language: string; content: string }[] =>
  [...text.matchAll(FENCE)].map(([, language, content]) => ({ language: language!, content: content! }));

/** The lines of a shell script, those joined that a backslash continues. What stands behind two blanks explains. */
export const linesOf = (script: string): string[] =>
  script
    .replace(/ *\\\n */g, ' ')
    .split('\n')
    .map((line) => line.replace(/ {2,}\S.*$/, '').trim())
    .filter((line) => line !== '');

export const isCommand = (line: string): boolean => COMMAND.test(`${line} `);

export function shownCommands(): Shown[] {
  return pages().flatMap(({ name: page, text }) => {
    const blocks = blocksOf(text)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ content }) => linesOf(content));
    const inline = [...text.replace(FENCE, '').matchAll(INLINE)].map(([, code]) => code!);
    return [
      ...blocks.map((command) => ({ page, command: command.replace(/ *&$/, '') })),
      ...inline
        .filter((code) => /^\S+ \S/.test(code) && isCommand(code))
        .map((command) => ({ page, command })),
    ];
  });
}
