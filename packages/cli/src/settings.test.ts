import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wholeNumber } from './numbers.ts';
import { createProgram } from './program.ts';
import { collect, resolveSettings } from './settings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-settings-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function configFile(content: unknown, path = join(folder, 'given.json')): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** What the action of `serve` finds in its options. */
function settingsOf(args: string[], env: NodeJS.ProcessEnv = {}): Record<string, unknown> {
  const program = new Command('program')
    .version('1.2.3')
    .option('--home <dir>')
    .option('--config <file>')
    .option('--json');
  let found: Record<string, unknown> = {};
  program.command('other').option('--elsewhere <x>');
  program
    .command('serve')
    .addOption(new Option('--rate-limit <n>').argParser(wholeNumber(1, 100)).default(10))
    .addOption(new Option('--mode <mode>').choices(['open', 'closed']))
    .addOption(new Option('--listen <address>').argParser(collect))
    .option('--name <name>')
    .option('--plain')
    .option('--no-frills', 'without')
    .action((_options: unknown, command: Command) => {
      resolveSettings(command, 'directory', { XDG_CONFIG_HOME: join(folder, 'xdg'), ...env });
      found = command.optsWithGlobals();
    });
  program.parse(args, { from: 'user' });
  return found;
}

const wrong = (...parts: string[]) =>
  expect.objectContaining({
    code: 'usage',
    message: expect.stringMatching(new RegExp(`^[^\\n]*${parts.join('[^\\n]*')}[^\\n]*$`)),
  });

describe('settings', () => {
  it('switch off what has a flag to switch it off', () => {
    expect(settingsOf(['serve'])).toMatchObject({ frills: true });
    expect(settingsOf(['serve', '--no-frills'])).toMatchObject({ frills: false });
    expect(settingsOf(['serve'], { OVERCALL_NO_FRILLS: '1' })).toMatchObject({ frills: false });
    expect(settingsOf(['serve'], { OVERCALL_NO_FRILLS: '0' })).toMatchObject({ frills: true });
    const file = configFile({ 'no-frills': true });
    expect(settingsOf(['serve', '--config', file])).toMatchObject({ frills: false });
    expect(settingsOf(['serve', '--config', file], { OVERCALL_NO_FRILLS: 'false' })).toMatchObject({
      frills: true,
    });
  });

  it('come from flag, variable, file or default, in this order', () => {
    const file = configFile({ 'rate-limit': 3 });
    expect(settingsOf(['serve'])).toMatchObject({ rateLimit: 10 });
    expect(settingsOf(['serve', '--config', file])).toMatchObject({ rateLimit: 3 });
    const env = { OVERCALL_RATE_LIMIT: '2', OVERCALL_CONFIG: file };
    expect(settingsOf(['serve'], env)).toMatchObject({ rateLimit: 2 });
    expect(settingsOf(['serve', '--rate-limit', '1'], env)).toMatchObject({ rateLimit: 1 });
  });

  it('are found in the file of the home, of a part of its own, without being told', () => {
    configFile({ rateLimit: 4 }, join(folder, 'home', 'directory', 'config.json'));
    configFile({ rateLimit: 5 }, join(folder, 'xdg', 'overcall', 'directory', 'config.json'));
    expect(settingsOf(['serve', '--home', join(folder, 'home')])).toMatchObject({ rateLimit: 4 });
    expect(settingsOf(['serve'], { OVERCALL_HOME: join(folder, 'home') })).toMatchObject({ rateLimit: 4 });
    expect(settingsOf(['serve'])).toMatchObject({ rateLimit: 5 });
    expect(settingsOf(['serve', '--home', join(folder, 'empty')])).toMatchObject({ rateLimit: 10 });
  });

  it('take lists with commas, repeated or as arrays', () => {
    const listen = ['a:1', '[b]:2'];
    expect(settingsOf(['serve', '--listen', 'a:1', '--listen', '[b]:2'])).toMatchObject({ listen });
    expect(settingsOf(['serve'], { OVERCALL_LISTEN: 'a:1, [b]:2' })).toMatchObject({ listen });
    expect(settingsOf(['serve', '--config', configFile({ listen })])).toMatchObject({ listen });
  });

  it('switch on and off what takes no value, for the program too', () => {
    expect(settingsOf(['serve'], { OVERCALL_PLAIN: '1', OVERCALL_JSON: 'true' })).toMatchObject({
      plain: true,
      json: true,
    });
    expect(settingsOf(['serve'], { OVERCALL_PLAIN: '0' })).toMatchObject({ plain: false });
    expect(settingsOf(['serve', '--config', configFile({ plain: true })])).toMatchObject({ plain: true });
  });

  it('are refused in a line that goes on with what to do', () => {
    expect(() => settingsOf(['serve'], { OVERCALL_MODE: 'ajar' })).toThrow(
      expect.objectContaining({ message: 'OVERCALL_MODE: "ajar": Allowed choices are open, closed' }),
    );
  });

  it('ignore empty variables, and one for the version', () => {
    const found = settingsOf(['serve'], { OVERCALL_NAME: '', OVERCALL_VERSION: '7', OVERCALL_PLAIN: '' });
    expect(found).toEqual({ rateLimit: 10, frills: true });
  });

  it('of other commands may be in the file, unknown ones not', () => {
    expect(settingsOf(['serve', '--config', configFile({ elsewhere: 'x' })])).toMatchObject({
      rateLimit: 10,
    });
    const cases = [{ elsewhere: 'x', elsewhen: 'y' }, { config: 'other.json' }, { version: '1' }];
    for (const content of cases) {
      const file = configFile(content);
      const key = Object.keys(content).at(-1)!;
      expect(() => settingsOf(['serve', '--config', file])).toThrow(wrong('given.json', `"${key}"`));
    }
  });

  it('are checked wherever they come from, in one line that names the place', () => {
    const variables: [string, string][] = [
      ['OVERCALL_RATE_LIMIT', 'many'],
      ['OVERCALL_MODE', 'ajar'],
      ['OVERCALL_PLAIN', 'perhaps'],
    ];
    for (const [variable, value] of variables) {
      expect(() => settingsOf(['serve'], { [variable]: value })).toThrow(wrong(variable));
    }
    const contents: [unknown, string][] = [
      [{ 'rate-limit': 0 }, 'rateLimit'],
      [{ mode: 'ajar' }, 'mode'],
      [{ name: ['a'] }, 'name'],
      [{ name: true }, 'name'],
      [{ listen: [{}] }, 'listen'],
      [{ plain: 'perhaps' }, 'plain'],
      ['[]', 'JSON object'],
      ['{', 'is not JSON'],
    ];
    for (const [content, named] of contents) {
      const file = configFile(content);
      expect(() => settingsOf(['serve', '--config', file]), named).toThrow(wrong('given.json', named));
    }
    expect(() => settingsOf(['serve', '--config', '/nowhere'])).toThrow(wrong('/nowhere'));
    // As a --home that is a file has it.
    const below = join(configFile({}), 'config.json');
    expect(() => settingsOf(['serve', '--config', below])).toThrow(wrong('given.json is not a folder'));
  });

  it('are there when the action of a program begins', async () => {
    const program = createProgram({
      name: 'program',
      part: 'supernode',
      version: '1.2.3',
      description: '',
      example: '',
      logLevel: 'warn',
    });
    let found: unknown;
    program.command('show').action((_options: unknown, command: Command) => {
      found = command.optsWithGlobals();
    });
    const file = configFile({ json: true, 'log-level': 'debug' });
    await program.parseAsync(['show', '--config', file], { from: 'user' });
    expect(found).toEqual({ json: true, logLevel: 'debug', config: file });
  });
});
