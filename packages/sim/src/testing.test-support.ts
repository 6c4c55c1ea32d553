/** For tests elsewhere: NAT cases that any network can be put to, and networks for properties. */
export * from './arbitraries.test-support.ts';
export * from './nat-contract.test-support.ts';
