import { decimalNumber, ExitCode, type Output } from '@overcall/cli';
import { type AudioDevice, chooseProgram, runTool } from '@overcall/media';
import { OvercallError } from '@overcall/wire';
import type { Command } from 'commander';
import { audioProgramOption, reportsTo } from '../audio-options.ts';
import { AudioTest, INSTALL } from '../audio-test.ts';
import { interrupted } from '../interrupt.ts';
import { openContext } from './common.ts';

interface TestOptions {
  audioProgram: string;
  mic?: string;
  speaker?: string;
  seconds: number;
}

export function addAudio(program: Command): void {
  const audio = program
    .command('audio')
    .summary('what there is to hear and speak with')
    .description('Shows and tries microphones and speakers.')
    .addHelpText('after', '\nExample:\n  overcall audio devices\n  overcall audio test');
  audio
    .command('devices')
    .summary('list microphones and speakers')
    .description(
      'Lists microphones and speakers, with the names that --play mic:NAME and --record speaker:NAME take.',
    )
    .addOption(audioProgramOption())
    .addHelpText('after', '\nExample:\n  overcall audio devices --json')
    .action(async (_options: unknown, command: Command) => {
      const { output } = openContext(command);
      await listDevices(output, command.opts<{ audioProgram: string }>().audioProgram);
    });
  audio
    .command('test')
    .summary('record, play back, show level and round-trip delay')
    .description(
      'Plays a short sweep and measures how long it takes back to the microphone; then records, says how loud it was, and plays it back.',
    )
    .option('--mic <device>', 'instead of the default microphone')
    .option('--speaker <device>', 'instead of the default speaker')
    .option('--seconds <n>', 'how long to record', decimalNumber(0.1, 600), 3)
    .addOption(audioProgramOption())
    .addHelpText('after', '\nExample:\n  overcall audio test --seconds 5')
    .action(async (_options: unknown, command: Command) => {
      const { output } = openContext(command);
      await testDevices(output, command.opts<TestOptions>());
    });
}

async function listDevices(output: Output, wanted: string): Promise<void> {
  const program = await chooseProgram(wanted, 'mic', runTool, INSTALL);
  const devices = await program.list(runTool);
  for (const device of devices)
    output.event({ event: 'device', program: program.name, ...device }, deviceText(device));
  if (devices.length > 0) return;
  if (program.listsAll)
    throw new OvercallError('audio-device-missing', `${program.name} runs, but has no devices at all`, {
      remedy: 'connect one, or try another --audio-program',
    });
  output.note(`${program.name} cannot tell its devices; the default one is used`);
}

function deviceText({ kind, name, description, isDefault, isMonitor }: AudioDevice): string {
  const remarks = [isDefault ? 'default' : '', isMonitor ? 'what a speaker plays' : ''].filter(Boolean);
  return `${kind.padEnd(8)}${name}${remarks.length > 0 ? ` (${remarks.join(', ')})` : ''}  ${description}`;
}

async function testDevices(output: Output, options: TestOptions): Promise<void> {
  const interrupt = interrupted();
  const isOver = interrupt.promise.then(() => {
    process.exitCode = ExitCode.Interrupted;
    return null;
  });
  const report = reportsTo(output).device;
  // A sound system that hangs takes seconds to be found out.
  const opening = AudioTest.open(options, (event) => {
    // People read that a device is lost in the error that ends the test, and of silence and clipping where the level is told.
    if (event.state !== 'ready' && event.state !== 'unprocessed')
      output.event({ event: 'audio-device', ...event }, null);
    else report(event);
  });
  opening.catch(() => {});
  const test = await Promise.race([opening, isOver]);
  if (test === null) return;
  try {
    const done = runTest(test, output, options.seconds);
    done.catch(() => {});
    await Promise.race([done, test.failed, isOver]);
  } finally {
    await test.close();
    interrupt.dispose();
  }
}

async function runTest(test: AudioTest, output: Output, seconds: number): Promise<void> {
  await test.ready();
  output.event({ event: 'sweep' }, 'listen: a short sweep, up to three times');
  const roundTripMs = await test.measureRoundTrip();
  output.event(
    { event: 'round-trip', roundTripMs },
    roundTripMs === null
      ? 'the sweep was not heard: headphones, or a speaker or microphone that is turned down'
      : `from speaker to microphone and through both programs: ${roundTripMs} ms`,
  );
  output.event({ event: 'recording', seconds }, `say something: recording ${seconds} s`);
  const level = await test.record(seconds);
  output.event({ event: 'level', ...level }, levelText(level));
  output.event({ event: 'playing', seconds }, 'playing it back');
  await test.playBack();
}

/** Below the noise of any microphone; sox makes some of its own where there is none. */
const SILENCE_DB = -85;

function levelText({ rmsDb, peakDb, clippedPct }: Awaited<ReturnType<AudioTest['record']>>): string {
  if (rmsDb === null || rmsDb < SILENCE_DB) return 'nothing but silence: the microphone is muted, or is none';
  const advice = clippedPct > 0.1 ? ': too loud' : rmsDb < -50 ? ': too quiet' : '';
  return `level ${rmsDb} dB, peak ${peakDb} dB, ${clippedPct}% clipped${advice}`;
}
