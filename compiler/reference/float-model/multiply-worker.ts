// A thread of a multiply pool: computes the channels of each product that are its own.
import { serveWork } from '../../support/work-pool.ts';
import { runMultiplyJob } from './multiply-pool.ts';

serveWork(runMultiplyJob);
