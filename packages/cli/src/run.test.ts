import { OvercallError } from '@overcall/wire';
import { Option } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { decimalNumber } from './numbers.ts';
import { addExample, createProgram } from './program.ts';
import { runProgram } from './run.ts';

let written: { stdout: string; stderr: string };
beforeEach(() => {
  written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    });
  }
  vi.stubEnv('XDG_CONFIG_HOME', '/nowhere');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Runs a program with the one command `do`. */
async function run(args: string[], action: () => unknown = () => {}) {
  const program = createProgram({
    name: 'program',
    part: '',
    version: '1.2.3',
    description: 'Does it.',
    example: 'program do',
    logLevel: 'warn',
  });
  const speed = new Option('--speed <n>', 'how fast').argParser(decimalNumber(0, 1));
  addExample(program.command('do').description('do it'), 'program do --speed 1')
    .addOption(speed)
    .action(async () => {
      await action();
    });
  const code = await runProgram(program, args);
  return { code, ...written };
}

const fail = (error: unknown) => () => {
  throw error;
};

describe('runProgram', () => {
  it('answers --version and --help, with an example and the common options, and exits 0', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
    const help = await run(['do', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Example:\n  program do --speed 1\n');
    expect(help.stdout).toContain('--json, --home, --config, --log-level');
  });

  it('is no success where not all of what was printed found room', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    expect(await run(['do'], () => process.stdout.emit('error', full))).toMatchObject({
      code: 1,
      stderr: 'program: not all could be printed (ENOSPC); make room on the disk, or write elsewhere\n',
    });
  });

  it('exits with what the action chose, and does not leave that behind in the process', async () => {
    process.exitCode = 9;
    try {
      const chosen = await run(['do', '--json'], () => {
        process.exitCode = 4;
      });
      expect(chosen).toEqual({ code: 4, stdout: '', stderr: '' });
      expect(await run(['do'])).toMatchObject({ code: 0 });
      expect(process.exitCode).toBe(9);
    } finally {
      process.exitCode = undefined;
    }
  });

  it('says in one line that a command is missing, and shows the whole help to a person at a terminal', async () => {
    const line = 'program: no command was given; see program --help\n';
    expect(await run([])).toEqual({ code: 2, stdout: '', stderr: line });
    Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true });
    try {
      const shown = await run([]);
      expect(shown).toMatchObject({ code: 2, stdout: '' });
      expect(shown.stderr).toContain('Example:\n  program do\n');
    } finally {
      Reflect.deleteProperty(process.stderr, 'isTTY');
    }
  });

  it.each([
    [['bogus'], 'bogus'],
    [['doo'], 'Did you mean do?'],
    [['do', '--bogus'], '--bogus'],
    [['do', '--speed', '2'], '--speed'],
    [['do', '--log-level', 'loud'], 'loud'],
    [['do', '--config', '/nowhere/at-all'], '/nowhere/at-all'],
  ])('takes %j for usage: one line that names it, exit 2', async (args, named) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^program: [^\n]+; (see program( do)? --help|give one that is there)\n$/);
    expect(stderr).toContain(named);
  });

  it.each([
    ['usage', 2, '; see program do --help'],
    ['directory-unreachable', 3, '; check its address, and your network with: overcall doctor'],
    ['device-revoked', 5, '; make a new device: overcall import FILE --home DIR'],
    ['audio-spec-unknown', 2, ''],
    ['something-else', 1, ''],
  ])('ends %s with %i and says what to do next', async (code, exitCode, next) => {
    const error = new OvercallError(code, 'one line\nand more');
    expect(await run(['do'], fail(error))).toEqual({
      code: exitCode,
      stdout: '',
      stderr: `program: one line${next}\n`,
    });
  });

  it('prefers what the error itself says to do, and keeps control characters of others away', async () => {
    const own = new OvercallError('usage', 'no\x1b[2J', { remedy: 'do that' });
    expect((await run(['do'], fail(own))).stderr).toBe('program: no\ufffd[2J; do that\n');
    const typed = await run(['do', 'a\x1b[2J']);
    expect(typed.stderr).not.toContain('\x1b');
  });

  it('says of the system what a person can do something about', async () => {
    const error = Object.assign(new Error('bind EADDRINUSE'), {
      code: 'EADDRINUSE',
      address: '::1',
      port: 7070,
    });
    const { code, stderr } = await run(['do'], fail(error));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^program: ::1:7070 is in use already.*\n$/);
  });

  it('calls anything else an internal error, whose stack is for --log-level debug', async () => {
    const error = new TypeError('x is undefined');
    expect(await run(['do'], fail(error))).toEqual({
      code: 1,
      stdout: '',
      stderr: 'program: internal error: x is undefined; report it, with --log-level debug\n',
    });
    const { stderr } = await run(['do', '--log-level', 'debug'], fail(error));
    expect(stderr).toContain('run.test.ts');
  });
});
