/** `npm run bench -- overlay [PART [ARGS]]` runs one part, or says which there are; each file says what it measures. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('.', import.meta.url);
/** Not parts: this file, and what parts start as processes of their own. */
const parts = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && !file.endsWith('-worker.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
const [part, ...args] = process.argv.slice(2);
if (part === undefined || !parts.includes(part)) {
  const isHelp = part === undefined || part === '--help';
  process[isHelp ? 'stdout' : 'stderr'].write(
    `usage: npm run bench -- overlay ${parts.join('|')} [ARGS]\nThe head of bench/overlay/PART.ts says what it measures.\n`,
  );
  process.exit(isHelp ? 0 : 2);
}
const file = fileURLToPath(new URL(`${part}.ts`, folder));
process.argv = [process.argv[0]!, file, ...args];
await import(file);
