import { type CommonSettings, placesOf } from '@overcall/cli';
import type { DirectoryOptions } from '../start.ts';
import type { StoreChoice } from '../store-choice.ts';

/** What was chosen for the options of a command; those of `run`, `invite` and so on only there. */
export interface Settings extends CommonSettings {
  data?: string;
  store: StoreChoice;
  listen: string;
  registration: NonNullable<DirectoryOptions['registration']>;
  supernodes: NonNullable<DirectoryOptions['admission']>;
  certificateLifetime?: number;
  rateLimit?: number;
  userRateLimit?: number;
  supernodeLimit?: number;
  tls?: 'self';
  tlsCert?: string;
  tlsKey?: string;
  insecureHttp?: boolean;
  trustProxy?: string[];
  allowNet?: string[];
  supernode?: boolean;
  count: number;
  days: number;
  force?: boolean;
}

export function dataDirOf({ data, home }: Settings): string {
  return data ?? placesOf('directory', home).dataDir;
}
