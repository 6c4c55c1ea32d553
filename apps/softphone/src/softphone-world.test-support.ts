import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@overcall/cli';
import { openSource } from '@overcall/media';
import { fetchDirectory, type KnownDirectory } from '@overcall/net';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { type Supernode, startSupernode } from 'overcall-supernode';
import { ContactBook } from './contacts.ts';
import { register } from './profile.ts';
import { Softphone } from './softphone.ts';
import type { SoftphoneEvent, SoftphoneOptions } from './softphone-options.ts';

/** A softphone in this process, and what it has said. */
export class TestPhone {
  readonly softphone: Softphone;
  readonly events: SoftphoneEvent[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(softphone: Softphone) {
    this.softphone = softphone;
    softphone.on('event', (event) => {
      this.events.push(event);
      for (const look of [...this.#waiting]) look();
    });
  }

  /** The first event of that name at or after place `from` that is as wanted. */
  waitFor(
    name: string,
    { from = 0, where = () => true }: { from?: number; where?: (event: SoftphoneEvent) => boolean } = {},
  ): Promise<SoftphoneEvent> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.events.slice(from).find((event) => event.event === name && where(event));
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** A directory, supernodes and softphones on loopback in this process, on real sockets. */
export class SoftphoneWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'overcall-world-'));
  readonly supernodes = new Map<string, Supernode>();
  readonly phones: TestPhone[] = [];
  #directory!: RunningDirectory;
  #known!: KnownDirectory;

  static async start(...supernodes: string[]): Promise<SoftphoneWorld> {
    const world = new SoftphoneWorld();
    world.#directory = await startDirectory({
      listen: '127.0.0.1:0',
      dataDir: join(world.folder, 'directory'),
    });
    world.#known = await fetchDirectory(world.#directory.url, { insecureHttp: false });
    await Promise.all(supernodes.map((name) => world.addSupernode(name)));
    // Started again, each knows all the others at once: they look for a newer list now and then.
    for (const [name, supernode] of [...world.supernodes]) {
      await supernode.close();
      await world.addSupernode(name, supernode.udp[0]);
    }
    return world;
  }

  async addSupernode(name: string, address = '127.0.0.1:0'): Promise<void> {
    const supernode = await startSupernode({
      directory: this.#directory.url,
      listen: [address],
      publicAddresses: ['127.0.0.1'],
      allowNets: ['127.0.0.0/8'],
      name,
      dataDirectory: join(this.folder, name),
    });
    await supernode.whenReady();
    this.supernodes.set(name, supernode);
  }

  /** Registers, and attaches to these supernodes: to others only when a call needs them. */
  async addPhone(
    name: string,
    places: readonly string[],
    options: Partial<SoftphoneOptions> & { accepts?: boolean } = {},
  ): Promise<TestPhone> {
    const home = { dataDir: join(this.folder, `home-${name}`) };
    const profile = await register(home, name, this.#known, { nowMs: Date.now() });
    const source = await openSource('tone');
    const softphone = new Softphone({
      home,
      profile,
      contacts: new ContactBook(home),
      log: createLogger('test', 'fatal'),
      media: () => ({ source, sink: { write() {}, async close() {} } }),
      bindAddress: '127.0.0.1',
      path: 'relay',
      ...options,
    });
    const phone = new TestPhone(softphone);
    this.phones.push(phone);
    // Whoever brings it a list, the directory or a supernode: it knows of these places alone.
    const { store } = softphone;
    let listed = store.entries;
    Object.defineProperty(store, 'entries', {
      get: () => listed.filter((entry) => places.includes(entry.name)),
      set: (entries: typeof listed) => {
        listed = entries;
      },
    });
    await softphone.start(options.accepts ?? false);
    for (const place of places)
      await phone.waitFor('attached', { where: ({ supernode }) => supernode === place });
    return phone;
  }

  /** As if it were killed: nobody is told. */
  async kill(name: string): Promise<void> {
    const supernode = this.supernodes.get(name)!;
    this.supernodes.delete(name);
    await supernode.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.phones.map(({ softphone }) => softphone.close()));
    await Promise.all([...this.supernodes.values()].map((supernode) => supernode.close()));
    await this.#directory.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
