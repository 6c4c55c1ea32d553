import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createOutput, type Output } from '@overcall/cli';
import type { Capture } from './capture.ts';
import { addressesOf, privateLabFile, spawnInLab } from './environment.ts';
import { LabError } from './errors.ts';
import { type Lab, startLab } from './lab.ts';
import { givenPath } from './paths.ts';
import { relayOutput } from './relay-output.ts';
import { loadScenario } from './scenarios.ts';
import { eventFromWords } from './spec.ts';

const HELP = `on NODE COMMAND       runs a command there
do EVENT FIELD=VALUE  makes something happen, say: do rebind nat=nat-a
prove                 measures the NATs
capture NODE FILE     writes what passes there to a pcap file, until: capture stop
exit                  ends the lab`;

/** Builds a network and carries out what is typed until `exit` or the end of input. Returns the exit code. */
export async function shell(scenario: string, json: boolean): Promise<number> {
  const output = createOutput(json);
  const lab = await startLab(loadScenario(scenario));
  const ignore = () => {};
  process.on('SIGINT', ignore); // Ctrl-C ends the program at the prompt's other side, not the lab
  try {
    const addresses = addressesOf(lab);
    const lines = Object.entries(addresses).map(([name, address]) => `${name.padEnd(16)} ${address}`);
    output.event({ event: 'up', addresses }, [...lines, HELP].join('\n'));
    const session = new Session(lab, output);
    await prompt(output, (line) => session.carryOut(line));
    await session.stopCaptures();
  } finally {
    process.off('SIGINT', ignore);
    await lab.close();
  }
  return 0;
}

async function prompt({ json }: Output, carryOut: (line: string) => Promise<void>): Promise<void> {
  const terminal = process.stdin.isTTY === true && !json;
  const screen = json ? {} : { output: process.stdout, prompt: 'lab> ' };
  const input = createInterface({ input: process.stdin, terminal, prompt: '', ...screen });
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

/** What has been typed so far has led to this. */
class Session {
  readonly #lab: Lab;
  readonly #output: Output;
  readonly #labFile: ReturnType<typeof privateLabFile>;
  readonly #captures: { node: string; capture: Capture }[] = [];
  /** Of the lines that were not empty: tells which one an answer belongs to. */
  #command = 0;

  constructor(lab: Lab, output: Output) {
    this.#lab = lab;
    this.#output = output;
    this.#labFile = privateLabFile(lab);
  }

  async carryOut(line: string): Promise<void> {
    if (line === '') return;
    this.#command++;
    try {
      await this.#carryOut(line);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.#tell('error', { code: error.code, message: error.message }, error.message);
    }
  }

  async #carryOut(line: string): Promise<void> {
    const [word, ...rest] = line.split(/\s+/);
    const [, node, command] = /^on\s+(\S+)\s+(.+)$/.exec(line) ?? [];
    if (node !== undefined && command !== undefined) {
      await this.#run(node, command);
    } else if (word === 'do') {
      const event = eventFromWords(rest);
      await this.#lab.apply(event);
      this.#labFile.write();
      this.#tell('happened', { ...event }, null);
    } else if (word === 'prove') {
      const nats = await this.#lab.prove();
      this.#tell('proved', { nats }, nats.map((proof) => JSON.stringify(proof)).join('\n'));
    } else if (word === 'capture' && rest.length === 2) {
      const [at, file] = rest as [string, string];
      const capture = await this.#lab.capture(at, givenPath(file));
      this.#captures.push({ node: at, capture });
      this.#tell('capturing', { node: at, file: capture.file }, `capturing to ${capture.file}`);
    } else if (word === 'capture' && rest[0] === 'stop' && rest.length === 1) {
      await this.stopCaptures();
    } else {
      this.#tell('error', { code: 'usage', message: `this is no command: ${line}` }, HELP);
    }
  }

  /** Everything that has passed until now is in the files. */
  async stopCaptures(): Promise<void> {
    for (const { node, capture } of this.#captures.splice(0)) {
      const packets = await capture.stop();
      const { file } = capture;
      this.#tell('captured', { node, file, packets }, `${packets ?? '?'} packets in ${file}`);
    }
  }

  async #run(node: string, command: string): Promise<void> {
    const { json } = this.#output;
    // Without a terminal, standard input holds the next commands of the lab.
    const stdin = process.stdin.isTTY ? 'inherit' : 'ignore';
    const child = spawnInLab(this.#lab, node, ['/bin/sh', '-c', command], {
      stdio: json ? [stdin, 'pipe', 'pipe'] : [stdin, 'inherit', 'inherit'],
      labFile: this.#labFile.labFile,
    });
    const number = this.#command;
    const tell = (stream: string, line: string) =>
      this.#output.event({ event: 'output', command: number, node, stream, line }, null);
    const [code, signal] = json ? await relayOutput(child, tell) : await once(child, 'exit');
    this.#tell('exit', { node, code, signal }, null);
  }

  #tell(event: string, fields: object, text: string | null): void {
    this.#output.event({ event, command: this.#command, ...fields }, text);
  }
}
