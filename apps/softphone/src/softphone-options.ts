import type { Logger } from '@overcall/cli';
import type { BlockList } from './block-list.ts';
import type { CallGuard } from './call-guard.ts';
import type { MediaChoice } from './call-media.ts';
import type { ContactBook } from './contacts.ts';
import type { Home } from './home.ts';
import type { MessageStore } from './message-store.ts';
import type { Profile } from './profile.ts';

export type PathChoice = 'auto' | 'direct' | 'relay';
export type Exposure = 'contacts' | 'answered' | 'never';

/** An event of the command-line contract, with whatever fields it has. */
export type SoftphoneEvent = { event: string } & Record<string, unknown>;

export interface SoftphoneOptions {
  home: Home;
  profile: Profile;
  contacts: ContactBook;
  log: Logger;
  /** Makes source and sink of a call when it is answered. */
  media: MediaChoice;
  /** Private networks (CIDR) whose supernodes may be used. */
  allowNets?: string[] | undefined;
  /** Who may make this softphone ring; everybody without. */
  guard?: CallGuard | undefined;
  /** Where text messages are kept; without it none are taken. */
  messages?: MessageStore | undefined;
  /** Whose calls and pings are dropped. */
  blocked?: BlockList | undefined;
  /** Which paths audio may take. */
  path?: PathChoice | undefined;
  /** Who may learn this machine's addresses: contacts, and others once the call is answered; answered calls; nobody. */
  exposeAddress?: Exposure | undefined;
  /** Local address of the UDP socket; the default is every interface. */
  bindAddress?: string | undefined;
  /** Whether routers are asked to map the port of the IPv4 socket. */
  portMapping?: boolean | undefined;
  /** How long they are asked to keep it, s. */
  portMappingLeaseS?: number | undefined;
}

/** Whether this machine's addresses may be told to anybody, and checks sent and answered. */
export function mayGoDirect({ path, exposeAddress }: SoftphoneOptions): boolean {
  return path !== 'relay' && exposeAddress !== 'never';
}
