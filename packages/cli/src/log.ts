import { type Logger, pino, stdTimeFunctions } from 'pino';
import { withoutControls } from './error-line.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Logs to stderr: short lines for a person at a terminal, else JSON, one a line. `show` takes the lines for a person, where
 * something else is on the terminal.
 */
export function createLogger(
  name: string,
  level: LogLevel,
  show: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  const options = { level, base: { name }, timestamp: stdTimeFunctions.isoTime };
  const text = { write: (line: string) => show(logText(line)) };
  return process.stderr.isTTY
    ? pino(options, text)
    : pino(options, pino.destination({ dest: 2, sync: true }));
}

/** A line of JSON log as people read it: messages hold what others sent. */
export function logText(line: string): string {
  const { level, time, msg, name: _name, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label = pino.levels.labels[level as number] ?? String(level);
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const text = `${String(time).slice(11, 23)} ${label.padEnd(5)} ${String(msg ?? '')}${rest.join('')}`;
  return `${withoutControls(text)}\n`;
}
