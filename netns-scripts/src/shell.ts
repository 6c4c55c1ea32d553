import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { addressesOf, spawnInLab, temporaryLabFile, writeLabFile } from './environment.ts';
import { LabError } from './errors.ts';
import { type Lab, startLab } from './lab.ts';
import { loadScenario } from './scenarios.ts';
import { eventFromWords } from './spec.ts';

const HELP = `on NODE COMMAND       runs a command there
do EVENT FIELD=VALUE  makes something happen, say: do rebind nat=nat-a
prove                 measures the NATs
exit                  ends the lab`;

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

/** Builds a network and carries out what is typed until `exit` or the end of input. Returns the exit code. */
export async function shell(scenario: string): Promise<number> {
  const lab = await startLab(loadScenario(scenario));
  const { labFile, remove } = temporaryLabFile(lab);
  const ignore = () => {};
  process.on('SIGINT', ignore); // Ctrl-C ends the program at the prompt's other side, not the lab
  try {
    for (const [name, address] of Object.entries(addressesOf(lab))) print(`${name.padEnd(16)} ${address}`);
    print(HELP);
    await prompt((line) => carryOutLine(lab, line, labFile));
  } finally {
    process.off('SIGINT', ignore);
    remove();
    await lab.close();
  }
  return 0;
}

async function prompt(carryOut: (line: string) => Promise<void>): Promise<void> {
  const terminal = process.stdin.isTTY === true;
  const input = createInterface({ input: process.stdin, output: process.stdout, terminal, prompt: 'lab> ' });
  input.on('SIGINT', () => input.prompt()); // as in any shell: a fresh line
  let open = true;
  input.once('close', () => {
    open = false; // the end of input comes before its last lines are carried out
  });
  input.prompt();
  for await (const line of input) {
    if (line.trim() === 'exit') break;
    // The program gets the terminal as it would be without a prompt.
    if (open) input.pause();
    if (terminal) process.stdin.setRawMode(false);
    await carryOut(line.trim());
    if (terminal) process.stdin.setRawMode(true);
    if (open) input.resume();
    if (open) input.prompt();
  }
  input.close();
}

async function carryOutLine(lab: Lab, line: string, labFile: string): Promise<void> {
  const [word, ...rest] = line.split(/\s+/);
  const [, node, command] = /^on\s+(\S+)\s+(.+)$/.exec(line) ?? [];
  try {
    if (node !== undefined && command !== undefined) {
      // Without a terminal, standard input holds the next commands of the lab.
      const stdin = process.stdin.isTTY ? 'inherit' : 'ignore';
      const stdio = [stdin, 'inherit', 'inherit'] as const;
      await once(spawnInLab(lab, node, ['/bin/sh', '-c', command], { stdio: [...stdio], labFile }), 'exit');
    } else if (word === 'do') {
      await lab.apply(eventFromWords(rest));
      writeLabFile(lab, labFile);
    } else if (word === 'prove') {
      for (const proof of await lab.prove()) print(JSON.stringify(proof));
    } else if (line !== '') {
      print(HELP);
    }
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    print(error.message);
  }
}
