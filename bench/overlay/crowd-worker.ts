/** Many softphones in one process, for crowd.ts: `crowd-worker.ts FOLDER DIRECTORY_URL FIRST COUNT`; speaks over IPC. */
import { join } from 'node:path';
import { createLogger } from '@overcall/cli';
import { fetchDirectory } from '@overcall/net';
import { ContactBook } from '../../apps/softphone/src/contacts.ts';
import { register } from '../../apps/softphone/src/profile.ts';
import { Softphone } from '../../apps/softphone/src/softphone.ts';

/** How often it is looked who is attached, ms. */
const LOOK_MS = 100;
/** Registered at the same time. */
const AT_ONCE = 8;

const [folder, url, first, count] = process.argv.slice(2);
const log = createLogger('crowd', 'fatal');
const silence = () => ({
  source: { label: 'silence', next: () => null },
  sink: { write() {}, async close() {} },
});
const nameOf = (index: number) => `user${index}`;

async function makeSoftphone(index: number): Promise<Softphone> {
  const home = { dataDir: join(folder!, nameOf(index)) };
  const directory = await fetchDirectory(url!);
  const profile = await register(home, nameOf(index), directory, { nowMs: Date.now() });
  return new Softphone({
    home,
    profile,
    contacts: new ContactBook(home),
    log,
    media: silence,
    path: 'relay',
    exposeAddress: 'never',
    bindAddress: '127.0.0.1',
    portMapping: false,
  });
}

const indexes = Array.from({ length: Number(count) }, (_, offset) => Number(first) + offset);
const softphones: Softphone[] = [];
const starting = indexes.values();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const index of starting) {
      const softphone = await makeSoftphone(index);
      softphones.push(softphone);
      await softphone.start(true).catch(() => {});
    }
  }),
);

const isAttached = (softphone: Softphone) => softphone.pool.all.some(({ isOpen }) => isOpen);
/** ms since 1970; of those that are not back: null. */
let backAt: (number | null)[] = softphones.map(() => 0);
setInterval(() => {
  backAt = softphones.map((softphone, index) => {
    if (!isAttached(softphone)) return null;
    return backAt[index] ?? Date.now();
  });
  process.send!({ attached: backAt.filter((at) => at !== null).length, backAt });
}, LOOK_MS);

process.on('message', async (message: { lookup?: string; stop?: true }) => {
  if (message.lookup !== undefined) {
    // The last of them is nobody whom crowd.ts asks for, and nobody finds himself.
    const found = await softphones
      .at(-1)!
      .findEndpoints(message.lookup)
      .catch(() => []);
    process.send!({ lookup: message.lookup, found: found.length });
  } else {
    await Promise.all(softphones.map((softphone) => softphone.close()));
    process.exit(0);
  }
});
