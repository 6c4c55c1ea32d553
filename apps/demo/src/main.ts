#!/usr/bin/env node
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Network, openLoopbackStage } from '@overcall/harness';
import { loadScenario, openBestStage } from '@overcall/nat-lab';
import { placeDemoCall } from './demo-call.ts';
import { printResult } from './print-result.ts';

const USAGE = `Usage: npm run demo -- [options]

Starts a directory, a supernode and two softphones, places a call between them, plays a spoken recording each
way, records what comes out at the other end and says how alike it is. Exit 0 only if both sides were heard.

Options:
  --json            end with one line of JSON; progress goes to stderr
  --loopback        do not make network namespaces even where that is possible
  --recordings DIR  where the recordings stay (default: recordings/)
  -h, --help        show this

Example:
  npm run demo -- --json
`;

function readArguments() {
  try {
    return parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        loopback: { type: 'boolean', default: false },
        recordings: { type: 'string', default: 'recordings' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message.split('\n')[0]}\n`);
    process.exit(2);
  }
}

const options = readArguments();
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const say = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);

const recordings = resolve(options.recordings);
mkdirSync(recordings, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'overcall-demo-'));
const { stage, whyNotLab } = options.loopback
  ? { stage: openLoopbackStage(), whyNotLab: '--loopback was given' }
  : await openBestStage(loadScenario('natPair'));
say(`stage: ${stage.description}`);
if (whyNotLab !== null) say(`  (no network namespaces: ${whyNotLab})`);

let network: Network | null = null;
const cleanUp = async () => {
  await (network ? network.close() : stage.close());
  rmSync(folder, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
}
try {
  say('starting a directory and a supernode ...');
  network = await Network.start(stage, folder);
  const result = await placeDemoCall(network, recordings, say);
  printResult(result, say, (path) => relative(process.cwd(), path));
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.heard && result.safetyNumber.equal ? 0 : 1;
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
