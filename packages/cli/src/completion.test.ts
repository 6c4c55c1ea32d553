import { spawnSync } from 'node:child_process';
import { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { bashCompletion, fishCompletion, zshCompletion } from './completion.ts';

const program = new Command('over-call').version('1').option('--home <dir>', "where it's kept");
program
  .command('call <name>')
  .description('place a call: now')
  .option('--play <src>', '')
  .addOption(new Option('--path <path>', '').choices(['auto', 'direct']))
  .option('-c, --count <n>', 'how many');
const audio = program.command('audio').description('sound');
audio.command('test').option('--mic', 'the microphone');
program.command('secret', { hidden: true });

const hasShell = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;
const check = (shell: string, script: string) => {
  const { status, stdout, stderr } = spawnSync(shell, ['-n', '-c', script], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
};

/** What bash offers for the last word. */
function offered(...words: string[]): string[] {
  const script = `${bashCompletion(program)}
COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _over_call; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  it('is a script that bash accepts', () => check('bash', bashCompletion(program)));

  it('offers commands, those below one, and no hidden one', () => {
    expect(offered('over-call', 'c')).toEqual(['call']);
    expect(offered('over-call', 'audio', 't')).toEqual(['test']);
    expect(offered('over-call', 'se')).toEqual([]);
  });

  it('offers the flags of the command and of the program', () => {
    expect(offered('over-call', 'call', 'bob', '--p')).toEqual(['--play', '--path']);
    expect(offered('over-call', 'audio', 'test', '-')).toEqual(
      expect.arrayContaining(['--mic', '--home', '--help']),
    );
    expect(offered('over-call', 'audio', 'test', '--p')).toEqual([]);
  });

  it('offers what a flag may be set to', () => {
    expect(offered('over-call', 'call', '--path', '')).toEqual(['auto', 'direct']);
    expect(offered('over-call', 'call', '--play', '/etc/pass')).toContain('/etc/passwd');
    expect(offered('over-call', 'call', '--home', '/et')).toEqual(['/etc']);
    expect(offered('over-call', 'call', '--count', '')).toEqual([]);
  });
});

describe('completion elsewhere', () => {
  const script = { zsh: zshCompletion(program), fish: fishCompletion(program) };

  it.each(['zsh', 'fish'] as const)('knows every command and flag: %s', (shell) => {
    for (const word of ['call', 'audio', 'test', 'play', 'path', 'count', 'mic', 'home', 'auto direct']) {
      expect(script[shell].replaceAll("'", '')).toContain(word);
    }
    expect(script[shell]).not.toContain('secret');
  });

  for (const shell of ['zsh', 'fish'] as const) {
    const isThere = hasShell(shell);
    it.skipIf(!isThere)(
      isThere ? `is a script that ${shell} accepts` : `is accepted (needs ${shell}: apt install ${shell})`,
      () => check(shell, script[shell]),
    );
  }
});
