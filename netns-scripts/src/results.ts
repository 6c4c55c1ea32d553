import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { callInMarkdown } from './calls/markdown.ts';
import { badFolder, makeFolder } from './paths.ts';
import type { RunResult } from './run.ts';
import { isOwn } from './wiring.ts';

/** A new folder `NAME-TIME` in `parent`, which `parent/latest` leads to from now on. */
export function makeResultsFolder(parent: string, scenario: string, now = new Date()): string {
  const time = now
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-');
  const name = `${scenario.replaceAll(/[^A-Za-z0-9._-]/g, '-')}-${time}`;
  makeFolder(parent);
  // Two runs in one second get two folders.
  for (let number = 1; ; number++) {
    const folder = join(parent, number === 1 ? name : `${name}-${number}`);
    try {
      mkdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw badFolder(folder, error);
    }
    // Replaced in one step: there is always a latest.
    const next = join(parent, `.latest-${process.pid}`);
    symlinkSync(basename(folder), next);
    renameSync(next, join(parent, 'latest'));
    return folder;
  }
}

export function writeResults(folder: string, result: RunResult): void {
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, 'results.md'), inMarkdown(result));
}

const OUTCOMES = {
  passed: 'Passed.',
  failed: 'Failed.',
  skipped: 'Skipped: this machine cannot run labs.',
  lab: 'The lab failed: this says nothing about the programs.',
} as const;

function inMarkdown(result: RunResult): string {
  const { scenario, about, startedAt, outcome, reasons, upMs, proofMs, durationMs } = result;
  const parts = [
    `# ${scenario}`,
    about,
    [`**${OUTCOMES[outcome]}**`, ...reasons.map((reason) => `- ${reason}`)].join('\n'),
    `Started ${startedAt}; network up after ${upMs} ms, NATs proven in ${proofMs} ms, ${durationMs} ms in all.`,
    section(
      'NATs as measured',
      ['NAT', 'from', 'mapping', 'filtering', 'ports', 'hairpin', 'IPv6', 'port mapping'],
      result.nats.map(({ nat, from, mapping, filtering, ports, hairpin, ipv6, portMapping = {} }) => [
        nat,
        isOwn(from) ? 'a host of the lab' : from,
        mapping,
        filtering,
        typeof ports === 'string' ? ports : JSON.stringify(ports),
        hairpin === null ? 'cannot show' : hairpin ? 'on' : 'off',
        ipv6 === null ? 'none' : `firewall ${ipv6.firewall6}`,
        Object.entries(portMapping)
          .map(([protocol, does]) => `${protocol} ${does}`)
          .join(', '),
      ]),
    ),
    section(
      'Programs',
      ['on', 'program', 'ended with', 'expected', 'log'],
      result.programs.map(({ on, run, code, signal, expectExit, log }) => [
        on,
        `\`${run.join(' ')}\``,
        String(signal ?? code),
        expectExit === undefined ? '' : String(expectExit),
        `[${log}](${log})`,
      ]),
    ),
    result.call === null ? '' : callInMarkdown(result.call),
    section(
      'Events',
      ['at', 'happened at', 'event'],
      result.events.map(({ event, happenedAtS }) => {
        const { at, ...what } = event;
        return [`${at} s`, happenedAtS === null ? 'not reached' : `${happenedAtS} s`, JSON.stringify(what)];
      }),
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function section(title: string, head: string[], rows: string[][]): string {
  if (rows.length === 0) return '';
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [`## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
