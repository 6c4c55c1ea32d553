import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSettings } from './config-check.ts';
import { plainJson } from './config-file.ts';
import { wholeNumber } from './numbers.ts';
import { collect } from './settings.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-config-'));
  file = join(folder, 'config.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(): Command {
  const made = new Command('program').option('--json', '').option('--config <file>', '');
  made
    .command('serve')
    .addOption(new Option('--limit <n>', '').argParser(wholeNumber(1, 100)).default(10))
    .addOption(new Option('--listen <address>', '').argParser(collect))
    .option('--no-frills', '');
  made.command('other').option('--name <name>', '');
  return made;
}

const check = (text: string, env: NodeJS.ProcessEnv = {}) => {
  writeFileSync(file, text);
  return checkSettings(program(), { file, isAskedFor: true, env });
};

describe('config check', () => {
  it('shows what is in force and where it comes from', () => {
    const text = `{
      // how many
      "limit": 3, /* and where */ "listen": ["http://a:1", "b:2"],
      "no-frills": true,
    }`;
    expect(check(text, { OVERCALL_NAME: 'alice' })).toEqual({
      troubles: [],
      settings: [
        { setting: 'limit', value: 3, from: 'file' },
        { setting: 'listen', value: ['http://a:1', 'b:2'], from: 'file' },
        { setting: 'no-frills', value: true, from: 'file' },
        { setting: 'name', value: 'alice', from: 'OVERCALL_NAME' },
      ],
    });
    expect(check('{}').settings).toEqual([{ setting: 'limit', value: 10, from: 'default' }]);
    expect(check('{"limit": 3}', { OVERCALL_LIMIT: '4' }).settings[0]).toMatchObject({ value: 4 });
  });

  it('names file and key of everything that is wrong, a line each', () => {
    const { troubles, settings } = check('{"limit": 0, "speed": 1, "name": {}}', { OVERCALL_NO_FRILLS: 'x' });
    expect(troubles).toHaveLength(4);
    for (const key of ['"limit"', '"speed"', '"name"']) {
      expect(troubles.filter((line) => line.includes(key) && line.includes(file))).toHaveLength(1);
    }
    expect(troubles.filter((line) => line.includes('OVERCALL_NO_FRILLS'))).toHaveLength(1);
    // What is wrong is not in force.
    expect(settings).toEqual([{ setting: 'limit', value: 10, from: 'default' }]);
  });

  it('says where a file stops being JSON, comments counted', () => {
    expect(check('{\n// a\n"limit": 1\n"name": 2}').troubles).toEqual([
      expect.stringMatching(/config\.json.*line 4/),
    ]);
    expect(check('[]').troubles).toEqual([expect.stringContaining('not a JSON object')]);
  });
});

it('comments and last commas change nothing of what JSON says', () => {
  const comment = fc
    .string()
    .map((text) => `/*${text.replaceAll('*/', '')}*/ // ${text.replaceAll('\n', ' ')}\n`);
  fc.assert(
    fc.property(fc.jsonValue(), comment, (value, between) => {
      // Only outside strings does JSON with an indent have lines of its own.
      const text = JSON.stringify(value, null, 1)
        .replaceAll('\n', () => `\n${between}`)
        .replace(
          /([^[{,\s])(\n[\s\S]*?)?([\]}])$/,
          (_all, last, middle = '', end) => `${last},${middle}${end}`,
        );
      const isOpen = /[[{]/.test(text[0]!) && text !== '[]' && text !== '{}';
      if (isOpen) expect(JSON.parse(plainJson(text))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(JSON.parse(plainJson(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
