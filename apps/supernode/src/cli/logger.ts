import { type Logger, pino, stdTimeFunctions } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Logs go to stderr: as text for a person at a terminal, else as JSON, a line each. */
export function createLogger(level: string): Logger {
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  const text = { write: (line: string) => process.stderr.write(asText(line)) };
  return process.stderr.isTTY
    ? pino(options, text)
    : pino(options, pino.destination({ dest: 2, sync: true }));
}

function asText(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label = pino.levels.labels[level as number] ?? String(level);
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `${String(time).slice(11, 23)} ${label.padEnd(5)} ${String(msg ?? '')}${rest.join('')}\n`;
}
