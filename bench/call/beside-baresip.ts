/**
 * What a call costs in a softphone, beside baresip (Debian: baresip-core), one in C that encodes alike: 24 kbit/s, constant, complexity 9, 20 ms,
 * SRTP. Both calls at the same time, in a network of their own: `node bench/call/beside-baresip.ts [SECONDS]`, as root; put what it
 * prints into CPU.md beside it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { percentile } from '../percentile.ts';
import { usedSeconds } from '../used-seconds.ts';
import { MeasuredCalls, sleep } from './measured-call.ts';

const BARESIP = '/usr/bin/baresip';
const MODULES = '/usr/lib/baresip/modules';
const SECONDS = Number(process.argv[2] ?? 30);
/** CPU time is told in steps of 10 ms. */
const WINDOW_S = 2;
const ADDRESS = '192.0.2.1';
/** Of the caller and the callee; baresip takes the next one as well, for TLS. */
const PORTS = [5070, 5080] as const;
const ENTERED = 'OVERCALL_BENCH_ENTERED';

/** Runs this program again where there is no network but what it makes, and no process that could be left behind. */
function enter(): ChildProcess {
  const own = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const program = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  return spawn('unshare', [...own, ...program], {
    stdio: 'inherit',
    env: { ...process.env, [ENTERED]: '1' },
  });
}

/** baresip wants an interface that is not the loopback. */
function makeNetwork(): void {
  const ip = (command: string) => execFileSync('ip', command.split(' '));
  ip('link set lo up');
  ip('link add sip0 type veth peer name sip1');
  ip(`address add ${ADDRESS}/24 dev sip0`);
  ip('link set sip0 up');
  ip('link set sip1 up');
}

const configuration = (folder: string, speech: string, port: number) => `
sip_listen ${ADDRESS}:${port}
net_interface sip0
audio_source aufile,${speech}
audio_player aufile,${join(folder, 'heard.wav')}
audio_alert aufile,${join(folder, 'alert.wav')}
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 1
auplay_channels 1
module_path ${MODULES}
module opus.so
module srtp.so
module aufile.so
module_tmp account.so
module_app menu.so
opus_bitrate 24000
opus_complexity 9
opus_cbr yes
opus_stereo no
opus_application voip
`;

function startBaresip(base: string, speech: string, name: string, port: number, ...args: string[]) {
  const folder = join(base, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'config'), configuration(folder, speech, port));
  const account = `<sip:${name}@${ADDRESS}>;regint=0;answermode=auto;audio_codecs=opus/48000/2;ptime=20;mediaenc=srtp\n`;
  writeFileSync(join(folder, 'accounts'), account);
  writeFileSync(join(folder, 'contacts'), '');
  return spawn(BARESIP, ['-f', folder, ...args], { stdio: 'ignore' });
}

async function measure(base: string): Promise<Map<string, number[]>> {
  const calls = await MeasuredCalls.open(SECONDS);
  const callee = startBaresip(base, calls.speech, 'bob', PORTS[1]);
  await sleep(1);
  const caller = startBaresip(
    base,
    calls.speech,
    'alice',
    PORTS[0],
    '-e',
    `/dial sip:bob@${ADDRESS}:${PORTS[1]}`,
  );
  try {
    const ours = await calls.place('native', 'native');
    const sides: [string, number][] = [
      ['caller, Overcall', ours.caller.pid],
      ['callee, Overcall', ours.callee.pid],
      ['caller, baresip', caller.pid!],
      ['callee, baresip', callee.pid!],
    ];
    const percent = new Map<string, number[]>(sides.map(([name]) => [name, []]));
    for (let window = 0; window < SECONDS / WINDOW_S; window++) {
      const [fromMs, before] = [performance.now(), sides.map(([, pid]) => usedSeconds(pid))];
      await sleep(WINDOW_S);
      const share = (100 * 1000) / (performance.now() - fromMs);
      for (const [i, [name, pid]] of sides.entries())
        percent.get(name)!.push(share * (usedSeconds(pid) - before[i]!));
    }
    await ours.end();
    return percent;
  } finally {
    caller.kill();
    callee.kill();
    await calls.close();
  }
}

function report(percent: Map<string, number[]>): string {
  const at = (values: number[], share: number) => percentile(values, share).toFixed(1);
  const date = new Date().toISOString().slice(0, 10);
  const rows = [...percent].map(
    ([name, values]) => `| ${name} | ${at(values, 0.5)} % | ${at(values, 0.25)} to ${at(values, 0.75)} % |`,
  );
  return [
    `${date}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}\n`,
    '| CPU, of a core | median | quartiles |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

if (!existsSync(BARESIP)) throw new Error('baresip is missing: install baresip-core');
if (process.env[ENTERED] === undefined) {
  enter().once('exit', (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  const base = mkdtempSync(join(tmpdir(), 'overcall-baresip-'));
  try {
    makeNetwork();
    process.stdout.write(report(await measure(base)));
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}
