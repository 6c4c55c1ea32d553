import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Lab, natPair, startLab } from '@overcall/nat-lab';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';

await describeLab('a program in the lab', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab(natPair());
  });
  afterAll(() => lab.close());

  const run = (argv: string[], options: { cwd?: string; input?: string } = {}) => {
    const [program, ...args] = lab.command('alice', argv);
    return spawnSync(program!, args, { encoding: 'utf8', ...options });
  };

  function start(script: string): ChildProcess {
    const [program, ...args] = lab.command('alice', ['/bin/sh', '-c', script]);
    return spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  test('has its own standard streams and exit code', () => {
    const { stdout, stderr, status } = run(['/bin/sh', '-c', 'cat; echo aside >&2; exit 42'], {
      input: 'through',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: 'through', stderr: 'aside\n', status: 42 });
  });

  test('gets its arguments as they are', () => {
    const awkward = ['a b', '', '$HOME', '"', "'", '*', '-n', '\n', '--'];
    const { stdout } = run([
      process.execPath,
      '-p',
      'JSON.stringify(process.argv.slice(1))',
      '--',
      ...awkward,
    ]);
    expect(JSON.parse(stdout)).toEqual(awkward);
  });

  test('runs in the directory of the one who starts it', () => {
    const cwd = realpathSync(tmpdir());
    expect(run(['pwd'], { cwd }).stdout).toBe(`${cwd}\n`);
  });

  test('sees only its own network', () => {
    const { stdout } = run([process.execPath, '-p', 'JSON.stringify(os.networkInterfaces())']);
    const addresses = Object.values(JSON.parse(stdout) as Record<string, { address: string }[]>)
      .flat()
      .map(({ address }) => address);
    expect(addresses.sort()).toEqual(['127.0.0.1', lab.addressOf('alice'), '::1'].sort());
  });

  test('is the process that was spawned, and hears its signals', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = start(
        `trap 'echo heard ${signal}; exit 5' ${signal.slice(3)}; echo $$; while :; do sleep 0.01; done`,
      );
      const [pid] = await once(child.stdout!.setEncoding('utf8'), 'data');
      expect(Number(pid)).toBe(child.pid);
      child.kill(signal);
      const [heard] = await once(child.stdout!, 'data');
      expect(heard).toBe(`heard ${signal}\n`);
      expect(await once(child, 'exit')).toEqual([5, null]);
    }
  });

  test('dies of a signal that it does not handle', async () => {
    const child = start('echo ready; exec sleep 1000');
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  test('dies with the one who spawned it, although the lab goes on', async () => {
    const argv = lab.command('alice', ['/bin/sh', '-c', 'echo $$; exec sleep 1000']);
    const spawner = spawn('/bin/sh', ['-c', '"$@" & wait', 'sh', ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = await once(spawner.stdout.setEncoding('utf8'), 'data');
    spawner.kill('SIGKILL');
    // The end of its output is the end of the last process that could write there.
    await once(spawner.stdout, 'end');
    expect(existsSync(`/proc/${Number(pid)}/exe`)).toBe(false);
    expect(run(['true']).status).toBe(0);
  });

  test('that does not exist is told apart by the shell convention', () => {
    expect(run(['no-such-program'])).toMatchObject({
      status: 127,
      stderr: expect.stringContaining('no-such-program'),
    });
  });

  test('is refused at a node that does not exist', () => {
    expect(() => lab.command('carol', ['true'])).toThrow('there is no "carol" in this lab; it has directory');
    expect(() => lab.addressOf('carol')).toThrow('there is no "carol"');
  });
});

await describeLab('labs side by side', () => {
  test('do not see each other under the same names and addresses', async () => {
    const labs = await Promise.all([startLab(natPair()), startLab(natPair())]);
    const listen = `require('net').createServer((s) => s.end(process.argv[1])).listen(80, () => console.log('up'))`;
    const ask = `require('net').connect(80, process.argv[1]).pipe(process.stdout)`;
    const answers = await Promise.all(
      labs.map(async (lab, index) => {
        const [server, ...args] = lab.command('supernode', [process.execPath, '-e', listen, `lab ${index}`]);
        await once(spawn(server!, args, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout, 'data');
        const client = lab.command('alice', [process.execPath, '-e', ask, lab.addressOf('supernode')]);
        return spawnSync(client[0]!, client.slice(1), { encoding: 'utf8' }).stdout;
      }),
    );
    expect(answers).toEqual(['lab 0', 'lab 1']);
    // The end of one is not the end of the other.
    await labs[0].close();
    expect(() => labs[0].command('alice', ['true'])).toThrow('closed');
    const still = labs[1].command('alice', [process.execPath, '-e', ask, labs[1].addressOf('supernode')]);
    expect(spawnSync(still[0]!, still.slice(1), { encoding: 'utf8' }).stdout).toBe('lab 1');
    await labs[1].close();
    await labs[1].close(); // closing twice is no mistake
  });
});
