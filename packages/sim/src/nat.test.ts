import { describe } from 'vitest';
import { simulated } from './contract-network.test-support.ts';
import { natContract } from './nat-contract.test-support.ts';

describe('a NAT of the simulation', () => natContract(async (scenario) => simulated(scenario)));
