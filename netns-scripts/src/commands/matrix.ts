import { availableParallelism } from 'node:os';
import { createOutput } from '@overcall/cli';
import { type Command, InvalidArgumentError } from 'commander';
import { LabError } from '../errors.ts';
import { exitCodeOfOutcome } from '../exit-code.ts';
import type { Link } from '../links/link-spec.ts';
import { readKinds } from '../matrix/kinds.ts';
import { matrixLab, mostTries } from '../matrix/matrix-lab.ts';
import { type MatrixOptions, type MatrixResult, runMatrix } from '../matrix/run-matrix.ts';
import { countWords, medianWords, ms } from '../matrix/words.ts';
import { writeMatrix } from '../matrix/write.ts';
import { NAT_KIND_NAMES } from '../nat-pairs.ts';
import { givenPath } from '../paths.ts';
import { makeResultsFolder } from '../results.ts';
import { checkSpec } from '../spec.ts';

interface Settings {
  kinds: string;
  seconds: number;
  jobs: number;
  tries: number;
  link?: Link;
  json?: true;
  results: string;
}

/** With so many, times are those of one at a time, because only some are set up at once (run-matrix.ts). */
const DEFAULT_JOBS = 2 * availableParallelism();

export function addMatrix(program: Command, finish: (code: number) => void): void {
  program
    .command('matrix')
    .summary('calls between all pairs of NAT kinds, with the softphones')
    .description(
      'Builds one network with NATs of each kind, proves them, and has a softphone behind each kind call one behind ' +
        'each kind. Writes results.json, results.md and matrix.svg. Exit 1 if a call had no audio both ways, 3 if the lab fails.',
    )
    .option(
      '--kinds <list>',
      'mapping-filtering, perhaps with ports: eim-apdf,apdm-apdf:sequential,apdm-apdf:block=256',
      NAT_KIND_NAMES.join(','),
    )
    .option('--seconds <n>', 'how long each call lasts', number(1, 600), 2)
    .option('--jobs <n>', 'calls at once', whole(1, 64), DEFAULT_JOBS)
    .option('--tries <n>', 'calls of each pair, each from another address', whole(1, 254), 1)
    .option('--link <json>', 'access link of each NAT, as in a scenario: {"delayMs":20}', readLink)
    .option('--json', 'one JSON object per line: each call as it ends, and the result at last')
    .option('--results <folder>', 'where the folder with results goes', 'results')
    .addHelpText(
      'after',
      '\nExample:\n  npm run lab -- matrix --kinds eim-apdf,apdm-apdf --link \'{"delayMs":20}\'',
    )
    .action(async (settings: Settings) => finish(await matrix(settings)));
}

async function matrix({ json = undefined, results, link = undefined, ...rest }: Settings): Promise<number> {
  const options: MatrixOptions = { ...rest, link: link ?? null, kinds: readKinds(rest.kinds) };
  checkSpec(matrixLab(options.kinds, options.link));
  const most = mostTries(options.kinds.length);
  if (options.tries > most)
    throw new LabError('bad-scenario', `--tries: at most ${most} with ${options.kinds.length} kinds`);
  const folder = makeResultsFolder(givenPath(results), 'matrix');
  const event = (name: string, fields: object) => createOutput(true).event({ event: name, ...fields }, null);
  const result = await runMatrix(options, folder, json ? event : say);
  writeMatrix(folder, result);
  if (json) event('result', { ...result, folder });
  else print([...conclusion(result), `Results: ${folder}`].join('\n'));
  return exitCodeOfOutcome(result.outcome);
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

function conclusion(result: MatrixResult): string[] {
  if (result.outcome === 'skipped') return ['SKIPPED: this machine cannot run labs', ...result.reasons];
  if (result.outcome === 'lab')
    return ['THE LAB FAILED (this says nothing about the softphones)', ...result.reasons];
  return [
    result.outcome === 'passed' ? 'passed' : 'FAILED',
    ...result.reasons,
    countWords(result),
    medianWords(result),
  ];
}

/** What happens, for people: a line for each call. */
function say(name: string, fields: object): void {
  if (name === 'cell') print(cellLine(fields as CellFields));
  else
    print(
      `${name}: ${Object.entries(fields)
        .map(([key, value]) => `${key} ${String(value).replaceAll(',', ' ')}`)
        .join(', ')}`,
    );
}

interface CellFields {
  caller: string;
  callee: string;
  word: string;
  setupMs: number | null;
  firstAudioMs: number | null;
  timeToDirectMs: number | null;
  longestGapMs: number | null;
  missed: boolean;
  done: number;
  of: number;
  leftS: number;
  faults: string[];
}

function cellLine(cell: CellFields): string {
  const { caller, callee, word, setupMs, firstAudioMs, timeToDirectMs, longestGapMs, done, of, leftS } = cell;
  const direct = timeToDirectMs === null ? '' : `, direct ${ms(timeToDirectMs)}`;
  const figures = `answer ${ms(setupMs)}, audio ${ms(firstAudioMs)}${direct}, gap ${ms(longestGapMs)}`;
  const left = leftS >= 60 ? `${Math.floor(leftS / 60)} min ${leftS % 60} s` : `${leftS} s`;
  const said =
    cell.faults.length > 0
      ? cell.faults.join('; ')
      : `${figures}${cell.missed ? ' (direct is possible)' : ''}`;
  const count = `${String(done).padStart(String(of).length)} of ${of}`;
  return `${count}  ${caller} calls ${callee}: ${word.toUpperCase() === 'FAILED' ? 'FAILED' : word}, ${said}; ${left} left`;
}

function readLink(text: string): Link {
  try {
    return JSON.parse(text) as Link;
  } catch {
    throw new InvalidArgumentError('This is not JSON; example: {"delayMs":20}');
  }
}

const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
    return value;
  };

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = number(least, most)(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
    return value;
  };
