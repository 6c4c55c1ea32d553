// lab-owner-busy.ts MOMENT: makes a lab with links, programs and captures, is in the middle of MOMENT (standing, proving,
// closing) again and again, and says so; waits to be killed. See killed.test.ts.
import { spawn } from 'node:child_process';
import { type Lab, natPair, startLab, withLinks } from '@overcall/nat-lab';

const [, , moment] = process.argv;
setInterval(() => {}, 1000); // stays until it is killed, lab or no lab

async function populated(): Promise<Lab> {
  const lab = await startLab(withLinks(natPair(), { delayMs: 20, lossPct: 5 }));
  for (const node of ['alice', 'supernode']) {
    // Children, one of which has left its session.
    const script = 'sleep 1000 & setsid sleep 1000 & echo started; wait';
    const [program, ...args] = lab.command(node, ['/bin/sh', '-c', script]);
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
  }
  await lab.capture('bob', '/dev/null');
  return lab;
}

process.stdout.write(`${moment}\n`);
try {
  let lab = await populated();
  process.stdout.write('stands\n');
  while (moment === 'proving') await lab.prove();
  while (moment === 'closing') {
    await lab.close();
    lab = await populated();
  }
} catch {
  // A part of the lab was killed: what becomes of the rest is what the test is about.
}
