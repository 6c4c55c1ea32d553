import { spawnSync } from 'node:child_process';
import { Option } from 'commander';
import { expect, it } from 'vitest';
import { manPage } from './man-page.ts';
import { addExample, createProgram } from './program.ts';

function page(): string {
  const program = createProgram({
    name: 'over-call',
    part: '',
    version: '1.2.3',
    description: 'Calls people.',
    example: 'over-call call bob \\\n  --loud',
    logLevel: 'warn',
  });
  const call = program.command('call <name>').description("'places' a call");
  addExample(call, 'over-call call bob');
  call.addOption(new Option('--host <name>', '.dotted\\ text').default('box7', 'host name'));
  program.command('secret', { hidden: true });
  return manPage(program);
}

it('has the parts of a manual page, each command, its flags and its example', () => {
  const text = page();
  const sections = [...text.matchAll(/^\.SH (.*)$/gm)].map(([, name]) => name);
  expect(sections).toEqual([
    ...['NAME', 'SYNOPSIS', 'OPTIONS', 'COMMANDS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS', 'EXAMPLE'],
  ]);
  expect(text.startsWith('.TH OVER-CALL 8 "" "over-call 1.2.3" "Overcall"\n')).toBe(true);
  expect(text).toContain('over\\-call \\- Calls people\n');
  expect(text).toContain('.SS "over\\-call call"');
  expect(text).toContain('.B \\-\\-host <name>');
  expect(text).toContain('Example:\n.PP\n.nf\nover\\-call call bob\n.fi');
  expect(text).not.toContain('secret');
});

it('says nothing of the machine that it was made on', () => {
  expect(page()).toContain('(default host name)');
  expect(page()).not.toContain('box7');
});

it('takes no text for a request', () => {
  const requests = page().match(/^[.'].*$/gm) ?? [];
  for (const line of requests) expect(line).toMatch(/^\.(TH|SH|SS|TP|B|PP|nf|fi)\b/);
  expect(page()).toContain('\\&.dotted\\e text');
});

const hasGroff = spawnSync('groff', ['--version']).status === 0;
it.skipIf(!hasGroff)(
  hasGroff ? 'is what groff expects' : 'is what groff expects (needs groff: apt install groff-base)',
  () => {
    const { status, stderr } = spawnSync('groff', ['-man', '-Tascii', '-ww', '-z'], {
      input: page(),
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);
