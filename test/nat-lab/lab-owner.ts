// Starts a lab and things in it, says so, and waits to be killed. Its environment marks every process that comes of
// it (see processes.ts).
import { spawn } from 'node:child_process';
import { natPair, startLab, withLinks } from '@overcall/nat-lab';

setInterval(() => {}, 1000); // stays until it is killed, lab or no lab

const lab = await startLab(withLinks(natPair(), { delayMs: 20 }));
const start = (node: string, script: string) => {
  const [program, ...args] = lab.command(node, ['/bin/sh', '-c', script]);
  return spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
};
// A program with children of its own, one of which has left its session.
const program = start('alice', 'sleep 1000 & setsid sleep 1000 & echo started; wait');
await new Promise((resolve) => program.stdout!.once('data', resolve));
await lab.capture('supernode', '/dev/null');
process.stdout.write(`${JSON.stringify({ uid: process.getuid!(), program: program.pid })}\n`);
await lab.gone;
process.stdout.write('gone\n');
