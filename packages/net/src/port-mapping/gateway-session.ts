import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { GATEWAY_PORT, type MappingProtocol, PortMapping, type PortMappingOutput } from '@overcall/traversal';
import { DeadlineTimer, monotonicMs } from '../clock.ts';
import type { DefaultGateway } from './default-gateway.ts';
import type { IgdClient } from './igd-client.ts';

/** Looking for UPnP takes no longer, ms. */
const FIND_TIMEOUT_MS = 5000;
/** Deleting at the end is not waited for any longer, ms: then the lease ends it. */
const RELEASE_TIMEOUT_MS = 500;

export interface GatewaySessionOptions {
  /** Of the socket that is to be reached. */
  port: number;
  /** Asked for, s. */
  leaseS: number;
  onMapped(address: string | null, protocol: MappingProtocol | null): void;
}

/** Runs a {@link PortMapping} with one gateway: a socket, a timer, UPnP. */
export class GatewaySession {
  readonly #gateway: DefaultGateway;
  readonly #options: GatewaySessionOptions;
  readonly #mapping: PortMapping;
  readonly #socket = createSocket('udp4');
  readonly #timer = new DeadlineTimer(() => this.#act(() => this.#mapping.handleTimeout(monotonicMs())));
  readonly #end = new AbortController();
  readonly #orders = new Set<Promise<void>>();
  readonly #released = Promise.withResolvers<void>();
  #isConnected = false;
  #hasFailed = false;
  #isMapped = false;
  #igd: IgdClient | null = null;

  constructor(gateway: DefaultGateway, options: GatewaySessionOptions) {
    this.#gateway = gateway;
    this.#options = options;
    this.#mapping = new PortMapping({
      insideAddress: gateway.localAddress,
      insidePort: options.port,
      lifetimeS: options.leaseS,
      random: randomBytes,
      nowMs: monotonicMs(),
    });
    this.#socket.on('error', () => {
      // Later on, a port that is closed is as good as silence.
      if (!this.#isConnected) this.#hasFailed = true;
    });
    this.#socket.on('message', (datagram) =>
      this.#act(() => this.#mapping.handleDatagram(datagram, monotonicMs())),
    );
    this.#socket.on('connect', () => {
      this.#isConnected = true;
      this.#act(() => {});
    });
    this.#socket.bind(0, gateway.localAddress, () => {
      // Connected: the kernel drops what comes from anybody else.
      if (!this.#end.signal.aborted) this.#socket.connect(GATEWAY_PORT, gateway.gateway);
    });
  }

  /** The gateway could not even be sent to: nothing will come of this session. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  renew(): void {
    this.#act(() => this.#mapping.renew(monotonicMs()));
  }

  /** Ends it without a word; whether a port was mapped. */
  abandon(): boolean {
    this.#end.abort();
    this.#timer.set(null);
    this.#socket.close();
    return this.#isMapped;
  }

  /** Deletes what was granted, then ends. */
  async close(): Promise<void> {
    if (this.#isConnected) {
      this.#act(() => this.#mapping.release(monotonicMs()));
      const timer = setTimeout(() => this.#released.resolve(), RELEASE_TIMEOUT_MS);
      await this.#released.promise;
      clearTimeout(timer);
    }
    this.abandon();
  }

  #act(verb: () => void): void {
    // Before that nothing could be sent, and what is drained is gone.
    if (!this.#isConnected || this.#end.signal.aborted) return;
    verb();
    for (let outputs = this.#poll(); outputs.length > 0; outputs = this.#poll())
      for (const output of outputs) this.#carryOut(output);
    const { deadline } = this.#mapping;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
    if (this.#mapping.isReleased && this.#orders.size === 0) this.#released.resolve();
  }

  #poll(): PortMappingOutput[] {
    return this.#mapping.poll(monotonicMs());
  }

  #carryOut(output: PortMappingOutput): void {
    switch (output.type) {
      case 'send':
        this.#socket.send(output.datagram, () => {});
        break;
      case 'igd-find':
        void this.#findIgd();
        break;
      case 'igd-map':
        this.#order(() => this.#mapByIgd(output.outsidePort));
        break;
      case 'igd-unmap':
        this.#order(() => this.#unmapByIgd(output.outsidePort));
        break;
      case 'mapped':
        this.#isMapped = true;
        this.#options.onMapped(output.address, output.protocol);
        break;
      case 'unmapped':
        this.#isMapped = false;
        this.#options.onMapped(null, null);
    }
  }

  /** An order to the gateway; the end waits for those that are out. */
  #order(run: () => Promise<(() => void) | undefined> | undefined): void {
    const order: Promise<void> = Promise.resolve(run())
      .catch(() => undefined)
      .then((then) => {
        this.#orders.delete(order);
        this.#act(() => then?.());
      });
    this.#orders.add(order);
  }

  async #findIgd(): Promise<void> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(FIND_TIMEOUT_MS)]);
    // It brings a parser of XML, which is seldom needed.
    const { IgdClient } = await import('./igd-client.ts');
    this.#igd = await IgdClient.find(this.#gateway, signal).catch(() => null);
    if (this.#igd !== null) this.#act(() => this.#mapping.handleIgdFound(monotonicMs()));
  }

  async #unmapByIgd(outsidePort: number): Promise<undefined> {
    await this.#igd?.unmap(outsidePort, this.#end.signal);
  }

  async #mapByIgd(outsidePort: number): Promise<() => void> {
    const { port: insidePort, leaseS: lifetimeS } = this.#options;
    const answer = await this.#igd!.map({ insidePort, outsidePort, lifetimeS }, this.#end.signal);
    return () => {
      if ('error' in answer) this.#mapping.handleIgdRefused(answer.error);
      else this.#mapping.handleIgdMapped({ ...answer, outsidePort, lifetimeS }, monotonicMs());
    };
  }
}
