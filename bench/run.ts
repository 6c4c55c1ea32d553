/** `npm run bench -- NAME [ARGS]` runs bench/NAME/run.ts; without a name it says which there are. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [name, ...args] = process.argv.slice(2);
const fileOf = (bench: string) => fileURLToPath(new URL(`${bench}/run.ts`, import.meta.url));
const names = readdirSync(new URL('.', import.meta.url)).filter((each) => existsSync(fileOf(each)));
if (name === undefined || !names.includes(name)) {
  const isHelp = name === '--help';
  process[isHelp ? 'stdout' : 'stderr'].write(`usage: npm run bench -- ${names.join('|')} [ARGS]\n`);
  process.exit(isHelp ? 0 : 2);
}
process.argv = [process.argv[0]!, fileOf(name), ...args];
await import(fileOf(name));
