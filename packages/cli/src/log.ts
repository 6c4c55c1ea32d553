import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Logs to stderr: JSON where it is no terminal, short lines for people where it is. */
export function createLogger(name: string, level: string): Logger {
  const stream = process.stderr.isTTY
    ? { write: writeForPeople }
    : { write: (line: string) => process.stderr.write(line) };
  return pino({ name, level, base: { name } }, stream);
}

function writeForPeople(line: string): void {
  const { level, time, msg, name, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const label = pino.levels.labels[Number(level)] ?? String(level);
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  process.stderr.write(
    `${new Date(Number(time)).toISOString().slice(11, 23)} ${label} ${name}: ${msg}${details}\n`,
  );
}
