import { connect, type Socket } from 'node:net';

/**
 * A second connection is tried beside the first after so long, spread by a quarter, then a third, ms; so many in all. Where packets get
 * lost the system says its first word again only after 1 s, then after 3 s and 7 s.
 */
const BESIDE_MS = 500;
const MAX_BESIDE = 6;

type Dial = (to: { host: string; port: number }) => Socket;

/**
 * Opens a TCP connection: the first that gets through of some that are tried at the same time. The others are closed
 * before anything is said on them; a system answers them by itself, however busy its programs are.
 * @throws the error of Node of the first that is refused
 */
export function connectFirst(
  { host, port }: { host: string; port: number },
  {
    signal,
    most = MAX_BESIDE,
    dial = connect,
    random = Math.random,
  }: { signal?: AbortSignal; most?: number; dial?: Dial; random?: () => number } = {},
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const trying = new Set<Socket>();
    let tried = 0;
    let timer: NodeJS.Timeout | undefined;
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      for (const socket of trying) socket.destroy();
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    const abort = () => fail(signal!.reason as Error);
    const attempt = () => {
      if (++tried < most) timer = setTimeout(attempt, BESIDE_MS * (0.75 + random() / 2));
      const socket = dial({ host, port });
      trying.add(socket);
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.off('error', fail);
        trying.delete(socket);
        settle();
        resolve(socket);
      });
    };
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    else attempt();
  });
}
