import { Socket } from 'node:net';

/** Names the descriptor that ends with whoever started this program (bootstrap.mjs). */
const VARIABLE = 'OVERCALL_LIFELINE';

/** Ends this process, and so its lab, when the one that started it is gone, killed say. Programs in the lab do not see it. */
export function endWithStarter(): void {
  const { [VARIABLE]: descriptor } = process.env;
  delete process.env[VARIABLE];
  if (descriptor === undefined) return;
  const lifeline = new Socket({ fd: Number(descriptor), readable: true, writable: false });
  lifeline.on('error', () => {});
  lifeline.resume().once('close', () => process.exit(1));
  lifeline.unref();
}
