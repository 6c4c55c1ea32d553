/** proxy-from-env 2.1 ships no types. */
declare module 'proxy-from-env' {
  /** The proxy that the environment names for a URL; '' for none. */
  export function getProxyForUrl(url: URL): string;
}
